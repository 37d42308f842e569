"""`tierflow learner show`: what is said of the snapshots on the topic."""

from datetime import timedelta

from streams.cli.learner import fact_of, lines_of
from streams.events.control import ModelState
from streams.events.feedback import Alert
from streams.learning.learner import Learner
from streams.routing.features import extract, pack
from streams.routing.rules import propose
from tests.builders import AT, a_lesson

PROMPT = "Explain why the sky is blue."


def taught(*models: str) -> list[ModelState]:
    """What is published after each model's lesson, one flush a lesson."""
    learner, found = Learner(), list[ModelState]()
    features = pack(extract(PROMPT, propose(PROMPT)))
    for n, model in enumerate(models):
        learner.learn(a_lesson(f"t{n}", 0.5, lesson_id=f"l{n}", model=model, features=features))
        found += learner.snapshots(AT)
    return found


def test_of_each_part_the_last_snapshot_is_shown() -> None:
    fact = fact_of(taught("small", "large", "small"))
    assert (fact["version"], fact["lessons"]) == (3, 3)
    parts = {part["part"]: part for part in fact["parts"]}
    assert {name: part["lessons"] for name, part in parts.items()} == {
        "large": 1,
        "shared": 3,
        "small": 2,
    }
    assert parts["large"]["version"] == 2
    assert all(part["bytes"] > 0 and part["refused"] is None for part in parts.values())
    assert lines_of(fact)[0] == "version 3, after 3 lessons"


def test_voices_are_shown_with_what_a_score_of_theirs_counts() -> None:
    fact = fact_of(taught("small", "large"))
    assert fact["voices"] == [{"tenant": "default", "source": "user", "weight": 1.0}]
    assert lines_of(fact)[-1] == "1.000  user of default"


def test_a_snapshot_that_can_not_serve_is_named() -> None:
    states = taught("small")
    spoiled = states[0].model_copy(update={"checksum": "0" * 64})
    fact = fact_of([spoiled, *states[1:]])
    assert [part["part"] for part in fact["parts"] if part["refused"]] == [spoiled.part]
    assert any(line.startswith(f"{spoiled.part} can't serve: checksum") for line in lines_of(fact))


def test_it_says_what_can_be_gone_back_to_and_what_was_found_lately() -> None:
    states = [
        state.model_copy(update={"frozen": True, "kept_versions": (3, 5), "bills": 7})
        for state in taught("small")
    ]
    alerts = [
        Alert(kind=kind, detail=f"{kind} {n}", subject="small", at=AT + timedelta(seconds=n))
        for n, kind in enumerate(("drift", "breaker", "rollback"))
    ]
    fact = fact_of(states, reversed(alerts))
    assert (fact["frozen"], fact["last_good_version"], fact["kept_versions"]) == (True, 3, [3, 5])
    assert [alert["detail"] for alert in fact["alerts"]] == ["drift 0", "rollback 2"]
    lines = lines_of(fact)
    assert lines[0].startswith("version 1, after 1 lessons and 14 bills; frozen: ")
    assert lines[1] == "last good version 3; kept after it: 5"
    assert lines[-1].endswith("rollback: rollback 2")


def test_before_any_lesson_it_says_what_to_do() -> None:
    fact = fact_of([])
    assert (fact["version"], fact["parts"]) == (0, [])
    assert "tierflow feedback" in lines_of(fact)[0]

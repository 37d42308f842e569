"""What is known beforehand, as lessons."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from streams.events.envelope import Event
from streams.events.feedback import Lesson
from streams.events.models import ModelSpec
from streams.learning.joining import Half, join_decision, join_result, join_score
from streams.learning.learner import Learner
from streams.learning.warming import Known, OldLog, lessons_of, matched
from streams.routing.features import extract, unpack
from streams.routing.rules import propose
from tests.builders import AT, a_decision, a_result, a_score, a_task

SMALL = ModelSpec(
    name="small", provider="p", tier=1,
    input_usd_per_mtok=Decimal("0.1"), output_usd_per_mtok=Decimal("0.4"),
)  # fmt: skip
LARGE = SMALL.model_copy(update={"name": "large", "tier": 4})
UNPRICED = ModelSpec(name="own", provider="p", tier=2)


def of_log(events: Iterable[Event]) -> list[Lesson]:
    log = OldLog()
    for event in events:
        log.take(event)
    return log.lessons()


def decided(task_id: str = "t1", **fields: Any) -> Any:
    features = fields.pop("features", "packed")
    return a_decision(task_id, features=features, listed_usd=Decimal("0.001"), **fields)


def test_every_outcome_of_every_model_teaches_quality_and_cost() -> None:
    task = a_task("t1", prompt="Sort the list.")
    known = [
        (SMALL, Known(0.4, Decimal("0.0002"))),
        (LARGE, Known(0.9, None)),
        (UNPRICED, Known(0.7, Decimal("0.1"))),
    ]
    found = list(lessons_of(task, known, AT))
    assert [(one.model, one.tier, one.score, one.cost_usd) for one in found] == [
        ("small", 1, 0.4, None),
        ("small", 1, None, Decimal("0.0002")),
        ("large", 4, 0.9, None),
        ("own", 2, 0.7, None),
    ]
    assert all(one.recorded and one.propensity == 0 for one in found)
    assert found[1].listed_usd
    seen = extract(task.text, propose(task.text))
    assert (unpack(found[0].features).hashes == seen.hashes).all()


def test_recorded_twice_they_teach_once() -> None:
    def known() -> list[Lesson]:
        task = a_task("t1", prompt="Sort the list.")
        return list(lessons_of(task, [(SMALL, Known(0.4, Decimal("0.0002")))], AT))

    learner = Learner()
    assert [learner.learn(one) for one in (*known(), *known())] == [True, True, False, False]


def test_an_old_log_makes_the_lessons_that_join_made() -> None:
    decision, score = decided(), a_score("t1", 0.8)
    result = a_result("t1", decision_id=decision.decision_id)
    chosen = join_decision(Half(), decision, 0)
    answered = join_result(chosen.half, result)
    made = [*answered.lessons, *join_score(answered.half, score, 0, score.at).lessons]
    assert made
    for events in ([decision, score, result], [result, score, decision, decision]):
        found = of_log(events)
        assert {one.lesson_id for one in found} == {one.lesson_id for one in made}
        assert [one.score for one in found if one.score is not None] == [0.8]
        assert all(one.recorded for one in found)


def test_features_that_a_log_lacks_are_read_off_the_prompt() -> None:
    told = [decided(features=""), a_score("t1", 0.8)]
    log = OldLog()
    for event in told:
        log.take(event)
    assert (log.lessons(), log.unread) == ([], 1)
    log.take(a_task("t1", prompt="Sort the list."))
    (found,) = log.lessons()
    assert log.unread == 0
    assert found.features


def test_of_one_feedback_the_first_score_teaches() -> None:
    later = a_score("t1", 0.1).model_copy(update={"at": AT + timedelta(hours=1)})
    (found,) = of_log([decided(), later, a_score("t1", 0.8)])
    assert found.score == 0.8


def test_an_answer_of_tier_0_teaches_no_model() -> None:
    assert of_log([decided(tier=0, model=None), a_score("t1", 0.8)]) == []


def test_a_recorded_model_is_the_one_of_its_name_or_the_only_one_alike_behind_the_slash() -> None:
    twin = SMALL.model_copy(update={"name": "b/twin"})
    other = SMALL.model_copy(update={"name": "a/twin"})
    served = SMALL.model_copy(update={"name": "mine", "served_as": "vendor/theirs"})
    found = matched(
        ["small", "x/large", "theirs", "a/twin", "c/twin", "nobody"],
        [SMALL, LARGE, twin, other, served],
    )
    assert {name: spec.name for name, spec in found.items()} == {
        "small": "small",
        "x/large": "large",
        "theirs": "mine",
        "a/twin": "a/twin",
    }

"""`tierflow evaluate` as it is typed, over files of logged events."""

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.cli.logged import events_of
from streams.cli.main import main
from streams.cli.verdicts import render
from streams.events.envelope import Event, JsonObject
from streams.kafka import codec
from streams.learning.evaluation import Verdicts
from streams.learning.offpolicy import Drawn
from streams.learning.offpolicy import evaluate as estimated
from streams.routing.registry import write_toml
from streams.topology import TOPICS
from tests.builders import a_model_state, a_registry, a_task, an_assignment
from tests.logs import a_log

STRICT = '[policy.thresholds]\n"1" = 0.99\n"2" = 0.99\n"3" = 0.99\n"4" = 0.99\n\n'


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor a variable of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIERFLOW_CONFIG", raising=False)
    Path("other.toml").write_text(STRICT + write_toml(a_registry()))


def bodies(events: Iterable[Event]) -> bytes:
    return b"\n".join(codec.encode(event) for event in events)


def a_file(count: int = 300) -> str:
    Path("log.jsonl").write_bytes(bodies(e for one in a_log(count) for e in one.events()))
    return "log.jsonl"


def evaluate(*words: str) -> int:
    return main(["evaluate", "--policy", "other.toml", *words])


def test_a_policy_is_estimated_from_a_file(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert evaluate("--events", a_file(), "--json") == 0
    found = orjson.loads(capfdbinary.readouterr().out)
    assert found["decisions"] == found["quality"]["tasks"] == found["cost_usd"]["tasks"] == 300
    assert found["share"]["large"]["other"] > 0.9 > found["share"]["large"]["logged"]
    for name in ("logged", "dr", "snips", "ips", "gain"):
        quality, cost = found["quality"][name], found["cost_usd"][name]
        assert quality["low"] < quality["value"] < quality["high"]
        assert isinstance(cost["value"], str), "money is a decimal string"
        assert float(cost["low"]) < float(cost["value"]) < float(cost["high"])
    assert found["quality"]["gain"]["value"] == pytest.approx(
        found["quality"]["dr"]["value"] - found["quality"]["logged"]["value"]
    )
    assert 0 < found["quality"]["effective_sample_size"] < 300
    assert found["quality"]["unsupported_share"] == 0


def test_people_are_told_how_far_it_can_be_trusted(capfd: pytest.CaptureFixture[str]) -> None:
    assert evaluate("--events", a_file(60)) == 0
    said = capfd.readouterr().out
    assert "other.toml on 60 logged decisions" in said
    assert "quality, of 60 tasks, with 95% intervals" in said
    assert "under 100 tasks intervals are too narrow" in said
    assert "60 decisions without their task" in said


@pytest.mark.parametrize(("rare", "told"), [(0.005, True), (0.02, False)])
def test_a_task_that_counts_very_often_is_pointed_out(rare: float, told: bool) -> None:
    logging = {"a": 1 - rare, "b": rare}
    drawn = [Drawn("b" if n == 0 else "a", logging, {"b": 1.0}, n % 2, {}) for n in range(300)]
    found = Verdicts(300, 0, {}, estimated(drawn), None)
    assert ("one task counts over 100 times" in render(found, "other.toml")) is told


def test_a_log_is_read_however_it_was_written_down() -> None:
    events = [event for one in a_log(3) for event in one.events()]
    events += [a_task("logged-0"), an_assignment("logged-9"), a_model_state()]
    plain = list(events_of(bodies(events), "bare"))
    assert plain == events
    assert list(events_of(lines(map(kcat, events)), "kcat")) == events
    assert list(events_of(lines(map(cloud_event, events)), "cloud")) == events
    story: JsonObject = {
        "decisions": [dumped(events[0])],
        "results": [dumped(events[1])],
        "calls": [{}],
    }
    story["feedback"] = [dumped(events[2])]
    for part in story["decisions"]:
        part.pop("features", None)
    told = list(events_of(lines([story]), "story"))
    assert told == [events[0].model_copy(update={"features": ""}), *events[1:3]]


def test_what_tells_nothing_of_decisions_is_passed_over() -> None:
    noise: list[JsonObject] = [
        {"task_id": "x"},
        {"decision_id": "d", "predicted_quality": 3},
        {"topic": "tierflow.alerts.v1", "payload": "{}"},
        {"topic": "tierflow.decisions.v1", "payload": "{"},
    ]
    assert list(events_of(lines(noise), "log")) == []


def test_a_gzipped_log_is_unpacked(capfd: pytest.CaptureFixture[str]) -> None:
    packed = gzip.compress(Path(a_file(60)).read_bytes())
    Path("log.jsonl.gz").write_bytes(packed)
    assert evaluate("--events", "log.jsonl.gz") == 0
    assert "60 logged decisions" in capfd.readouterr().out


def test_a_log_without_scores_or_costs_answers_no(capfd: pytest.CaptureFixture[str]) -> None:
    Path("log.jsonl").write_bytes(bodies(one.decision for one in a_log(5)))
    assert evaluate("--events", "log.jsonl") == 1
    assert "quality: the log says nothing of it" in capfd.readouterr().out


def test_a_file_without_a_decision_is_exit_4(capfd: pytest.CaptureFixture[str]) -> None:
    Path("log.jsonl").write_bytes(b'{"task_id": "a", "prompt": "Why?"}')
    assert evaluate("--events", "log.jsonl") == 4
    assert "no logged decision" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ("[policy]\ntarget = 2\n", "policy.target"),
        ('[policy.thresholds]\n"1" = 2\n', "policy.thresholds.1"),
        ("[policy]\ngoal = 0.9\n", "policy.goal"),
        ("[policy", "can't be read"),
        ('[[models.tier9]]\nname = "x"\n', "models.tier9"),
        ("[policy]\ntarget = 0.9\n", "at least one model"),
    ],
)
def test_a_policy_that_can_not_be_is_named(
    policy: str, named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    models = "" if named == "at least one model" else write_toml(a_registry())
    Path("other.toml").write_text(policy + ("" if "models" in policy else models))
    assert evaluate("--events", a_file(3)) == 2
    assert named in capfd.readouterr().err


def test_a_log_that_is_not_json_is_exit_2(capfd: pytest.CaptureFixture[str]) -> None:
    Path("log.jsonl").write_bytes(b"{}\nnot json")
    assert evaluate("--events", "log.jsonl") == 2
    assert "log.jsonl, line 2" in capfd.readouterr().err


def dumped(event: Event) -> Any:
    return orjson.loads(codec.encode(event))


def lines(items: Iterable[JsonObject]) -> bytes:
    return b"\n".join(orjson.dumps(item) for item in items)


def kcat(event: Event) -> JsonObject:
    """A record as `kcat -J` prints it."""
    topic = next(t for t in TOPICS if t.event is type(event))
    return {
        "topic": topic.full_name("some-prefix."), "partition": 0, "offset": 7, "key": "k",
        "payload": codec.encode(event).decode(),
    }  # fmt: skip


def cloud_event(event: Event) -> JsonObject:
    """CloudEvents 1.0 in JSON."""
    return {"specversion": "1.0", "id": "e", "type": event.TYPE, "data": dumped(event)}

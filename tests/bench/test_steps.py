"""The time of each step of classify, in one process, without a broker."""

import statistics
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from streams import ids
from streams.agents.classify import classify
from streams.agents.outcome import Emit
from streams.clock import SystemClock
from streams.events.decision import Assignment, Decision
from streams.events.envelope import Envelope
from streams.events.task import Task
from streams.kafka import codec, tables
from streams.kafka.codec import Record
from streams.kafka.publish import dress
from streams.routing.decide import View, decide
from streams.routing.features import extract, pack
from streams.routing.policy import initial_policy
from streams.routing.quality import QualityView
from streams.routing.rules import propose
from streams.tier0.answer import answer
from tests.bench import workload
from tests.builders import AT, a_record

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

CLOCK = SystemClock()
TASKS = 400
ROUNDS = 7
"""Each step is timed so often over all tasks; the fastest round counts, as noise only adds."""


def learned_view() -> View:
    """Eight models and what 400 lessons taught."""
    quality = QualityView()
    for part in workload.snapshot():
        quality = quality.with_part(part)
    return View(workload.registry(), initial_policy(AT), quality)


def time_us(step: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """Microseconds a call: the fastest of some rounds over all inputs."""
    rounds = []
    for _ in range(ROUNDS):
        begun_s = CLOCK.monotonic_s()
        for one in inputs:
            step(one)
        rounds.append((CLOCK.monotonic_s() - begun_s) / len(inputs) * 1e6)
    return min(rounds)


def records() -> list[Record]:
    """The tasks as a handler sees them."""
    made = []
    for number in range(TASKS):
        key, value, headers = workload.admitted(number)
        made.append(a_record("admitted", value, key=key, headers=headers, offset=number))
    return made


def drive(handle: Callable[[Record], Any], record: Record) -> Emit:
    """Run a handler that never waits."""
    try:
        handle(record).send(None)
    except StopIteration as done:
        assert isinstance(done.value, Emit)
        return done.value
    raise AssertionError("the handler waits for something")


def test_the_steps_of_classify_are_timed() -> None:
    view, arrived = learned_view(), records()
    now = AT + timedelta(minutes=1)
    bound = classify(lambda: view, {}, CLOCK, workload.SALT)
    tasks = [codec.decode(Task, record.value) for record in arrived]
    assert all(isinstance(task, Task) for task in tasks)
    texts = [workload.prompt(number) for number in range(TASKS)]
    verdicts = [propose(text) for text in texts]
    read = [extract(*pair) for pair in zip(texts, verdicts, strict=True)]
    outcomes = [drive(bound.handle, record) for record in arrived]
    decisions = [outcome.sends[0].event for outcome in outcomes]
    assignments = [outcome.sends[1].event for outcome in outcomes]
    assert all(isinstance(one, Decision) and one.model for one in decisions)
    assert all(isinstance(one, Assignment) for one in assignments)
    kept = [outcome.puts[0].value for outcome in outcomes]
    sends = [send for outcome in outcomes for send in outcome.sends]
    envelope = Envelope(id="i", type="t", source="tierflow/classify", time=now, cause="c")

    def decide_one(task: Task) -> object:
        return decide(task, view, body_digest="d" * 64, skill=None, draw=0.5, now=now)

    def dress_one(outcome: Emit) -> None:
        for send in outcome.sends:
            dress(send.topic, send.key, send.event, envelope, "tierflow.")

    steps: list[tuple[str, float]] = [
        ("decode the task", time_us(lambda r: codec.decode(Task, r.value), arrived)),
        ("digest of the body", time_us(lambda r: ids.digest(r.value), arrived)),
        ("tier-0 skills look and decline", time_us(answer, texts)),
        ("rules", time_us(propose, texts)),
        ("features", time_us(lambda p: extract(*p), list(zip(texts, verdicts, strict=True)))),
        ("predict 8 models", time_us(lambda f: view.quality.predict(f, view.registry.models), read)),
        ("pack the features", time_us(pack, read)),
        ("decide, as a whole", time_us(decide_one, tasks)),
        ("one id derived", time_us(lambda t: ids.derive("decision", t.task_id, "d", 0), tasks)),
        ("the draw", time_us(lambda t: ids.draw(workload.SALT, t.task_id, "choice/0"), tasks)),
        ("encode the decision", time_us(codec.encode, decisions)),
        ("encode the assignment", time_us(codec.encode, assignments)),
        ("encode the table's value", time_us(tables.encode, kept)),
        ("headers of one record", time_us(lambda _: codec.headers(envelope), sends)),
        ("dress both records", time_us(dress_one, outcomes)),
        ("handler, as a whole", time_us(lambda r: drive(bound.handle, r), arrived)),
    ]
    sizes = [
        ("task", [len(record.value or b"") for record in arrived]),
        ("decision", [len(codec.encode(one)) for one in decisions]),
        ("assignment", [len(codec.encode(one)) for one in assignments]),
        ("table's value", [len(tables.encode(one) or b"") for one in kept]),
    ]
    print("\n\nclassify, step by step (one core, no broker)")  # noqa: T201
    for name, took_us in steps:
        print(f"  {name:<32}{took_us:8.1f} µs")  # noqa: T201
    for name, found in sizes:
        print(f"  {name:<32}{statistics.mean(found):8.0f} bytes")  # noqa: T201

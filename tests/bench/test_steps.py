"""The time of each step of classify, in one process, without a broker."""

import asyncio
import contextlib
import statistics
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from streams import ids
from streams.agents.carrier import Carrier, Ports, Taken
from streams.agents.classify import Decided, classify
from streams.agents.loop import Batches
from streams.agents.outcome import Emit, Put, Send
from streams.clock import SystemClock
from streams.events.decision import Assignment, Decision
from streams.events.envelope import Envelope
from streams.events.task import Task
from streams.kafka import codec, tables
from streams.kafka.codec import Record, received
from streams.kafka.publish import Outgoing, Undeliverable, dress
from streams.kafka.tables import TableView
from streams.routing.decide import View, decide
from streams.routing.features import extract, pack
from streams.routing.policy import initial_policy
from streams.routing.quality import QualityView
from streams.routing.rules import propose
from streams.telemetry import Counters
from streams.tier0.answer import answer
from streams.topology import BUGS_IN_A_ROW, DECIDED, stages_of
from tests.bench import workload
from tests.bench.raw_loop import RawLoop
from tests.builders import AT

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

CLOCK = SystemClock()
TASKS = 500
ROUNDS = 9
"""Each step is timed so often over all tasks; the fastest round counts, for noise only adds."""

NOW = AT + timedelta(minutes=1)
ENVELOPE = Envelope(id="i", type="t", source="tierflow/classify", time=NOW, cause="c")
PREFIX = "tierflow."


class ConfirmedAtOnce:
    """A publisher that costs nothing."""

    async def confirm(self, outgoing: Sequence[Outgoing]) -> list[Undeliverable | None]:
        """Say that all are there."""
        return [None] * len(outgoing)


class Measurement:
    """All inputs of the steps, made by the handler itself from the same tasks."""

    def __init__(self) -> None:
        quality = QualityView()
        for part in workload.snapshot():
            quality = quality.with_part(part)
        self.view = View(workload.registry(), initial_policy(AT), quality)
        self.fetched = [fetched(number) for number in range(TASKS)]
        self.records = [received("admitted", one) for one in self.fetched]
        self.handle = classify(lambda: self.view, {}, CLOCK, workload.SALT).handle
        outcomes = [run(self.handle, record) for record in self.records]
        self.pairs: list[tuple[Send, ...]] = [outcome.sends for outcome in outcomes]
        self.puts: list[Put] = [outcome.puts[0] for outcome in outcomes]
        self.tasks = [workload.task(number) for number in range(TASKS)]
        self.texts = [task.text for task in self.tasks]
        verdicts = [propose(text) for text in self.texts]
        self.judged = list(zip(self.texts, verdicts, strict=True))
        self.features = [extract(*pair) for pair in self.judged]

    @property
    def decisions(self) -> list[Decision]:
        """What was decided; each by prediction."""
        found = [send.event for send, _ in self.pairs if isinstance(send.event, Decision)]
        assert len(found) == TASKS
        assert all(one.model and one.model_state_version == 1 for one in found)
        return found

    @property
    def assignments(self) -> list[Assignment]:
        """What the tiers get."""
        found = [send.event for _, send in self.pairs if isinstance(send.event, Assignment)]
        assert len(found) == TASKS
        return found

    def decide(self, task: Task) -> object:
        """Rules, features, prediction, policy and choice of one task."""
        return decide(task, self.view, body_digest="d" * 64, skill=None, draw=0.5, now=NOW)

    def batch(self, whole: Sequence[Any]) -> None:
        """All that a worker's loop does to a run beside talking to the broker."""
        table: TableView[Decided] = TableView(DECIDED, Decided, None, "changelog")
        ports = Ports(
            publisher=ConfirmedAtOnce(),
            tables={DECIDED.name: table},
            settle=lambda *_: True,
            current=lambda _: True,
            owns=lambda: True,
            prefix=PREFIX,
            clock=CLOCK,
            counters=Counters(),
            bugs_in_a_row=BUGS_IN_A_ROW,
        )
        stage = next(stage for stage in stages_of("route") if stage.name == "classify")
        batches = Batches(
            Carrier(stage, ports), lambda: classify(lambda: self.view, table, CLOCK, workload.SALT)
        )
        batches.resume()
        taken = [Taken(received("admitted", one), ("admitted", 0), 1) for one in whole]
        asyncio.run(batches._batch(taken))
        assert len(table) == len(whole)


def fetched(number: int) -> Any:
    """A record as aiokafka hands it out."""
    key, value, headers = workload.admitted(number)
    at_ms = int(AT.timestamp() * 1000)
    return SimpleNamespace(
        partition=0, offset=number, key=key, value=value, headers=headers, timestamp=at_ms
    )


def run(handle: Callable[[Record], Any], record: Record) -> Emit:
    """What a handler that never waits comes to."""
    outcome = asyncio.run(handle(record))
    assert isinstance(outcome, Emit)
    return outcome


def time_us(step: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """Microseconds a call: the fastest of some rounds over all inputs."""
    rounds = []
    for _ in range(ROUNDS):
        begun_s = CLOCK.monotonic_s()
        for one in inputs:
            step(one)
        rounds.append((CLOCK.monotonic_s() - begun_s) / len(inputs) * 1e6)
    return min(rounds)


def test_the_steps_of_classify_are_timed() -> None:
    this = Measurement()
    specs, quality = this.view.registry.models, this.view.quality
    raw, kept = RawLoop(PREFIX, this.view, None), RawLoop(PREFIX, this.view, "changelog")

    def step(coroutine: Any) -> None:
        with contextlib.suppress(StopIteration):  # pytest.raises would cost more than a step
            coroutine.send(None)

    def dress_one(send: Send) -> object:
        return dress(send.topic, send.key, send.event, ENVELOPE, PREFIX)

    steps: dict[str, float] = {
        "decode the task": time_us(lambda r: codec.decode(Task, r.value), this.records),
        "digest of the body": time_us(lambda r: ids.digest(r.value), this.records),
        "tier-0 skills look and decline": time_us(answer, this.texts),
        "rules": time_us(propose, this.texts),
        "features": time_us(lambda pair: extract(*pair), this.judged),
        "predict 8 models": time_us(lambda f: quality.predict(f, specs), this.features),
        "pack the features": time_us(pack, this.features),
        "decide: all of rules … policy": time_us(this.decide, this.tasks),
        "an id, of two": time_us(lambda t: ids.derive("d", t.task_id, "body", 0), this.tasks),
        "the draw": time_us(lambda t: ids.draw(workload.SALT, t.task_id, "c"), this.tasks),
        "encode the decision": time_us(codec.encode, this.decisions),
        "encode the assignment": time_us(codec.encode, this.assignments),
        "encode the table's value": time_us(tables.encode, [put.value for put in this.puts]),
        "headers, of two": time_us(lambda _: codec.headers(ENVELOPE), this.tasks),
        "dress the decision": time_us(dress_one, [pair[0] for pair in this.pairs]),
        "handler: all up to its outcome": time_us(lambda r: step(this.handle(r)), this.records),
        "loop: all but the broker": time_us(this.batch, [this.fetched]) / TASKS,
        "raw loop: the same": time_us(raw.records, this.fetched),
        "raw loop with changelog": time_us(kept.records, this.fetched),
    }
    sizes = {
        "task": [len(record.value or b"") for record in this.records],
        "decision": [len(codec.encode(one)) for one in this.decisions],
        "assignment": [len(codec.encode(one)) for one in this.assignments],
        "table's value": [len(tables.encode(put.value) or b"") for put in this.puts],
    }
    print("\n\nclassify, step by step: µs a record, one process, no broker")  # noqa: T201
    for name, took_us in steps.items():
        print(f"  {name:<32}{took_us:8.1f}")  # noqa: T201
    for name, found in sizes.items():
        print(f"  {name + ', bytes':<32}{statistics.mean(found):8.0f}")  # noqa: T201

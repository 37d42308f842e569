"""Classify as a worker runs it, beside a raw aiokafka loop on the same broker, turn by turn.

A subject joins its group and decides a warm-up. Then N tasks are published at once, and the clock
runs from before the first to the broker's timestamp of the last decision.
"""

import asyncio
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams import ids
from streams.clock import SystemClock
from streams.kafka import cluster, codec
from streams.kafka.topics import Layout
from streams.rig.process import Child, spawn
from streams.routing.registry import write_toml
from streams.topology import ADMITTED, DECISIONS, MODEL_STATE, PARTITIONS, TIERS
from tests import wire
from tests.bench import workload
from tests.bench.processor import cpu_s, load
from tests.clusters import Cluster
from tests.deployment import TIERFLOW
from tests.wire import access, options

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

CLOCK = SystemClock()
WARM_UP = 2_000
TASKS = 20_000
ROUNDS = 3
GOAL = 0.5
POLL_S = 0.25
LONGEST_S = 120.0
CHECKOUT = Path(__file__).resolve().parents[2]
RAW = Path(__file__).with_name("raw_loop.py")
SUBJECTS = ("raw", "raw + changelog", "tierflow")

SETTINGS = """\
[kafka]
bootstrap = "{bootstrap}"
prefix = "{prefix}"
[providers.simulator]
base_url = "http://127.0.0.1:9/v1"
[routing]
salt = "{salt}"
{models}
"""
"""The provider is named and never called: no tier runs."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: decisions a second, and CPU microseconds of the process for each."""

    per_s: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Field:
    """Topics of one run alone."""

    bootstrap: str
    prefix: str
    folder: Path

    @property
    def changelog(self) -> str:
        """A topic for what the baseline writes beside decision and assignment."""
        return f"{self.prefix}raw-changelog"

    async def lay_out(self) -> None:
        """Topics, settings, and the snapshot that every process serves from."""
        await cluster.apply(access(self.bootstrap), Layout(self.prefix))
        await wire.create_topic(self.bootstrap, self.changelog, PARTITIONS)
        toml = write_toml(workload.registry())
        (self.folder / "models.toml").write_text(toml)
        (self.folder / "tierflow.toml").write_text(
            SETTINGS.format(
                bootstrap=self.bootstrap, prefix=self.prefix, salt=workload.SALT, models=toml
            )
        )
        parts = [(part.part, codec.encode(part)) for part in workload.snapshot()]
        await wire.produce(self.bootstrap, MODEL_STATE.full_name(self.prefix), parts)

    async def publish(self, tasks: Sequence[workload.Encoded]) -> float:
        """Put tasks on `admitted` as fast as the broker takes them: when the first went, in s."""
        topic = ADMITTED.full_name(self.prefix)
        producer = AIOKafkaProducer(**options(self.bootstrap), linger_ms=5)
        async with producer:
            begun_s = CLOCK.now().timestamp()
            await asyncio.gather(
                *[await producer.send(topic, v, key=k, headers=h) for k, v, h in tasks]
            )
        return begun_s

    async def settled(self, group: str, count: int, child: Child) -> None:
        """Wait until the group has committed so many tasks."""
        places = [(ADMITTED.full_name(self.prefix), n) for n in range(PARTITIONS)]
        end_s = CLOCK.monotonic_s() + LONGEST_S
        async with cluster.administered(access(self.bootstrap)) as admin:
            while sum((await cluster.committed_offsets(admin, group, places)).values()) < count:
                assert child.returncode is None, child.tail()
                assert CLOCK.monotonic_s() < end_s, f"{count} tasks are not decided: {child.tail()}"
                await CLOCK.sleep(POLL_S)

    async def check(self, count: int) -> float:
        """Every task was decided, by a prediction, and assigned: when the last was, in s."""
        records = await wire.consume_all(self.bootstrap, DECISIONS.full_name(self.prefix))
        decided = {record.key for record in records}
        assert len(decided) == count, f"{len(decided)} of {count} tasks have a decision"
        assert b'"model_state_version":1' in records[-1].value
        assigned = 0
        for tier in TIERS:
            found = await wire.consume_all(self.bootstrap, tier.full_name(self.prefix))
            assigned += len({record.key for record in found})
        assert assigned == count, f"{assigned} of {count} tasks have an assignment"
        return float(max(record.timestamp for record in records) / 1000)


@contextmanager
def running(subject: str, field: Field) -> Iterator[tuple[Child, str]]:
    """One of the subjects as a process, and the group that it commits under."""
    log = field.folder / "subject.log"
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    if subject == "tierflow":
        group = f"{field.prefix.rstrip('.')}-route"
        config = str(field.folder / "tierflow.toml")
        argv = [TIERFLOW, "worker", "--roles", "route", "--config", config]
    else:
        group = f"{field.prefix}raw"
        models = str(field.folder / "models.toml")
        argv = [sys.executable, str(RAW), field.bootstrap, field.prefix, models]
        argv += [field.changelog] if "changelog" in subject else []
    child = spawn(argv, log=log, env=env, name=subject)
    try:
        yield child, group
    finally:
        child.stop(20)


async def measure(subject: str, field: Field, tasks: Sequence[workload.Encoded]) -> Measured:
    """One subject, on topics of its own."""
    await field.lay_out()
    try:
        await field.publish(tasks[:WARM_UP])
        with running(subject, field) as (child, group):
            await field.settled(group, WARM_UP, child)
            await CLOCK.sleep(1.0)
            used_s = cpu_s(child)
            begun_s = await field.publish(tasks[WARM_UP:])
            await field.settled(group, WARM_UP + TASKS, child)
            used_s = cpu_s(child) - used_s
        ended_s = await field.check(WARM_UP + TASKS)
        return Measured(TASKS / (ended_s - begun_s), used_s / TASKS * 1e6)
    finally:
        await cluster.remove(access(field.bootstrap), field.prefix)
        await wire.delete_topics(field.bootstrap, field.prefix)


async def test_classify_reaches_half_of_a_raw_loop(
    brokers: list[Cluster], run_id: str, tmp_path: Path
) -> None:
    broker = brokers[0]
    tasks = [workload.admitted(number) for number in range(WARM_UP + TASKS)]
    found: dict[str, list[Measured]] = {subject: [] for subject in SUBJECTS}
    for turn in range(ROUNDS):
        for subject in SUBJECTS:
            name = ids.derive("bench", run_id, turn, subject)[-8:]
            folder = tmp_path / name
            folder.mkdir()
            field = Field(broker.bootstrap, f"bench-{name}.", folder)
            found[subject].append(await measure(subject, field, tasks))
    show(broker.kind, found)
    assert ratio(found, "raw") >= GOAL


def ratio(found: dict[str, list[Measured]], baseline: str) -> float:
    """Ours as a part of a baseline: the median of the rounds, each with its own baseline."""
    pairs = zip(found["tierflow"], found[baseline], strict=True)
    return statistics.median(ours.per_s / raw.per_s for ours, raw in pairs)


def show(kind: str, found: dict[str, list[Measured]]) -> None:
    """Print the rounds, their medians and the ratio."""
    print(  # noqa: T201
        f"\n\nclassify on {kind} Kafka: {TASKS} tasks of {workload.BODY_BYTES} bytes, 8 models,"
        f" {PARTITIONS} partitions, one process; {ROUNDS} rounds in turn; {load()}"
    )
    for subject, rounds in found.items():
        each = ", ".join(f"{one.per_s:,.0f}" for one in rounds)
        middle = statistics.median(one.per_s for one in rounds)
        cpu = statistics.median(one.cpu_us for one in rounds)
        print(f"  {subject:<18}{middle:8,.0f} records/s  {cpu:6.0f} CPU µs a record   ({each})")  # noqa: T201
    for baseline in SUBJECTS[:2]:
        print(f"  tierflow / {baseline}: {ratio(found, baseline):.2f}")  # noqa: T201

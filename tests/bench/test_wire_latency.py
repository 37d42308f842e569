"""From a published task to its first request on the wire, at 10 and at 100 tasks a second.

All roles run in one worker process, the models in the rig's simulator, which dates each request
with the clock of this machine. A task counts from the moment the broker has confirmed it. Ten a
second tell what the hops take, a hundred what waiting for the processor adds.
"""

import asyncio
import statistics
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streams import ids
from streams.clock import SystemClock
from tests.bench.processor import cpu_s, load
from tests.clusters import Cluster
from tests.deployment import ASKED, Deployment, prompt, task_bodies
from tests.wire import options

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

CLOCK = SystemClock()
PACES = ((10, 150), (100, 2_000))
"""Tasks a second, and how many."""

WARM_UP = 200
WARM_UP_A_SECOND = 50
SETTLE_S = 60.0


class Published:
    """When each task was handed to the producer, and when the broker had confirmed it; in s."""

    def __init__(self) -> None:
        self.begun_s: dict[str, float] = {}
        self.confirmed_s: dict[str, float] = {}

    async def publish(
        self, bootstrap: str, topic: str, bodies: Mapping[str, bytes], a_second: float
    ) -> None:
        """Publish at a steady pace, whatever a single confirmation takes."""
        producer = AIOKafkaProducer(**options(bootstrap), acks="all")
        async with producer, asyncio.TaskGroup() as sends:
            begun_s = CLOCK.monotonic_s()
            for nth, (task_id, body) in enumerate(bodies.items()):
                due_s = begun_s + nth / a_second - CLOCK.monotonic_s()
                await CLOCK.sleep(max(0.0, due_s))
                sends.create_task(self._send(producer, topic, task_id, body))

    async def _send(
        self, producer: AIOKafkaProducer, topic: str, task_id: str, body: bytes
    ) -> None:
        self.begun_s[task_id] = CLOCK.now().timestamp()
        await producer.send_and_wait(topic, body, key=task_id.encode())
        self.confirmed_s[task_id] = CLOCK.now().timestamp()


async def first_requests(deployment: Deployment) -> dict[str, float]:
    """When the first request of each task reached the simulator, in s."""
    task_of = {}
    for record in await deployment.read("calls"):
        call: dict[str, Any] = orjson.loads(record.value)
        task_of[call["call_id"]] = call["task_id"]
    found: dict[str, float] = {}
    for entry in deployment.calls():
        task_id = task_of.get(entry["call_id"])
        if task_id is not None:
            found.setdefault(task_id, datetime.fromisoformat(entry["at"]).timestamp())
    return found


def needs_a_model(task_id: str) -> bool:
    """Whether the task is none of those that tier 0 answers."""
    return prompt(int(task_id.rpartition("-")[2])) not in TIER_0


TIER_0 = frozenset(ASKED[0].format(n=n) for n in range(max(count for _, count in PACES) + 2))
"""Conversions of units: a sixth of the tasks, which make no request."""


async def test_a_task_reaches_its_model_quickly(
    brokers: list[Cluster], run_id: str, tmp_path: Path
) -> None:
    for broker in brokers:
        folder = tmp_path / broker.kind
        folder.mkdir()
        deployment = Deployment(folder, None if broker.kind == "embedded" else broker.bootstrap)
        try:
            await deployment.started()
            await deployment.have(workers=1, sinks=0)
            run = ids.derive("bench", run_id, broker.kind)[-8:]
            await publish(deployment, task_bodies(f"{run}-warm-", WARM_UP), WARM_UP_A_SECOND)
            for a_second, count in PACES:
                bodies = task_bodies(f"{run}-{a_second}-", count)
                show(broker.kind, a_second, await measure(deployment, bodies, a_second))
        finally:
            deployment.stop()


class Took(NamedTuple):
    """Milliseconds to each task's first request, ascending; the worker's CPU time for a task."""

    confirmed_ms: list[float]
    handed_over_ms: list[float]
    cpu_ms: float


async def measure(deployment: Deployment, bodies: Mapping[str, bytes], a_second: float) -> Took:
    """Publish tasks at a pace, and find when the first request of each was seen."""
    worker = deployment.workers[0].child
    used_s = cpu_s(worker)
    published = await publish(deployment, bodies, a_second)
    cpu_ms = (cpu_s(worker) - used_s) / len(bodies) * 1000
    requested = await first_requests(deployment)
    wanted = [task_id for task_id in bodies if needs_a_model(task_id)]
    missing = [task_id for task_id in wanted if task_id not in requested]
    assert not missing, f"no request was seen for {len(missing)} of {len(wanted)} tasks"
    return Took(
        sorted((requested[t] - published.confirmed_s[t]) * 1000 for t in wanted),
        sorted((requested[t] - published.begun_s[t]) * 1000 for t in wanted),
        cpu_ms,
    )


async def publish(
    deployment: Deployment, bodies: Mapping[str, bytes], a_second: float
) -> Published:
    """Publish tasks and wait until each has its result."""
    published = Published()
    await published.publish(deployment.bootstrap, deployment.topic("tasks"), bodies, a_second)
    done = await deployment.results(bodies, timeout_s=SETTLE_S)
    lacking = f"{len(done)} of {len(bodies)} tasks have a result\n{deployment.tails()}"
    assert len(done) == len(bodies), lacking
    return published


def show(kind: str, a_second: int, took: Took) -> None:
    """Print the quantiles."""
    count = len(took.confirmed_ms)
    print(  # noqa: T201
        f"\n\npublish → request on the wire, {kind} Kafka, {a_second} tasks/s, all roles in one"
        f" worker\n  {count} requests; {took.cpu_ms:.1f} ms of the worker's CPU a task; {load()}"
    )
    for since, found in (("confirmed", took.confirmed_ms), ("handed over", took.handed_over_ms)):
        cuts = statistics.quantiles(found, n=100)
        print(  # noqa: T201
            f"  since {since:<12} p50 {cuts[49]:6.1f} ms   p99 {cuts[98]:6.1f} ms   "
            f"longest {found[-1]:6.1f} ms"
        )

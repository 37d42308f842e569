"""A storm: processes are killed, frozen and thawed by a seeded schedule while tasks keep coming."""

import asyncio
import enum
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import orjson
from aiokafka.errors import KafkaError

from streams import ids
from streams.cli.answers import Exit
from streams.clock import SystemClock
from tests.clusters import Cluster
from tests.deployment import QUICK, Deployment, Member, prompt

SESSION_S = float(QUICK["TIERFLOW_KAFKA__SESSION_TIMEOUT_S"])
RETRY_S = 0.5
PUBLISH_S = 15.0
FEEDBACK_AFTER = 3
"""Feedback follows its tasks by so many seconds: some have no result by then."""


class Blow(enum.Enum):
    """What may happen to a deployment."""

    KILL_WORKER = "kill -9 a worker"
    KILL_SINK = "kill -9 a sink"
    FREEZE_WORKER = "freeze a worker beyond its session"
    FREEZE_SINK = "freeze a sink beyond its session"
    FREEZE_DATABASE = "freeze ClickHouse"
    KILL_BROKER = "kill -9 Kafka"


DECK = (
    *[Blow.KILL_WORKER] * 3,
    *[Blow.FREEZE_WORKER] * 3,
    *[Blow.KILL_SINK] * 2,
    Blow.FREEZE_SINK,
    Blow.FREEZE_DATABASE,
)
"""What one storm consists of, in any order; Kafka's death comes on top where it is ours."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One blow: when, to which of those that run (a share in [0, 1)), and for how long."""

    at_s: float
    blow: Blow
    victim: float
    length_s: float

    def __str__(self) -> str:
        return f"{self.at_s:5.1f} s  {self.blow.value}, {self.length_s:.1f} s"


def schedule(seed: str, length_s: float, deck: Sequence[Blow]) -> list[Strike]:
    """Shuffle the deck over the time; the same seed gives the same storm."""

    def drawn(n: int, purpose: str) -> float:
        return ids.draw(seed, str(n), purpose)

    order = sorted(range(len(deck)), key=lambda n: drawn(n, "order"))
    slot_s = length_s / len(deck)
    strikes = []
    for turn, n in enumerate(order):
        freezes = deck[n] in (Blow.FREEZE_WORKER, Blow.FREEZE_SINK)
        length_s = 3 * drawn(n, "length") + (1.5 * SESSION_S if freezes else 0.5)
        at_s = slot_s * (turn + drawn(n, "at"))
        strikes.append(Strike(at_s, deck[n], drawn(n, "victim"), length_s))
    return strikes


@dataclass(slots=True)
class Load:
    """What was published: tasks by id, and the distinct feedbacks on them."""

    tasks: dict[str, bytes] = field(default_factory=dict)
    feedback: set[tuple[str, str]] = field(default_factory=set)


class Storm:
    """Strikes a deployment. A victim that ends without having been killed is a finding.

    Except who begins while Kafka is away: it says so and exits 3, for a supervisor to begin again.
    """

    def __init__(self, deployment: Deployment, broker: Cluster | None) -> None:
        self._deployment = deployment
        self._broker = broker
        self._clock = SystemClock()
        self._frozen: set[int] = set()
        self._killed: set[int] = set()
        self._began_without_kafka: set[int] = set()
        self.frozen_at: list[datetime] = []

    async def rage(self, strikes: Sequence[Strike]) -> None:
        """Carry out the schedule; all that was frozen is thawed at the end."""
        try:
            async with asyncio.TaskGroup() as group:
                for strike in strikes:
                    group.create_task(self._strike(strike))
        finally:
            for pid in tuple(self._frozen):
                self._thaw(pid)

    def crashed(self) -> list[str]:
        """Members that ended by themselves."""
        dead = (m for m in self._members() if not m.alive and not self._had_reason(m))
        return [f"{m.child.name} exited {m.child.returncode}: {m.child.tail()}" for m in dead]

    def _had_reason(self, member: Member) -> bool:
        pid, code = member.child.pid, member.child.returncode
        return pid in self._killed or (
            code == Exit.UNREACHABLE and pid in self._began_without_kafka
        )

    def _members(self) -> tuple[Member, ...]:
        return (*self._deployment.workers, *self._deployment.sinks)

    async def _strike(self, strike: Strike) -> None:
        await self._clock.sleep(strike.at_s)
        deployment = self._deployment
        match strike.blow:
            case Blow.KILL_WORKER:
                await self._kill("worker", deployment.workers, strike)
            case Blow.KILL_SINK:
                await self._kill("sink", deployment.sinks, strike)
            case Blow.FREEZE_WORKER:
                await self._freeze_one(deployment.workers, strike)
            case Blow.FREEZE_SINK:
                await self._freeze_one(deployment.sinks, strike)
            case Blow.FREEZE_DATABASE:
                await self._freeze(child_of(deployment.rig_pid, "rig.database"), strike)
            case Blow.KILL_BROKER:
                await self._kill_broker(strike)

    async def _kill(self, role: str, members: Sequence[Member], strike: Strike) -> None:
        member = self._pick(members, strike)
        if member is not None:
            self._killed.add(member.child.pid)
            member.kill()
            await self._clock.sleep(strike.length_s)
            self._deployment.start(role)

    async def _freeze_one(self, members: Sequence[Member], strike: Strike) -> None:
        member = self._pick(members, strike)
        if member is not None:
            await self._freeze(member.child.pid, strike)

    async def _freeze(self, pid: int, strike: Strike) -> None:
        self._frozen.add(pid)
        self.frozen_at.append(self._clock.now())
        os.kill(pid, signal.SIGSTOP)
        await self._clock.sleep(strike.length_s)
        self._thaw(pid)

    async def _kill_broker(self, strike: Strike) -> None:
        if self._broker is None:
            return
        awake = [m for m in self._members() if m.alive and m.child.pid not in self._frozen]
        working = {m.child.pid for m in awake if m.is_ready()} | self._frozen
        self._broker.kill()
        await self._clock.sleep(strike.length_s)
        self._broker.start()
        self._began_without_kafka |= {m.child.pid for m in self._members()} - working

    def _pick(self, members: Sequence[Member], strike: Strike) -> Member | None:
        awake = [m for m in members if m.alive and m.child.pid not in self._frozen]
        return awake[int(strike.victim * len(awake))] if awake else None

    def _thaw(self, pid: int) -> None:
        self._frozen.discard(pid)
        os.kill(pid, signal.SIGCONT)


def child_of(parent: int, word: str) -> int:
    """The process id of a child whose command names `word` (Linux: read from /proc).

    Raises:
        LookupError: There is none.
    """
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ppid = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if ppid == parent and word in (folder / "cmdline").read_text():
                return int(folder.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    raise LookupError(f"{parent} has no child {word}")


async def publish_steadily(
    deployment: Deployment, named: str, length_s: float, a_second: int, load: Load
) -> None:
    """Publish so many tasks a second, and feedback on each; a publisher in doubt sends again.

    Every fifth task is judged twice, every tenth feedback is said twice.
    """
    clock = SystemClock()
    batches: list[dict[str, bytes]] = []
    start_s = clock.monotonic_s()
    for second in range(int(length_s) + FEEDBACK_AFTER):
        await clock.sleep(max(0.0, start_s + second - clock.monotonic_s()))
        if second < length_s:
            numbers = range(second * a_second, (second + 1) * a_second)
            named_tasks = {f"{named}{n}": prompt(n) for n in numbers}
            bodies = {
                task_id: orjson.dumps({"task_id": task_id, "prompt": text})
                for task_id, text in named_tasks.items()
            }
            batches.append(bodies)
            load.tasks |= bodies
            await _patiently(lambda bodies=bodies: deployment.publish("tasks", bodies))  # type: ignore[misc]
        if second >= FEEDBACK_AFTER:
            await _judge(deployment, batches[second - FEEDBACK_AFTER], load)


async def _judge(deployment: Deployment, tasks: Mapping[str, bytes], load: Load) -> None:
    for source, every in (("user", 1), ("judge", 5)):
        judged = [task_id for n, task_id in enumerate(tasks) if n % every == 0]
        load.feedback |= {(task_id, source) for task_id in judged}
        bodies = {
            task_id: orjson.dumps(
                {"task_id": task_id, "score": ids.draw("score", task_id, source), "source": source}
            )
            for task_id in judged
        }
        await _patiently(lambda bodies=bodies: deployment.publish("feedback", bodies))  # type: ignore[misc]
        again = dict(list(bodies.items())[::10])
        await _patiently(lambda again=again: deployment.publish("feedback", again))  # type: ignore[misc]


async def _patiently(publish: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            async with asyncio.timeout(PUBLISH_S):
                await publish()
        except (KafkaError, OSError):  # a TimeoutError is an OSError
            await SystemClock().sleep(RETRY_S)
        else:
            return

"""The whole product on one machine: start it, play its users, read the books, end it."""

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from clickhouse_connect.driver.client import Client

from streams.clickhouse.client import connect
from streams.clickhouse.read import ask
from streams.clock import Clock
from streams.kafka.cluster import administered, edges, partitions
from streams.rig.cluster import GRACE_S, Cluster, Wanted, cluster, command, registry_of
from streams.rig.figures import Summary
from streams.rig.play import Player
from streams.rig.process import Child, free_port, spawn, until_ready
from streams.rig.recorded import Recorded, read_recorded
from streams.rig.summary import done_of, summarise
from streams.topology import DEAD_LETTERS

READY_S = 60.0
BOOKS_S = 60.0
POLL_S = 0.2
DATABASE = "tierflow"


class BooksBehindError(RuntimeError):
    """ClickHouse lacks results or decisions a minute after the last result came."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a demo: the summary, and each row's decision by published id."""

    summary: Summary
    rows: Sequence[Recorded]
    decisions: Mapping[str, tuple[int | None, str | None]]


async def play_demo(
    wanted: Wanted, *, judged: bool, clock: Clock, show: Callable[[str], None], every_s: float
) -> Played:
    """Run the demo; nothing of it is left when this returns or raises.

    Args:
        wanted: Tasks, models, cluster and speed.
        judged: Whether feedback is published.
        clock: Time.
        show: Gets lines of progress.
        every_s: How often.

    Raises:
        RecordedError: The tasks can't be read.
        StalledError: Results stopped coming.
        BooksBehindError: ClickHouse lacks results.
        ChildDiedError: A process ended.
    """
    rows = read_recorded(wanted.tasks)
    tiers = {spec.name: spec.tier for spec in registry_of(rows, wanted.models).models}
    show(table_of(tiers))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tierflow-")))
        show("starting broker, ClickHouse, simulator")
        running = await stack.enter_async_context(cluster(folder, wanted, clock))
        show("starting worker and sink")
        await stack.enter_async_context(members(folder, running, clock))
        player = Player(
            running.access, running.prefix, rows,
            speed=wanted.speed, judged=judged, clock=clock,
        )  # fmt: skip
        show(f"publishing {len(rows)} tasks")
        await player.play(show, every_s)
        client = connect(running.clickhouse_url, DATABASE)
        stack.callback(client.close)
        await books(client, len(rows), clock)
        return await read_books(client, running, rows, tiers, wanted.speed)


@asynccontextmanager
async def members(folder: Path, running: Cluster, clock: Clock) -> AsyncIterator[None]:
    """A worker and a sink, ready; stopped at the end."""
    async with AsyncExitStack() as stack:
        waits = [(_member(stack, folder, running, name), name) for name in ("worker", "sink")]
        for (child, port), _ in waits:
            await until_ready(child, lambda p=port: is_ready(p), clock=clock, timeout_s=READY_S)  # type: ignore[misc]
        yield


def _member(stack: AsyncExitStack, folder: Path, running: Cluster, name: str) -> tuple[Child, int]:
    port = free_port()

    environment = {**os.environ, **running.environment}
    argv = command(name, "--ops-port", str(port), "--grace", str(GRACE_S))
    child = spawn(argv, log=folder / f"{name}.log", env=environment, name=name)
    stack.callback(child.stop, 2 * GRACE_S)
    return child, port


def is_ready(port: int) -> bool:
    """Whether a process says that it is ready."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1.0, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.is_success


async def books(client: Client, tasks: int, clock: Clock) -> None:
    """Wait until ClickHouse holds a result and a decision for every task."""
    until_s = clock.monotonic_s() + BOOKS_S
    while True:
        held = int(ask(client, "totals")[0]["tasks"])
        undecided = _undecided(client) if held >= tasks else 0
        if held >= tasks and undecided == 0:
            return
        if clock.monotonic_s() > until_s:
            raise BooksBehindError(
                f"ClickHouse holds {held} of {tasks} results; {undecided} lack their"
                " decision; see the sink's log"
            )
        await clock.sleep(POLL_S)


def _undecided(client: Client) -> int:
    """How many answers came before their decision; a refused task has none."""
    decided = {row["task_id"] for row in ask(client, "decided")}
    return sum(
        row["status"] == "completed" and row["task_id"] not in decided
        for row in ask(client, "tasks")
    )


async def read_books(
    client: Client, running: Cluster, rows: Sequence[Recorded], tiers: Mapping[str, int],
    speed: float,
) -> Played:  # fmt: skip
    """The summary, from ClickHouse by SQL."""
    decided = {
        row["task_id"]: (row["tier"], row["model"] or None) for row in ask(client, "decided")
    }
    done = [done_of(row, decided.get(row["task_id"], (None,))[0]) for row in ask(client, "tasks")]
    changes = sum(row["version"] > 1 for row in ask(client, "policy_changes"))
    name = DEAD_LETTERS.full_name(running.prefix)
    async with administered(running.access) as admin:
        places = await partitions(admin, {name})
    held = await edges(running.access, places)
    summary = summarise(
        rows, tiers, done, speed=speed, policy_changes=changes,
        dead_letters=sum(end - begin for begin, end in held.values()),
    )  # fmt: skip
    return Played(summary, rows, decided)


def table_of(tiers: Mapping[str, int]) -> str:
    """The models by tier, for people."""
    lines = [
        f"  tier {tier}  {', '.join(sorted(n for n, t in tiers.items() if t == tier))}"
        for tier in sorted(set(tiers.values()))
    ]
    return "models\n" + "\n".join(lines)

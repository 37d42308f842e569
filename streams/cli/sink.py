"""`tierflow sink`: keep the books until stopped."""

import argparse
import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from streams.cli.answers import Exit, Subparsers, command, read_settings
from streams.cli.running import log_to_stderr, until_signal

if TYPE_CHECKING:
    from streams.clickhouse.state import SinkState
    from streams.clock import Clock
    from streams.settings import ClickHouseSettings

logger = logging.getLogger(__name__)

MARGIN_S = 10.0
"""Beyond the grace: committing and leaving the groups."""


def add(subparsers: Subparsers) -> None:
    """Add `sink`."""
    parser = command(
        subparsers,
        "sink",
        "Write results, calls, costs, decisions and feedback into ClickHouse. SIGTERM drains.",
        "tierflow sink",
    )
    parser.add_argument(
        "--ops-port", type=int, metavar="P", help="health and metrics; 0: a free one"
    )
    parser.add_argument("--grace", type=float, metavar="S", help="longest that SIGTERM waits (30)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until a signal, then write what is gathered."""
    settings = read_settings(args, {"worker.ops_port": args.ops_port, "worker.grace_s": args.grace})
    log_to_stderr(settings.logging)
    from streams import ops
    from streams.clickhouse.sink import run_sink
    from streams.clickhouse.state import SinkState
    from streams.clock import SystemClock
    from streams.kafka.cluster import greet
    from streams.kafka.security import access_of

    clickhouse, kafka, state = settings.clickhouse, settings.kafka, SinkState()
    access, password = access_of(kafka), clickhouse.read_password()

    clock = SystemClock()
    _watch(state, kafka.prefix, clock)

    async def serve(stop: asyncio.Event) -> int:
        host, port = settings.worker.ops_host, settings.worker.ops_port
        async with ops.serve(
            host, port, unready=state.unready, metrics=state.counters.exposition
        ) as took:
            logger.info("health, readiness and metrics on port %d", took)
            await greet(access, args.timeout)
            await asyncio.to_thread(_let_in, clickhouse)
            sink = asyncio.ensure_future(
                run_sink(
                    access=access,
                    prefix=kafka.prefix,
                    clickhouse_url=clickhouse.url,
                    stop=stop,
                    clock=clock,
                    database=clickhouse.database,
                    user=clickhouse.user,
                    password=password,
                    ca_file=clickhouse.ca_file,
                    state=state,
                    session_timeout_s=kafka.session_timeout_s,
                    fetch_wait_ms=kafka.fetch_wait_ms,
                )
            )
            return await _drained(sink, stop, settings.worker.grace_s)

    return Exit(until_signal(serve, settings.worker.grace_s + MARGIN_S))


def _let_in(clickhouse: "ClickHouseSettings") -> None:
    """Refuse to start where ClickHouse will never have us; where it is away the sink waits for it.

    Raises:
        AccessRefusedError: Its certificate doesn't verify, or user and password are wrong.
        CaFileError: clickhouse.ca_file can't be used.
    """
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from streams.clickhouse.client import connect_as

    with contextlib.suppress(ClickHouseError):
        connect_as(clickhouse).close()


def _watch(state: "SinkState", prefix: str, clock: "Clock") -> None:
    """Register the gauges of a sink."""
    from streams.events.envelope import Reason
    from streams.gauges import by_topic, watch_process
    from streams.topology import SINK_ROLE

    watch_process(state.counters, state.unready)
    state.counters.watch(
        "tierflow.consumer.lag_records", lambda: by_topic(SINK_ROLE, state.lag(), prefix)
    )
    state.counters.watch("tierflow.sink.age_seconds", lambda: {(): state.age_s(clock.now())})
    state.counters.add("tierflow.sink.refusals", 0)
    for reason in Reason:
        state.counters.add("tierflow.sink.buried", 0, reason.value)


async def _drained(sink: "asyncio.Future[None]", stop: asyncio.Event, grace_s: float) -> int:
    """The sink's end, or 1 when it was still writing after the grace."""
    asked = asyncio.ensure_future(stop.wait())
    both: set[asyncio.Future[Any]] = {sink, asked}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    try:
        async with asyncio.timeout(grace_s):
            await sink
    except TimeoutError:
        return Exit.NO
    return Exit.DONE

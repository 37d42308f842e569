"""`tierflow worker`: run roles until stopped."""

import argparse
import asyncio
import logging
import os
from typing import TYPE_CHECKING

from streams.cli.answers import (
    Exit,
    Subparsers,
    UsageError,
    code_of,
    command,
    first_of,
    read_settings,
)
from streams.cli.running import log_to_stderr, until_signal

if TYPE_CHECKING:
    from streams.settings import Settings

logger = logging.getLogger(__name__)

MARGIN_S = 10.0
"""Beyond the grace: committing and leaving the groups."""


def add(subparsers: Subparsers) -> None:
    """Add `worker`."""
    parser = command(
        subparsers,
        "worker",
        "Run roles: route tasks, call models, learn, tune. SIGTERM drains.",
        "tierflow worker --roles route,tier-0,tier-1",
    )
    parser.add_argument("--roles", metavar="A,B", help="which roles (all)")
    parser.add_argument(
        "--ops-port", type=int, metavar="P", help="health and metrics; 0: a free one"
    )
    parser.add_argument("--grace", type=float, metavar="S", help="longest that SIGTERM waits (30)")
    parser.add_argument(
        "--from",
        dest="begin",
        choices=("beginning",),
        help="start a group that has no commits on a topic with data",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run until a signal, then drain."""
    settings = read_settings(
        args,
        {
            "worker.roles": args.roles,
            "worker.ops_port": args.ops_port,
            "worker.grace_s": args.grace,
        },
    )
    settings.routing.read_salt()
    log_to_stderr(settings.logging)
    from streams.clock import SystemClock
    from streams.kafka.cluster import greet
    from streams.kafka.security import access_of
    from streams.skills import installed
    from streams.startup import starting_view
    from streams.worker import run_worker

    try:
        starting_view(settings, SystemClock().now())
        installed(settings.tier0.off)
    except ValueError as error:
        raise UsageError(str(error)) from None

    async def serve(stop: asyncio.Event) -> int:
        if args.begin is None:
            await _refuse_lost_groups(settings, args.timeout)
        else:
            await greet(access_of(settings.kafka), args.timeout)
        try:
            return await run_worker(settings, stop, SystemClock(), told)
        except Exception as error:
            logger.exception("a role has stopped; what it had not settled will be read again")
            logging.shutdown()
            code = code_of(first_of(error)) or Exit.NO
            os._exit(code)  # a crashed role leaves threads that would keep the process

    def told(port: int) -> None:
        logger.info("health, readiness and metrics on port %d", port)

    return Exit(until_signal(serve, settings.worker.grace_s + MARGIN_S))


async def _refuse_lost_groups(settings: "Settings", timeout_s: float) -> None:
    from streams.kafka.cluster import groups_without_commits
    from streams.kafka.security import access_of

    kafka = settings.kafka
    lost = await groups_without_commits(
        access_of(kafka), kafka.prefix, settings.worker.roles, timeout_s
    )
    if lost:
        first = lost[0]
        raise UsageError(
            f"group {first.group} has no commit on {first.topic}, which holds "
            f"{first.records} records: it was renamed or has expired. Say "
            "--from beginning to work through all of them again"
        )

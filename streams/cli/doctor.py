"""`tierflow doctor`: try everything that tierflow needs, and say what is wrong and what to do."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from streams.cli.answers import Subparsers, add_json, command, print_json, read_settings

if TYPE_CHECKING:
    from streams.cli.findings import Finding


def add(subparsers: Subparsers) -> None:
    """Add `doctor`."""
    parser = command(
        subparsers,
        "doctor",
        "Try settings, Kafka, ClickHouse, and each model's key and endpoint; say what to do.",
        "tierflow doctor\ntierflow doctor --call",
    )
    parser.add_argument(
        "--call", action="store_true", help="make a call of one token to each model; it costs money"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Try, tell, and exit 0 (all fine), 1 (something is wrong) or 3 (nothing answers)."""
    from streams.cli.findings import Mark, code_of, render

    findings = asyncio.run(_examine(args))
    code = code_of(findings)
    if args.json:
        checks = [
            {"name": f.name, "mark": f.mark, "said": f.said, "then": f.then or None}
            for f in findings
        ]
        print_json({"ok": all(f.mark is not Mark.WRONG for f in findings), "checks": checks})
    else:
        print("\n".join(render(findings)))
    return code


async def _examine(args: argparse.Namespace) -> "list[Finding]":
    """All findings; the three outside worlds are asked at once."""
    from streams.cli import checks
    from streams.clock import SystemClock

    settings, clock = read_settings(args), SystemClock()
    specs, misnamed = checks.specs_of(settings)
    async with asyncio.TaskGroup() as group:
        kafka = group.create_task(checks.of_kafka(settings, args.timeout))
        books = group.create_task(asyncio.to_thread(checks.of_clickhouse, settings, args.timeout))
        hosts = group.create_task(
            checks.of_providers(settings, specs, args.timeout, clock, call=args.call)
        )
    found = [*checks.of_settings(settings), *kafka.result(), *books.result()]
    return [*found, *misnamed, *hosts.result()]

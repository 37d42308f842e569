"""`tierflow demo`: the whole product on this machine, with a summary of what it saved."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.answers import Exit, Subparsers, UsageError, command
from streams.cli.rig import add_rig_options, kafka_of

if TYPE_CHECKING:
    from streams.rig.cluster import Wanted
    from streams.rig.demo import Played

QUIET_S = 5.0
LIVE_S = 0.5

EXPLORE = """\
go on exploring:
  tierflow rig --dir scratch                keep a cluster running; then, in other terminals:
  set -a; . scratch/rig.env; set +a         let the commands find it
  tierflow worker                           route, call, learn
  tierflow sink                             keep the books
  tierflow ask "What is 2 + 3?"             one task: answer, tier, cost
  tierflow publish tasks.jsonl --wait 30    your own tasks
  tierflow status                           lag, lessons, thresholds\
"""


def add(subparsers: Subparsers) -> None:
    """Add `demo`."""
    parser = command(
        subparsers,
        "demo",
        "Run everything here on recorded tasks, and sum up quality and cost.",
        "tierflow demo\ntierflow demo --tasks recorded.jsonl.gz --json summary.json",
    )
    add_rig_options(parser)
    parser.add_argument("--no-feedback", action="store_true", help="no scores, no scripted faults")
    parser.add_argument(
        "--decisions", type=Path, metavar="F", help="write id, tier and model of each task"
    )
    parser.add_argument("--json", type=Path, metavar="F", help="write the summary as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play, then say what it came to."""
    from streams.rig.cluster import FAULTS, SAMPLE, Wanted
    from streams.rig.figures import missed
    from streams.rig.report import render

    if not args.speed > 0:
        raise UsageError("--speed: a number above 0 is wanted")
    faults = 0.0 if args.no_feedback else FAULTS
    wanted = Wanted(
        args.tasks or SAMPLE, args.models, kafka_of(args), args.speed, faults,
        steer=not args.no_feedback,
    )  # fmt: skip
    played = asyncio.run(_watched(wanted, judged=not args.no_feedback))
    _write(args, played)
    print(render(played.summary))
    print()
    print(EXPLORE)
    return Exit.NO if missed(played.summary) else Exit.DONE


async def _watched(wanted: "Wanted", *, judged: bool) -> "Played":
    """SIGTERM ends the demo as Ctrl-C does: cancelled, cleaned up, exit 130."""
    from streams.clock import SystemClock
    from streams.rig.demo import play_demo

    task = asyncio.current_task()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if task is not None and not interrupted:
            task.cancel()
        interrupted = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    live = sys.stdout.isatty()
    try:
        return await play_demo(
            wanted,
            judged=judged,
            clock=SystemClock(),
            show=_show_live if live else _show,
            every_s=LIVE_S if live else QUIET_S,
        )
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise


def _show(line: str) -> None:
    print(line, flush=True)


def _show_live(line: str) -> None:
    end = "" if "/s  " in line else "\n"
    print(f"\r\x1b[K{line}", end=end, flush=True)


def _write(args: argparse.Namespace, played: "Played") -> None:
    import orjson

    from streams.rig.play import in_order

    with contextlib.suppress(BrokenPipeError):
        print()
    if args.decisions is not None:
        args.decisions.write_text(in_order(played.rows, played.decisions), encoding="utf-8")
    if args.json is not None:
        args.json.write_bytes(orjson.dumps(played.summary.to_json(), option=orjson.OPT_INDENT_2))

"""`tierflow simulate`: the topology in memory, on simulated time, without a broker or a call."""

import argparse
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.answers import (
    Exit,
    Subparsers,
    UsageError,
    add_json,
    command,
    print_json,
    read_settings,
)
from streams.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.events.envelope import JsonObject
    from streams.routing.registry import Registry
    from streams.settings import Settings

    Placed = Sequence[tuple[str, JsonObject]]

EXAMPLE = """\
tierflow simulate --tasks recorded.jsonl.gz
tierflow simulate --tasks tasks.jsonl --models models.toml --json\
"""


def add(subparsers: Subparsers) -> None:
    """Add `simulate`."""
    parser = command(
        subparsers,
        "simulate",
        "Run tasks through the topology in memory: no broker, no call, thousands a minute.",
        EXAMPLE,
    )
    parser.add_argument(
        "--tasks", required=True, metavar="FILE|-", help="recorded outcomes, or plain task bodies"
    )
    parser.add_argument(
        "--models", type=Path, metavar="FILE",
        help="registry: tier and price a model (recorded ones by cost; else those of the settings)",
    )  # fmt: skip
    parser.add_argument("--no-feedback", action="store_true", help="no scores, no scripted faults")
    parser.add_argument(
        "--decisions", type=Path, metavar="F", help="write id, tier and model of each task"
    )
    parser.add_argument(
        "--speed", type=float, default=10.0, help="pace of arrivals and calls, as in the demo (10)"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Simulate, and sum up what is known of the file's tasks."""
    from streams.cli.publish import read_content
    from streams.rig.recorded import objects_of
    from streams.skills import SkillError

    if not args.speed > 0:
        raise UsageError("--speed: a number above 0 is wanted")
    source = "stdin" if args.tasks == "-" else args.tasks
    placed = list(objects_of(read_content(args.tasks), source))
    if not placed:
        raise UsageError(f"{args.tasks}: no tasks in it")
    known = any(found.get("outcomes") for _, found in placed)
    try:
        return _recorded(args, placed) if known else _plain(args, placed)
    except SkillError as error:
        raise UsageError(str(error)) from None


def _recorded(args: argparse.Namespace, placed: "Placed") -> int:
    """As the demo plays it: its settings, its users, its summary."""
    from streams.rig.cluster import registry_of
    from streams.rig.demo import table_of
    from streams.rig.figures import missed
    from streams.rig.play import in_order
    from streams.rig.recorded import rows_of
    from streams.rig.rehearsal import rehearse
    from streams.rig.report import render

    rows = rows_of(placed)
    try:
        registry = registry_of(rows, args.models)
    except (OSError, ValueError) as error:
        raise UsageError(f"models: {error}") from None
    with Progress(len(rows), "tasks") as progress:
        played = rehearse(
            rows, registry, speed=args.speed, judged=not args.no_feedback, show=progress.show
        )
    if args.decisions is not None:
        args.decisions.write_text(in_order(rows, played.decisions), encoding="utf-8")
    if args.json:
        print_json(played.summary.to_json())
    else:
        print(f"{table_of(played.summary.tiers)}\n")
        print(render(played.summary, "no waiting"))
    return Exit.NO if missed(played.summary) else Exit.DONE


def _plain(args: argparse.Namespace, placed: "Placed") -> int:
    """Where the tasks would go, and what that should cost."""
    from streams.cli.publish import tasks_of
    from streams.clock import SystemClock
    from streams.rig.forecast import render
    from streams.rig.play import decision_lines
    from streams.rig.rehearsal import foresee

    settings = read_settings(args)
    registry = _models(args, settings)
    bodies = list(tasks_of(placed, settings.limits.max_task_bytes))
    with Progress(len(bodies), "tasks") as progress:
        seen = foresee(bodies, registry, settings, begin=SystemClock().now(), show=progress.show)
    if args.decisions is not None:
        lines = decision_lines((task_id, seen.decisions.get(task_id)) for task_id, _ in bodies)
        args.decisions.write_text(lines, encoding="utf-8")
    if args.json:
        print_json(seen.forecast.model_dump(mode="json"))
    else:
        print(render(seen.forecast))
    return Exit.DONE


def _models(args: argparse.Namespace, settings: "Settings") -> "Registry":
    """The registry of `--models`, else of the settings.

    Raises:
        UsageError: There is none; without outcomes nothing tells which models there are.
    """
    from streams.routing import registry

    if args.models is None and not settings.models:
        raise UsageError(
            f"{args.tasks} has no recorded outcomes, so nothing tells which models there are: "
            "give --models FILE, or set [[models.tierN]] in tierflow.toml"
        )
    try:
        if args.models is None:
            return registry.parse({"models": settings.models})
        return registry.parse(tomllib.loads(args.models.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UsageError(f"models: {error}") from None

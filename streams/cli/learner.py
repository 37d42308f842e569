"""`tierflow learner show`: what was learned, as every worker has it."""

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from streams.cli.answers import Exit, Subparsers, add_json, command, print_json, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.events.control import ModelState
    from streams.settings import Settings

COLUMNS = ("part", "version", "lessons", "mean score", "bytes", "at")


def add(subparsers: Subparsers) -> None:
    """Add `learner` and what it does."""
    parser = command(
        subparsers, "learner", "Show what was learned about each model.", "tierflow learner show"
    )
    verbs = parser.add_subparsers(dest="verb", metavar="show", required=True)
    show = command(
        verbs,
        "show",
        "List the snapshots in force: lessons, mean score, size, and whether each can serve.",
        "tierflow learner show\ntierflow learner show --json",
    )
    add_json(show)
    show.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the snapshots; exit 1 where one can't serve."""
    states = asyncio.run(_states(args, read_settings(args)))
    fact = fact_of(states)
    if args.json:
        print_json(fact)
    else:
        print("\n".join(lines_of(fact)))
    return Exit.NO if any(part["refused"] for part in fact["parts"]) else Exit.DONE


async def _states(args: argparse.Namespace, settings: "Settings") -> "list[ModelState]":
    from streams.events.control import ModelState
    from streams.kafka.recent import recent
    from streams.kafka.security import access_of
    from streams.topology import MODEL_STATE

    kafka = settings.kafka
    found = await recent(access_of(kafka), kafka.prefix, (MODEL_STATE,), args.timeout, records=1)
    return [event for event in found if isinstance(event, ModelState)]


def fact_of(states: "Iterable[ModelState]") -> dict[str, Any]:
    """For a program.

    Args:
        states: As they stand on the topic: of each part the last one counts.
    """
    from streams.routing.quality import QualityView

    newest = {state.part: state for state in states}
    view, refused = QualityView(), dict[str, str]()
    for state in newest.values():
        try:
            view = view.with_part(state)
        except ValueError as error:
            refused[state.part] = str(error)
    return {
        "version": max((state.version for state in newest.values()), default=0),
        "lessons": max((state.lessons for state in newest.values()), default=0),
        "parts": [
            {
                "part": state.part,
                "version": state.version,
                "lessons": state.part_lessons,
                "mean_score": state.mean_score,
                "bytes": len(state.weights),
                "at": state.at,
                "refused": refused.get(state.part),
            }
            for state in sorted(newest.values(), key=lambda state: state.part)
        ],
    }


def lines_of(fact: dict[str, Any]) -> list[str]:
    """For a person."""
    if not fact["parts"]:
        return ["nothing was learned yet: a first score teaches, `tierflow feedback` gives one"]
    rows = [COLUMNS, *(_cells(part) for part in fact["parts"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"version {fact['version']}, after {fact['lessons']} lessons", ""]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    lines += [
        f"{part['part']} can't serve: {part['refused']}"
        for part in fact["parts"]
        if part["refused"]
    ]
    return lines


def _cells(part: dict[str, Any]) -> tuple[str, ...]:
    return (
        part["part"],
        str(part["version"]),
        str(part["lessons"]),
        f"{part['mean_score']:.3f}",
        str(part["bytes"]),
        f"{part['at']:%Y-%m-%d %H:%M:%S}",
    )

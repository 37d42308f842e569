"""`tierflow topology`: the flow as a table, a Mermaid picture, or JSON."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from streams.cli.answers import Exit, Subparsers, add_json, command, print_json

if TYPE_CHECKING:
    from streams.topology import Stage, Topic


def add(subparsers: Subparsers) -> None:
    """Add `topology`."""
    parser = command(
        subparsers,
        "topology",
        "Show every stage: which role runs it, what it reads, writes and remembers.",
        "tierflow topology --mermaid",
    )
    parser.add_argument("--mermaid", action="store_true", help="a flowchart in Mermaid's words")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the flow; nothing is connected to."""
    from streams.topology import STAGES

    if args.json:
        for stage in STAGES:
            print_json(_fact(stage))
    elif args.mermaid:
        print("\n".join(mermaid()))
    else:
        for stage in STAGES:
            reads, writes = (", ".join(_names(topics)) for topics in (stage.reads, stage.writes))
            print(f"{stage.name:9} {stage.role:7} {stage.kind.value:8} {reads} → {writes}")
    return Exit.DONE


def mermaid() -> Iterator[str]:
    """The flow as a Mermaid flowchart: stages are boxes, topics are pipes.

    Source:
        https://mermaid.js.org/syntax/flowchart.html.
    """
    from streams.topology import STAGES, SUNK, TOPICS

    yield "flowchart LR"
    for topic in TOPICS:
        yield f'  {topic.name}[("{topic.name}")]'
    for stage in STAGES:
        yield f'  stage-{stage.name}["{stage.name}"]'
        for name in _names(stage.reads):
            yield f"  {name} --> stage-{stage.name}"
        for name in _names(stage.writes):
            yield f"  stage-{stage.name} --> {name}"
    yield '  stage-sink["sink"]'
    for name in _names(SUNK):
        yield f"  {name} --> stage-sink"


def _names(topics: "tuple[Topic, ...]") -> list[str]:
    return [topic.name for topic in topics]


def _fact(stage: "Stage") -> dict[str, object]:
    return {
        "stage": stage.name,
        "role": stage.role,
        "kind": stage.kind.value,
        "reads": _names(stage.reads),
        "writes": _names(stage.writes),
        "tables": [table.name for table in stage.tables],
        "concurrency": stage.concurrency,
    }

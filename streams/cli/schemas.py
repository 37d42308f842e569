"""`tierflow schemas DIR`: the JSON Schema of every event and the AsyncAPI document."""

import argparse
import sys
from pathlib import Path

from streams.cli.answers import Exit, Subparsers, command


def add(subparsers: Subparsers) -> None:
    """Add `schemas`."""
    parser = command(
        subparsers,
        "schemas",
        "Write every event's JSON Schema and the AsyncAPI document.",
        "tierflow schemas schemas/\ntierflow schemas --check schemas/",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where they go")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where a file differs"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the files, or compare them."""
    from streams.kafka.contracts import files

    differing = [name for name, content in files().items() if _held(args.folder / name) != content]
    if args.check:
        for name in differing:
            print(f"{args.folder / name} is not what the code says: make schemas", file=sys.stderr)
        return Exit.NO if differing else Exit.DONE
    for name in differing:
        path = args.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files()[name])
        print(path)
    return Exit.DONE


def _held(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None

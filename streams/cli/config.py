"""`tierflow config show`: every setting, its value, and where that came from."""

import argparse

from streams.cli.answers import Exit, Subparsers, add_json, command, print_json, read_settings


def add(subparsers: Subparsers) -> None:
    """Add `config` and what it does."""
    parser = command(subparsers, "config", "Show the settings in force.", "tierflow config show")
    verbs = parser.add_subparsers(dest="verb", metavar="show", required=True)
    show = command(
        verbs,
        "show",
        "Show every setting with its value and origin; secrets are masked.",
        "TIERFLOW_KAFKA__PARTITIONS=12 tierflow config show",
    )
    add_json(show)
    show.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one setting a line: name, value, origin, separated by tabs."""
    from streams.sources import shown

    for name, value, origin in shown(read_settings(args)):
        if args.json:
            print_json({"name": name, "value": value, "origin": origin})
        else:
            print(f"{name}\t{'' if value is None else value}\t{origin}")
    return Exit.DONE

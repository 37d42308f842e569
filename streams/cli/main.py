"""`tierflow COMMAND`: finds the command, runs it, turns failures into exit codes and advice."""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from streams.cli.answers import Exit, add_common, code_of, first_of

COMMANDS = (
    "demo",
    "rig",
    "worker",
    "sink",
    "topics",
    "clickhouse",
    "config",
    "topology",
    "doctor",
    "ask",
    "publish",
    "feedback",
    "explain",
    "status",
    "models",
    "dlq",
    "simulate",
    "evaluate",
    "learner",
    "benchmark",
    "settle",
    "price",
    "schemas",
)
"""Modules of `streams.cli`, each with `add(subparsers)` and `run(args) -> int`, in help's order."""

TIMEOUT_S = 10.0


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; no command's own dependencies are imported."""
    parser = argparse.ArgumentParser(
        prog="tierflow",
        description="Routes LLM work over Kafka to the cheapest tier that does it well.",
        epilog="example:\n  tierflow status --json\n\n"
        "exit: 0 done, 1 the answer is no, 2 usage or settings, 3 not reachable, 4 not found",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"streams.cli.{name}").add(subparsers)
    return parser


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, with the defaults of the options that may stand on either side."""
    args = build_parser().parse_args(argv)
    args.config = getattr(args, "config", None)
    args.timeout = getattr(args, "timeout", getattr(args, "patience", TIMEOUT_S))
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; the process's own unless given.

    Returns:
        The exit code.
    """
    args = parse(argv)
    # A short command's own message says what is wrong; the client's retries are no news, nor what
    # asyncio says of a connection's other requests that nobody waits for any more.
    for library in ("aiokafka", "asyncio", "clickhouse_connect"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Exception as error:
        cause = first_of(error)
        code = code_of(cause)
        if code is None:
            raise
        return _fail(cause, code, args.command)


def _fail(error: Exception, code: Exit, command: str) -> int:
    print(f"tierflow: {str(error) or type(error).__name__}", file=sys.stderr)
    then = getattr(error, "then", None)
    if then is None and code is Exit.UNREACHABLE and command != "doctor":
        then = "`tierflow doctor` tries every address and says what to do"
    if then is not None:
        print(f"next: {then}", file=sys.stderr)
    return code

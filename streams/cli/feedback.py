"""`tierflow feedback TASK_ID SCORE`: say how well a task was done."""

import argparse
import asyncio
import shlex
import sys

from streams.cli.answers import (
    Exit,
    Subparsers,
    UsageError,
    add_json,
    command,
    print_json,
    read_settings,
)

SOURCES = ("user", "test", "validator", "judge", "rule")


def add(subparsers: Subparsers) -> None:
    """Add `feedback`."""
    parser = command(
        subparsers,
        "feedback",
        "Say how well a task was done: 0 is useless, 1 is as good as can be.",
        "tierflow feedback t1 0.9 --source test",
    )
    parser.add_argument("task_id", metavar="TASK_ID")
    parser.add_argument("score", metavar="SCORE", type=float, help="in [0, 1]")
    parser.add_argument("--source", choices=SOURCES, default="user", help="who says so (user)")
    parser.add_argument("--name", default="", help="tells two of the same source apart")
    parser.add_argument("--comment", help="for people")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Publish it."""
    import orjson

    from streams.cli.wire import send
    from streams.events.feedback import Feedback
    from streams.kafka import codec
    from streams.topology import FEEDBACK

    given = {key: getattr(args, key) for key in ("task_id", "score", "source", "name", "comment")}
    body = orjson.dumps({key: value for key, value in given.items() if value is not None})
    event = codec.decode(Feedback, body)
    if isinstance(event, codec.Rejected):
        raise UsageError(event.detail)
    asyncio.run(send(read_settings(args).kafka, FEEDBACK, [(event.task_id, body)], args.timeout))
    if args.json:
        print_json(event.model_dump(mode="json"))
        return Exit.DONE
    print(f"feedback on {event.task_id}: {event.score:g} by {event.source}")
    then = f"`tierflow explain {shlex.quote(event.task_id)}` shows what it taught"
    print(f"next: {then}", file=sys.stderr)
    return Exit.DONE

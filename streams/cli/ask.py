"""`tierflow ask PROMPT`: one task, its answer, and what it took."""

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

from streams.cli.answers import (
    Exit,
    Subparsers,
    UsageError,
    add_json,
    command,
    print_json,
    read_settings,
)

if TYPE_CHECKING:
    from streams.events.outcome import Result
    from streams.settings import KafkaSettings, Settings

PATIENCE_S = 60.0
"""How long an answer is waited for unless told otherwise: models take their time."""

REACH_S = 10.0
"""How long the broker is tried at most."""

EXAMPLE = """\
tierflow ask "Convert 5 miles to kilometres."
git diff | tierflow ask - --context "Review this change." --min-tier 3 --timeout 120\
"""


def add(subparsers: Subparsers) -> None:
    """Add `ask`."""
    parser = command(
        subparsers,
        "ask",
        "Publish one task, wait for its result (--timeout, 60 s), and print the answer.",
        EXAMPLE,
    )
    parser.add_argument("prompt", metavar="PROMPT|-", help="what to ask; - is stdin")
    bounds = parser.add_argument_group("bounds, as the task event has them")
    bounds.add_argument("--context", metavar="TEXT", help="what comes before the prompt")
    bounds.add_argument("--model", metavar="NAME", help="this model and no other")
    bounds.add_argument("--min-tier", type=int, metavar="N", help="lowest tier, 0 to 4")
    bounds.add_argument("--max-tier", type=int, metavar="N", help="highest tier, 0 to 4")
    bounds.add_argument("--min-quality", type=float, metavar="Q", help="quality to reach, 0 to 1")
    bounds.add_argument(
        "--max-cost",
        dest="max_cost_usd",
        metavar="USD",
        help="most that a call may be expected to cost",
    )
    bounds.add_argument("--max-output-tokens", type=int, metavar="N", help="longest answer")
    bounds.add_argument("--temperature", type=float, metavar="T", help="0 to 2")
    bounds.add_argument(
        "--capability",
        dest="capabilities",
        action="append",
        metavar="NAME",
        help="what the model must have; may be repeated",
    )
    bounds.add_argument(
        "--critical",
        action="store_const",
        const=True,
        help="one tier up, nothing is tried out on it",
    )
    bounds.add_argument("--tenant", metavar="NAME", help="whom it is booked to (default)")
    parser.add_argument("--task-id", metavar="ID", help="the task's id (a new one)")
    add_json(parser)
    parser.set_defaults(run=run, patience=PATIENCE_S)


FIELDS = (
    "context", "model", "min_tier", "max_tier", "min_quality", "max_cost_usd", "max_output_tokens",
    "temperature", "capabilities", "critical", "tenant",
)  # fmt: skip
"""Options that are fields of the task."""


def run(args: argparse.Namespace) -> int:
    """Ask, wait, tell."""
    from streams.cli import advice

    settings = read_settings(args)
    task_id, body = task_of(args, settings)
    result = asyncio.run(_asked(settings.kafka, task_id, body, args.timeout))
    if result is None:
        print(f"tierflow: {advice.no_result(task_id, args.timeout)}", file=sys.stderr)
        return Exit.UNREACHABLE
    if args.json:
        print_json(result.model_dump(mode="json"))
    else:
        print("\n".join(lines_of(result)))
        sys.stdout.flush()
    if result.status == "completed":
        print(advice.after_a_result(task_id), file=sys.stderr)
        return Exit.DONE
    if not args.json:
        return Exit.NO
    said, then = advice.why_failed(result)
    print(f"tierflow: {said}\nnext: {then}", file=sys.stderr)
    return Exit.NO


def task_of(args: argparse.Namespace, settings: "Settings") -> tuple[str, bytes]:
    """The task's id and body.

    Raises:
        UsageError: A field is wrong; the message names it.
    """
    import orjson

    from streams import ids
    from streams.clock import SystemClock
    from streams.events.task import Task
    from streams.kafka import codec

    prompt = args.prompt
    if prompt == "-":
        prompt = sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\n")
    cause = (prompt, SystemClock().now().isoformat(), os.getpid())
    given: dict[str, Any] = {"task_id": args.task_id or f"ask-{ids.derive('ask', *cause)[4:16]}"}
    given["prompt"] = prompt
    given |= {name: value for name in FIELDS if (value := getattr(args, name)) is not None}
    try:
        body = orjson.dumps(given)
    except orjson.JSONEncodeError:
        raise UsageError("PROMPT: not UTF-8") from None
    task = codec.decode(Task, body)
    if isinstance(task, codec.Rejected):
        raise UsageError(task.detail)
    if len(body) > settings.limits.max_task_bytes:
        most = settings.limits.max_task_bytes
        raise UsageError(f"PROMPT: the task has {len(body)} bytes; {most} are allowed")
    return task.task_id, body


def lines_of(result: "Result") -> list[str]:
    """The answer, and what it took; or why there is none, and what to do."""
    from streams.cli import advice

    cost = advice.dollars_of(result.cost_usd)
    took = advice.seconds_of(result.latency_s)
    if result.status == "completed":
        by = "a skill, no model was called" if result.model is None else f"model {result.model}"
        tries = "" if len(result.attempts) < 2 else f" after {len(result.attempts)} attempts"  # noqa: PLR2004
        where = f"tier {result.tier} ({by}){tries}"
        return [result.output or "", "", f"{where} · {cost} · {took} · task {result.task_id}"]
    said, then = advice.why_failed(result)
    where = "" if result.tier is None else f"ended in tier {result.tier} · "
    return [f"failed: {said}", f"{where}{cost} · {took} · task {result.task_id}", f"next: {then}"]


async def _asked(
    kafka: "KafkaSettings", task_id: str, body: bytes, timeout_s: float
) -> "Result | None":
    """Listen first, then publish: an answer may come before the confirmation does."""
    from streams.cli.wire import listening, send
    from streams.topology import TASKS

    reach_s = min(timeout_s, REACH_S)
    async with listening(kafka, reach_s) as results:
        await send(kafka, TASKS, [(task_id, body)], reach_s)
        try:
            async with asyncio.timeout(timeout_s):
                async for result in results:
                    if result.task_id == task_id:
                        return result
        except TimeoutError:
            pass  # the caller says what to do
    return None

"""`tierflow publish FILE|-`: task bodies or recorded rows become task events."""

import argparse
import asyncio
import gzip
import shlex
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.cli.answers import (
    Exit,
    Subparsers,
    UsageError,
    add_json,
    command,
    print_json,
    read_settings,
    seconds,
    whole_number,
)
from streams.cli.progress import Progress

if TYPE_CHECKING:
    from streams.events.envelope import JsonObject
    from streams.events.outcome import Result
    from streams.settings import Settings


def add(subparsers: Subparsers) -> None:
    """Add `publish`."""
    parser = command(
        subparsers,
        "publish",
        "Publish tasks: bodies or recorded rows, as JSON lines or an array, gzipped or not.",
        """echo '{"task_id": "t1", "prompt": "What is 2 + 3?"}' | tierflow publish - --wait 30""",
    )
    parser.add_argument("file", metavar="FILE|-", help="what to publish; - is stdin")
    parser.add_argument(
        "--wait", type=seconds, metavar="S", help="print the results, for which S seconds are given"
    )
    parser.add_argument(
        "--redrive",
        type=_redrive,
        default=0,
        metavar="N",
        help="have tasks that failed run anew: 1 the first time, then 2, …",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Publish all, or nothing where one of them is no task."""
    settings = read_settings(args)
    tasks = list(read_tasks(args.file, settings.limits.max_task_bytes))
    if not tasks:
        raise UsageError(f"{args.file}: no tasks in it")
    results = asyncio.run(_publish(tasks, settings, args))
    if results is None:
        print(
            f"published {len(tasks)} tasks; next: `--wait S` prints results, "
            "`tierflow explain TASK_ID` tells one task's story",
            file=sys.stderr,
        )
        return Exit.DONE
    wanted = {task_id for task_id, _ in tasks}
    print(summary_of(wanted, results, args.wait), file=sys.stderr)
    done = wanted == results.keys() and all(r.status == "completed" for r in results.values())
    return Exit.DONE if done else Exit.NO


def summary_of(wanted: set[str], results: "Mapping[str, Result]", wait_s: float) -> str:
    """What came of tasks, in a line or two, and what to do about the rest.

    Args:
        wanted: Ids of the tasks.
        results: What came, by task id.
        wait_s: How long it was waited for.
    """
    failed = sorted(name for name, result in results.items() if result.status != "completed")
    missing = sorted(wanted - results.keys())
    lines = [f"{len(results) - len(failed)} of {len(wanted)} tasks are completed"]
    if failed:
        then = f"`tierflow explain {shlex.quote(failed[0])}` tells why"
        lines.append(f"{len(failed)} failed: {then}")
    if missing:
        then = "is a worker running? `tierflow status` shows where they wait"
        lines.append(f"{len(missing)} without a result after {wait_s:g} s: {then}")
    return "\n".join(lines)


def read_tasks(file: str, max_bytes: int) -> "Iterator[tuple[str, bytes]]":
    """Task ids and bodies of a file.

    A body without `task_id` is given one derived from it. Of a recorded row (it has `outcomes`)
    only a hashed id and what is asked are published.

    Args:
        file: A path, or `-` for stdin.
        max_bytes: Largest body.

    Raises:
        UsageError: The file can't be read, or something in it is no task.
    """
    from streams.rig.recorded import RecordedError, objects_of

    source = "stdin" if file == "-" else file
    try:
        yield from tasks_of(objects_of(read_content(file), source), max_bytes)
    except RecordedError as error:
        raise UsageError(str(error)) from None


def tasks_of(
    placed: "Iterable[tuple[str, JsonObject]]", max_bytes: int
) -> "Iterator[tuple[str, bytes]]":
    """Task ids and bodies of objects with their places; see `read_tasks`."""
    import orjson

    from streams.events.task import Task
    from streams.kafka import codec

    seen: Counter[str] = Counter()
    for place, found in placed:
        body = _body(found, place, seen)
        value = orjson.dumps(body)
        task = codec.decode(Task, value)
        if isinstance(task, codec.Rejected):
            raise UsageError(f"{place}: {task.detail}")
        if len(value) > max_bytes:
            raise UsageError(f"{place}: {len(value)} bytes; {max_bytes} are allowed")
        yield task.task_id, value


def _body(found: "JsonObject", place: str, seen: Counter[str]) -> "JsonObject":
    import orjson

    from streams import ids
    from streams.rig.recorded import parse_row

    if "outcomes" in found:
        row = parse_row(found, place)
        repeat = seen[row.task_id]
        seen[row.task_id] += 1
        return row.model_copy(update={"repeat": repeat}).body()
    if "task_id" in found:
        return found
    cause = ids.digest(orjson.dumps(found, option=orjson.OPT_SORT_KEYS))
    seen[cause] += 1
    return {"task_id": ids.derive("task", cause, seen[cause] - 1), **found}


def _redrive(text: str) -> int:
    from streams.events.redrive import MOST_REDRIVES

    return whole_number(text, MOST_REDRIVES)


def read_content(file: str) -> bytes:
    """The bytes of a file or of stdin (`-`), unpacked where they are gzipped.

    Raises:
        UsageError: It can't be read.
    """
    from streams.rig.recorded import GZIP_MAGIC

    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{file}: can't be read: {error}") from None


async def _publish(
    tasks: "Sequence[tuple[str, bytes]]", settings: "Settings", args: argparse.Namespace
) -> "dict[str, Result] | None":
    from streams.cli.wire import listening, send
    from streams.kafka.codec import redriven
    from streams.topology import TASKS

    kafka = settings.kafka
    if args.wait is None:
        await send(kafka, TASKS, tasks, args.timeout, redriven(args.redrive))
        for task_id, _ in tasks:
            print_json({"task_id": task_id}) if args.json else print(task_id)
        return None
    wanted = {task_id for task_id, _ in tasks}
    found: dict[str, Result] = {}
    progress = Progress(len(wanted), "results")
    async with listening(kafka, args.timeout) as results:
        await send(kafka, TASKS, tasks, args.timeout, redriven(args.redrive))
        try:
            async with asyncio.timeout(args.wait):
                async for result in results:
                    if result.task_id in wanted and result.task_id not in found:
                        found[result.task_id] = result
                        progress.clear()
                        _show(result, args)
                        progress.show(len(found))
                    if len(found) == len(wanted):
                        break
        except TimeoutError:
            pass  # what is missing is counted by the caller
        finally:
            progress.clear()
    return found


def _show(result: "Result", args: argparse.Namespace) -> None:
    if args.json:
        print_json(result.model_dump(mode="json"))
        return
    cost: Any = "unknown" if result.cost_usd is None else f"{result.cost_usd:f}"
    said = (
        result.output if result.error is None else f"{result.error.reason}: {result.error.detail}"
    )
    first = (said or "").strip().splitlines() or [""]
    where = f"tier {result.tier}  {result.model or '-'}  ${cost}"
    print(f"{result.task_id}  {result.status}  {where}  {first[0][:200]}")

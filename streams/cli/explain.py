"""`tierflow explain TASK_ID`: the whole story of one task."""

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from streams.cli.answers import (
    Exit,
    NotFoundError,
    Subparsers,
    add_json,
    command,
    first_of,
    print_json,
    read_settings,
)

if TYPE_CHECKING:
    from streams.cli.story import Moment, Story
    from streams.events.envelope import Event
    from streams.kafka.trace import Trace
    from streams.settings import ClickHouseSettings, Settings

BOOKS_S = 5.0
"""How long ClickHouse is tried at most: the topics may know enough."""


def add(subparsers: Subparsers) -> None:
    """Add `explain`."""
    parser = command(
        subparsers,
        "explain",
        "Tell the story of one task: decision, calls, result, cost, feedback, lessons.",
        "tierflow explain invoice-17",
    )
    parser.add_argument("task_id", metavar="TASK_ID")
    parser.add_argument(
        "--recent", type=int, default=2000, metavar="N",
        help="newest records of a partition that are looked through (2000)",
    )  # fmt: skip
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask books and topics at once, and tell what they know."""
    from streams.cli import story

    settings = read_settings(args)
    found, held, refusals = asyncio.run(_ask(args, settings))
    trail = found.events if found else []
    told = story.gather(args.task_id, held or [], trail, found.letters if found else [])
    if not told.known:
        raise _nowhere(args, found, refusals)
    missing = story.unknown(
        told,
        books=held is not None,
        topics=found is not None,
        complete=found is not None and found.complete,
    )
    moments = story.tell(told)
    if args.json:
        print_json(fact_of(told, moments, missing))
    else:
        print(story.render(told, moments, missing))
    return Exit.DONE


def fact_of(told: "Story", moments: "list[Moment]", missing: list[str]) -> dict[str, Any]:
    """The story for a program; what a lesson or decision learned from is left out."""
    return {
        "task_id": told.task_id,
        "decisions": [d.model_dump(mode="json", exclude={"features"}) for d in told.decisions],
        "calls": [call.model_dump(mode="json") for call in told.calls],
        "costs": [cost.model_dump(mode="json") for cost in told.costs],
        "results": [result.model_dump(mode="json") for result in told.results],
        "feedback": [score.model_dump(mode="json") for score in told.scores],
        "lessons": [x.model_dump(mode="json", exclude={"features"}) for x in told.lessons],
        "moments": [moment._asdict() for moment in moments],
        "unknown": missing,
    }


async def _ask(
    args: argparse.Namespace, settings: "Settings"
) -> "tuple[Trace | None, list[Event] | None, list[str]]":
    """What each source holds, None where it can't be asked, and why it can't."""
    from aiokafka.errors import KafkaError

    from streams.kafka.security import access_of
    from streams.kafka.trace import trace

    kafka, refusals = settings.kafka, list[str]()
    access = access_of(kafka)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(
            asyncio.to_thread(_books, settings.clickhouse, args.task_id, args.timeout, refusals)
        )
        try:
            found = await trace(
                access, kafka.prefix, args.task_id, args.timeout, recent=args.recent
            )
        except (OSError, KafkaError) as error:
            refusals.append(str(first_of(error)))
            found = None
    return found, asked.result(), refusals


def _books(
    clickhouse: "ClickHouseSettings", task_id: str, timeout_s: float, refusals: list[str]
) -> "list[Event] | None":
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from streams.clickhouse.client import AccessRefusedError, connect_as, why
    from streams.clickhouse.story import recall

    try:
        client = connect_as(
            clickhouse, clickhouse.database, connect_timeout_s=min(timeout_s, BOOKS_S)
        )
        try:
            return recall(client, task_id)
        finally:
            client.close()
    except AccessRefusedError as error:
        refusals.append(str(error))
        return None
    except (ClickHouseError, OSError) as error:
        refusals.append(f"ClickHouse at {clickhouse.url}: {why(error)}")
        return None


def _nowhere(
    args: argparse.Namespace, found: "Trace | None", refusals: list[str]
) -> NotFoundError | ConnectionError:
    """Nothing is known: because there is nothing, or because somebody can't be asked."""
    if refusals:
        why = "; ".join(refusals)
        return ConnectionError(
            f"nothing is known of {args.task_id}, but not all can be asked: {why}"
        )
    whole = found is None or found.complete
    looked = "the topics" if whole else f"the newest {args.recent} records of the topics (--recent)"
    return NotFoundError(
        f"{args.task_id} is neither in the books nor in {looked}: mind upper and lower case; "
        "`tierflow ask` and `tierflow publish` print the ids that they publish"
    )

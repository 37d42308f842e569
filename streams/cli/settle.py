"""`tierflow settle`: calls in doubt, and what they turned out to cost."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from streams.cli.answers import (
    Exit,
    NotFoundError,
    Subparsers,
    UsageError,
    add_json,
    command,
    content_of,
    print_json,
    read_settings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from streams.cli.price import Told
    from streams.cli.settlements import Settlement
    from streams.events.outcome import Cost
    from streams.settings import Settings

NOT_MIGRATED = ("UNKNOWN_DATABASE", "UNKNOWN_TABLE", "UNKNOWN_IDENTIFIER")
"""What ClickHouse says where `clickhouse migrate` did not run."""


def add(subparsers: Subparsers) -> None:
    """Add `settle`."""
    parser = command(
        subparsers,
        "settle",
        "List calls in doubt, or book what they turned out to cost.",
        "tierflow settle\n"
        "tierflow settle call-3f0c2a --cost-usd 0.0042\n"
        "tierflow settle call-3f0c2a --usage answer.json\n"
        "tierflow settle --bill export.jsonl --dry-run",
    )
    parser.add_argument("call_id", metavar="CALL_ID", nargs="?", help="settle this one")
    figure = parser.add_mutually_exclusive_group()
    figure.add_argument("--cost-usd", type=_dollars, metavar="D", help="it cost so many dollars")
    figure.add_argument("--not-billed", action="store_true", help="it was not billed")
    figure.add_argument(
        "--usage",
        metavar="FILE",
        help="price what the vendor counted, as `price` does; - for stdin",
    )
    figure.add_argument(
        "--bill", metavar="FILE",
        help="a provider's export: JSON lines with call_id and billed_usd; - for stdin",
    )  # fmt: skip
    parser.add_argument(
        "--force", action="store_true", help="book more than the call can have cost by its bound"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be booked")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List, settle one, or settle by a bill."""
    one = args.cost_usd is not None or args.not_billed or args.usage is not None
    if args.call_id is None and one:
        raise UsageError("CALL_ID: required; `tierflow settle` lists calls in doubt")
    if args.call_id is not None and args.bill is not None:
        raise UsageError("--bill: names its calls itself; leave CALL_ID out")
    if args.call_id is not None and not one:
        raise UsageError("say what it cost: --cost-usd D, --not-billed or --usage FILE")
    if args.bill is not None:
        return _by_bill(args)
    return _list(args) if args.call_id is None else _one(args)


def _list(args: argparse.Namespace) -> int:
    from streams.cli.settlements import doubt_of, list_of, summed_up
    from streams.clickhouse.doubts import open_doubts

    with books_of(args, read_settings(args)) as client:
        doubts = open_doubts(client)
    if args.json:
        for doubt in doubts:
            print_json(doubt_of(doubt))
    elif doubts:
        print("\n".join(list_of(doubts)))
    print(summed_up(doubts), file=sys.stderr if args.json else sys.stdout)
    if doubts and not args.json:
        _say("next: `tierflow settle CALL_ID --cost-usd D`, or `--bill` with the provider's export")
    return Exit.DONE


def _one(args: argparse.Namespace) -> int:
    from streams.calling.settling import SETTLED, Standing, settled, standing
    from streams.cli.settlements import settlement
    from streams.clickhouse.doubts import cost_of
    from streams.clock import SystemClock

    settings = read_settings(args)
    with books_of(args, settings) as client:
        known = cost_of(client, args.call_id)
        if known is None:
            raise NotFoundError(
                f"the books have no cost of {args.call_id}: mind the id, and that a call which "
                "ended just now takes some seconds"
            )
        if standing(known) is Standing.CONFIRMED:
            _say(f"tierflow: {args.call_id} is not in doubt: {_price_of(known)}")
            return Exit.NO
        if args.usage is None:
            after = settled(known, args.cost_usd or Decimal(0), at=SystemClock().now())
        else:
            told = _priced(settings, client, known, content_of("--usage", args.usage))
            if told.cost_usd is None:
                _say(f"tierflow: its cost is unknown: {told.because}")
                _say("next: set its price in the registry, or say the figure with --cost-usd")
                return Exit.NO
            after = settled(
                known, told.cost_usd, at=SystemClock().now(),
                price_version=told.price_version or SETTLED,
                usage=told.payload.usage, answered_by=told.payload.model,
            )  # fmt: skip
    return _carry_out(args, settings, [settlement(known, after, force=args.force)])


def _priced(settings: "Settings", client: "Client", known: "Cost", content: bytes) -> "Told":
    """A vendor's usage, priced by the call's provider, who answered, and when it was made."""
    from streams.cli.price import price
    from streams.clickhouse.doubts import call_of
    from streams.providers.payload import read_payload

    try:
        payload = read_payload(content)
    except ValueError as error:
        raise UsageError(f"--usage: {error}") from None
    call = call_of(client, known.call_id)
    at = known.incurred_at if call is None else call.intended_at
    model = payload.model or known.answered_by or known.model
    try:
        return price(settings, known.provider, model, payload, at)
    except UsageError:
        raise UsageError(
            f"--usage: provider {known.provider!r} of the call is none of these settings and no "
            "vendor: use the workers' settings, or say the figure with --cost-usd"
        ) from None


def _by_bill(args: argparse.Namespace) -> int:
    from streams.calling.settling import settled
    from streams.cli.settlements import settlement, summed_up
    from streams.clickhouse.doubts import open_doubts
    from streams.clock import SystemClock
    from streams.money.bills import read_bill

    settings = read_settings(args)
    try:
        bill = read_bill(content_of("--bill", args.bill))
    except ValueError as error:
        raise UsageError(f"--bill {args.bill}: {error}") from None
    with books_of(args, settings) as client:
        doubts = open_doubts(client)
    at = SystemClock().now()
    figures = [(doubt, bill.figures.get(doubt.call_id)) for doubt in doubts]
    settlements = [
        settlement(doubt, settled(doubt, figure, at=at), force=args.force)
        for doubt, figure in figures
        if figure is not None
    ]
    code = _carry_out(args, settings, settlements)
    left = [doubt for doubt, figure in figures if figure is None]
    others = len(bill.figures) - sum(doubt.call_id in bill.figures for doubt in doubts)
    if left:
        _say(f"left open: {summed_up(left)}")
    if nameless := sum(doubt.call_id in bill.figures for doubt in left):
        _say(f"{nameless} of them are on the bill without a figure (null)")
    if others:
        _say(f"{others} calls on the bill are not in doubt, and were passed over")
    if bill.repeated:
        _say(f"{bill.repeated} of {bill.lines} lines are copies of others, and count once")
    return code


def _carry_out(
    args: argparse.Namespace, settings: "Settings", settlements: "Sequence[Settlement]"
) -> int:
    """Publish what is to be booked, and tell all."""
    from streams.cli.advice import dollars_of
    from streams.cli.settlements import Doing, fact_of, line_of

    due = [one for one in settlements if one.doing is Doing.SETTLE]
    if due and not args.dry_run:
        asyncio.run(_publish(args, settings, due))
    for one in settlements:
        if args.json:
            print_json(fact_of(one, rehearsed=args.dry_run))
        else:
            print(line_of(one, rehearsed=args.dry_run))
    total = sum((one.figure_usd for one in due), start=Decimal(0))
    _say(f"{len(due)} calls {'would be ' * args.dry_run}settled, {dollars_of(total)} in all")
    if args.dry_run:
        _say("nothing was booked; leave out --dry-run to book it")
    elif due:
        _say("the books have it within seconds, where a sink runs")
    return Exit.NO if any(one.doing is Doing.REFUSE for one in settlements) else Exit.DONE


async def _publish(
    args: argparse.Namespace, settings: "Settings", due: "Sequence[Settlement]"
) -> None:
    from streams.clock import SystemClock
    from streams.kafka.security import access_of
    from streams.kafka.settle import publish

    kafka = settings.kafka
    costs = [(x.event_id, x.after) for x in due]
    await publish(access_of(kafka), kafka.prefix, costs, SystemClock(), timeout_s=args.timeout)


@contextmanager
def books_of(args: argparse.Namespace, settings: "Settings") -> "Iterator[Client]":
    """ClickHouse, with the database of the books.

    Raises:
        NotFoundError: The tables are not there.
        ConnectionError: It doesn't answer.
    """
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from streams.clickhouse import client as books

    at = settings.clickhouse
    try:
        with closing(books.connect_as(at, at.database, connect_timeout_s=args.timeout)) as client:
            yield client
    except books.AccessRefusedError:
        raise
    except (ClickHouseError, OSError) as error:
        if any(word in str(error) for word in NOT_MIGRATED):
            raise NotFoundError(
                f"the books in {at.database} are not there as they should be: run "
                "`tierflow clickhouse migrate`"
            ) from error
        raise ConnectionError(
            f"ClickHouse doesn't answer at {at.url} as {at.user}: {books.why(error)}"
        ) from error


def _price_of(cost: "Cost") -> str:
    from streams.cli.advice import dollars_of

    if cost.cost_usd is None:
        return "it ended, and its price is unknown; set it in the registry"
    return f"it cost {dollars_of(cost.cost_usd)}"


def _dollars(text: str) -> Decimal:
    from streams.money.bills import dollars

    try:
        return dollars(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _say(line: str) -> None:
    print(line, file=sys.stderr)

"""`tierflow dlq list|show|redrive`: what was buried and why, and sending it again."""

import argparse
import asyncio
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from streams.cli.answers import (
    Exit,
    NotFoundError,
    Subparsers,
    UsageError,
    add_json,
    command,
    print_json,
    read_settings,
    whole_number,
)
from streams.cli.letters import fact_of, lines_of, plain, table, whole_of
from streams.cli.progress import Progress

if TYPE_CHECKING:
    from streams.kafka.letters import Letter, Selection
    from streams.kafka.redrive import Mail
    from streams.settings import KafkaSettings

SHOWN = 100
REDRIVEN = 100
MOST = 1_000_000
EVERY = 5_000
"""So many letters are read between two words about it."""

AGO = re.compile(r"(\d{1,6})([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add(subparsers: Subparsers) -> None:
    """Add `dlq` and what it does."""
    parser = command(
        subparsers, "dlq", "Look at dead letters, and send them again.", "tierflow dlq list"
    )
    verbs = parser.add_subparsers(dest="verb", metavar="list|show|redrive", required=True)
    listing = command(
        verbs,
        "list",
        "List dead letters, the newest last; how many of what there are, on stderr.",
        "tierflow dlq list --reason internal --from 2h\ntierflow dlq list --json",
    )
    show = command(
        verbs,
        "show",
        "Show one letter whole: by its place, the place of its record, or its key.",
        "tierflow dlq show 3/17\ntierflow dlq show invoice-17 --json",
    )
    redrive = command(
        verbs,
        "redrive",
        "Send letters back to where their records came from: decided, called and paid for anew.",
        "tierflow dlq redrive --reason internal --from 2h --limit 20 --dry-run\n"
        "tierflow dlq redrive --letter 3/17",
    )
    show.add_argument(
        "name", metavar="PLACE|KEY", help="PARTITION/OFFSET, TOPIC/PARTITION/OFFSET, or a key"
    )
    for verb in (listing, redrive):
        _add_selection(verb)
    listing.add_argument(
        "--limit", type=_count, metavar="N", help=f"the newest N ({SHOWN}; all with --json)"
    )
    redrive.add_argument(
        "--letter",
        metavar="PLACE|KEY",
        action="append",
        default=[],
        help="this one; again for more",
    )
    redrive.add_argument(
        "--limit", type=_count, default=REDRIVEN, metavar="N", help=f"the oldest N ({REDRIVEN})"
    )
    redrive.add_argument("--dry-run", action="store_true", help="say what would be sent")
    for verb in (listing, show, redrive):
        add_json(verb)
        verb.set_defaults(run=run)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", metavar="R", help="why they were buried, such as internal")
    parser.add_argument("--stage", metavar="S", help="who buried them, such as tier-2")
    parser.add_argument("--topic", metavar="T", help="where they came from, such as tasks")
    when = "RFC 3339, a date, or 30m, 2h, 3d ago"
    parser.add_argument("--from", dest="since", metavar="T", help=f"buried then or later: {when}")
    parser.add_argument("--to", dest="until", metavar="T", help="buried before")


def run(args: argparse.Namespace) -> int:
    """List, show or redrive."""
    kafka = read_settings(args).kafka
    if args.verb == "show":
        return asyncio.run(_show(args, kafka))
    if args.verb == "redrive" and args.reason is None and not args.letter:
        raise UsageError("say which: --reason R or --letter PLACE; `tierflow dlq list` shows them")
    go = _list if args.verb == "list" else _redrive
    return asyncio.run(go(args, kafka, selection_of(args, kafka.prefix, _now())))


def selection_of(args: argparse.Namespace, prefix: str, now: datetime) -> "Selection":
    """What the flags select.

    Raises:
        UsageError: A reason, stage, topic or time that there is not.
    """
    from streams.events.envelope import Reason
    from streams.kafka.letters import Selection
    from streams.topology import BY_NAME, SINK_ROLE, STAGES

    known = {
        "reason": [reason.value for reason in Reason],
        "stage": [*(stage.name for stage in STAGES), SINK_ROLE],
        "topic": list(BY_NAME),
    }
    for flag, allowed in known.items():
        if getattr(args, flag) not in (None, *allowed):
            said = getattr(args, flag)
            raise UsageError(f"--{flag}: {said!r} is none of {', '.join(allowed)}")
    return Selection(
        prefix=prefix,
        reason=args.reason,
        stage=args.stage,
        topic=args.topic,
        since=None if args.since is None else moment(args.since, now),
        until=None if args.until is None else moment(args.until, now),
        named=tuple(getattr(args, "letter", ())),
    )


def moment(text: str, now: datetime) -> datetime:
    """A moment as people write it; without a zone it is UTC.

    Raises:
        UsageError: It is none.

    Example:
        >>> noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
        >>> moment("2h", noon).hour, moment("2026-11-23", noon).hour
        (10, 0)
    """
    if ago := AGO.fullmatch(text):
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no time: write 2026-11-23T12:00:00Z, or 2h for ago"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _list(args: argparse.Namespace, kafka: "KafkaSettings", selection: "Selection") -> int:
    mail = _mail(args, kafka)
    sent = await mail.sent()
    counted: Counter[tuple[str, str]] = Counter()
    rows: list[tuple[datetime, dict[str, Any]]] = []
    limit = args.limit or (None if args.json else SHOWN)
    async for letter in _told(mail):
        if not selection.takes(letter):
            continue
        counted[letter.reason, letter.stage] += 1
        rows.append((letter.record.at, fact_of(letter, sent)))
        if limit is not None and len(rows) > 2 * limit:
            rows = _newest(rows, limit)
    facts = [fact for _, fact in _newest(rows, limit)]
    if args.json:
        for fact in facts:
            print_json(fact)
    elif facts:
        print("\n".join(table(facts)))
    total = counted.total()
    parts = (f"{n} {reason} by {stage}" for (reason, stage), n in counted.most_common())
    _say(f"{total} letters: {', '.join(parts)}" if total else "no dead letters")
    if len(facts) < total:
        _say(f"shown are the newest {len(facts)}; --limit N for more")
    return Exit.DONE


async def _show(args: argparse.Namespace, kafka: "KafkaSettings") -> int:
    mail = _mail(args, kafka)
    found = [x async for x in _told(mail) if x.is_called(args.name, kafka.prefix)]
    if not found:
        raise NotFoundError(f"no dead letter {args.name}: `tierflow dlq list` shows their places")
    letter = max(found, key=lambda x: x.record.at)
    fact = {**fact_of(letter, await mail.sent()), **whole_of(letter)}
    if args.json:
        print_json(fact)
    else:
        print("\n".join(lines_of(fact)))
    if others := [x.place for x in found if x is not letter]:
        _say(f"older ones of that name: {', '.join(others)}")
    return Exit.DONE


async def _redrive(args: argparse.Namespace, kafka: "KafkaSettings", selection: "Selection") -> int:
    mail = _mail(args, kafka)
    sent = await mail.sent()
    letters, known, left = await mail.choose(selection, args.limit, sent)
    if not letters and not known:
        raise NotFoundError("no dead letter is meant by that: `tierflow dlq list` shows them")
    done, refused = 0, 0

    def told(letter: "Letter", why: str | None) -> None:
        nonlocal done, refused
        done, refused = done + (why is None), refused + (why is not None)
        progress.clear()
        _tell(args, letter, fact_of(letter, sent), why)
        progress.show(done + refused)

    with Progress(len(letters), "letters") as progress:
        async with mail.sender() as sender:
            await sender.send(letters, told, rehearse=args.dry_run)
    _sum_up(args, done, refused, known, left)
    return Exit.NO if refused else Exit.DONE


def _tell(
    args: argparse.Namespace, letter: "Letter", fact: dict[str, Any], why: str | None
) -> None:
    outcome = "refused" if why else "would_redrive" if args.dry_run else "redriven"
    if args.json:
        told = {**fact, "redrive": letter.next_redrive, "outcome": outcome, "because": why}
        print_json(told)
        return
    words = {"redriven": "sent again", "would_redrive": "would be sent again"}
    said = words.get(outcome) or f"can't be sent again: {why}"
    to = "" if why else f" to {fact['topic']} as redrive {letter.next_redrive}"
    print(f"{letter.place}  {plain(fact['key'] or '-')}  {said}{to}")


def _sum_up(args: argparse.Namespace, done: int, refused: int, known: int, left: int) -> None:
    would = "would be " if args.dry_run else ""
    _say(f"{done} {would}sent again, {known} were before, {refused} can't be")
    if left:
        _say(f"{left} more are meant by that: run it again for the next {args.limit}")
    if args.dry_run:
        _say("nothing was sent; leave out --dry-run to send them")
    elif done:
        _say("their results come under ids of their own and replace the old ones in the books")
    if refused:
        _say("a record whose value is gone has to be published anew by who asked for it")


def _newest(rows: list[tuple[datetime, dict[str, Any]]], limit: int | None) -> list[Any]:
    ranked = sorted(rows, key=lambda row: row[0])
    return ranked if limit is None else ranked[-limit:]


async def _told(mail: "Mail") -> Any:
    """All letters, with a word on stderr now and then."""
    read = 0
    async for letter in mail.letters():
        read += 1
        if read % EVERY == 0:
            _say(f"read {read} letters")
        yield letter


def _mail(args: argparse.Namespace, kafka: "KafkaSettings") -> "Mail":
    from streams.clock import SystemClock
    from streams.kafka.redrive import Mail
    from streams.kafka.security import access_of

    return Mail(access_of(kafka), kafka.prefix, args.timeout, SystemClock())


def _now() -> datetime:
    from streams.clock import SystemClock

    return SystemClock().now()


def _count(text: str) -> int:
    return whole_number(text, MOST)


def _say(line: str) -> None:
    print(line, file=sys.stderr)

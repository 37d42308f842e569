"""`tierflow learner show|rollback|freeze|warm`: what was learned, and what the learner is told."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

from streams.cli.answers import (
    Exit,
    NotFoundError,
    Subparsers,
    add_json,
    command,
    print_json,
    read_settings,
    seconds,
    who_asks,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.events.control import ModelState
    from streams.events.envelope import Event
    from streams.events.feedback import Alert
    from streams.settings import Settings

COLUMNS = ("part", "version", "lessons", "mean score", "bills", "bytes", "at")
ALERTED = ("drift", "rollback")
LATELY = 5
"""So many alerts are shown, the newest ones."""

MOST_ALERTS = 1_000
VERSIONS = 1 << 62


def add(subparsers: Subparsers) -> None:
    """Add `learner` and what it does."""
    parser = command(
        subparsers,
        "learner",
        "Show what was learned about each model, go back, freeze, or teach from files.",
        "tierflow learner show",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="show|rollback|freeze|warm", required=True)
    show = command(
        verbs,
        "show",
        "List the snapshots in force: lessons, mean score, size, and whether each can serve.",
        "tierflow learner show\ntierflow learner show --json",
    )
    _settle(show, _show)
    back = command(
        verbs,
        "rollback",
        "Serve and learn on from the last weights known to be good.",
        "tierflow learner rollback\ntierflow learner rollback --to 640",
    )
    back.add_argument(
        "--to", type=_version, metavar="VERSION", help="one of those kept (the last good one)"
    )
    _settle(back, _rollback)
    freeze = command(
        verbs,
        "freeze",
        "Let lessons be tested on and teach nothing, until --off.",
        "tierflow learner freeze\ntierflow learner freeze --off",
    )
    freeze.add_argument("--off", action="store_true", help="teach again")
    _settle(freeze, _freeze)
    warm = command(
        verbs,
        "warm",
        "Teach the learner from recorded outcomes or old logs, such as before the first task.",
        "tierflow learner warm recorded.jsonl.gz --wait 60\ntierflow learner warm log.jsonl",
    )
    warm.add_argument(
        "files", metavar="FILE", nargs="+",
        help="recorded outcomes, or logged events as `evaluate --events` reads them; - is stdin",
    )  # fmt: skip
    warm.add_argument(
        "--wait", type=seconds, metavar="S", help="until it has learned them, at most S seconds"
    )
    _settle(warm, _warm)


def _settle(verb: argparse.ArgumentParser, run: Any) -> None:
    add_json(verb)
    verb.set_defaults(run=run)


def _show(args: argparse.Namespace) -> int:
    """Read the snapshots; exit 1 where one can't serve."""
    states, alerts = asyncio.run(_read(args, read_settings(args)))
    fact = fact_of(states, alerts)
    if args.json:
        print_json(fact)
    else:
        print("\n".join(lines_of(fact)))
    return Exit.NO if any(part["refused"] for part in fact["parts"]) else Exit.DONE


def _rollback(args: argparse.Namespace) -> int:
    """Tell the learner to go back."""
    settings = read_settings(args)
    fact = fact_of(*asyncio.run(_read(args, settings)))
    kept = fact["kept_versions"]
    if not kept:
        raise NotFoundError(
            "nothing is kept to go back to: the first weights are kept after 200 lessons"
        )
    to = kept[0] if args.to is None else args.to
    if to not in kept:
        named = ", ".join(map(str, kept))
        raise NotFoundError(f"version {to} is not kept to go back to; kept: {named}")
    name = asyncio.run(_tell(args, settings, "rollback", to))
    told = {
        "instruction_id": name,
        "what": "rollback",
        "from_version": fact["version"],
        "to_version": to,
    }
    _say(args, told, f"version {fact['version']} is given up for what version {to} was")
    return Exit.DONE


def _freeze(args: argparse.Namespace) -> int:
    """Tell the learner to teach nothing, or again."""
    settings = read_settings(args)
    fact = fact_of(*asyncio.run(_read(args, settings)))
    what, frozen = ("thaw", False) if args.off else ("freeze", True)
    told = {"instruction_id": None, "what": what, "version": fact["version"], "frozen": frozen}
    if fact["frozen"] == frozen:
        said = "the learner is frozen already" if frozen else "the learner is not frozen"
        print_json(told) if args.json else print(said)
        return Exit.DONE
    told["instruction_id"] = asyncio.run(_tell(args, settings, what, None))
    at = f"at version {fact['version']}"
    _say(
        args,
        told,
        f"frozen {at}: lessons teach nothing" if frozen else f"lessons teach again, {at}",
    )
    return Exit.DONE


def _warm(args: argparse.Namespace) -> int:
    """Publish lessons; exit 1 where the learner was waited for in vain."""
    from streams.cli.teaching import lines_of, warm

    fact = warm(args, read_settings(args))
    if args.json:
        print_json(fact)
    else:
        print("\n".join(lines_of(fact)))
    if fact["learned"] is None:
        print("next: `tierflow learner show` tells what was learned", file=sys.stderr)
    elif not fact["learned"]:
        then = "is a worker with the role learn running? `tierflow status` tells"
        print(f"tierflow: not all was learned within {args.wait:g} s: {then}", file=sys.stderr)
        return Exit.NO
    return Exit.DONE


def _say(args: argparse.Namespace, fact: dict[str, Any], said: str) -> None:
    print_json(fact) if args.json else print(said)
    print(
        "next: obeyed by the running learner within a second; `tierflow learner show` tells",
        file=sys.stderr,
    )


async def _tell(args: argparse.Namespace, settings: "Settings", what: Any, to: int | None) -> str:
    """Publish an instruction; its id."""
    from streams import ids
    from streams.clock import SystemClock
    from streams.events.instruction import Instruction
    from streams.kafka.control import steer
    from streams.kafka.security import access_of
    from streams.topology import INSTRUCTIONS

    clock, by = SystemClock(), who_asks(settings)
    now = clock.now()
    name = ids.derive("instruction", what, by, now.isoformat())
    told = Instruction(instruction_id=name, what=what, to_version=to, by=by, at=now)
    kafka = settings.kafka
    await steer(
        access_of(kafka), kafka.prefix, INSTRUCTIONS, [("learner", told)], args.timeout, clock
    )
    return name


def _version(text: str) -> int:
    from streams.cli.answers import whole_number

    return whole_number(text, VERSIONS)


async def _read(
    args: argparse.Namespace, settings: "Settings"
) -> "tuple[list[ModelState], list[Alert]]":
    from streams.events.control import ModelState
    from streams.events.feedback import Alert
    from streams.kafka.recent import recent
    from streams.kafka.security import access_of
    from streams.topology import ALERTS, MODEL_STATE

    kafka = settings.kafka
    found: Sequence[Event] = await recent(
        access_of(kafka), kafka.prefix, (MODEL_STATE, ALERTS), args.timeout, records=MOST_ALERTS
    )
    states = [event for event in found if isinstance(event, ModelState)]
    return states, [event for event in found if isinstance(event, Alert)]


def fact_of(states: "Iterable[ModelState]", alerts: "Iterable[Alert]" = ()) -> dict[str, Any]:
    """For a program.

    Args:
        states: As they stand on the topic: of each part the last one counts.
        alerts: Of every kind; the learner's newest are told.
    """
    from streams.routing.quality import SHARED, QualityView

    newest = {state.part: state for state in states}
    view, refused = QualityView(), dict[str, str]()
    for state in newest.values():
        try:
            view = view.with_part(state)
        except ValueError as error:
            refused[state.part] = str(error)
    whole = newest.get(SHARED)
    told = sorted((a for a in alerts if a.kind in ALERTED), key=lambda alert: alert.at)
    return {
        "version": max((state.version for state in newest.values()), default=0),
        "lessons": max((state.lessons for state in newest.values()), default=0),
        "frozen": whole is not None and whole.frozen,
        "last_good_version": whole.kept_versions[0] if whole and whole.kept_versions else None,
        "kept_versions": list(whole.kept_versions) if whole else [],
        "bills": sum(state.bills for state in newest.values()),
        "alerts": [
            {"at": a.at, "kind": a.kind, "subject": a.subject, "detail": a.detail}
            for a in told[-LATELY:]
        ],
        "parts": [
            {
                "part": state.part,
                "version": state.version,
                "lessons": state.part_lessons,
                "mean_score": state.mean_score,
                "bills": state.bills,
                "bytes": len(state.weights),
                "at": state.at,
                "refused": refused.get(state.part),
            }
            for state in sorted(newest.values(), key=lambda state: state.part)
        ],
        "voices": [voice.model_dump() for state in newest.values() for voice in state.voices],
    }


def lines_of(fact: dict[str, Any]) -> list[str]:
    """For a person."""
    if not fact["parts"]:
        return ["nothing was learned yet: a first score teaches, `tierflow feedback` gives one"]
    rows = [COLUMNS, *(_cells(part) for part in fact["parts"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    frozen = "; frozen: `tierflow learner freeze --off` lets it learn" if fact["frozen"] else ""
    learned = f"version {fact['version']}, after {fact['lessons']} lessons"
    bills = f" and {fact['bills']} bills" if fact["bills"] else ""
    lines = [f"{learned}{bills}{frozen}"]
    if fact["kept_versions"]:
        last, *later = fact["kept_versions"]
        kept = f"; kept after it: {', '.join(map(str, later))}" if later else ""
        lines.append(f"last good version {last}{kept}")
    lines.append("")
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    lines += [
        f"{part['part']} can't serve: {part['refused']}"
        for part in fact["parts"]
        if part["refused"]
    ]
    if fact["voices"]:
        lines += ["", "what a score counts for, the least first"]
    lines += [
        f"{voice['weight']:.3f}  {voice['source']} of {voice['tenant']}" for voice in fact["voices"]
    ]
    lines += [f"{_moment(a['at'])} {a['kind']}: {a['detail']}" for a in fact["alerts"]]
    return lines


def _moment(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _cells(part: dict[str, Any]) -> tuple[str, ...]:
    return (
        part["part"],
        str(part["version"]),
        str(part["lessons"]),
        f"{part['mean_score']:.3f}",
        str(part["bills"]),
        str(part["bytes"]),
        _moment(part["at"]),
    )

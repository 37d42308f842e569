"""Files of recorded outcomes or old logs, as lessons: what `tierflow learner warm` publishes."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from streams.cli.answers import UsageError
from streams.cli.progress import Progress
from streams.cli.publish import read_content

if TYPE_CHECKING:
    import argparse

    from streams.events.envelope import JsonObject
    from streams.events.feedback import Lesson
    from streams.events.models import ModelSpec
    from streams.learning.warming import Known, OldLog
    from streams.rig.recorded import Recorded, RecordedOutcome
    from streams.settings import Settings


@dataclass
class Taught:
    """What files come to: lessons in the order of teaching, and what was left out.

    `rows` are recorded ones, `decisions` those of old logs; `left_out` counts outcomes by the name
    of a model that isn't in the registry, `unread` decisions without features and prompt.
    """

    lessons: "list[Lesson]" = field(default_factory=list)
    rows: int = 0
    decisions: int = 0
    unread: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def fact(self, files: Sequence[str], *, learned: bool | None) -> dict[str, Any]:
        """For a program.

        Args:
            files: As they were named.
            learned: Whether the learner has learned from all; None where that wasn't waited for.
        """
        by_model = Counter(str(lesson.model) for lesson in self.lessons)
        quality = sum(lesson.score is not None for lesson in self.lessons)
        return {
            "files": list(files),
            "rows": self.rows,
            "decisions": self.decisions,
            "lessons": len(self.lessons),
            "quality": quality,
            "cost": len(self.lessons) - quality,
            "models": dict(sorted(by_model.items())),
            "left_out": dict(sorted(self.left_out.items())),
            "unread": self.unread,
            "learned": learned,
        }


def lines_of(fact: dict[str, Any]) -> list[str]:
    """For a person: what was published, of whom, and what wasn't."""
    sources = [
        f"{fact[name]:,} {said}"
        for name, said in (("rows", "recorded rows"), ("decisions", "old decisions"))
        if fact[name]
    ]
    about = f"{fact['quality']:,} about quality, {fact['cost']:,} about cost"
    lines = [f"{fact['lessons']:,} lessons published of {' and '.join(sources)}: {about}"]
    width = max((len(name) for name in fact["models"]), default=0)
    lines += [f"  {name:<{width}}  {count:,}" for name, count in fact["models"].items()]
    if fact["left_out"]:
        named = ", ".join(f"{name} ({count:,})" for name, count in fact["left_out"].items())
        lines.append(f"left out, not in the registry: {named}")
    if fact["unread"]:
        lines.append(f"left out, neither prompt nor features known: {fact['unread']:,} decisions")
    if fact["learned"]:
        lines.append("the learner has learned from them")
    return lines


def read(files: Iterable[str], models: "Iterable[ModelSpec]", now: datetime) -> Taught:
    """What files teach about models of the registry.

    A row with `outcomes` is a recorded one, everything else is read as a log. Recorded rows are
    shuffled, the same way each time: a file sorted by category would teach its last one most.

    Args:
        files: Paths; `-` is stdin.
        models: Of the registry.
        now: Written on lessons of recorded outcomes.

    Raises:
        UsageError: A file can't be read, or holds nothing that teaches.
    """
    from streams import ids
    from streams.cli.logged import events_in
    from streams.learning.warming import OldLog
    from streams.rig.recorded import RecordedError, objects_of, published_id, rows_of

    recorded: list[tuple[str, JsonObject]] = []
    known, log = tuple(models), OldLog()
    try:
        for file in files:
            source = "stdin" if file == "-" else file
            before = len(recorded) + len(log)
            for place, found in objects_of(read_content(file), source):
                if "outcomes" in found:
                    recorded.append((place, found))
                    continue
                for event in events_in(found):
                    log.take(event)
            if len(recorded) + len(log) == before:
                raise UsageError(f"{source}: neither recorded outcomes nor decisions are in it")
        rows = rows_of(recorded)
    except RecordedError as error:
        raise UsageError(str(error)) from None
    rows.sort(key=lambda row: ids.draw("warm", published_id(row), "order"))
    taught = Taught(rows=len(rows), decisions=len(log))
    _recall(taught, log, known)
    taught.lessons += _lessons(taught, rows, known, now)
    return taught


def _recall(taught: Taught, log: "OldLog", models: "Sequence[ModelSpec]") -> None:
    names = {spec.name for spec in models}
    for lesson in log.lessons():
        if lesson.model in names:
            taught.lessons.append(lesson)
        elif lesson.model is not None:
            taught.left_out[lesson.model] += 1
    taught.unread = log.unread


def _lessons(
    taught: Taught, rows: "Sequence[Recorded]", models: "Sequence[ModelSpec]", now: datetime
) -> "Iterator[Lesson]":
    from streams.events.task import Task
    from streams.learning.warming import lessons_of, matched
    from streams.rig.recorded import models_of

    meant = matched(models_of(rows), models)
    for row in rows:
        known: list[tuple[ModelSpec, Known]] = []
        for name, outcome in row.outcomes.items():
            if name in meant:
                known.append((meant[name], _known(meant[name], outcome)))
            else:
                taught.left_out[name] += 1
        yield from lessons_of(Task.model_validate(row.body()), known, now)


def _known(spec: "ModelSpec", outcome: "RecordedOutcome") -> "Known":
    """Billed as an answer of now: tokens at the registry's price, else what was recorded."""
    from streams.events.outcome import Usage
    from streams.learning.warming import Known
    from streams.money.pricing import priced, registry_price

    usage = Usage(
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
        reported_cost_usd=outcome.cost_usd,
    )
    own = registry_price(spec.input_usd_per_mtok, spec.output_usd_per_mtok)
    told = priced(usage, own, None).cost_usd
    return Known(outcome.score, outcome.cost_usd if told is None else told)


def warm(args: "argparse.Namespace", settings: "Settings") -> dict[str, Any]:
    """Publish what the files teach, and wait for the learner if that is wanted.

    Raises:
        UsageError: The files or the settings can't be used.
        ConnectionError: No broker answered.
    """
    return asyncio.run(_warm(args, settings))


async def _warm(args: "argparse.Namespace", settings: "Settings") -> dict[str, Any]:
    from streams.clock import SystemClock
    from streams.kafka.control import folded
    from streams.kafka.security import access_of
    from streams.kafka.teach import learned, publish
    from streams.routing.control import fold
    from streams.startup import starting_view

    clock, prefix, access = SystemClock(), settings.kafka.prefix, access_of(settings.kafka)
    try:
        start = starting_view(settings, clock.now())
    except ValueError as error:
        raise UsageError(f"{error} (give the workers' settings, with --config)") from None
    view = (await folded(access, prefix, start, fold, args.timeout, clock)).view
    taught = read(args.files, view.registry.models, clock.now())
    if not taught.lessons:
        names = ", ".join(sorted(taught.left_out)) or "nobody"
        known = ", ".join(spec.name for spec in view.registry.models) or "none"
        raise UsageError(f"nothing to learn: outcomes are of {names}, models in force are {known}")
    with Progress(len(taught.lessons), "lessons", clock=clock) as progress:
        await publish(
            access, prefix, taught.lessons, clock, timeout_s=args.timeout, show=progress.show
        )
    done = None
    if args.wait is not None:
        done = await learned(access, prefix, clock, timeout_s=args.wait)
    return taught.fact(args.files, learned=done)

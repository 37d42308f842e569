"""`tierflow evaluate --policy other.toml`: what another policy would have been worth."""

import argparse
import asyncio
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.events.control import Policy
    from streams.events.envelope import Event
    from streams.events.models import ModelSpec
    from streams.routing.registry import Registry
    from streams.settings import Settings

EXAMPLE = """\
tierflow evaluate --policy other.toml
tierflow evaluate --policy other.toml --books --since 7d --json
tierflow evaluate --policy other.toml --events log.jsonl.gz\
"""

RECENT = 5_000
"""Newest records of a partition that are read."""

MOST = 1_000_000


def add(subparsers: Subparsers) -> None:
    """Add `evaluate`."""
    parser = command(
        subparsers,
        "evaluate",
        "Estimate another policy's quality and cost from logged decisions and scores.",
        EXAMPLE,
    )
    parser.add_argument(
        "--policy", type=Path, required=True, metavar="FILE",
        help="TOML with [policy], and [[models.tierN]] unless those of the settings are meant",
    )  # fmt: skip
    parser.add_argument("--events", metavar="FILE|-", help="a file of logged events, JSON lines")
    parser.add_argument("--books", action="store_true", help="read ClickHouse instead of Kafka")
    parser.add_argument(
        "--recent", type=_records, default=RECENT, metavar="N",
        help=f"topics: newest records of a partition that are read ({RECENT})",
    )  # fmt: skip
    when = "RFC 3339, a date, or 30m, 2h, 3d ago"
    parser.add_argument("--since", metavar="T", help=f"books: decided then or later: {when}")
    parser.add_argument("--until", metavar="T", help="books: decided before")
    parser.add_argument("--tenant", default="", metavar="NAME", help="books: only this tenant's")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the log, decide each task again, and weigh what came of it."""
    from streams.cli.verdicts import fact_of, render
    from streams.learning.evaluation import appraise
    from streams.learning.history import History

    settings = read_settings(args)
    registry, policy = read_policy(args.policy, settings)
    history = History.of(_events(args, settings))
    if not history.decisions:
        raise NotFoundError(
            "no logged decision was found: mind --events, --books, --recent, --since and --until"
        )
    try:
        found = appraise(history, registry, policy, repriced(registry, settings))
    except ValueError as error:
        raise UsageError(f"the log can't be evaluated: {error}") from None
    if args.json:
        print_json(fact_of(found))
    else:
        print(render(found, args.policy.name))
    told = found.quality is not None or found.cost_usd is not None
    return Exit.DONE if told else Exit.NO


def read_policy(path: Path, settings: "Settings") -> "tuple[Registry, Policy]":
    """The other policy's models and thresholds.

    Beside the keys of the settings' `[policy]`, `[policy.thresholds]` gives each tier its own, as
    the policy in force has it (`"1" = 0.62`). What is not said is as in the settings.

    Raises:
        UsageError: The file can't be read, or something in it is not allowed; it is named.
    """
    from streams.routing import registry

    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise UsageError(f"--policy: {path} can't be read: {error}") from None
    models = {"models": tree.get("models") or settings.models}
    try:
        known = registry.parse(models)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    return known, _policy(path, tree.get("policy", {}), settings)


def repriced(other: "Registry", settings: "Settings") -> "set[str]":
    """The models to which the other policy gives other prices than the settings do."""
    from streams.routing import registry

    if not settings.models:
        return set()
    known = registry.parse({"models": settings.models}).by_name
    return {
        spec.name for spec in other.models
        if spec.name in known and _priced(spec) != _priced(known[spec.name])
    }  # fmt: skip


def _priced(spec: "ModelSpec") -> tuple[Decimal | None, ...]:
    return spec.input_usd_per_mtok, spec.output_usd_per_mtok, spec.typical_cost_usd


def _policy(path: Path, said: "Mapping[str, Any]", settings: "Settings") -> "Policy":
    from pydantic import ValidationError

    from streams.events.control import Policy
    from streams.kafka.codec import explain

    sections = dict(said)
    thresholds = sections.pop("thresholds", {})
    section = type(settings.policy)
    try:
        whole = section.model_validate({**settings.policy.model_dump(), **sections})
        initial = whole.initial(datetime.min.replace(tzinfo=UTC))
        merged = {**initial.thresholds, **thresholds}
        return Policy.model_validate({**initial.model_dump(), "thresholds": merged})
    except ValidationError as error:
        raise UsageError(f"{path}: policy.{explain(error)}") from None


def _events(args: argparse.Namespace, settings: "Settings") -> "Iterable[Event]":
    if args.events is not None:
        return _of_file(args.events)
    return _of_books(args, settings) if args.books else asyncio.run(_of_topics(args, settings))


def _of_file(file: str) -> "Iterable[Event]":
    from streams.cli.logged import events_of
    from streams.cli.publish import read_content
    from streams.rig.recorded import RecordedError

    try:
        return list(events_of(read_content(file), "stdin" if file == "-" else file))
    except RecordedError as error:
        raise UsageError(f"--events: {error}") from None


async def _of_topics(args: argparse.Namespace, settings: "Settings") -> "Iterable[Event]":
    from streams.kafka.recent import recent
    from streams.kafka.security import access_of
    from streams.topology import ADMITTED, DECISIONS, MODEL_STATE, RESULTS, SCORES

    kafka = settings.kafka
    topics = (ADMITTED, DECISIONS, RESULTS, SCORES, MODEL_STATE)
    return await recent(access_of(kafka), kafka.prefix, topics, args.timeout, records=args.recent)


def _of_books(args: argparse.Namespace, settings: "Settings") -> "Iterable[Event]":
    from streams.cli.dlq import moment
    from streams.cli.settle import books_of
    from streams.clickhouse.story import log
    from streams.clickhouse.values import EARLIEST, LATEST
    from streams.clock import SystemClock

    now = SystemClock().now()
    since = EARLIEST if args.since is None else moment(args.since, now)
    until = LATEST if args.until is None else moment(args.until, now)
    with books_of(args, settings) as client:
        return list(log(client, since=since, until=until, tenant=args.tenant))


def _records(text: str) -> int:
    return whole_number(text, MOST)

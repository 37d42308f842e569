"""`tierflow models list|add|update|disable|enable|remove`: the registry of running workers."""

import argparse
import asyncio
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.answers import (
    Exit,
    Subparsers,
    UsageError,
    add_json,
    command,
    print_json,
    read_settings,
    who_asks,
)

if TYPE_CHECKING:
    from streams.events.models import Model
    from streams.kafka.control import Folded
    from streams.routing.decide import View
    from streams.routing.roster import Roster
    from streams.settings import Settings

FIELDS = {
    "provider": ("NAME", "who runs it, as the settings name it"),
    "served_as": ("NAME", "its name at the provider, where that is another"),
    "input_usd_per_mtok": ("USD", "dollars a million tokens in"),
    "output_usd_per_mtok": ("USD", "dollars a million tokens out"),
    "cached_input_usd_per_mtok": ("USD", "dollars a million cached tokens in"),
    "cost_per_1k": ("USD", "dollars a thousand tokens, the same in both directions"),
    "capabilities": ("A,B", "what it can do, such as vision,tools"),
    "context_tokens": ("N", "tokens that it reads at most"),
    "max_tokens": ("N", "tokens that it writes at most"),
    "latency_s": ("S", "seconds of a typical answer"),
    "cold_start_s": ("S", "seconds that its first call takes longer after it was idle"),
    "idle_s": ("S", "seconds without a call after which it is unloaded"),
    "requests_per_minute": ("N", "calls a minute that the provider allows"),
    "tokens_per_minute": ("N", "tokens a minute that the provider allows"),
    "api_key_env": ("NAME", "variable with a key of its own; the settings must name it"),
}
"""Options of `add` and `update`, by field: what stands for the value, and what it is."""


def add(subparsers: Subparsers) -> None:
    """Add `models` and what it does."""
    parser = command(
        subparsers,
        "models",
        "List the models in force, and change them while workers run.",
        "tierflow models list",
    )
    verbs = parser.add_subparsers(
        dest="verb", metavar="list|add|update|disable|enable|remove", required=True
    )
    listing = command(
        verbs,
        "list",
        "List every model: tier, provider, prices, state, where that comes from, lessons.",
        "tierflow models list\ntierflow models list --json",
    )
    _settle(listing)
    new = command(
        verbs,
        "add",
        "Register a model; it begins cold: tried for a share of the dollars until it is admitted.",
        "tierflow models add small-2 --tier 2 --provider openai"
        " --input-usd-per-mtok 0.15 --output-usd-per-mtok 0.60\n"
        "tierflow models add --file more.toml",
    )
    change = command(
        verbs,
        "update",
        "Change a model; what is not named stays as it is.",
        "tierflow models update small-2 --latency-s 2.5 --warm",
    )
    for verb in (new, change):
        _add_fields(verb)
    new.add_argument("--warm", action="store_true", help="trust it at once")
    warmth = change.add_mutually_exclusive_group()
    warmth.add_argument("--warm", action="store_true", help="trust it from now on")
    warmth.add_argument("--cold", action="store_true", help="let it show anew what it is worth")
    _settle(new, change)
    for name, does in (
        ("disable", "Give a model no more tasks; calls in flight end as usual."),
        ("enable", "Give a disabled model tasks again; a removed one as the settings have it."),
        ("remove", "Take a model off the registry; calls in flight end as usual."),
    ):
        turn = command(verbs, name, does, f"tierflow models {name} small-2")
        turn.add_argument("names", metavar="NAME", nargs="+")
        _settle(turn)


def _add_fields(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", metavar="NAME", nargs="?", help="as tasks and reports name it")
    verb.add_argument("--tier", type=int, choices=(1, 2, 3, 4), help="rung of cost and ability")
    for field, (stands, does) in FIELDS.items():
        verb.add_argument(f"--{field.replace('_', '-')}", metavar=stands, help=does)
    verb.add_argument(
        "--file", type=Path, metavar="FILE.toml", help="the models of its [[models.tierN]] tables"
    )


def _settle(*verbs: argparse.ArgumentParser) -> None:
    for verb in verbs:
        add_json(verb)
        verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the registry, or change it and say what changed."""
    return asyncio.run(_run(args, read_settings(args)))


async def _run(args: argparse.Namespace, settings: "Settings") -> int:
    from streams.clock import SystemClock
    from streams.kafka.control import folded, steer
    from streams.kafka.security import access_of
    from streams.routing.control import fold
    from streams.startup import starting_view
    from streams.topology import MODELS

    clock, prefix = SystemClock(), settings.kafka.prefix
    try:
        start = starting_view(settings, clock.now())
    except ValueError as error:
        raise UsageError(f"{error} (give the workers' settings, with --config)") from None
    access = access_of(settings.kafka)
    found = await folded(access, prefix, start, fold, args.timeout, clock)
    for refused in found.refused:
        print(f"tierflow: not in force here: {refused}", file=sys.stderr)
    if args.verb == "list":
        _show(args, found)
        return Exit.DONE
    roster = _roster(found)
    records = _records(args, roster, who_asks(settings))
    fresh = [r for r in records if _differs(roster, r)]
    if fresh:
        named = [(record.name, record) for record in fresh]
        await steer(access, prefix, MODELS, named, args.timeout, clock)
    view = found.view
    for record in records:
        view = fold(view, record) if record in fresh else view
        _tell(args, roster, _roster_of(view), record)
    if fresh:
        _advise(args, view, fresh)
    return Exit.DONE


def _roster(found: "Folded[View]") -> "Roster":
    return _roster_of(found.view)


def _roster_of(view: "View") -> "Roster":
    from streams.routing.roster import Roster

    return view.roster or Roster(view.registry.models)


def _show(args: argparse.Namespace, found: "Folded[View]") -> None:
    from streams.cli.specs import facts_of, lines_of

    facts = facts_of(found.view, _roster(found))
    if not args.json:
        print("\n".join(lines_of(facts)))
        return
    for fact in facts:
        print_json(fact)


def _records(args: argparse.Namespace, roster: "Roster", by: str) -> "list[Model]":
    """What is to be put onto the topic."""
    from streams.cli import specs
    from streams.clock import SystemClock
    from streams.events.models import ModelStatus

    at = SystemClock().now()
    turns = {
        "disable": ModelStatus.DISABLED,
        "enable": ModelStatus.ENABLED,
        "remove": ModelStatus.REMOVED,
    }
    if args.verb in turns:
        return specs.turned(roster, args.names, turns[args.verb], by=by, at=at)
    entries = _entries(args)
    if args.verb == "update":
        return specs.updated(roster, entries, by=by, at=at)
    tiered = [(where, tier, fields) for where, tier, fields in entries if tier is not None]
    return specs.added(roster, tiered, warm=args.warm, by=by, at=at)


def _entries(args: argparse.Namespace) -> list[tuple[str, int | None, Mapping[str, object]]]:
    """Place, tier and fields of each model that the command line or its file names."""
    given = {name: value for name in FIELDS if (value := getattr(args, name)) is not None}
    if args.file is not None:
        if args.name is not None or given or args.tier is not None:
            raise UsageError("--file: give it, or NAME with its fields, not both")
        return [(where, tier, _warmed(args, entry)) for where, tier, entry in _read(args.file)]
    if args.name is None:
        raise UsageError("NAME: give a model's name and fields, or --file FILE.toml")
    for field in ("tier", "provider") if args.verb == "add" else ():
        if getattr(args, field) is None:
            raise UsageError(f"--{field}: a new model needs it")
    if "capabilities" in given:
        given["capabilities"] = [c.strip() for c in given["capabilities"].split(",") if c.strip()]
    return [(args.name, args.tier, _warmed(args, {**given, "name": args.name}))]


def _warmed(args: argparse.Namespace, fields: Mapping[str, object]) -> dict[str, object]:
    if args.warm:
        return {**fields, "cold": False}
    return {**fields, "cold": True} if getattr(args, "cold", False) else dict(fields)


def _read(file: Path) -> Sequence[tuple[str, int, Mapping[str, object]]]:
    from decimal import Decimal

    from streams.routing.registry import entries_of

    try:
        text = file.read_text(encoding="utf-8")
        return entries_of(tomllib.loads(text, parse_float=Decimal))
    except (OSError, ValueError) as error:  # no TOML and wrong tables are ValueErrors
        raise UsageError(f"{file}: {error}") from None


def _differs(roster: "Roster", record: "Model") -> bool:
    from streams.cli.specs import changes, entry_in

    after = roster.with_record(record)
    return bool(changes(entry_in(roster, record.name), entry_in(after, record.name)))


def _tell(args: argparse.Namespace, before: "Roster", after: "Roster", record: "Model") -> None:
    from streams.cli.specs import changes, entry_in, line_of

    old, new = entry_in(before, record.name), entry_in(after, record.name)
    changed = changes(old, new)
    if args.json:
        print_json({"name": record.name, "state": record.status.value, "changed": changed})
    else:
        print(line_of(old, new, changed))


def _advise(args: argparse.Namespace, view: "View", records: "Sequence[Model]") -> None:
    from streams.routing.trial import EXPLORE_USD_SHARE, LEAST_LESSONS

    print("next: in force on every running worker within two seconds", file=sys.stderr)
    specs = [view.registry.by_name.get(record.name) for record in records]
    cold = [spec for spec in specs if spec is not None and spec.cold]
    if cold and args.verb in ("add", "update"):
        print(
            f"next: {', '.join(spec.name for spec in cold)} begins cold: tried for at most "
            f"{EXPLORE_USD_SHARE:.0%} of what preferred models cost, and admitted after "
            f"{LEAST_LESSONS} or more judged tasks; `tierflow models list` shows how far",
            file=sys.stderr,
        )
    for spec in cold:
        if spec.expected_cost_usd(1) is None:
            print(
                f"next: {spec.name} has no price, so it is not tried: `tierflow models update "
                f"{spec.name} --cost-per-1k USD` (0 for one of your own)",
                file=sys.stderr,
            )
    if not view.registry.models:
        print("next: no model is enabled: every task that needs one is refused", file=sys.stderr)

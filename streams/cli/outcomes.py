"""Recorded outcomes as a benchmark's command line names them: files, models, categories, prices."""

import argparse
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.answers import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.rig.benchmark.change import Change
    from streams.rig.benchmark.pool import Pool
    from streams.rig.benchmark.prices import Prices
    from streams.rig.recorded import Recorded
    from streams.routing.registry import Registry


def pool_for(args: argparse.Namespace) -> "tuple[Pool, Callable[[], Prices]]":
    """Rows and models, twice over where something changes; and what is known of prices.

    Raises:
        UsageError: The files that are named don't go together, or hold nothing that is wanted.
    """
    from streams.rig.benchmark.blocks import repeated
    from streams.rig.benchmark.change import Change, twice
    from streams.rig.benchmark.pool import names_of, pool_of
    from streams.tier0.answer import answer

    if (args.tasks is None) == (args.learn is None and args.test is None):
        raise UsageError("--tasks FILE, or --learn FILE with --test FILE")
    if args.tasks is None and (args.learn is None or args.test is None):
        raise UsageError("--learn FILE and --test FILE go together")
    if args.change is not None and (args.tasks is None or args.learn_share):
        raise UsageError("--change goes with --tasks FILE alone: the first pass is what teaches")
    if args.blocks is not None and (args.tasks is None or args.learn_share or args.change):
        raise UsageError("--blocks goes with --tasks FILE alone")
    if args.blocks is not None and args.target_quality is None:
        raise UsageError("--blocks asks how --target-quality is held")
    learning = [] if args.learn is None else _rows(args, args.learn)
    rows = _rows(args, args.test or args.tasks)
    everything = [*learning, *rows]
    models = names_of(args.models, everything)
    pool = pool_of(rows, models, answer, learning=learning)
    change = None if args.change is None else Change(args.change)
    prices = _prices(args, everything, models, _affected(pool, change))
    if args.blocks is not None:
        return repeated(pool, args.passes), prices
    return pool if change is None else twice(pool, change), prices


def _rows(args: argparse.Namespace, file: Path) -> "list[Recorded]":
    """A file's rows of the wanted categories; what a category is, nobody else hears."""
    from streams.rig.recorded import objects_of, read_content, rows_of

    placed = [
        (place, found)
        for place, found in objects_of(read_content(file), str(file))
        if _is_wanted(str(found.get("category", "")), args.only, args.without)
    ]
    if not placed:
        raise UsageError(f"{file}: no tasks in it that are wanted")
    return rows_of(placed)


def _is_wanted(category: str, only: "Sequence[str]", without: "Sequence[str]") -> bool:
    """Whether a category, or what precedes its first `/`, is wanted."""
    names = {category, category.partition("/")[0]}
    return (not only or bool(names & set(only))) and not names & set(without)


def _affected(pool: "Pool", change: "Change | None") -> "tuple[str | None, str | None]":
    """Whose price falls, and who is new."""
    from streams.rig.benchmark.change import Change, changed_model

    if change is None or change is Change.REGRESSION:
        return None, None
    model = changed_model(pool, change)
    return (model, None) if change is Change.PRICE else (None, model)


def _prices(
    args: argparse.Namespace,
    rows: "Sequence[Recorded]",
    models: "Sequence[str]",
    affected: "tuple[str | None, str | None]",
) -> "Callable[[], Prices]":
    from streams.money.prices import shipped
    from streams.rig.benchmark.change import PRICE_CUT
    from streams.rig.benchmark.prices import Found, Told, published, ranked
    from streams.rig.recorded import mean_costs
    from streams.rig.simulation import BEGIN
    from streams.routing.registry import register

    cheaper, newcomer = affected
    if args.registry is not None:
        registry = after = _registry(args.registry, models)
    elif args.prices == "recorded":
        means = {model: cost for model, cost in mean_costs(rows).items() if model in models}
        registry = after = ranked(means)
        if cheaper is not None:
            after = ranked(means | {cheaper: means[cheaper] / PRICE_CUT})
    else:
        listed = published(models, shipped(), BEGIN)
        return lambda: Found(models, listed, () if newcomer is None else (newcomer,))
    before = register(spec for spec in registry.models if spec.name != newcomer)
    return lambda: Told(before, after)


def _registry(file: Path, models: "Sequence[str]") -> "Registry":
    import tomllib

    from streams.routing.registry import parse, register

    try:
        found = parse(tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal))
    except (OSError, ValueError) as error:
        raise UsageError(f"--registry: {error}") from None
    missing = [name for name in models if name not in found.by_name]
    if missing:
        raise UsageError(f"--registry: {file} has no {', '.join(missing)}")
    return register(found.by_name[name] for name in models)

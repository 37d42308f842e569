"""`tierflow benchmark routing`: recorded outcomes through the agents' own code, many orders of them."""

import argparse
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.answers import (
    Exit,
    Subparsers,
    UsageError,
    add_json,
    command,
    print_json,
    whole_number,
)
from streams.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.events.control import Policy
    from streams.rig.benchmark.pool import Pool
    from streams.rig.benchmark.prices import Prices
    from streams.rig.benchmark.routing import Measured, Wanted
    from streams.rig.recorded import Recorded
    from streams.routing.registry import Registry

EXAMPLE = """\
tierflow benchmark routing --tasks recorded.jsonl.gz
tierflow benchmark routing --tasks recorded.jsonl.gz --models small,large --report report.html
tierflow benchmark routing --learn old.jsonl.gz --test new.jsonl.gz --ceiling 0.0005 --json\
"""

MOST_SEEDS, MOST_JOBS, MOST_DELAY = 1000, 256, 1_000_000


def add(subparsers: Subparsers) -> None:
    """Add `benchmark` with what it can measure."""
    parser = command(
        subparsers, "benchmark", "Measure what tierflow decides on recorded outcomes.", EXAMPLE
    )
    nested = parser.add_subparsers(dest="benchmark", metavar="WHAT", required=True)
    _add_routing(nested)
    parser.set_defaults(run=run)


def _add_routing(nested: Subparsers) -> None:
    parser = command(
        nested,
        "routing",
        "Quality and cost of routing beside random, prompt length, each model, mixture, oracle.",
        EXAMPLE,
    )
    _add_files(parser)
    parser.add_argument(
        "--ceiling", type=_dollars, metavar="USD[,USD]", default=(),
        help="mean dollars a task to stay under; of several each is run",
    )  # fmt: skip
    parser.add_argument(
        "--target-quality",
        type=_share,
        metavar="Q",
        help="mean score to hold, as cheaply as can be",
    )
    parser.add_argument(
        "--delay", type=_count, default=0, metavar="N", help="scores come N tasks late (0)"
    )
    parser.add_argument(
        "--graded",
        type=_share,
        default=1.0,
        metavar="SHARE",
        help="share of tasks with a score (1)",
    )
    parser.add_argument(
        "--seeds", type=_seeds, default=10, metavar="N", help="orders of the rows (10)"
    )
    parser.add_argument(
        "--paces", type=_count, default=21, metavar="N",
        help="runs an order behind the APGR, of two models (21; 0: no APGR)",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=_jobs, default=1, metavar="N", help="orders played at once, in processes (1)"
    )
    prices = parser.add_mutually_exclusive_group()
    prices.add_argument(
        "--prices", choices=("found", "recorded"), default="found",
        help="found: published, then from its own bills; recorded: the file's means are known",
    )  # fmt: skip
    prices.add_argument(
        "--registry", type=Path, metavar="FILE", help="tiers and prices of the models"
    )
    parser.add_argument(
        "--decisions", type=Path, metavar="F", help="write id, tier, model of each task"
    )
    parser.add_argument(
        "--report", type=Path, metavar="F", help="write table, plots and JSON as HTML"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tasks", type=Path, metavar="FILE", help="recorded outcomes")
    parser.add_argument(
        "--learn", type=Path, metavar="FILE", help="recorded outcomes to learn from first"
    )
    parser.add_argument(
        "--test", type=Path, metavar="FILE", help="recorded outcomes to measure then"
    )
    parser.add_argument(
        "--learn-share", type=_share, default=0.0, metavar="SHARE",
        help="of each order, the share at its beginning that only teaches (0)",
    )  # fmt: skip
    parser.add_argument(
        "--models", type=_names, default=(), metavar="NAME,…",
        help="recorded models, or what follows their last / (all)",
    )  # fmt: skip
    parser.add_argument(
        "--only", type=_names, default=(), metavar="CATEGORY,…", help="rows of these categories"
    )
    parser.add_argument(
        "--without", type=_names, default=(), metavar="CATEGORY,…", help="rows of all others"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, and tell."""
    from streams.rig.benchmark.report import page
    from streams.rig.benchmark.routing import measure, tasks_of
    from streams.rig.benchmark.table import render

    pool, prices = _pool(args)
    wanted = _wanted(args, pool, prices)
    with Progress(tasks_of(pool, wanted), "tasks") as progress:
        measured = measure(pool, wanted, progress.show, jobs=args.jobs)
    if args.decisions is not None:
        args.decisions.write_text(_decisions(pool, measured), encoding="utf-8")
    if args.report is not None:
        title = (args.test or args.tasks).name
        args.report.write_text(page(measured.figures, title), encoding="utf-8")
    if args.json:
        print_json(measured.figures.to_json())
    else:
        print(render(measured.figures), end="")
    return Exit.DONE


def _pool(args: argparse.Namespace) -> "tuple[Pool, Callable[[], Prices]]":
    """Rows, models, and what is known of their prices."""
    from streams.rig.benchmark.pool import names_of, pool_of
    from streams.tier0.answer import answer

    if (args.tasks is None) == (args.learn is None and args.test is None):
        raise UsageError("--tasks FILE, or --learn FILE with --test FILE")
    if args.tasks is None and (args.learn is None or args.test is None):
        raise UsageError("--learn FILE and --test FILE go together")
    learning = [] if args.learn is None else _rows(args, args.learn)
    rows = _rows(args, args.test or args.tasks)
    everything = [*learning, *rows]
    models = names_of(args.models, everything)
    pool = pool_of(rows, models, answer, learning=learning)
    return pool, _prices(args, everything, models)


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


def _prices(
    args: argparse.Namespace, rows: "Sequence[Recorded]", models: "Sequence[str]"
) -> "Callable[[], Prices]":
    from streams.money.prices import shipped
    from streams.rig.benchmark.prices import Found, Told, published, ranked
    from streams.rig.recorded import mean_costs
    from streams.rig.simulation import BEGIN

    if args.registry is not None:
        told = Told(_registry(args.registry, models))
        return lambda: told
    if args.prices == "recorded":
        means = mean_costs(rows)
        known = Told(ranked({model: means[model] for model in models}))
        return lambda: known
    listed = published(models, shipped(), BEGIN)
    return lambda: Found(models, listed)


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


def _wanted(args: argparse.Namespace, pool: "Pool", prices: "Callable[[], Prices]") -> "Wanted":
    from streams.rig.benchmark.routing import Wanted
    from streams.rig.benchmark.stream import Terms
    from streams.rig.benchmark.yardsticks import shares

    if len(pool.asked) - pool.learning <= int((len(pool.asked) - pool.learning) * args.learn_share):
        raise UsageError("--learn-share: nothing is left to be measured")
    told = {
        "ceiling": ", ".join(f"${ceiling:f}" for ceiling in args.ceiling),
        "target quality": args.target_quality,
        "delay": args.delay,
        "graded": None if args.graded == 1 else args.graded,
        "learn share": args.learn_share,
        "prices": args.registry.name if args.registry else args.prices,
    }
    return Wanted(
        terms=Terms(policy=_policy(args), delay=args.delay, graded=args.graded),
        prices=prices,
        seeds=args.seeds,
        ceilings_usd=args.ceiling or (None,),
        learning_share=args.learn_share,
        paces=shares(args.paces),
        told={name: value for name, value in told.items() if value},
    )


def _policy(args: argparse.Namespace) -> "Policy":
    from streams.rig.simulation import BEGIN
    from streams.routing.policy import initial_policy

    policy = initial_policy(BEGIN)
    if args.target_quality is None:
        return policy
    return policy.model_copy(update={"target_quality": args.target_quality})


def _decisions(pool: "Pool", measured: "Measured") -> str:
    """One line a task, by order and in the order of the file: own id, tier, model.

    Where there are several runs, the number of the order follows, and the number of the ceiling
    where there are several of those.
    """
    lines = []
    several = len(measured.orders) > 1
    for order in measured.orders:
        for number, ran in enumerate(order.runs):
            more = [str(order.seed)] * several + [str(number)] * (len(order.runs) > 1)
            for step in sorted(ran.steps, key=lambda step: step.row):
                own = pool.asked[step.row].own_id
                lines.append("\t".join((own, str(step.tier), step.model, *more)))
    return "".join(f"{line}\n" for line in lines)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1")
    return value


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > MOST_DELAY:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {MOST_DELAY}")
    return int(text)


def _seeds(text: str) -> int:
    return whole_number(text, MOST_SEEDS)


def _jobs(text: str) -> int:
    return whole_number(text, MOST_JOBS)


def _dollars(text: str) -> tuple[Decimal, ...]:
    found = []
    for one in _names(text):
        try:
            value = Decimal(one)
        except InvalidOperation:
            value = Decimal(0)
        if not value.is_finite() or value <= 0:
            raise argparse.ArgumentTypeError(f"{one!r} is not a number of dollars above 0")
        found.append(value)
    return tuple(found)

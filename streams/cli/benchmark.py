"""`tierflow benchmark routing`: recorded outcomes through the agents' own code, many orders of them."""

import argparse
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli import siege
from streams.cli.answers import (
    Exit,
    Subparsers,
    UsageError,
    add_json,
    command,
    print_json,
    whole_number,
)
from streams.cli.outcomes import pool_for
from streams.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.events.control import Policy
    from streams.rig.benchmark.pool import Pool
    from streams.rig.benchmark.prices import Prices
    from streams.rig.benchmark.routing import Measured, Wanted

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
        "--change", choices=("price", "regression", "newcomer"),
        help="play all tasks twice: in between the dearest model's price falls to a tenth, or the "
        "middle one's scores to three quarters, or the middle one is new",
    )  # fmt: skip
    parser.add_argument(
        "--blocks", type=_block, metavar="N|whole",
        help="tasks in blocks of one category, so many in each: is --target-quality held?",
    )  # fmt: skip
    parser.add_argument(
        "--passes", type=_seeds, default=5, metavar="N",
        help="with --blocks, how often all tasks are played, each time in another order (5)",
    )  # fmt: skip
    parser.add_argument(
        "--window", type=_tasks, default=100, metavar="N",
        help="tasks in a performance window; the tuner moves at most once in each (100)",
    )  # fmt: skip
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
    siege.add(parser)
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
        "--learn-all", action="store_true",
        help="of what only teaches, every model's outcome is known, as `learner warm` teaches it",
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
    from streams.rig.benchmark.routing import ceiled, measure, tasks_of
    from streams.rig.benchmark.table import render

    pool, prices = pool_for(args)
    wanted = _wanted(args, pool, prices)
    if args.attack is not None:
        terms = replace(wanted.terms, policy=ceiled(wanted.terms.policy, wanted.ceilings_usd[0]))
        return siege.run(args, pool, prices, terms)
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


def _wanted(args: argparse.Namespace, pool: "Pool", prices: "Callable[[], Prices]") -> "Wanted":
    from streams.rig.benchmark.blocks import Blocks
    from streams.rig.benchmark.change import Change
    from streams.rig.benchmark.routing import Wanted
    from streams.rig.benchmark.stream import TASKS_PER_S, Terms
    from streams.rig.benchmark.yardsticks import shares

    if len(pool.asked) - pool.learning <= int((len(pool.asked) - pool.learning) * args.learn_share):
        raise UsageError("--learn-share: nothing is left to be measured")
    if args.learn_all and args.change is not None:
        raise UsageError("--learn-all: a change is measured against what was played before it")
    told = {
        "ceiling": ", ".join(f"${ceiling:f}" for ceiling in args.ceiling),
        "target quality": args.target_quality,
        "delay": args.delay,
        "graded": None if args.graded == 1 else args.graded,
        "learn share": args.learn_share,
        "learn": "every model's outcome, beforehand" if args.learn_all else None,
        "change": args.change,
        "blocks": None if args.blocks is None else args.blocks or "whole",
        "window": None if args.window == 100 else f"{args.window} tasks",  # noqa: PLR2004
        "prices": args.registry.name if args.registry else args.prices,
    }
    return Wanted(
        terms=Terms(
            policy=_policy(args),
            delay=args.delay,
            graded=args.graded,
            known=args.learn_all,
            renews=args.change is None,
            bucket_s=args.window / TASKS_PER_S,
        ),
        prices=prices,
        seeds=args.seeds,
        ceilings_usd=args.ceiling or (None,),
        learning_share=args.learn_share,
        paces=shares(0 if args.change or args.blocks is not None else args.paces),
        change=None if args.change is None else Change(args.change),
        blocks=None
        if args.blocks is None
        else Blocks(args.target_quality, args.blocks or None, args.passes),
        told={name: value for name, value in told.items() if value},
    )


def _policy(args: argparse.Namespace) -> "Policy":
    from streams.rig.simulation import BEGIN
    from streams.routing.policy import initial_policy

    return initial_policy(BEGIN, target_quality=args.target_quality)


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


def _block(text: str) -> int:
    """Tasks in a block; 0 stands for whole categories."""
    return 0 if text == "whole" else whole_number(text, MOST_DELAY)


def _tasks(text: str) -> int:
    return whole_number(text, MOST_DELAY)


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

"""`tierflow benchmark routing --attack …`: how far one tenant moves what the others get."""

import argparse
from typing import TYPE_CHECKING

from streams.cli.answers import Exit, UsageError, print_json
from streams.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.rig.benchmark.attack import Siege
    from streams.rig.benchmark.intervals import Interval
    from streams.rig.benchmark.pool import Pool
    from streams.rig.benchmark.prices import Prices
    from streams.rig.benchmark.stream import Terms

TOLERATED = 3.0
"""Percentage points by which an attack may move the others' share of the top tier."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add what an attack is told by."""
    parser.add_argument(
        "--attack", choices=("inverted", "stuffed", "lying"),
        help="one tenant attacks: 30%% of its scores are inverted, or it sends 10,000 tasks of one "
        "word, or says besides that only the top does them well; shown is what others get",
    )  # fmt: skip
    parser.add_argument(
        "--tested", type=float, default=0.0, metavar="SHARE",
        help="attack: part of all answers that a test judges too (0)",
    )  # fmt: skip


def run(
    args: argparse.Namespace, pool: "Pool", prices: "Callable[[], Prices]", terms: "Terms"
) -> int:
    """Attack, and tell; exit 1 where the others were moved too far.

    Raises:
        UsageError: An option says what an attack leaves no room for.
    """
    from streams.rig.benchmark.attack import Attack, Besieging, besiege, tasks_of

    unfit = [
        f"--{name.replace('_', '-')}"
        for name in ("learn", "change", "learn_share", "decisions", "report")
        if getattr(args, name)
    ]
    if unfit:
        raise UsageError(f"--attack does not go with {', '.join(unfit)}")
    if not 0 <= args.tested <= 1:
        raise UsageError(f"--tested: {args.tested} is not a share from 0 to 1")
    wanted = Besieging(Attack(args.attack), terms, prices, args.seeds, args.tested)
    with Progress(tasks_of(pool, wanted), "tasks") as progress:
        siege = besiege(pool, wanted, progress.show, jobs=args.jobs)
    if args.json:
        print_json(siege.model_dump(mode="json"))
    else:
        print("\n".join(render(siege)))
    return Exit.DONE if abs(siege.moved_points.mean) <= TOLERATED else Exit.NO


def render(siege: "Siege") -> "Iterator[str]":
    """For a person."""
    tested = f", {siege.tested:.0%} of all answers tested" if siege.tested else ""
    yield (
        f"{siege.attack}: {siege.attacker_share:.0%} of {siege.tasks} tasks are the attacker's"
        f"{tested}; {len(siege.orders)} orders; the top: {', '.join(siege.top)}"
    )
    yield ""
    yield "the others' second half   top       quality   $ a task   tuned"
    for order in siege.orders:
        for name, side in (("without", order.without), ("attacked", order.attacked)):
            yield (
                f"order {order.seed:<4} {name:14} {side.top:7.2%}  {side.quality:8.4f}"
                f"  {side.cost_usd:9.4g}  {side.threshold:6.4f}"
            )
    yield ""
    yield f"without   {_percent(siege.top_without)}  quality {siege.quality_without.mean:.4f}"
    yield f"attacked  {_percent(siege.top_attacked)}  quality {siege.quality_attacked.mean:.4f}"
    moved = siege.moved_points
    yield (
        f"moved     {moved.mean:+.2f} points{_span(moved, 1, '+.2f')}; an order by at most"
        f" {siege.furthest_points:.2f}"
    )
    for name, weight in siege.weights.items():
        yield f"weight    {name:24} {weight.mean:.3f}{_span(weight, 1, '.3f')}"


def _percent(found: "Interval") -> str:
    return f"top {100 * found.mean:.2f}%{_span(found, 100, '.2f')}"


def _span(found: "Interval", scale: float, form: str) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" ({scale * found.low:{form}} to {scale * found.high:{form}})"

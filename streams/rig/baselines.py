"""What tierflow is measured against: each model alone, random choice, mixtures of two models.

Costs and qualities are exact fractions, so that a tie is a tie. A cost is dollars for the whole
task set, a quality the mean score in [0, 1].
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import permutations
from typing import NamedTuple

from streams.rig.recorded import Recorded


class Point(NamedTuple):
    """A way to do the task set: what it costs in dollars and its mean quality in [0, 1]."""

    cost: Fraction
    quality: Fraction


class Mix(NamedTuple):
    """Each task to one of these models by chance, with these shares, which sum to 1."""

    shares: Mapping[str, Fraction]
    point: Point


def singles_of(rows: Sequence[Recorded], models: Sequence[str]) -> dict[str, Point]:
    """Every task to one model, for each model that has scores and costs.

    Where a model lacks an outcome or a cost on some rows, its means over the rows that have them
    stand for the rest: its total is that mean times the number of rows.
    """
    found: dict[str, Point] = {}
    for model in models:
        outcomes = [row.outcomes[model] for row in rows if model in row.outcomes]
        costs = [Fraction(o.cost_usd) for o in outcomes if o.cost_usd is not None]
        if costs:
            quality = sum(Fraction(o.score) for o in outcomes) / len(outcomes)
            cost = sum(costs, Fraction(0)) * len(rows) / len(costs)
            found[model] = Point(cost, Fraction(quality))
    return found


def reference_of(singles: Mapping[str, Point]) -> str | None:
    """The single model of the best mean score, the cheaper on a tie; None of none."""
    ranked = sorted(singles, key=lambda name: (-singles[name].quality, singles[name].cost, name))
    return ranked[0] if ranked else None


def random_of(singles: Mapping[str, Point]) -> Point | None:
    """Each task to a model drawn with equal chance: what that costs and reaches on average."""
    if not singles:
        return None
    cost = sum((point.cost for point in singles.values()), Fraction(0))
    quality = sum((point.quality for point in singles.values()), Fraction(0))
    return Point(cost / len(singles), quality / len(singles))


def best_mixture(singles: Mapping[str, Point], cost: Fraction) -> Mix | None:
    """The random mixture of two models that reaches most at no more than this cost.

    Returns:
        The mixture; of one model where a second one adds nothing; None where even the cheapest
        model alone costs more.
    """
    alone = [
        Mix({name: Fraction(1)}, point) for name, point in singles.items() if point.cost <= cost
    ]
    ranked = sorted(
        [*alone, *_mixed(singles, cost)],
        key=lambda mix: (-mix.point.quality, mix.point.cost, len(mix.shares), sorted(mix.shares)),
    )
    return ranked[0] if ranked else None


def dominating(singles: Mapping[str, Point], point: Point) -> tuple[str, ...]:
    """Who does at least as well for no more money.

    Returns:
        Single models by name, then mixtures as `one + other`. A mixture is named where neither
        of its models is: mixing with a dominating model proves nothing new.
    """
    alone = [
        name
        for name, single in singles.items()
        if single.cost <= point.cost and single.quality >= point.quality
    ]
    mixed = [
        " + ".join(mix.shares)
        for mix in _mixed(singles, point.cost)
        if mix.point.quality >= point.quality and not any(name in alone for name in mix.shares)
    ]
    return (*sorted(alone), *sorted(mixed))


def _mixed(singles: Mapping[str, Point], cost: Fraction) -> Iterator[Mix]:
    """Every pair of a model within this cost and one beyond it, mixed to spend it exactly.

    No other pair matters: of two models within the cost, the better one alone is as good.
    """
    for (low, cheap), (high, dear) in permutations(singles.items(), 2):
        if cheap.cost <= cost < dear.cost:
            share = (cost - cheap.cost) / (dear.cost - cheap.cost)
            quality = cheap.quality + share * (dear.quality - cheap.quality)
            yield Mix({low: 1 - share, high: share}, Point(cost, quality))

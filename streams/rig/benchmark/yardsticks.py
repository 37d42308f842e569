"""What a router is measured against: random, prompt length, each model, best mixture, oracle.

Each is worked out exactly over the measured tasks, with the knowledge of all outcomes.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.rig.baselines import Point, best_mixture
from streams.rig.benchmark.curves import Spot

PACES = 21
LOWEST, HIGHEST = 0.04, 0.96
"""Ceilings on the share of strong calls, of the runs behind an APGR."""


def shares(count: int) -> tuple[float, ...]:
    """So many ceilings, evenly from the lowest to the highest; none at all of 0.

    Example:
        >>> shares(3)
        (0.04, 0.5, 0.96)
    """
    if count < 2:  # noqa: PLR2004
        return (0.5,) * count
    step = (HIGHEST - LOWEST) / (count - 1)
    return tuple(round(LOWEST + step * number, 6) for number in range(count))


SHARES = shares(PACES)


class Ground(NamedTuple):
    """The measured tasks of one run: outcomes with a line a task and a column a model.

    `lengths` are the prompts' characters.
    """

    models: tuple[str, ...]
    scores: NDArray[np.float64]
    costs: NDArray[np.float64]
    lengths: NDArray[np.intp]


class Way(NamedTuple):
    """A way to do the tasks: mean quality, mean dollars a task, and who did which share."""

    quality: float
    cost_usd: float
    share: Mapping[str, float]


class Pair(NamedTuple):
    """Weak and strong of two models, as columns: the strong one has the better mean score."""

    weak: int
    strong: int


def pair_of(ground: Ground) -> Pair | None:
    """Who is weak and who strong; None unless there are two models with a gap between them."""
    means = ground.scores.mean(axis=0)
    if len(ground.models) != 2 or means[0] == means[1]:  # noqa: PLR2004
        return None
    strong = int(means.argmax())
    return Pair(1 - strong, strong)


def singles(ground: Ground) -> dict[str, Way]:
    """Every task to one model."""
    qualities, costs = ground.scores.mean(axis=0), ground.costs.mean(axis=0)
    return {
        model: Way(float(quality), float(cost), {model: 1.0})
        for model, quality, cost in zip(ground.models, qualities, costs, strict=True)
    }


def by_chance(ground: Ground) -> Way:
    """Every task to a model drawn with equal chance: what that comes to on average."""
    even = dict.fromkeys(ground.models, 1 / len(ground.models))
    return Way(float(ground.scores.mean()), float(ground.costs.mean()), even)


def oracle(ground: Ground) -> Way:
    """Every task to the model that scores best on it, the cheapest of equals."""
    best = ground.scores.max(axis=1, keepdims=True)
    costs = np.where(ground.scores == best, ground.costs, np.inf)
    return _picked(ground, costs.argmin(axis=1))


def regrets(ground: Ground, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """By task, how much better the best model would have scored."""
    missed: NDArray[np.float64] = ground.scores.max(axis=1) - scores
    return missed


def mixture(ground: Ground, budget_usd: float) -> Way:
    """The best random mixture of two models for no more dollars a task; else the cheapest model."""
    found = best_mixture(_points(ground), Fraction(budget_usd))
    if found is None:
        return min(singles(ground).values(), key=lambda way: way.cost_usd)
    shares = {name: float(share) for name, share in found.shares.items()}
    return Way(float(found.point.quality), float(found.point.cost), shares)


def by_length(ground: Ground, budget_usd: float) -> Way:
    """The models of that mixture again, but the longest prompts go to the dearer one.

    As many as the budget allows, in dollars a task.
    """
    shares = mixture(ground, budget_usd).share
    ranked = sorted(shares, key=lambda name: float(ground.costs[:, _at(ground, name)].mean()))
    low, high = _at(ground, ranked[0]), _at(ground, ranked[-1])
    longest = np.argsort(-ground.lengths, kind="stable")
    more = np.cumsum((ground.costs[:, high] - ground.costs[:, low])[longest])
    left = budget_usd * len(longest) - float(ground.costs[:, low].sum())
    picked = np.full(len(longest), low)
    picked[longest[: int(np.searchsorted(more, left, side="right"))]] = high
    return _picked(ground, picked)


def length_curve(ground: Ground, pair: Pair) -> list[Spot]:
    """The longest prompts to the strong model, at each of the shares."""
    return _curve(ground, pair, ground.lengths.astype(np.float64))


def oracle_curve(ground: Ground, pair: Pair) -> list[Spot]:
    """The tasks that gain most to the strong model, at each of the shares."""
    return _curve(ground, pair, ground.scores[:, pair.strong] - ground.scores[:, pair.weak])


def chance_curve(ground: Ground, pair: Pair) -> list[Spot]:
    """A coin that falls on the strong model with each of the shares."""
    weak, strong = ground.scores.mean(axis=0)[list(pair)]
    return [Spot(share, float(weak + share * (strong - weak))) for share in SHARES]


def _curve(ground: Ground, pair: Pair, worth: NDArray[np.float64]) -> list[Spot]:
    first = np.argsort(-worth, kind="stable")
    gains = (ground.scores[:, pair.strong] - ground.scores[:, pair.weak])[first]
    weak, tasks = float(ground.scores[:, pair.weak].sum()), len(first)
    spots = []
    for share in SHARES:
        count = int(share * tasks)
        spots.append(Spot(count / tasks, (weak + float(gains[:count].sum())) / tasks))
    return spots


def _picked(ground: Ground, picked: NDArray[np.intp]) -> Way:
    rows = np.arange(len(picked))
    shares = np.bincount(picked, minlength=len(ground.models)) / len(picked)
    return Way(
        float(ground.scores[rows, picked].mean()),
        float(ground.costs[rows, picked].mean()),
        {name: float(share) for name, share in zip(ground.models, shares, strict=True) if share},
    )


def _points(ground: Ground) -> dict[str, Point]:
    return {
        name: Point(Fraction(way.cost_usd), Fraction(way.quality))
        for name, way in singles(ground).items()
    }


def _at(ground: Ground, model: str) -> int:
    return ground.models.index(model)

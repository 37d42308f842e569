"""Eligible models → one distribution → one draw, and where a failed task goes next."""

import math
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from streams.events.decision import Strategy
from streams.routing.registry import ModelSpec

EXPLORE = 0.02
"""Share of tasks that always go to a model that was not the choice."""

EXPLORE_EARLY = 1.0
EXPLORE_LESSONS = 15
"""More at first, `EXPLORE_EARLY x exp(-lessons / (models x EXPLORE_LESSONS))`, times the doubt."""

DEARNESS = 0.25
"""Exploration goes to models in proportion to `cost ** -DEARNESS`: what is cheap is tried more."""

CURIOSITY = 0.5
"""… and to `(lessons + 1) ** -CURIOSITY`: what is little known is tried more."""

FLOOR = 0.005
"""No model that may be chosen is, unless the task is critical, with a smaller probability."""

EVEN_EXPLORE = 0.005
"""Share of tasks that always go to any model, where money has a price."""

EVEN_TASKS = 25
"""More at first: `exp(-tasks / (EVEN_TASKS x models x (models - 1)))`."""

PATIENCE = 0.1
"""… and to `exp(-short / PATIENCE)`, short of the best predicted: what is poor is tried less."""


class Weights(NamedTuple):
    """What counts within a tier: quality, cost and latency, each against the tier's largest."""

    quality: float
    cost: float
    latency: float


WEIGHTS = {
    Strategy.PREFER_LOCAL: Weights(0.4, 0.4, 0.2),
    Strategy.BALANCED: Weights(0.85, 0.1, 0.05),
    Strategy.QUALITY_FIRST: Weights(1.0, 0.0, 0.0),
}


def prefer(
    models: Sequence[ModelSpec],
    quality: Mapping[str, float],
    costs: Mapping[str, Decimal | None],
    weights: Weights,
) -> str:
    """The model of a tier with the best of quality, cost and latency; ties by name.

    Args:
        models: The tier's eligible models, at least one.
        quality: Believed quality by model.
        costs: Expected dollars by model; unknown counts as the dearest.
        weights: What the strategy weighs.
    """
    priced = [float(cost) for spec in models if (cost := costs[spec.name]) is not None]
    dearest = max(priced, default=0.0) or 1.0
    best = max(quality[spec.name] for spec in models) or 1.0
    slowest = max(spec.latency_s for spec in models) or 1.0

    def value(spec: ModelSpec) -> float:
        cost = costs[spec.name]
        dear = 1.0 if cost is None else float(cost) / dearest
        return (
            weights.quality * quality[spec.name] / best
            - weights.cost * dear
            - weights.latency * spec.latency_s / slowest
        )

    return max(sorted(models, key=lambda spec: spec.name), key=value).name


def exploring(lessons: int, models: int, certainty: float) -> float:
    """The share of tasks that explore: more with few lessons, less where the rules are certain.

    Args:
        lessons: Lessons learned so far.
        models: How many may take the task: the more, the longer it takes to know them.
        certainty: The rules' confidence in [0, 1].
    """
    early = (
        EXPLORE_EARLY * (1 - certainty) * math.exp(-lessons / (EXPLORE_LESSONS * max(models, 1)))
    )
    return min(1.0, EXPLORE + early)


def exploring_evenly(tasks: int, models: int) -> float:
    """The share of tasks that explore where money has a price: all at first, then ever fewer.

    Args:
        tasks: Decided before.
        models: How many may take the task.

    Source:
        Measured: an even draw that fades with the pairs of models to be told apart held more of
        the quality than optimism, sampling from a posterior or a constant share.

    Example:
        >>> exploring_evenly(0, 3), round(exploring_evenly(1500, 3), 4)
        (1.0, 0.005)
    """
    horizon = EVEN_TASKS * max(models * (models - 1), 1)
    return min(1.0, EVEN_EXPLORE + math.exp(-tasks / horizon))


def evenly(chosen: str, models: Sequence[ModelSpec], explore: float) -> dict[str, float]:
    """One distribution over the eligible models: the choice, and every one alike.

    Args:
        chosen: The model preferred.
        models: All that may be chosen, the choice among them.
        explore: Share to spread over all.
    """
    return {
        spec.name: explore / len(models) + (1 - explore) * (spec.name == chosen) for spec in models
    }


def lift(spread: Mapping[str, float], floor: float = FLOOR) -> dict[str, float]:
    """Raise probabilities under the floor to it, at the expense of what lies over it.

    Args:
        spread: Sums to 1.
        floor: Of so many models that they couldn't all have it, each gets an even share.

    Example:
        >>> lift({"a": 0.75, "b": 0.25, "c": 0.0}, floor=0.25)
        {'a': 0.5, 'b': 0.25, 'c': 0.25}
    """
    held = min(floor, 1 / len(spread))
    lacking = sum([held - share for share in spread.values() if share < held])
    if not lacking:
        return dict(spread)
    over = sum([share - held for share in spread.values() if share > held])
    kept = 1 - lacking / over if over else 0.0
    return {name: held + kept * max(share - held, 0.0) for name, share in spread.items()}


def worth(
    models: Sequence[ModelSpec],
    quality: Mapping[str, float],
    costs: Mapping[str, Decimal | None],
    price: float,
) -> str:
    """The model of the greatest quality less what its dollars are worth; ties to the cheaper.

    Args:
        models: Those that may take the task, of every tier, at least one.
        quality: Believed quality by model.
        costs: Expected dollars by model; unknown counts as the dearest.
        price: The quality that a dollar must bring.
    """
    usd = {
        spec.name: None if (cost := costs[spec.name]) is None else float(cost) for spec in models
    }
    dearest = max([dollars for dollars in usd.values() if dollars is not None], default=0.0)
    ranked = []
    for name, known in usd.items():
        dollars = dearest if known is None else known
        ranked.append((price * dollars - quality[name], dollars, name))
    return min(ranked)[2]


def distribute(
    chosen: str,
    models: Sequence[ModelSpec],
    quality: Mapping[str, float],
    costs: Mapping[str, Decimal | None],
    lessons: Mapping[str, int],
    explore: float,
) -> dict[str, float]:
    """One distribution over the eligible models: the choice, and a little of everything.

    Args:
        chosen: The model preferred.
        models: All eligible models, of every tier; the choice among them.
        quality: Predicted quality by model.
        costs: Expected dollars by model; unknown counts as the dearest.
        lessons: How often each model was judged.
        explore: Share to spread over all.

    Returns:
        Probabilities that sum to 1, in the order of `models`.
    """
    known = [float(cost) for cost in costs.values() if cost is not None]
    dearest = max(known, default=1.0) or 1.0
    best = max(quality[spec.name] for spec in models)
    floor = dearest * 1e-3  # so that a free model does not take it all

    def weight(name: str) -> float:
        cost = costs[name]
        dear = dearest if cost is None else max(float(cost), floor)
        hopeful = math.exp((quality[name] - best) / PATIENCE)
        return float(hopeful * (dear / dearest) ** -DEARNESS * (lessons[name] + 1) ** -CURIOSITY)

    weights = {spec.name: weight(spec.name) for spec in models}
    total = sum(weights.values())
    return {
        name: explore * found / total + (1 - explore) * (name == chosen)
        for name, found in weights.items()
    }


def mix(spread: Mapping[str, float], tried: Mapping[str, float]) -> dict[str, float]:
    """Take what is tried out of a distribution, evenly.

    Args:
        spread: Sums to 1.
        tried: Probabilities of models that are not in `spread`; in sum below 1.

    Example:
        >>> mix({"a": 0.5, "b": 0.5}, {"new": 0.25})
        {'a': 0.375, 'b': 0.375, 'new': 0.25}
    """
    left = 1.0 - sum(tried.values())
    return {**{name: share * left for name, share in spread.items()}, **tried}


def pick(probabilities: Mapping[str, float], draw: float) -> str:
    """The model that a draw in [0, 1) falls on.

    Example:
        >>> pick({"a": 0.25, "b": 0.75}, 0.24), pick({"a": 0.25, "b": 0.75}, 0.25)
        ('a', 'b')
    """
    reached = 0.0
    for name, share in probabilities.items():
        reached += share
        if draw < reached:
            return name
    return max(probabilities, key=lambda name: probabilities[name])


def fallback(
    tier: int,
    tried: Collection[str],
    models: Sequence[ModelSpec],
    predicted_quality: Mapping[str, float],
    *,
    up: bool = False,
) -> tuple[int, str] | None:
    """Where a task goes whose model failed: to another of its tier, else up.

    Args:
        tier: Where it failed.
        tried: Models that have failed it.
        models: Those that may take it.
        predicted_quality: As decided; a model without counts as worst.
        up: The answer was not good enough: the next tier is asked before the tier's others.

    Returns:
        Tier and model, the best of that tier that is untried, a cold one last; None when all are
        exhausted.
    """
    left = [spec for spec in models if spec.tier >= tier and spec.name not in tried]
    if not left:
        return None
    above = min((spec.tier for spec in left if spec.tier > tier), default=tier)
    beside = any(spec.tier == tier for spec in left)
    to = above if up or not beside else tier
    there = sorted((spec for spec in left if spec.tier == to), key=lambda spec: spec.name)
    best = max(there, key=lambda spec: (not spec.cold, predicted_quality.get(spec.name, -1.0)))
    return to, best.name

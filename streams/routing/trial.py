"""Models that are new: what they must show before they may be preferred, and how often they are tried.

A cold model is believed what its tier is. Until the lower bound of its judged mean clears its
tier's bar it gets tasks only by chance, for a share of the dollars that its rivals cost.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from streams.events.control import Policy
from streams.routing.policy import DEFAULT_SHARES
from streams.routing.quality import PRIOR_QUALITY, QualityView
from streams.routing.registry import ModelSpec

EXPLORE_USD_SHARE = 0.05
"""Expected dollars spent on cold models, as a share of the chosen model's expected cost."""

COLD_TASKS = 0.05
"""At most this share of tasks goes to all cold models together, however cheap they are."""

LEAST_LESSONS = 20
"""Fewer judged tasks admit nobody, whatever they scored."""

SURENESS = 1.645
"""Deviations of the bounds: one in twenty means lies outside on either side."""

PRIOR_LESSONS = 10
"""A rival's judged mean is drawn to its tier's prior as if by so many lessons."""

PATIENCE = 0.1
"""A model whose upper bound is short of the bar is tried `exp(-short / PATIENCE)` as often."""


def bounds(mean: float, lessons: int) -> tuple[float, float]:
    """Between what a model's true mean score lies, by its judged mean.

    Args:
        mean: Of scores in [0, 1]; they vary no more than hits and misses of this mean.
        lessons: How many were judged; 0: nothing is known.

    Source:
        Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    Example:
        >>> low, high = bounds(0.9, 20)
        >>> round(low, 2), round(high, 2)
        (0.74, 0.97)
    """
    if lessons <= 0:
        return 0.0, 1.0
    spread = SURENESS**2 / lessons
    centre = (mean + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (mean * (1 - mean) + spread / 4)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def bar(tier: int, rivals: Iterable[ModelSpec], policy: Policy, quality: QualityView) -> float:
    """The mean score that a cold model of a tier must surely reach.

    The tier's threshold times the best judged mean among its rivals. Where a mean score is held
    thresholds are no shares, and every tier's is the one that it would begin with.

    Args:
        tier: The cold model's.
        rivals: The models that are not cold; without any, tiers are as good as their priors.
        policy: Thresholds in force.
        quality: Judged means.
    """
    best = max((_mean(spec, quality) for spec in rivals), default=max(PRIOR_QUALITY.values()))
    shares = {} if policy.target_quality is not None else policy.thresholds
    return shares.get(str(tier), DEFAULT_SHARES[tier]) * best


def is_admitted(
    spec: ModelSpec, rivals: Iterable[ModelSpec], policy: Policy, quality: QualityView
) -> bool:
    """Whether a cold model has shown that it may be preferred like any other."""
    part = quality.parts.get(spec.name)
    if part is None or part.part_lessons < LEAST_LESSONS:
        return False
    low, _ = bounds(part.mean_score, part.part_lessons)
    return low >= bar(spec.tier, rivals, policy, quality)


def tries(
    chosen_usd: Decimal | None,
    cold: Sequence[ModelSpec],
    costs: Mapping[str, Decimal | None],
    rivals: Sequence[ModelSpec],
    policy: Policy,
    quality: QualityView,
) -> dict[str, float]:
    """How likely each cold model is tried on a task.

    Args:
        chosen_usd: Expected dollars of the model that is preferred.
        cold: The cold models that may take the task.
        costs: Expected dollars by model. One without a price isn't tried: nobody could say what
            share of the dollars that takes.
        rivals: The models that are not cold.
        policy: Thresholds in force.
        quality: Judged means.

    Returns:
        Probabilities by model, in sum at most `COLD_TASKS`, of which the expected dollars are at
        most `EXPLORE_USD_SHARE` of `chosen_usd`; who isn't tried is left out.
    """
    wanted: dict[str, float] = {}
    for spec in cold:
        if costs[spec.name] is not None:
            short = max(0.0, bar(spec.tier, rivals, policy, quality) - _at_best(spec, quality))
            wanted[spec.name] = COLD_TASKS / len(cold) * math.exp(-short / PATIENCE)
    dollars = sum(share * float(costs[name] or 0) for name, share in wanted.items())
    may = EXPLORE_USD_SHARE * float(chosen_usd or 0)
    held = min(1.0, may / dollars) if dollars else 1.0
    found = {name: share * held if costs[name] else share for name, share in wanted.items()}
    return {name: share for name, share in found.items() if share > 0}


def _mean(spec: ModelSpec, quality: QualityView) -> float:
    prior, part = PRIOR_QUALITY[spec.tier], quality.parts.get(spec.name)
    if part is None:
        return prior
    counted = part.part_lessons
    return (PRIOR_LESSONS * prior + counted * part.mean_score) / (PRIOR_LESSONS + counted)


def _at_best(spec: ModelSpec, quality: QualityView) -> float:
    part = quality.parts.get(spec.name)
    return 1.0 if part is None else bounds(part.mean_score, part.part_lessons)[1]

"""From which tier a task gets its model: thresholds, the confidence rule.

The cheapest tier whose best model's predicted quality clears the tier's bar; if none does, the
tier of the best predicted quality. Confidence under 0.7 bumps one tier, past tiers that are
predicted to do worse.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from streams.events.control import Policy
from streams.events.decision import Strategy
from streams.events.task import Task
from streams.routing.quality import SHARED, QualityView, logit, sigmoid
from streams.routing.registry import ModelSpec
from streams.routing.rules import Verdict

SURE = 0.7
"""Confidence below which a task goes one tier up."""

DEFAULT_TARGET = 0.9
"""Quality to hold, as a share of the best predicted."""

DEFAULT_SHARES = {1: 0.62, 2: 0.62, 3: 0.62, 4: 0.62}
"""Thresholds before any tuning."""

GAP_POWER = 0.7
"""Between 0, where any dearer model grants the whole slack, and 1, where its dollars decide."""

LEAST_GAP = 0.05
"""A price gap counts as at least this part of the dearest price."""

RULE_PENALTY = 0.7
"""Log-odds taken off a model for each tier that it lies under the tier the rules propose."""

RULE_LESSONS = 20
"""After so many lessons the rules weigh half, after three times as many a quarter."""

SPREAD = 1.5
SPREAD_LESSONS = 4
"""A model's log-odds are known to `SPREAD / sqrt(its lessons + SPREAD_LESSONS)`."""

_LOGISTIC = 1.702  # a logistic of this slope is the normal distribution within 0.01


class Standings(NamedTuple):
    """What is believed of the candidates' quality on one task.

    `believed` is what the thresholds judge: the prediction, less what the rules hold against a
    tier below their own.
    """

    predicted: dict[str, float]
    believed: dict[str, float]
    best: float


class Placement(NamedTuple):
    """The tier chosen and why; `bar` is the quality its best model had to reach."""

    tier: int
    confidence: float
    bar: float
    bumped: bool


def initial_policy(
    now: datetime,
    target: float = DEFAULT_TARGET,
    *,
    start: float | None = None,
    strategy: Strategy = Strategy.BALANCED,
    target_quality: float | None = None,
    ceiling_usd: Decimal | None = None,
) -> Policy:
    """The policy before anything was measured: version 0.

    Args:
        now: When it came into force.
        target: Quality to hold, as a share of the best predicted.
        start: Threshold of every tier; None: `DEFAULT_SHARES`.
        strategy: How quality, cost and latency are weighed.
        target_quality: The mean score to hold, instead of `target`; thresholds then begin at it.
        ceiling_usd: Dollars that a task may cost on average.
    """
    if target_quality is not None:
        start = target_quality
    shares = DEFAULT_SHARES if start is None else dict.fromkeys(DEFAULT_SHARES, start)
    return Policy(
        version=0,
        thresholds={str(tier): share for tier, share in shares.items()},
        target=target,
        target_quality=target_quality,
        ceiling_usd=ceiling_usd,
        strategy=strategy,
        reason="initial",
        changed_by="tierflow",
        at=now,
    )


def rule_weight(lessons: int) -> float:
    """How much of the rules' word still counts: 1 before any lesson, then fading."""
    return RULE_LESSONS / (RULE_LESSONS + lessons)


def believe(
    predicted: dict[str, float], models: Sequence[ModelSpec], verdict: Verdict, lessons: int
) -> Standings:
    """Weigh predictions with the rules' word: less for tiers under theirs, fading with lessons."""
    penalty = RULE_PENALTY * verdict.confidence * rule_weight(lessons)
    believed = {}
    for spec in models:
        quality, below = predicted[spec.name], verdict.tier - spec.tier
        if below > 0:
            quality = sigmoid(logit(quality) - penalty * below)
        believed[spec.name] = quality
    return Standings(predicted, believed, max(predicted[spec.name] for spec in models))


def place(
    task: Task,
    models: Sequence[ModelSpec],
    standings: Standings,
    costs: Mapping[str, Decimal | None],
    verdict: Verdict,
    policy: Policy,
    quality: QualityView,
) -> Placement:
    """Choose the tier among the models that may take the task.

    Args:
        task: Its `min_quality`, if any, is the bar of every tier; critical raises one tier.
        models: The candidates, at least one.
        standings: What is believed of them.
        costs: Expected dollars by model, None where unknown.
        verdict: The rules' tier and confidence: all that counts before any lesson.
        policy: Thresholds in force.
        quality: Tells how much is known of each model.
    """
    tiers = sorted({spec.tier for spec in models})
    lessons = quality.lessons_of(SHARED)
    by_name = {spec.name: spec for spec in models}
    prices = {name: None if (cost := costs[name]) is None else float(cost) for name in by_name}
    tops = {tier: _best_of(tier, models, standings) for tier in tiers}
    bars = {
        tier: _bar(task, by_name[tops[tier]], models, standings, prices, policy) for tier in tiers
    }
    if lessons == 0:
        tier, sure = nearest(verdict.tier, tiers), verdict.confidence
    else:
        tier = _clear(tiers, tops, bars, standings)
        known = quality.lessons_of(tops[tier])
        reach = confidence(standings.predicted[tops[tier]], bars[tier], known)
        weight = rule_weight(lessons)
        sure = weight * verdict.confidence + (1 - weight) * reach
    higher = _better(tier, tiers, tops, standings)
    bumped = higher is not None and (sure < SURE or task.critical)
    if higher is not None and bumped:
        tier = higher
    return Placement(tier, sure, bars[tier], bumped)


def settle(
    task: Task,
    tier: int,
    chosen: str,
    standings: Standings,
    verdict: Verdict,
    policy: Policy,
    quality: QualityView,
) -> Placement:
    """Say how sure a choice is that was made by the price of money; it bumps nothing.

    Args:
        task: Its `min_quality`, if any, is the bar.
        tier: The chosen model's.
        chosen: The model.
        standings: What is believed of the candidates.
        verdict: The rules' confidence counts while there are few lessons.
        policy: Its threshold is the bar: where a mean score is held as it stands, else as a share
            of the best there is.
        quality: Tells how much is known of the model.
    """
    share = policy.thresholds.get(str(tier), DEFAULT_SHARES[tier])
    held = share if policy.target_quality is not None else share * standings.best
    bar = held if task.min_quality is None else task.min_quality
    weight = rule_weight(quality.lessons_of(SHARED))
    reach = confidence(standings.predicted[chosen], bar, quality.lessons_of(chosen))
    return Placement(tier, weight * verdict.confidence + (1 - weight) * reach, bar, bumped=False)


def confidence(quality: float, bar: float, lessons: int) -> float:
    """Probability that a model whose quality was learned from so many lessons reaches the bar.

    Example:
        >>> confidence(0.9, 0.8, lessons=0) < confidence(0.9, 0.8, lessons=50)
        True
    """
    spread = SPREAD / math.sqrt(lessons + SPREAD_LESSONS)
    return sigmoid(_LOGISTIC * (logit(quality) - logit(bar)) / spread)


def nearest(tier: int, tiers: Sequence[int]) -> int:
    """The tier itself if it has a model, else the next above, else the highest below."""
    above = [known for known in tiers if known >= tier]
    return min(above) if above else max(tiers)


def _best_of(tier: int, models: Sequence[ModelSpec], standings: Standings) -> str:
    names = [spec.name for spec in models if spec.tier == tier]
    return max(names, key=lambda name: standings.believed[name])


def _bar(
    task: Task,
    top: ModelSpec,
    models: Sequence[ModelSpec],
    standings: Standings,
    prices: Mapping[str, float | None],
    policy: Policy,
) -> float:
    """The quality that makes a tier's best model, `top`, good enough for the task.

    The tier's share of the best quality there is; more, where a better model of a higher tier
    costs little more: of the slack that the share leaves, it grants the part that the price gap
    is of the dearest model's price, to the power `GAP_POWER`.
    """
    if task.min_quality is not None:
        return task.min_quality
    share = policy.thresholds.get(str(top.tier), DEFAULT_SHARES[top.tier])
    slack = (1 - share) * standings.best
    dearest = max(price or 0.0 for price in prices.values())
    own, bar = prices[top.name], standings.best - slack
    for spec in models:
        if spec.tier > top.tier:
            other, gap = prices[spec.name], 1.0
            if own is not None and other is not None and dearest > 0:
                gap = max((other - own) / dearest, LEAST_GAP)
            bar = max(bar, standings.believed[spec.name] - slack * gap**GAP_POWER)
    return bar


def _better(
    tier: int, tiers: Sequence[int], tops: Mapping[int, str], standings: Standings
) -> int | None:
    """The next tier up that is predicted to do no worse: going up must not make things worse."""
    floor = standings.predicted[tops[tier]]
    above = (up for up in tiers if up > tier and standings.predicted[tops[up]] >= floor)
    return next(above, None)


def _clear(
    tiers: Sequence[int],
    tops: Mapping[int, str],
    bars: Mapping[int, float],
    standings: Standings,
) -> int:
    believed = {tier: standings.believed[tops[tier]] for tier in tiers}
    clearing = [tier for tier in tiers if believed[tier] >= bars[tier]]
    return clearing[0] if clearing else max(tiers, key=lambda tier: (believed[tier], -tier))

"""One order's reading of a way to do the tasks, and readings of all orders → a line."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from streams.rig.benchmark import yardsticks
from streams.rig.benchmark.curves import Spot, apgr, cpt, recovered
from streams.rig.benchmark.figures import Gap, Line, Pace, Spend, Timing
from streams.rig.benchmark.intervals import Interval, interval
from streams.rig.benchmark.stream import Step
from streams.rig.benchmark.yardsticks import Ground, Pair, Way

_DIGITS = Decimal(1).scaleb(-12)

Read = tuple[float, float | None, float | None]
"""APGR, CPT(50%), CPT(80%)."""


class Reading(NamedTuple):
    """What one order came to: quality, dollars and shares; regret a task; shares of tiers."""

    way: Way
    regret: float
    tiers: dict[str, float] | None = None

    @classmethod
    def of(cls, steps: Sequence[Step], ground: Ground) -> "Reading":
        """Read a run's measured steps."""
        scores = np.array([step.score for step in steps])
        spent = sum((step.spent_usd for step in steps), Decimal(0))
        models = Counter(step.model for step in steps)
        tiers = Counter(str(step.tier) for step in steps)
        share = {name: count / len(steps) for name, count in sorted(models.items())}
        return cls(
            Way(float(scores.mean()), float(spent / len(steps)), share),
            float(yardsticks.regrets(ground, scores).mean()),
            {tier: count / len(steps) for tier, count in sorted(tiers.items())},
        )

    @classmethod
    def of_way(cls, way: Way, ground: Ground) -> "Reading":
        """Read a way that was worked out."""
        best = float(ground.scores.max(axis=1).mean())
        return cls(way, best - way.quality)

    @classmethod
    def mean(cls, readings: Sequence["Reading"]) -> "Reading":
        """One order's runs at several ceilings together."""
        count = len(readings)
        return cls(
            Way(
                sum(reading.way.quality for reading in readings) / count,
                sum(reading.way.cost_usd for reading in readings) / count,
                _mixed([dict(reading.way.share) for reading in readings]),
            ),
            sum(reading.regret for reading in readings) / count,
            _mixed([reading.tiers or {} for reading in readings]),
        )


def read_off(spots: Sequence[Spot], ground: Ground, pair: Pair) -> Read | None:
    """APGR and CPT of one order's curve; None where there is no gap between the models."""
    weak, strong = (float(mean) for mean in ground.scores.mean(axis=0)[list(pair)])
    curve = recovered(spots, weak, strong)
    return None if curve is None else (apgr(curve), cpt(curve, 0.5), cpt(curve, 0.8))


def line_of(
    name: str,
    readings: Sequence[Reading],
    reads: Sequence[Read | None] | None,
    ceiling_usd: Decimal | None,
    spent_usd: Sequence[float] | None = None,
) -> Line:
    """Sum up all orders.

    Args:
        name: Of the row.
        readings: One an order.
        reads: What each order's curve says; None: no curve was drawn.
        ceiling_usd: Under which it was played, dollars a task.
        spent_usd: What each order spent a task in the ceiling's period, if that began before what
            is measured.
    """
    costs = [reading.way.cost_usd for reading in readings]
    gap = _gap([read for read in reads or () if read is not None])
    own = readings[0].tiers is not None
    most = max(spent_usd or costs)
    over = None if ceiling_usd is None else max(0.0, most / float(ceiling_usd) - 1)
    return Line(
        name=name,
        quality=interval([reading.way.quality for reading in readings]),
        cost_usd=_spend(costs),
        regret=interval([reading.regret for reading in readings]),
        apgr=None if gap.apgr is None else gap.apgr.mean,
        cpt50=None if gap.cpt50 is None else gap.cpt50.mean,
        cpt80=None if gap.cpt80 is None else gap.cpt80.mean,
        gap=gap,
        share=_mixed([dict(reading.way.share) for reading in readings]),
        tiers=_mixed([reading.tiers or {} for reading in readings]) if own else None,
        ceiling_usd=ceiling_usd,
        over_ceiling=over,
    )


def pace_of(ceiling: float, spots: Sequence[Spot]) -> Pace:
    """One pace, over all orders."""
    return Pace(
        ceiling=round(ceiling, 6),
        share=interval([spot.share for spot in spots]),
        quality=interval([spot.quality for spot in spots]),
    )


def timing(microseconds: Sequence[float]) -> Timing:
    """Median and 99th percentile."""
    if not microseconds:
        return Timing(p50=None, p99=None)
    p50, p99 = np.percentile(np.array(microseconds), [50, 99])
    return Timing(p50=round(float(p50), 1), p99=round(float(p99), 1))


def _gap(reads: Sequence[Read]) -> Gap:
    """Means over orders; of a threshold, over those that reach it."""
    columns = list(zip(*reads, strict=True)) if reads else [(), (), ()]
    means = [_mean_of([found for found in column if found is not None]) for column in columns]
    return Gap(apgr=means[0], cpt50=means[1], cpt80=means[2])


def _mean_of(values: Sequence[float]) -> Interval | None:
    return interval(values) if values else None


def _spend(costs: Sequence[float]) -> Spend:
    found = interval(costs)
    return Spend(
        mean=_dollars(found.mean),
        low=None if found.low is None else _dollars(max(found.low, 0.0)),
        high=None if found.high is None else _dollars(found.high),
        max=_dollars(max(costs)),
    )


def _mixed(shares: Sequence[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for share in shares for name in share})
    return {name: sum(share.get(name, 0.0) for share in shares) / len(shares) for name in names}


def _dollars(amount: float) -> Decimal:
    return Decimal(repr(amount)).quantize(_DIGITS)

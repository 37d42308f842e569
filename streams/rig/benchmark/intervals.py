"""A mean with its 95% interval, from repeated runs."""

import math
from collections.abc import Sequence

from streams.events.envelope import Part

FEW = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t at 97.5% for 1 to 10 degrees of freedom."""

NORMAL = 1.959964
"""The normal distribution's 97.5% quantile."""


class Interval(Part):
    """A mean and where 95 of 100 such means would lie; no interval of fewer than two runs."""

    mean: float
    low: float | None = None
    high: float | None = None


def student(freedom: int) -> float:
    """Student's t at 97.5%, to 0.002.

    Args:
        freedom: Degrees of freedom, at least 1.

    Source:
        Beyond the table, the Cornish-Fisher expansion: Abramowitz and Stegun, 26.7.5.

    Example:
        >>> round(student(9), 3), round(student(30), 2), round(student(10**6), 2)
        (2.262, 2.04, 1.96)
    """
    if freedom <= len(FEW):
        return FEW[freedom - 1]
    first = (NORMAL**3 + NORMAL) / 4
    second = (5 * NORMAL**5 + 16 * NORMAL**3 + 3 * NORMAL) / 96
    return NORMAL + first / freedom + second / freedom**2


def interval(values: Sequence[float]) -> Interval:
    """Mean of independent runs, with Student's interval.

    It says how far the order of the tasks and the draws move the figure, not what other tasks
    would do: the tasks are the same in all runs.

    Args:
        values: One figure a run, at least one.
    """
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Interval(mean=mean)
    spread = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = student(len(values) - 1) * math.sqrt(spread / len(values))
    return Interval(mean=mean, low=mean - half, high=mean + half)

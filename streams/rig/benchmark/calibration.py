"""Whether predictions mean what they say: ten bins of predicted quality against what was scored."""

import math
from collections.abc import Iterable

from streams.events.envelope import Part

BINS = 10


class Bin(Part):
    """Tasks whose chosen model was predicted a quality in [low, high); the last bin has 1 too.

    The means are None of no tasks.
    """

    low: float
    high: float
    tasks: int
    predicted: float | None
    scored: float | None


class Calibration(Part):
    """Ten bins, and the mean gap between prediction and score, weighted by tasks: 0 is perfect."""

    bins: tuple[Bin, ...]
    error: float | None


def calibration(pairs: Iterable[tuple[float, float]]) -> Calibration:
    """Sort predictions into bins.

    Args:
        pairs: Predicted quality of the chosen model and its score, both in [0, 1].

    Returns:
        The bins, from low to high; the error is None of no pairs.
    """
    sorted_in: list[list[tuple[float, float]]] = [[] for _ in range(BINS)]
    for predicted, score in pairs:
        sorted_in[min(int(predicted * BINS), BINS - 1)].append((predicted, score))
    bins = tuple(_bin(number, held) for number, held in enumerate(sorted_in))
    tasks = sum(found.tasks for found in bins)
    gaps = (
        found.tasks * abs(found.predicted - found.scored)
        for found in bins
        if found.predicted is not None and found.scored is not None
    )
    return Calibration(bins=bins, error=math.fsum(gaps) / tasks if tasks else None)


def _bin(number: int, held: list[tuple[float, float]]) -> Bin:
    count = len(held)
    return Bin(
        low=number / BINS,
        high=(number + 1) / BINS,
        tasks=count,
        predicted=math.fsum(predicted for predicted, _ in held) / count if count else None,
        scored=math.fsum(score for _, score in held) / count if count else None,
    )

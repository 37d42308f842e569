"""Quality against the share of strong calls, and what is read off that curve: APGR and CPT.

Source:
    Both figures: RouteLLM, arXiv 2406.18665, section 3.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple


class Spot(NamedTuple):
    """One run between two models: the share of tasks that the strong one did, and mean quality."""

    share: float
    quality: float


def recovered(spots: Iterable[Spot], weak: float, strong: float) -> list[Spot] | None:
    """The curve from (0, 0) to (1, 1) of the gap's recovered part, by share of strong calls.

    Args:
        spots: Runs, in any order.
        weak: Mean quality of the weak model alone.
        strong: Mean quality of the strong model alone.

    Returns:
        Spots whose `quality` is the part of the gap between the two models that was recovered;
        None where there is no gap.
    """
    gap = strong - weak
    if gap <= 0:
        return None
    inner = sorted(Spot(share, (quality - weak) / gap) for share, quality in spots)
    return [Spot(0.0, 0.0), *inner, Spot(1.0, 1.0)]


def apgr(curve: Iterable[Spot]) -> float:
    """Average performance gap recovered: the area under the curve.

    Random choice has 0.5, and a router that knows nothing can't do better.

    Args:
        curve: As `recovered` returns it.

    Example:
        >>> apgr([Spot(0.0, 0.0), Spot(0.5, 0.7), Spot(1.0, 1.0)])
        0.6
    """
    points = list(curve)
    slices = (
        (right.share - left.share) * (right.quality + left.quality) / 2
        for left, right in pairwise(points)
    )
    return sum(slices)


def cpt(curve: Iterable[Spot], part: float) -> float | None:
    """Call-performance threshold: the smallest share of strong calls that recovers so much.

    Args:
        curve: As `recovered` returns it; straight between its spots.
        part: Of the gap, in (0, 1].

    Returns:
        A share in [0, 1]; None where the curve never gets there.

    Example:
        >>> cpt([Spot(0.0, 0.0), Spot(0.5, 0.75), Spot(1.0, 1.0)], 0.5)
        0.3333333333333333
    """
    points = list(curve)
    for left, right in pairwise(points):
        if left.quality >= part:
            return left.share
        if right.quality >= part:
            reach = (part - left.quality) / (right.quality - left.quality)
            return left.share + reach * (right.share - left.share)
    return None

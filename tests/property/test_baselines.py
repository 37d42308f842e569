"""Mixtures and domination hold together, whatever models there are."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from streams.rig.baselines import Point, best_mixture, dominating, random_of, reference_of

SHARES = st.fractions(0, 1, max_denominator=50)
POINTS = st.builds(Point, st.fractions(0, 20, max_denominator=20), SHARES)
SINGLES = st.dictionaries(st.sampled_from("abcdef"), POINTS, min_size=1)


@given(SINGLES, POINTS, SHARES)
def test_no_mixture_within_the_cost_beats_the_best_one(
    singles: dict[str, Point], ours: Point, share: Fraction
) -> None:
    best = best_mixture(singles, ours.cost)
    for one in singles.values():
        for other in singles.values():
            cost = share * one.cost + (1 - share) * other.cost
            if cost <= ours.cost:
                assert best is not None
                assert best.point.quality >= share * one.quality + (1 - share) * other.quality


@given(SINGLES, POINTS)
def test_the_best_mixture_is_one_and_costs_what_it_says(
    singles: dict[str, Point], ours: Point
) -> None:
    best = best_mixture(singles, ours.cost)
    if best is None:
        assert all(point.cost > ours.cost for point in singles.values())
        return
    assert sum(best.shares.values()) == 1
    assert all(0 <= share <= 1 for share in best.shares.values())
    assert best.point.cost == sum(s * singles[n].cost for n, s in best.shares.items())
    assert best.point.quality == sum(s * singles[n].quality for n, s in best.shares.items())


@given(SINGLES, POINTS)
def test_something_dominates_exactly_if_the_best_mixture_does(
    singles: dict[str, Point], ours: Point
) -> None:
    best = best_mixture(singles, ours.cost)
    assert bool(dominating(singles, ours)) == (
        best is not None and best.point.quality >= ours.quality
    )


@given(SINGLES)
def test_random_choice_never_beats_the_best_mixture_at_its_cost(
    singles: dict[str, Point],
) -> None:
    drawn = random_of(singles)
    assert drawn is not None
    best = best_mixture(singles, drawn.cost)
    assert best is not None
    assert best.point.quality >= drawn.quality


@given(SINGLES)
def test_the_reference_dominates_itself(singles: dict[str, Point]) -> None:
    name = reference_of(singles)
    assert name is not None
    assert name in dominating(singles, singles[name])

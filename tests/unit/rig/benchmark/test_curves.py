"""APGR and CPT on curves small enough to be worked out by hand."""

import pytest

from streams.rig.benchmark.curves import Spot, apgr, cpt, recovered

WEAK, STRONG = 0.6, 0.8


def a_curve(*spots: tuple[float, float]) -> list[Spot]:
    found = recovered([Spot(*spot) for spot in spots], WEAK, STRONG)
    assert found is not None
    return found


def test_the_gap_recovered_is_counted_from_the_weak_model_to_the_strong_one() -> None:
    ends = (0.0, 0.0), (1.0, 1.0)
    assert a_curve((0.5, 0.7)) == [ends[0], pytest.approx((0.5, 0.5)), ends[1]]


def test_spots_come_in_any_order() -> None:
    assert a_curve((0.8, 0.75), (0.2, 0.7)) == a_curve((0.2, 0.7), (0.8, 0.75))


def test_two_models_of_equal_quality_have_no_curve() -> None:
    assert recovered([Spot(0.5, 0.6)], 0.6, 0.6) is None


def test_a_coin_has_an_area_of_one_half() -> None:
    assert apgr(a_curve(*((p, WEAK + p * 0.2) for p in (0.1, 0.4, 0.9)))) == pytest.approx(0.5)


def test_the_area_is_that_of_the_trapezoids_between_runs() -> None:
    # (0, 0), (0.2, 0.5), (0.6, 0.9), (1, 1): 0.05 + 0.28 + 0.38
    assert apgr(a_curve((0.2, 0.7), (0.6, 0.78))) == pytest.approx(0.71)


def test_better_than_the_strong_model_counts_above_one_and_worse_than_the_weak_below_zero() -> None:
    assert apgr(a_curve((0.5, 0.84))) == pytest.approx(0.5 * 1.2 / 2 + 0.5 * 2.2 / 2)
    assert apgr(a_curve((0.5, 0.56))) == pytest.approx(0.5 * -0.2 / 2 + 0.5 * 0.8 / 2)


def test_the_threshold_lies_where_the_curve_first_crosses_it() -> None:
    curve = a_curve((0.2, 0.68), (0.6, 0.76))  # 0.4 and 0.8 of the gap
    assert cpt(curve, 0.5) == pytest.approx(0.3)
    assert cpt(curve, 0.8) == pytest.approx(0.6)
    assert cpt(curve, 0.9) == pytest.approx(0.8)


def test_a_curve_that_falls_again_keeps_its_first_crossing() -> None:
    assert cpt(a_curve((0.4, 0.76), (0.6, 0.64)), 0.4) == pytest.approx(0.2)


def test_what_is_never_recovered_has_no_threshold() -> None:
    assert cpt([Spot(0.0, 0.0), Spot(1.0, 0.5)], 0.8) is None

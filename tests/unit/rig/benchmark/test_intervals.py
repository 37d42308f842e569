"""Means with their intervals, worked out by hand and from printed tables."""

import pytest

from streams.rig.benchmark.intervals import interval, student


def test_the_interval_is_students() -> None:
    # mean 2, standard deviation 1, standard error 1 / sqrt 3, t at 2 degrees 4.303
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2
    assert found.high == pytest.approx(2 + 4.303 / 3**0.5)
    assert found.low == pytest.approx(2 - 4.303 / 3**0.5)


def test_one_run_has_no_interval() -> None:
    found = interval([0.4])
    assert (found.mean, found.low, found.high) == (0.4, None, None)


def test_equal_runs_leave_no_doubt() -> None:
    found = interval([0.5] * 10)
    assert (found.low, found.high) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("freedom", "printed"),
    [(1, 12.706), (9, 2.262), (11, 2.201), (15, 2.131), (20, 2.086), (40, 2.021), (120, 1.980)],
)
def test_quantiles_are_those_of_printed_tables(freedom: int, printed: float) -> None:
    assert student(freedom) == pytest.approx(printed, abs=0.0025)

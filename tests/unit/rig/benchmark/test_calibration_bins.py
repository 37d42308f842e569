"""Predictions in ten bins, counted by hand."""

import pytest

from streams.rig.benchmark.calibration import calibration


def test_predictions_are_sorted_into_ten_bins_with_their_means() -> None:
    found = calibration([(0.11, 0.0), (0.19, 1.0), (0.95, 1.0)])
    second, last = found.bins[1], found.bins[9]
    assert len(found.bins) == 10
    assert (second.low, second.high, second.tasks) == (0.1, 0.2, 2)
    assert second.predicted == pytest.approx(0.15)
    assert second.scored == 0.5
    assert (last.tasks, last.scored) == (1, 1.0)


def test_the_error_weighs_gaps_by_tasks() -> None:
    # two tasks off by 0.35, one by 0.05
    found = calibration([(0.11, 0.0), (0.19, 1.0), (0.95, 1.0)])
    assert found.error == pytest.approx((2 * 0.35 + 0.05) / 3)


def test_a_bin_begins_at_its_lower_edge_and_the_last_one_holds_one() -> None:
    found = calibration([(0.5, 0.5), (1.0, 1.0), (0.0, 0.0)])
    assert [held.tasks for held in found.bins] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 1]


def test_empty_bins_and_no_predictions_have_no_means() -> None:
    found = calibration([])
    assert found.error is None
    assert {held.predicted for held in found.bins} == {None}

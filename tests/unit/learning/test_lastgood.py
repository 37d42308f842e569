from collections.abc import Iterable

import pytest

from streams.ids import draw
from streams.learning.lastgood import CLIMB_LESSONS, TRIAL_LESSONS, Finding, Trial


def found(differences: Iterable[float]) -> list[tuple[int, Finding]]:
    """What is decided, and after how many lessons; differences are present less kept."""
    trial, decided = Trial(), list[tuple[int, Finding]]()
    for n, difference in enumerate(differences, 1):
        finding = trial.test(0.2 + difference, 0.2)
        if finding is not Finding.GO_ON:
            decided.append((n, finding))
    return decided


def scattered(mean: float, lessons: int, seed: str, by: float = 0.4) -> list[float]:
    return [mean + by * (draw(seed, f"t{n}", "loss") - 0.5) for n in range(lessons)]


def test_weights_that_went_on_well_are_kept() -> None:
    assert found([-0.01] * TRIAL_LESSONS) == [(TRIAL_LESSONS, Finding.KEEP)]


def test_weights_that_got_worse_are_given_up_soon() -> None:
    for n in range(10):
        lessons, finding = found(scattered(0.2, 100, f"s{n}"))[0]
        assert finding is Finding.GO_BACK
        assert CLIMB_LESSONS <= lessons <= 25


def test_they_are_given_up_as_soon_after_a_long_time_of_doing_better() -> None:
    """While wrong scores last, who believes them does better; it shows when they end."""
    trial = Trial()
    for difference in [-0.3] * (TRIAL_LESSONS - 50):
        assert trial.test(0.4 + difference, 0.4) is Finding.GO_ON
    findings = [trial.test(0.2 + difference, 0.2) for difference in scattered(0.2, 25, "s")]
    assert Finding.GO_BACK in findings


def test_weights_that_are_no_number_are_given_up_at_once() -> None:
    assert found([float("nan")]) == [(1, Finding.GO_BACK)]


@pytest.mark.parametrize("mean", [0.0, -0.01])
def test_chance_alone_sends_nobody_back(mean: float) -> None:
    """Differences as two generations of the same weights have them."""
    runs = [found(scattered(mean, 3_000, f"s{n}", by=0.1)) for n in range(10)]
    decided = {finding for run in runs for _, finding in run}
    assert decided == {Finding.KEEP}
    assert sum(len(run) for run in runs) > 50


def test_a_trifle_sends_nobody_back_and_keeps_nothing() -> None:
    assert found([0.004] * 1_000) == []


def test_a_stretch_that_was_worse_does_not_keep_the_next_ones_from_being_kept() -> None:
    decided = found([0.004] * TRIAL_LESSONS + [-0.001] * TRIAL_LESSONS)
    assert decided == [(2 * TRIAL_LESSONS, Finding.KEEP)]


def test_a_world_that_changed_is_no_reason_since_it_hurts_the_kept_ones_more() -> None:
    trial = Trial()
    findings = [trial.test(present=0.6 - n / 500, kept=0.6) for n in range(TRIAL_LESSONS)]
    assert findings[-1] is Finding.KEEP
    assert Finding.GO_BACK not in findings


def test_what_is_decided_begins_a_new_trial() -> None:
    decided = found([-0.01] * TRIAL_LESSONS + [0.2] * 10)
    assert [finding for _, finding in decided] == [Finding.KEEP, Finding.GO_BACK]

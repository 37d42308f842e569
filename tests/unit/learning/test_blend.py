import math

import pytest

from streams.learning.blend import LIMIT, MEMORY, RATE, Blend


def after(lessons: list[tuple[float, float, float]]) -> Blend:
    blend = Blend()
    for first, second, score in lessons:
        blend = blend.learned(first, second, score)
    return blend


def test_before_any_lesson_both_count_the_same() -> None:
    assert Blend().mix(0.4, 0.8) == pytest.approx(0.6)


def test_one_lesson_moves_the_odds_by_the_difference_of_squared_errors() -> None:
    blend = Blend(odds=1.0).learned(0.9, 0.5, 1.0)
    assert blend.odds == pytest.approx(MEMORY * 1.0 + RATE * (0.25 - 0.01))
    assert blend.share == pytest.approx(1 / (1 + math.exp(-blend.odds)))


def test_whoever_is_wrong_less_counts_more_and_the_other_way_round() -> None:
    first = after([(0.8, 0.5, 0.9)] * 30)
    second = after([(0.5, 0.8, 0.9)] * 30)
    assert first.share > 0.9
    assert second.share == pytest.approx(1 - first.share)


def test_fortune_may_change() -> None:
    fallen = after([(0.8, 0.5, 0.9)] * 100 + [(0.2, 0.85, 0.9)] * 60)
    assert fallen.share < 0.5


def test_a_mixture_lies_between_its_estimates_whatever_came_before() -> None:
    always = after([(0.0, 1.0, 1.0)] * 10_000)
    assert abs(always.odds) <= LIMIT
    assert 0 < always.share < 1
    assert 0.2 <= always.mix(0.2, 0.7) <= 0.7
    assert always.mix(0.2, 0.7) == pytest.approx(0.7, abs=1e-3)


def test_two_that_err_on_different_tasks_are_better_blended() -> None:
    lessons = [(0.6, 0.9, 1.0), (0.9, 0.6, 1.0)] * 50
    blend, lost, alone = Blend(), 0.0, 0.0
    for first, second, score in lessons:
        lost += (blend.mix(first, second) - score) ** 2
        alone += min((first - score) ** 2 + (second - score) ** 2, 2.0) / 2
        blend = blend.learned(first, second, score)
    assert lost < alone

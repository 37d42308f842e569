from datetime import timedelta

import pytest

from streams.learning.thresholds import Debt, Gains, Steering, owing_threshold, steer
from streams.learning.windows import Judged
from tests.builders import AT, a_lesson, a_policy

GAINS = Gains(min_judged=10)
SPAN = (AT, AT + timedelta(minutes=1))


def scored(mean: float, lessons: int = 100) -> Judged:
    return Judged(lessons=lessons, lesson_sum=mean * lessons)


def holding(target: float = 0.6, threshold: float = 0.7) -> Steering:
    thresholds = dict.fromkeys("1234", threshold)
    return Steering(policy=a_policy(1, target_quality=target, thresholds=thresholds))


def told(steering: Steering, *closed: Judged) -> Steering:
    return steer(steering, dict(enumerate(closed)), SPAN, SPAN[1], GAINS)


def owing(owed: float, lessons: int = 100) -> Debt:
    return Debt(target=0.6, base=0.7, since=AT, lessons=lessons, score_sum=0.6 * lessons - owed)


def test_what_is_owed_raises_every_threshold_and_what_is_in_hand_lowers_it() -> None:
    short = told(holding(), scored(0.58))
    assert short.policy.thresholds == dict.fromkeys("1234", 0.8)
    assert short.policy.version == 2
    easy = told(holding(), scored(0.62))
    assert easy.policy.thresholds == dict.fromkeys("1234", 0.6)


def test_each_change_says_what_was_measured_and_what_is_owed() -> None:
    reason = told(holding(), scored(0.58)).policy.reason
    assert "100 judged since" in reason
    assert "scored 0.5800 in the mean, target 0.600, 2.0 scores owed" in reason
    assert "tier 1 0.7000 → 0.8000" in reason
    assert "in hand" in told(holding(), scored(0.62)).policy.reason


def test_every_judged_task_counts_of_every_tier_and_explored_ones_too() -> None:
    judged = Judged()
    for lesson in (a_lesson(score=1.0, explored=True), a_lesson(score=0.5)):
        judged = judged.with_lesson(lesson)
    assert (judged.lessons, judged.lesson_sum, judged.judged) == (2, 1.5, 1)
    both = told(holding(), scored(1.0, 50), scored(0.2, 50))
    assert both.debt is not None
    assert both.debt.lessons == 100
    assert both.debt.score_sum == pytest.approx(60.0)
    assert both.policy.version == 1


def test_a_debt_is_not_forgotten_while_the_threshold_is_held_back() -> None:
    steering = holding()
    for _ in range(20):
        steering = told(steering, scored(0.4))
    assert steering.policy.thresholds["1"] == 1.0
    assert steering.debt is not None
    assert steering.debt.owed == pytest.approx(400.0)
    for _ in range(10):
        steering = told(steering, scored(0.9))
        assert steering.policy.thresholds["1"] == 1.0  # still 400 - 10 x 30 owed
    for _ in range(4):
        steering = told(steering, scored(0.9))
    assert steering.policy.thresholds["1"] < 0.8


def test_one_step_is_limited_and_the_dead_band_keeps_still() -> None:
    assert owing_threshold(0.7, owing(50), GAINS) == pytest.approx(0.95)
    assert owing_threshold(0.7, owing(-50), GAINS) == pytest.approx(0.5)
    assert owing_threshold(0.7, owing(GAINS.dead_band * GAINS.debt_tasks * 0.99), GAINS) == 0.7
    assert owing_threshold(0.95, owing(50), GAINS) == 1.0


def test_too_few_scores_are_gathered_first() -> None:
    few = told(holding(), scored(0.0, 9))
    assert few.policy.version == 1
    enough = told(few, scored(0.0, 1))
    assert enough.policy.version == 2
    assert "10 judged" in enough.policy.reason


def test_another_target_begins_anew_from_the_thresholds_in_force() -> None:
    owed = told(holding(), scored(0.3))
    assert owed.debt is not None
    changed = owed.policy.model_copy(update={"target_quality": 0.5})
    anew = told(owed.model_copy(update={"policy": changed}), scored(0.5))
    assert anew.debt is not None
    assert (anew.debt.lessons, anew.debt.target) == (100, 0.5)
    assert anew.debt.base == pytest.approx(owed.policy.thresholds["1"])
    assert anew.policy.version == owed.policy.version


@pytest.mark.parametrize("wrong", [{"debt_tasks": 0}, {"debt_step_limit": 0.0}])
def test_gains_that_could_not_steer_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="debt_tasks"):
        Gains(**wrong)

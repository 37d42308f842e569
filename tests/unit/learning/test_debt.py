from datetime import timedelta

import pytest

from streams.learning.debt import MEMORY, MOST_RECALLED, REACH, Debt, hold, owing_threshold
from streams.learning.gains import Gains
from streams.learning.thresholds import Steering, steer
from streams.learning.windows import Judged
from tests.builders import AT, a_lesson, a_policy

GAINS = Gains(min_judged=10)
SPAN = (AT, AT + timedelta(minutes=1))


def scored(mean: float, predicted: float = 0.6, lessons: int = 20) -> Judged:
    """Answers of which that was predicted."""
    return Judged(
        lessons=lessons,
        lesson_sum=mean * lessons,
        foreseen=lessons,
        foreseen_sum=mean * lessons,
        predicted_sum=predicted * lessons,
    )


def holding(target: float = 0.6) -> Steering:
    thresholds = dict.fromkeys("1234", target)
    return Steering(policy=a_policy(1, target_quality=target, thresholds=thresholds))


def told(steering: Steering, *closed: Judged) -> Steering:
    return steer(steering, dict(enumerate(closed, start=1)), SPAN, SPAN[1], GAINS)


def debt_of(steering: Steering) -> Debt:
    assert steering.debt is not None
    return steering.debt


def test_a_tier_predicted_too_high_is_asked_for_more_and_no_other() -> None:
    short = told(holding(), scored(0.55), scored(0.6))
    assert short.policy.thresholds["1"] == pytest.approx(0.6 + 1 / GAINS.debt_tasks, abs=0.001)
    assert short.policy.thresholds["2"] == 0.6
    assert short.policy.version == 2
    easy = told(holding(), scored(0.65), scored(0.6))
    assert easy.policy.thresholds["1"] == pytest.approx(0.6 - 1 / GAINS.debt_tasks, abs=0.001)


def test_what_was_foreseen_is_left_to_who_decides() -> None:
    hard = told(holding(), scored(0.3, predicted=0.3, lessons=100))
    assert debt_of(hard).owed == pytest.approx(30)
    assert debt_of(hard).unsettled["1"] == pytest.approx(0)
    assert hard.policy.version == 1  # 30 scores owed are 0.0015 of a threshold


def test_what_who_decides_forgot_is_asked_for_in_the_end() -> None:
    debt = Debt(target=0.6, since=AT, lessons=400, score_sum=140)
    assert owing_threshold("1", 0.6, debt, GAINS) == 0.6 + 100 / MEMORY / GAINS.debt_tasks
    much = Debt(target=0.6, since=AT, lessons=4000, score_sum=1400)
    assert owing_threshold("1", 0.6, much, GAINS) == 0.6 + MOST_RECALLED


def test_a_raised_threshold_pays_and_comes_down_again() -> None:
    steering = told(holding(), scored(0.5))
    raised = [steering.policy.thresholds["1"]]
    for _ in range(12):  # predictions are right now, and who decides holds the threshold
        asked = steering.policy.thresholds["1"]
        steering = told(steering, scored(asked, predicted=asked, lessons=20))
        raised.append(steering.policy.thresholds["1"])
    assert max(raised) == raised[0] == pytest.approx(0.65)
    assert raised[-1] == pytest.approx(0.6, abs=0.015)
    assert abs(debt_of(steering).owed) < 0.5


def test_each_change_says_what_was_measured_and_what_is_owed() -> None:
    reason = told(holding(), scored(0.5)).policy.reason
    assert "20 judged since" in reason
    assert "scored 0.5000 in the mean, target 0.600, 2.0 scores owed" in reason
    assert "tier 1 0.6000 → 0.6500 (2.0 scores predicted too high)" in reason
    lucky = told(holding(), scored(0.7)).policy.reason
    assert "2.0 scores in hand" in lucky
    assert "(2.0 scores predicted too low)" in lucky


def test_every_judged_task_counts_of_every_tier_and_explored_ones_too() -> None:
    judged = Judged()
    for lesson in (
        a_lesson(score=1.0, explored=True),
        a_lesson(score=0.5),
        a_lesson(score=0.25, predicted_quality=None),
    ):
        judged = judged.with_lesson(lesson)
    assert (judged.lessons, judged.lesson_sum, judged.judged) == (3, 1.75, 2)
    assert (judged.foreseen, judged.foreseen_sum, judged.predicted_sum) == (2, 1.5, 1.7)
    both = told(holding(), scored(1.0, 1.0, 50), scored(0.2, 0.2, 50))
    assert debt_of(both).lessons == 100
    assert debt_of(both).score_sum == pytest.approx(60.0)
    assert both.policy.version == 1


def test_answers_without_a_prediction_are_made_good_by_the_others() -> None:
    steering, total = holding(), 0.0
    for _ in range(100):
        asked = steering.policy.thresholds["1"]
        skilled = Judged(lessons=20, lesson_sum=20 * 0.9)
        steering = steer(steering, {0: skilled, 1: scored(asked, asked, 80)}, SPAN, SPAN[1], GAINS)
        total += 18 + 80 * asked
    assert steering.policy.thresholds["1"] == pytest.approx(0.525, abs=0.02)
    assert total / 10_000 == pytest.approx(0.6, abs=0.005)


def test_scores_that_come_late_dont_make_it_swing() -> None:
    steering, asked, late = holding(), list[float](), 20
    for number in range(200):
        asked.append(steering.policy.thresholds["1"])
        if number >= late:
            then = asked[number - late]
            steering = told(steering, scored(then - 0.06, then, 25))
    assert asked[late] == asked[0] == 0.6
    assert all(each == pytest.approx(0.667, abs=0.02) for each in asked[late + 10 :])


@pytest.mark.parametrize("lessons", [10, 100, 10_000])
def test_however_many_lessons_a_window_has_it_settles(lessons: int) -> None:
    steering, asked = holding(), list[float]()
    for _ in range(60):
        asked.append(steering.policy.thresholds["1"])
        steering = told(steering, scored(asked[-1] - 0.06, asked[-1], lessons))
    assert all(each == pytest.approx(0.665, abs=0.025) for each in asked[30:])


def test_one_step_is_limited_and_so_is_the_whole_way() -> None:
    steering, steps = holding(), list[float]()
    for _ in range(50):
        before = steering.policy.thresholds["1"]
        steering = told(steering, scored(0.1, predicted=0.9))
        steps.append(steering.policy.thresholds["1"] - before)
    assert max(steps) == pytest.approx(GAINS.debt_step_limit)
    assert steering.policy.thresholds["1"] == pytest.approx(0.6 + REACH, abs=GAINS.dead_band)
    for _ in range(12):
        steering = told(steering, scored(0.9, predicted=0.9))
    assert steering.policy.thresholds["1"] < 0.7  # nothing was wound up


def test_a_threshold_stays_a_share() -> None:
    thresholds = dict.fromkeys("1234", 0.95)
    steering = Steering(policy=a_policy(1, target_quality=0.95, thresholds=thresholds))
    for _ in range(20):
        steering = told(steering, scored(0.5, predicted=0.95))
    assert steering.policy.thresholds["1"] == 1.0


def test_inside_the_dead_band_nothing_moves() -> None:
    debt = Debt(target=0.6, since=AT, unsettled={"1": 0.99 * GAINS.dead_band * GAINS.debt_tasks})
    assert owing_threshold("1", 0.6, debt, GAINS) == 0.6
    assert owing_threshold("1", 0.58, debt, GAINS) > 0.6


def test_too_few_scores_are_gathered_first() -> None:
    few = told(holding(), scored(0.0, lessons=9))
    assert few.policy.version == 1
    enough = told(few, scored(0.0, lessons=1))
    assert enough.policy.version == 2
    assert "10 judged" in enough.policy.reason


def test_another_target_begins_anew_from_the_thresholds_in_force() -> None:
    owed = told(holding(), scored(0.4))
    changed = owed.policy.model_copy(update={"target_quality": 0.5})
    anew = told(owed.model_copy(update={"policy": changed}), scored(0.5, predicted=0.5))
    assert (debt_of(anew).lessons, debt_of(anew).target) == (20, 0.5)
    assert anew.policy.thresholds["1"] < owed.policy.thresholds["1"]
    assert anew.policy.thresholds["2"] == pytest.approx(0.6 - GAINS.debt_step_limit)


def test_a_policy_without_a_mean_score_has_none_to_hold() -> None:
    with pytest.raises(ValueError, match="no mean score"):
        hold(a_policy(1), None, {}, AT, AT, GAINS)


@pytest.mark.parametrize("wrong", [{"debt_tasks": 0}, {"debt_step_limit": 0.0}])
def test_gains_that_could_not_steer_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="debt_tasks"):
        Gains(**wrong)

from collections.abc import Mapping
from datetime import timedelta

import pytest

from streams.learning.gains import Gains
from streams.learning.thresholds import Steering, next_threshold, steer
from streams.learning.windows import Judged
from tests.builders import AT, a_policy

GAINS = Gains(integral=0.5, step_limit=0.02, dead_band=0.02, release_band=0.005, min_judged=10)
SPAN = (AT, AT + timedelta(seconds=10))
NOW = AT + timedelta(seconds=11)


def held(share: float, judged: int = 100) -> Judged:
    return Judged(
        lessons=judged, judged=judged, score_sum=share * judged * 0.8, best_sum=judged * 0.8
    )


def step(steering: Steering, closed: Mapping[int, Judged], gains: Gains = GAINS) -> Steering:
    return steer(steering, closed, SPAN, NOW, gains)


def test_a_tier_that_falls_short_asks_for_more_and_one_that_exceeds_for_less() -> None:
    assert next_threshold(0.8, 0.9, held(0.87), GAINS) == pytest.approx(0.815)
    assert next_threshold(0.8, 0.9, held(0.93), GAINS) == pytest.approx(0.785)


def test_a_step_is_limited_and_a_threshold_stays_within_its_bounds() -> None:
    assert next_threshold(0.8, 0.9, held(0.1), GAINS) == 0.82
    assert next_threshold(0.8, 0.9, held(1.2), GAINS) == 0.78
    assert next_threshold(0.99, 0.9, held(0.1), GAINS) == GAINS.ceiling
    assert next_threshold(0.51, 0.9, held(1.2), GAINS) == GAINS.floor


def test_nothing_is_concluded_from_too_few_or_from_nothing_attainable() -> None:
    assert next_threshold(0.8, 0.9, held(0.1, judged=9), GAINS) == 0.8
    assert next_threshold(0.8, 0.9, Judged(lessons=50, judged=50), GAINS) == 0.8


def test_a_threshold_at_rest_needs_a_larger_error_than_one_that_moves() -> None:
    assert next_threshold(0.8, 0.9, held(0.89), GAINS) == 0.8
    assert next_threshold(0.8, 0.9, held(0.89), GAINS, moving=True) == pytest.approx(0.805)
    assert next_threshold(0.8, 0.9, held(0.897), GAINS, moving=True) == 0.8


def test_scores_outside_0_and_1_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot sum to"):
        next_threshold(0.8, 0.9, Judged(lessons=10, judged=10, score_sum=11, best_sum=9), GAINS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"release_band": 0.5},
        {"floor": 0.9, "ceiling": 0.8},
        {"ceiling": 1.1},
        {"integral": 0},
        {"step_limit": -1},
        {"min_judged": 0},
    ],
)
def test_gains_that_cannot_steer_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Gains(**wrong)  # type: ignore[arg-type]


def test_a_move_is_a_new_version_that_says_why() -> None:
    before = Steering(policy=a_policy(4))
    after = step(before, {2: held(0.85, 48), 3: held(0.9), 0: Judged(lessons=7)}).policy
    assert after.version == 5
    assert after.thresholds == {"1": 0.8, "2": 0.82, "3": 0.8, "4": 0.8}
    assert (after.changed_by, after.at, after.target) == ("tune", NOW, 0.9)
    assert after.reason == (
        "tier 2: 48 judged from 2026-11-23 12:00:00 to 12:00:10 UTC held 0.850 of the attainable "
        "quality, target 0.900: threshold 0.8000 → 0.8200"
    )


def test_several_tiers_move_in_one_version() -> None:
    after = step(Steering(policy=a_policy(1)), {1: held(0.7), 4: held(0.95)}).policy
    assert after.version == 2
    assert (after.thresholds["1"], after.thresholds["4"]) == (0.82, 0.78)
    assert [part[:6] for part in after.reason.split("; ")] == ["tier 1", "tier 4"]


def test_without_a_move_the_policy_stays_the_same_object() -> None:
    before = Steering(policy=a_policy(1))
    assert step(before, {2: held(0.9)}).policy is before.policy
    assert step(before, {0: held(0.1)}).policy is before.policy
    assert step(before, {}).policy is before.policy


def test_windows_with_too_few_are_gathered_until_there_are_enough() -> None:
    steering = Steering(policy=a_policy(1))
    first = step(steering, {4: held(0.5, 6)})
    assert first.policy.version == 1
    second = step(first, {4: held(0.5, 6)})
    assert second.policy.version == 2
    assert "tier 4: 12 judged" in second.policy.reason
    assert second.courses["4"].gathered == Judged()


def test_what_was_gathered_for_too_long_is_dropped() -> None:
    gains = Gains(min_judged=10, carry_windows=3)
    steering = step(Steering(policy=a_policy(1)), {4: held(0.5, 9)}, gains)
    for _ in range(2):
        steering = step(steering, {}, gains)
    assert steering.courses["4"].gathered == Judged()
    assert step(steering, {4: held(0.5, 9)}, gains).policy.version == 1


def test_a_threshold_keeps_moving_until_it_is_close_then_rests() -> None:
    steering = step(Steering(policy=a_policy(1)), {2: held(0.87)})
    steering = step(steering, {2: held(0.89)})  # inside the dead band, but moving
    assert steering.policy.version == 3
    steering = step(steering, {2: held(0.899)})
    steering = step(steering, {2: held(0.89)})  # at rest again
    assert steering.policy.version == 3


def test_a_tier_that_is_hardly_used_is_lowered_while_the_whole_holds_more() -> None:
    after = step(Steering(policy=a_policy(1)), {3: held(0.99), 2: held(0.5, 2)}).policy
    assert after.thresholds == {"1": 0.78, "2": 0.78, "3": 0.78, "4": 0.78}
    assert "102 judged in all tiers, few in this one," in after.reason


def test_a_tier_that_is_hardly_used_is_not_raised_for_the_others_sake() -> None:
    after = step(Steering(policy=a_policy(1)), {3: held(0.7)}).policy
    assert after.thresholds == {"1": 0.8, "2": 0.8, "3": 0.82, "4": 0.8}

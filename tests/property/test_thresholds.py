from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.learning.gains import Gains
from streams.learning.thresholds import Steering, next_threshold, steer
from streams.learning.windows import Judged
from tests.builders import AT, a_policy

GAINS = Gains()
SHARES = st.floats(0, 1)
THRESHOLDS = st.floats(GAINS.floor, GAINS.ceiling)
ROUNDING = 1e-6


def held(share: float, judged: int = 100) -> Judged:
    return Judged(lessons=judged, judged=judged, score_sum=share * judged, best_sum=judged)


@given(THRESHOLDS, SHARES, SHARES, SHARES, st.booleans())
def test_less_quality_never_leads_to_a_lower_threshold(
    now: float, target: float, one: float, other: float, moving: bool
) -> None:
    low, high = sorted((one, other))
    asked = next_threshold(now, target, held(low), GAINS, moving=moving)
    assert asked >= next_threshold(now, target, held(high), GAINS, moving=moving) - ROUNDING


@given(THRESHOLDS, SHARES, SHARES, st.integers(0, 200), st.booleans())
def test_a_threshold_moves_one_limited_step_towards_the_target(
    now: float, target: float, share: float, judged: int, moving: bool
) -> None:
    after = next_threshold(now, target, held(share, judged), GAINS, moving=moving)
    assert GAINS.floor <= after <= GAINS.ceiling
    assert abs(after - now) <= GAINS.step_limit + ROUNDING
    assert (after - now) * (target - share) >= -ROUNDING
    if judged < GAINS.min_judged or abs(target - share) <= GAINS.release_band:
        assert after == now


@given(
    start=THRESHOLDS,
    target=st.floats(0.6, 0.95),
    slope=st.floats(0.3, 2.0),
    at_08=st.floats(0.5, 1.0),
    integral=st.floats(0.1, 0.5),
)
def test_a_tier_whose_quality_rises_with_its_threshold_is_brought_to_the_target(
    start: float, target: float, slope: float, at_08: float, integral: float
) -> None:
    def quality(threshold: float) -> float:
        return min(max(at_08 + slope * (threshold - 0.8), 0.0), 1.0)

    gains = Gains(integral=integral)
    steering = Steering(policy=a_policy(1, target=target, thresholds={"2": start}))
    for window in range(400):
        span = (AT + timedelta(minutes=window), AT + timedelta(minutes=window + 1))
        closed = {2: held(quality(steering.policy.thresholds["2"]))}
        steering = steer(steering, closed, span, span[1], gains)
    settled = steering.policy.thresholds["2"]
    error = target - quality(settled)
    if settled == gains.ceiling:
        assert error >= -gains.dead_band
    elif settled == gains.floor:
        assert error <= gains.dead_band
    else:
        assert abs(error) <= gains.dead_band
    again = steer(steering, {2: held(quality(settled))}, (AT, AT), AT, gains)
    assert again.policy is steering.policy  # at rest: no version without a change
    assert steering.policy.version <= 1 + 400

"""The rate limit that the simulator keeps."""

from hypothesis import given
from hypothesis import strategies as st

from streams.rig.ratelimit import full

GAPS = st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=200)


@given(st.floats(6, 600), st.floats(1, 20), GAPS)
def test_no_more_calls_pass_than_the_burst_and_what_came_back(
    per_minute: float, burst: float, gaps: list[float]
) -> None:
    bucket, now_s, passed = full(per_minute, burst, 0.0), 0.0, 0
    for gap in gaps:
        now_s += gap
        passed += bucket.take(now_s) is None
        assert passed <= burst + now_s * per_minute / 60 + 1e-6


@given(st.floats(6, 600), st.integers(1, 50))
def test_who_waits_as_long_as_told_is_let_through(per_minute: float, calls: int) -> None:
    bucket, now_s = full(per_minute, 1, 0.0), 0.0
    for _ in range(calls):
        wait_s = bucket.take(now_s)
        if wait_s is not None:
            now_s += wait_s
            assert bucket.take(now_s) is None


def test_a_seconds_calls_may_come_at_once_where_nothing_is_said() -> None:
    assert full(600, None, 0.0).left == 10
    assert full(30, None, 0.0).left == 1

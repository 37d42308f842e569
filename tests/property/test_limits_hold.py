"""Limits under any load, any end and any change of share: never more than was earned, in order."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calling.limiter import BURST_S, HEADROOM, Limiter, Place, Rates
from streams.calling.meter import Meter

SLACK = 1e-4
STEPS = st.lists(
    st.tuples(st.sampled_from("aalgsw"), st.floats(0.0, 3.0), st.integers(1, 400)), max_size=60
)


class Load:
    """Callers of one limiter, in simulated time."""

    def __init__(self, rates: Rates, share: float) -> None:
        self.limiter = Limiter(rates, share, 0.0)
        self.now_s = 0.0
        self.queue: list[Place] = []
        self.out: list[Place] = []
        self.gone: list[tuple[float, float]] = []
        self.order: list[Place] = []

    def step(self, what: str, seconds: float, tokens: int) -> None:
        """Arrive, leave the queue, go, settle, or wait."""
        if what == "a":
            self.queue.append(self.limiter.reserve(tokens, self.now_s))
        elif what == "l" and self.queue:
            self.limiter.withdraw(self.queue.pop(tokens % len(self.queue)))
        elif what == "g":
            for place in tuple(self.queue):
                if self.limiter.ready_s(place, self.now_s) == 0:
                    self.go(place)
        elif what == "s" and self.out:
            place = self.out.pop(tokens % len(self.out))
            self.limiter.settle(place, tokens % (place.tokens + 1), self.now_s)
        else:
            self.now_s += seconds

    def go(self, place: Place) -> None:
        self.queue.remove(place)
        self.limiter.go(place, self.now_s)
        self.out.append(place)
        self.gone.append((self.now_s, place.tokens))


@settings(max_examples=80, deadline=None)
@given(steps=STEPS, per_minute=st.sampled_from([6, 60, 600]), share=st.sampled_from([0.25, 1.0]))
def test_no_more_requests_go_than_burst_and_time_allow(
    steps: list[tuple[str, float, int]], per_minute: int, share: float
) -> None:
    load = Load(Rates(requests_per_minute=per_minute), share)
    for step in steps:
        load.step(*step)
        rate_s = per_minute * share / 60
        assert len(load.gone) <= max(1.0, rate_s * BURST_S) + rate_s * load.now_s + SLACK


@settings(max_examples=80, deadline=None)
@given(steps=STEPS)
def test_whoever_came_first_waits_least(steps: list[tuple[str, float, int]]) -> None:
    load = Load(Rates(60, 6000), 1.0)
    for step in steps:
        load.step(*step)
        waits = [load.limiter.ready_s(place, load.now_s) for place in load.queue]
        assert waits == sorted(waits)


@settings(max_examples=80, deadline=None)
@given(steps=STEPS, shares=st.lists(st.sampled_from([0.1, 0.5, 1.0]), min_size=1, max_size=3))
def test_a_wait_that_was_told_is_never_longer_while_the_share_stays(
    steps: list[tuple[str, float, int]], shares: list[float]
) -> None:
    load = Load(Rates(120, 9000), 0.5)
    for share in shares:
        load.limiter.change(Rates(120, 9000), share, load.now_s)
        for step in steps:
            told = {p: load.limiter.ready_s(p, load.now_s) for p in load.queue}
            before_s = load.now_s
            load.step(*step)
            for place in load.queue:
                if place in told:
                    left = load.limiter.ready_s(place, load.now_s)
                    assert left <= max(0.0, told[place] - (load.now_s - before_s)) + SLACK


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_everybody_who_waits_gets_his_turn(steps: list[tuple[str, float, int]]) -> None:
    load = Load(Rates(60, 6000), 0.5)
    for step in steps:
        load.step(*step)
    for place in tuple(load.queue):
        wait_s = load.limiter.ready_s(place, load.now_s)
        assert math.isfinite(wait_s)
        load.now_s += wait_s
        assert load.limiter.ready_s(place, load.now_s) == 0
        load.go(place)


@given(
    reserved=st.lists(st.tuples(st.integers(1, 500), st.integers(0, 900)), min_size=1, max_size=20)
)
def test_what_was_not_used_is_given_back_to_the_token(reserved: list[tuple[int, int]]) -> None:
    meter = Meter(rate_s=0.0, burst=1e9, now_s=0.0)
    for asked, used in reserved:
        meter.reserve(asked, 0.0)
        meter.settle(asked - used, 0.0)
    assert meter.level(0.0) == 1e9 - sum(used for _, used in reserved)


@given(shares=st.lists(st.integers(1, 100), min_size=1, max_size=8))
def test_workers_together_stay_within_the_limit(shares: list[int]) -> None:
    total, seconds = sum(shares), 60
    gone = 0
    for share in shares:
        limiter = Limiter(Rates(600), share / total, 0.0)
        now_s = 0.0
        while True:
            place = limiter.reserve(0, now_s)
            now_s += limiter.ready_s(place, now_s)
            if now_s > seconds:
                break
            limiter.go(place, now_s)
            gone += 1
    burst = sum(max(1.0, 10 * BURST_S * share / total) for share in shares)
    assert gone <= 600 * HEADROOM * seconds / 60 + burst + SLACK
    assert gone >= 600 * 0.95 - len(shares)


def test_a_share_that_grows_or_shrinks_keeps_what_was_granted() -> None:
    limiter = Limiter(Rates(60), 1.0, 0.0)
    first, second = limiter.reserve(0, 0.0), limiter.reserve(0, 0.0)
    assert limiter.ready_s(first, 0.0) == 0
    limiter.change(Rates(60), 0.25, 0.0)
    assert limiter.ready_s(first, 0.0) == 0
    assert 4.0 < limiter.ready_s(second, 0.0) < 4.1
    limiter.change(Rates(60), 0.0, 0.0)
    assert limiter.ready_s(first, 0.0) == 0
    assert math.isinf(limiter.ready_s(second, 0.0))

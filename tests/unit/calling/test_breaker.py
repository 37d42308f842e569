from itertools import pairwise

import pytest

from streams.calling.attempts import Failure
from streams.calling.breaker import Breaker, BreakerState, Breaking, Verdict

RULES = Breaking()


def fail(breaker: Breaker, times: int, now_s: float, verdict: Verdict = Verdict.FAILED) -> None:
    for _ in range(times):
        leave = breaker.go(now_s)
        assert leave is not None
        breaker.ended(leave, verdict, now_s)


def probe(breaker: Breaker, now_s: float, verdict: Verdict) -> None:
    leave = breaker.go(now_s)
    assert leave is not None
    breaker.ended(leave, verdict, now_s)


def test_a_model_that_never_answers_opens_it_with_the_fifth_failure() -> None:
    breaker = Breaker()
    fail(breaker, 4, 0.0)
    assert breaker.state(0.0) is BreakerState.CLOSED
    fail(breaker, 1, 0.8)
    assert breaker.state(0.8) is BreakerState.OPEN
    assert breaker.because == "5 calls failed in a row"


def test_three_timeouts_in_a_row_open_it() -> None:
    breaker = Breaker()
    fail(breaker, 3, 0.0, Verdict.TIMED_OUT)
    assert breaker.state(0.0) is BreakerState.OPEN


def test_a_model_that_fails_three_of_ten_calls_is_not_taken_for_dead() -> None:
    breaker = Breaker()
    for number in range(3000):
        leave = breaker.go(number / 5)
        assert leave is not None
        failed = number * 7 % 10 < 3
        breaker.ended(leave, Verdict.FAILED if failed else Verdict.WELL, number / 5)


def test_a_share_of_failures_opens_it_without_any_long_run() -> None:
    breaker, number = Breaker(), 0
    while breaker.state(number / 5) is BreakerState.CLOSED and number < 100:
        leave = breaker.go(number / 5)
        assert leave is not None
        breaker.ended(leave, Verdict.WELL if number % 3 == 0 else Verdict.FAILED, number / 5)
        number += 1
    assert RULES.min_calls <= number <= RULES.min_calls + 3
    assert breaker.because.endswith("calls failed in 60 s")


@pytest.mark.parametrize("failure", [Failure.RATE_LIMITED, Failure.REFUSED])
def test_a_429_or_a_refused_request_neither_opens_nor_closes_it(failure: Failure) -> None:
    breaker = Breaker()
    fail(breaker, 500, 0.0, Verdict.of(failure))
    assert breaker.state(0.0) is BreakerState.CLOSED
    fail(breaker, 5, 0.0)
    probe(breaker, 2.0, Verdict.of(failure))
    assert breaker.state(2.0) is BreakerState.HALF_OPEN


@pytest.mark.parametrize("failure", [Failure.CHECK_FAILED, Failure.UNSURE])
def test_an_answer_that_is_not_good_enough_is_an_answer(failure: Failure) -> None:
    assert Verdict.of(failure) is Verdict.WELL


def test_two_answers_of_probes_close_it_and_one_failure_opens_it_for_longer() -> None:
    breaker = Breaker()
    fail(breaker, 5, 0.0)
    assert breaker.shut_until_s(1.9) == 2.0
    probe(breaker, 2.0, Verdict.FAILED)
    assert breaker.retry_at_s == 6.0
    probe(breaker, 6.0, Verdict.WELL)
    assert breaker.state(6.0) is BreakerState.HALF_OPEN
    probe(breaker, 6.0, Verdict.WELL)
    assert breaker.state(6.0) is BreakerState.CLOSED


def test_the_time_it_is_open_doubles_up_to_a_minute_and_begins_anew_after_calm() -> None:
    breaker, now_s, times = Breaker(), 0.0, []
    fail(breaker, 5, now_s)
    for _ in range(8):
        times.append(breaker.retry_at_s - now_s)
        now_s = breaker.retry_at_s
        probe(breaker, now_s, Verdict.FAILED)
    assert times == [2, 4, 8, 16, 32, 60, 60, 60]
    assert all(later >= sooner for sooner, later in pairwise(times))
    now_s = breaker.retry_at_s
    probe(breaker, now_s, Verdict.WELL)
    probe(breaker, now_s, Verdict.WELL)
    fail(breaker, 5, now_s + RULES.calm_s + 1)
    assert breaker.retry_at_s == now_s + RULES.calm_s + 1 + RULES.open_s


def test_calls_that_were_out_when_it_opened_say_nothing_afterwards() -> None:
    breaker = Breaker()
    out = [breaker.go(0.0) for _ in range(20)]
    fail(breaker, 5, 0.0)
    for leave in out[:10]:
        assert leave is not None
        breaker.ended(leave, Verdict.WELL, 1.0)
    assert breaker.state(1.0) is BreakerState.OPEN
    assert breaker.state(2.0) is BreakerState.HALF_OPEN
    for leave in out[10:]:
        assert leave is not None
        breaker.ended(leave, Verdict.FAILED, 2.0)
    assert breaker.state(2.0) is BreakerState.HALF_OPEN


def test_probes_that_never_end_don_t_hold_it_half_open() -> None:
    breaker = Breaker()
    fail(breaker, 5, 0.0)
    assert breaker.go(2.0) is not None
    assert breaker.go(2.0) is not None
    assert breaker.go(3.0) is None
    assert breaker.shut_until_s(3.0) == 2.0 + RULES.probe_s
    assert breaker.state(2.0 + RULES.probe_s) is BreakerState.OPEN
    assert breaker.go(breaker.retry_at_s) is not None

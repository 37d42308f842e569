import math

from streams.calling.warmth import Warmth


def test_the_first_call_after_idle_time_waits_for_the_start() -> None:
    warmth = Warmth(cold_start_s=20.0, idle_s=300.0)
    assert warmth.extra_s(0.0) == 20.0
    warmth.sent(0.0)
    warmth.ended(21.0, answered=True)
    assert warmth.extra_s(320.0) == 0.0
    assert warmth.warm_until_s() == 321.0
    assert warmth.extra_s(321.0) == 20.0


def test_a_start_in_progress_is_shared_by_all_who_wait_for_it() -> None:
    warmth = Warmth(cold_start_s=20.0, idle_s=300.0)
    warmth.sent(0.0)
    warmth.sent(5.0)
    assert warmth.extra_s(15.0) == 5.0
    assert warmth.extra_s(25.0) == 0.0


def test_a_start_that_came_to_nothing_is_begun_again() -> None:
    warmth = Warmth(cold_start_s=20.0, idle_s=300.0)
    warmth.sent(0.0)
    warmth.sent(1.0)
    warmth.ended(10.0, answered=False)
    assert warmth.extra_s(10.0) == 10.0
    warmth.ended(11.0, answered=False)
    assert warmth.extra_s(11.0) == 20.0


def test_calls_in_flight_keep_a_model_loaded() -> None:
    warmth = Warmth(cold_start_s=20.0, idle_s=10.0)
    warmth.sent(0.0)
    warmth.ended(20.0, answered=True)
    warmth.sent(21.0)
    assert warmth.extra_s(60.0) == 0.0


def test_a_hosted_model_is_never_cold() -> None:
    assert Warmth().extra_s(1e6) == 0.0
    warmth = Warmth(cold_start_s=3.0)
    warmth.sent(0.0)
    warmth.ended(3.0, answered=True)
    assert warmth.warm_until_s() == math.inf

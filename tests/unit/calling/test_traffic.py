from streams.calling.attempts import Failure
from streams.calling.breaker import BreakerState
from streams.calling.lane import Terms
from streams.calling.limiter import Rates
from streams.calling.traffic import ROOM, Ended, Go, Key, Shut, Traffic, Wait

A = Key("p", "a")


def a_traffic(terms: Terms | None = None) -> Traffic:
    traffic = Traffic()
    traffic.known({A: terms or Terms(1)}, 0.0)
    return traffic


def call(traffic: Traffic, ended: Ended, now_s: float) -> None:
    met = traffic.enter(A, 10, now_s)
    assert isinstance(met, Go)
    traffic.sent(met.ticket, now_s)
    traffic.settled(met.ticket, ended, now_s)


def test_what_changes_is_told_once() -> None:
    traffic = a_traffic()
    for _ in range(5):
        call(traffic, Ended(Failure.SERVER_ERROR), 0.0)
    (opened,) = traffic.changes(0.0)
    assert (opened.what, opened.standing.state) == ("opened", BreakerState.OPEN)
    assert opened.standing.retry_s == 2.0
    assert traffic.changes(1.0) == ()
    assert traffic.enter(A, 10, 1.0) == Shut(2.0, "breaker")
    assert [change.what for change in traffic.changes(2.0)] == ["half_opened"]
    call(traffic, Ended(), 2.0)
    call(traffic, Ended(), 2.0)
    assert [change.what for change in traffic.changes(2.0)] == ["closed"]


def test_a_429_with_retry_after_holds_the_model_until_then_and_no_longer() -> None:
    traffic = a_traffic()
    call(traffic, Ended(Failure.RATE_LIMITED, retry_after_s=30.0), 0.0)
    assert traffic.enter(A, 10, 1.0) == Shut(30.0, "rate_limit")
    assert [change.what for change in traffic.changes(1.0)] == ["held"]
    assert isinstance(traffic.enter(A, 10, 30.0), Go)
    assert [change.what for change in traffic.changes(30.0)] == ["released"]


def test_a_hold_and_an_open_breaker_are_apart() -> None:
    traffic = a_traffic()
    for number in range(40):
        call(traffic, Ended(Failure.RATE_LIMITED, retry_after_s=1.0), number * 2.0)
    assert traffic.standings(100.0)[A].state is BreakerState.CLOSED


def test_a_full_waiting_room_and_a_long_wait_send_elsewhere() -> None:
    traffic = a_traffic(Terms(1, Rates(600)))
    met = [traffic.enter(A, 10, 0.0) for _ in range(10 + ROOM)]
    assert sum(isinstance(one, Go) for one in met) == 9  # 99% of ten a second
    waits = [one.seconds for one in met if isinstance(one, Wait)]
    assert waits == sorted(waits)
    assert len(waits) == ROOM
    last = traffic.enter(A, 10, 0.0)
    assert isinstance(last, Shut)
    assert last.because == "waiting_room"
    slow = a_traffic(Terms(1, Rates(6)))
    assert isinstance(slow.enter(A, 10, 0.0), Go)
    far = slow.enter(A, 10, 0.0)
    assert isinstance(far, Shut)
    assert far.because == "rate_limit"


def test_whoever_stops_waiting_lets_the_others_move_up() -> None:
    traffic = a_traffic(Terms(1, Rates(60)))
    met = [traffic.enter(A, 10, 0.0) for _ in range(4)]
    first, second, third = (one for one in met if isinstance(one, Wait))
    traffic.leave(second.ticket, 0.0)
    assert traffic.again(first.ticket, 0.0) == first
    moved = traffic.again(third.ticket, 0.0)
    assert isinstance(moved, Wait)
    assert abs(moved.seconds - second.seconds) < 1e-9


def test_a_call_that_is_cancelled_or_ends_twice_does_no_harm() -> None:
    traffic = a_traffic(Terms(1, cold_start_s=10.0, idle_s=60.0))
    met = traffic.enter(A, 10, 0.0)
    assert isinstance(met, Go)
    assert met.cold_s == 10.0
    traffic.sent(met.ticket, 0.0)
    traffic.leave(met.ticket, 1.0)
    traffic.leave(met.ticket, 1.0)
    traffic.settled(met.ticket, Ended(), 2.0)
    assert traffic.look(A, 10, 2.0).cold_s == 10.0


def test_a_model_that_is_removed_is_waited_for_no_more() -> None:
    traffic = a_traffic(Terms(1, Rates(60)))
    out, waits = traffic.enter(A, 10, 0.0), traffic.enter(A, 10, 0.0)
    assert isinstance(out, Go)
    assert isinstance(waits, Wait)
    traffic.known({}, 0.5)
    shut = traffic.again(waits.ticket, 1.0)
    assert isinstance(shut, Shut)
    assert shut.because == "gone"
    traffic.settled(out.ticket, Ended(), 2.0)
    assert traffic.standings(2.0) == {}


def test_a_call_keeps_a_local_model_warm_and_that_is_told_now_and_then() -> None:
    traffic = a_traffic(Terms(1, cold_start_s=10.0, idle_s=60.0))
    said = []
    for second in range(0, 60, 5):
        call(traffic, Ended(), float(second))
        said += [change.what for change in traffic.changes(float(second))]
    assert said == ["warmed"] * 4
    assert traffic.standings(60.0)[A].warm_s == 55.0

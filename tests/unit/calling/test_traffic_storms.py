"""Breakers and limits at work, in simulated time: what they cost and what they save."""

import pytest

from streams.calling.attempts import Failure
from streams.calling.breaker import BreakerState
from streams.calling.lane import Terms
from streams.calling.limiter import Rates
from streams.calling.traffic import Key
from tests.road import Server, Time, Worker, arrivals

A, B, C = (Key("p", name) for name in "abc")
GOAL = 0.95
LATE = 0.94
"""Where a Retry-After in whole seconds lets a bucket fill up, and a moment more, again and again."""

ONE = ((1.0, 40.0),)
FOUR = ((0.5, 20.0), (0.25, 10.0), (0.125, 5.0), (0.125, 5.0))
Workers = tuple[tuple[float, float], ...]


def storm(server: Server, workers: Workers, rates: Rates, *, end_s: float = 180.0) -> list[Worker]:
    """Workers of these shares and loads a second, all at one server."""
    time = Time()
    found = []
    for number, (share, load) in enumerate(workers):
        worker = Worker(time, {A: server}, {A: Terms(1, rates)}, share=share)
        arrivals(time, load, end_s, [lambda _, w=worker: w.ask(A)], f"worker-{number}")  # type: ignore[misc]
        found.append(worker)
    time.run(end_s)
    return found


@pytest.mark.parametrize("workers", [ONE, FOUR], ids=["one worker", "four uneven workers"])
@pytest.mark.parametrize("retry", ["none", "whole", "exact"])
def test_a_limit_that_is_known_is_used_and_hardly_ever_refused(
    workers: Workers, retry: str
) -> None:
    server = Server(per_s=10.0, bucket=10.0, retry=retry)
    storm(server, workers, Rates(requests_per_minute=600))
    assert server.goodput(30, 180) >= GOAL * 10
    assert len(server.refused) <= 5


@pytest.mark.parametrize("workers", [ONE, FOUR], ids=["one worker", "four uneven workers"])
@pytest.mark.parametrize(
    ("retry", "window_s"), [("none", None), ("whole", None), ("exact", None), ("whole", 60.0)]
)
def test_a_limit_that_nobody_configured_is_learned(
    workers: Workers, retry: str, window_s: float | None
) -> None:
    server = Server(per_s=10.0, bucket=10.0, retry=retry, window_s=window_s)
    storm(server, workers, Rates())
    begin_s, end_s = (0, 180) if window_s else (30, 180)
    assert server.goodput(begin_s, end_s) >= (LATE if retry == "whole" else GOAL) * 10
    assert len(server.refused) < 1.2 * len(server.taken)


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.5), (0.5, 0.25, 0.125, 0.125)], ids=len)
@pytest.mark.parametrize("retry", ["none", "whole", "exact"])
def test_limits_that_change_are_used_while_everything_is_asked_at_once(
    shares: tuple[float, ...], retry: str
) -> None:
    time, server = Time(), Server(latency_s=0.1, refusal_s=0.005, retry=retry)
    for share in shares:
        worker = Worker(time, {A: server}, {A: Terms(1)}, share=share)
        for _ in range(int(2000 * share)):
            worker.ask(A)
    allowed = 0.0
    for begin_s, end_s, per_s in ((0, 15, 10.0), (15, 30, 4.0), (30, 45, 10.0)):
        server.per_s = server.bucket = per_s
        allowed += per_s * (1 + end_s - begin_s)
        time.run(end_s)
    assert len(server.taken) >= (LATE if retry == "whole" else GOAL) * allowed
    settled = [at for at in server.refused if at > 10]
    assert len(settled) < 1.2 * len(server.taken)


def test_a_storm_is_ridden_out_and_the_old_rate_regained() -> None:
    time, server = Time(), Server(per_s=30.0, bucket=30.0)
    worker = Worker(time, {A: server}, {A: Terms(1)})
    arrivals(time, 25.0, 240.0, [lambda _: worker.ask(A)], "regained")
    time.run(40)
    server.per_s = server.bucket = 5.0
    time.run(100)
    assert server.goodput(50, 100) >= GOAL * 5
    server.per_s = server.bucket = 30.0
    time.run(240)
    assert server.goodput(180, 240) >= 25.0


@pytest.mark.parametrize(("share", "left"), [(0.05, 0.95), (0.1, 0.95), (0.2, 0.6)])
def test_a_few_refusals_that_don_t_come_of_the_rate_don_t_throttle_it_much(
    share: float, left: float
) -> None:
    server = Server(share=share)
    storm(server, ((1.0, 20.0),), Rates())
    assert server.goodput(60, 180) >= left * 20


def test_a_model_that_is_out_of_quota_is_asked_now_and_then_and_found_again() -> None:
    time, server = Time(), Server(share=1.0)
    worker = Worker(time, {A: server}, {A: Terms(1)})
    arrivals(time, 10.0, 200.0, [lambda _: worker.ask(A)], "quota")
    time.run(100)
    assert sum(at > 30 for at in server.refused) <= 20
    server.share = 0.0
    time.run(200)
    assert server.goodput(140, 200) >= 10.0


@pytest.mark.parametrize("failure", [Failure.UNREACHABLE, Failure.SERVER_ERROR])
def test_a_dead_model_among_three_is_given_up_in_under_two_seconds(failure: Failure) -> None:
    time = Time()
    servers = {key: Server() for key in (A, B, C)}
    servers[A].dead = failure
    worker = Worker(time, servers, {key: Terms(1) for key in servers})
    asks = [lambda _, key=key: worker.ask(key) for key in servers]
    arrivals(time, 15.0, 60.0, asks, "dead")
    while worker.traffic.standings(time.now_s)[A].state is BreakerState.CLOSED:
        time.run(time.now_s + 0.05)
    assert time.now_s < 2.0
    assert len(servers[A].failed) == 5
    time.run(70.0)
    assert len(servers[A].failed) <= 20  # 300 tasks named it
    assert sum(worker.completed.values()) >= 880
    servers[A].dead = None
    recovery_s = worker.traffic.standings(70.0)[A].retry_s or 0.0
    arrivals(time, 15.0, 150.0, asks, "recovered")
    time.run(70.0 + recovery_s + 5.0)
    assert worker.traffic.standings(time.now_s)[A].state is BreakerState.CLOSED


def test_a_model_that_only_times_out_is_given_up_after_three_timeouts() -> None:
    time = Time()
    servers = {key: Server() for key in (A, B, C)}
    servers[A].dead, servers[A].dead_s = Failure.TIMED_OUT, 5.0
    worker = Worker(time, servers, {key: Terms(1) for key in servers}, slots=256)
    asks = [lambda _, key=key: worker.ask(key) for key in servers]
    arrivals(time, 15.0, 60.0, asks, "timeouts")
    time.run(6.5)
    assert worker.traffic.standings(6.5)[A].state is BreakerState.OPEN


@pytest.mark.parametrize("rates", [Rates(60), Rates()], ids=["configured", "learned"])
def test_one_limited_model_hardly_slows_the_other_two(rates: Rates) -> None:
    done = {}
    for limited in (False, True):
        time = Time()
        servers = {key: Server() for key in (A, B, C)}
        if limited:
            servers[A].per_s = servers[A].bucket = 1.0
        terms = {A: Terms(1, rates if limited else Rates()), B: Terms(1), C: Terms(1)}
        worker = Worker(time, servers, terms)
        asks = [lambda _, key=key, w=worker: w.ask(key) for key in servers]
        arrivals(time, 30.0, 90.0, asks, "beside")
        time.run(90.0)
        done[limited] = worker.completed
    for other in (B, C):
        assert done[True][other] >= 0.9 * done[False][other]
    assert sum(done[True].values()) >= 0.95 * sum(done[False].values())
    assert done[True][A] >= 0.6 * 90


def test_waiting_tasks_are_told_when_and_go_one_after_the_other() -> None:
    time, server = Time(), Server(per_s=10.0, bucket=10.0)
    worker = Worker(time, {A: server}, {A: Terms(1, Rates(60))})
    for _ in range(6):
        worker.ask(A)
    time.run(20.0)
    gaps = [later - sooner for sooner, later in zip(server.taken, server.taken[1:], strict=False)]
    assert len(server.taken) == 6
    assert all(1.0 <= gap <= 1.1 for gap in gaps)

"""Whom a task is let to: waits that are short are waited out, long ones are gone around."""

import asyncio
import contextlib
import itertools
from collections import Counter
from dataclasses import replace

import pytest

from streams.agents.doors import Admitted, Doors
from streams.agents.loop import Seat
from streams.calling.attempts import Failure
from streams.calling.lane import Terms
from streams.calling.limiter import Rates
from streams.calling.traffic import Key, Traffic
from streams.routing.registry import ModelSpec
from streams.telemetry import Counters
from tests.builders import a_failure, a_model, a_reply
from tests.fakes import ManualClock

ONE, TWO = a_model("one", 2), a_model("two", 2)
FOREVER_S = 1e9
OUTAGE_S = 30.0


class EndOfTestError(Exception):
    """Enough was seen."""


class House:
    """Doors on a clock that flows; models of one tier, some of them limited."""

    def __init__(self, *, flowing: bool = True, longest_wait_s: float = 60.0, **per_minute: float):
        self.clock = ManualClock(flowing=flowing)
        self.counters = Counters()
        self.traffic = Traffic()
        terms = {
            Key("scripted", name): Terms(2, Rates(requests_per_minute=limit))
            for name, limit in per_minute.items()
        }
        self.traffic.known(terms, 0.0)
        self.longest_wait_s = longest_wait_s

    def doors(self) -> Doors:
        seat = Seat(asyncio.Semaphore())
        return Doors(self.traffic, seat, self.clock, self.longest_wait_s, OUTAGE_S, self.counters)

    async def let(
        self, *specs: ModelSpec, left_s: float = FOREVER_S, above: bool = False
    ) -> Admitted | None:
        return await self.doors().admitted(lambda: specs, 100, left_s, above=above)

    async def call(self, *specs: ModelSpec, failure: Failure | None = None) -> str | None:
        """One call of whoever is let; the name of the model."""
        admitted = await self.let(*specs)
        if admitted is None:
            return None
        doors = self.doors()
        doors.sent(admitted.ticket)
        doors.settled(admitted.ticket, a_reply() if failure is None else a_failure(failure))
        return admitted.spec.name

    async def broken(self, spec: ModelSpec) -> None:
        """Let a model fail until its breaker opens."""
        for _ in range(30):
            admitted = await self.let(spec, ONE if spec is TWO else TWO)
            assert admitted is not None
            if admitted.spec is not spec:
                self.doors().left(admitted.ticket)
                return
            self.doors().sent(admitted.ticket)
            self.doors().settled(admitted.ticket, a_failure(Failure.SERVER_ERROR))
        raise AssertionError("it never opens")


async def test_the_model_that_is_meant_is_taken_where_it_is_free() -> None:
    admitted = await House().let(TWO, ONE)
    assert admitted is not None
    assert admitted.spec is TWO


async def test_a_short_wait_is_waited_out() -> None:
    house = House(one=60)
    assert [await house.call(ONE, TWO) for _ in range(3)] == ["one"] * 3
    assert 0.5 < house.clock.monotonic_s() < 5


async def test_who_would_wait_over_five_seconds_takes_another_model_at_once() -> None:
    house = House(one=6)
    assert [await house.call(ONE, TWO) for _ in range(3)] == ["one", "two", "two"]
    assert house.clock.monotonic_s() == 0


async def test_where_there_is_no_other_a_limit_is_waited_for_and_work_goes_on_by_itself() -> None:
    house = House(one=6)
    assert [await house.call(ONE) for _ in range(3)] == ["one"] * 3
    assert 15 < house.clock.monotonic_s() < 25


async def test_nobody_waits_beyond_the_longest_wait_or_the_deadline() -> None:
    house = House(one=1, longest_wait_s=20.0)
    await house.call(ONE)
    assert await house.let(ONE) is None
    assert 20 <= house.clock.monotonic_s() <= 21.5
    assert await house.let(ONE, left_s=3.0) is None
    assert house.clock.monotonic_s() <= 25


async def test_an_open_breaker_is_gone_around() -> None:
    house = House()
    await house.broken(ONE)
    assert await house.call(ONE, TWO) == "two"


async def test_where_a_higher_tier_could_take_it_no_open_breaker_is_waited_for() -> None:
    house = House()
    await house.broken(ONE)
    at_s = house.clock.monotonic_s()
    assert await house.let(ONE, above=True) is None
    assert house.clock.monotonic_s() == at_s


async def test_where_nobody_else_is_left_a_breaker_is_waited_for_until_it_lets_a_probe_go() -> None:
    house = House()
    await house.broken(ONE)
    assert await house.call(ONE) == "one"
    assert house.clock.monotonic_s() > 0


async def test_waits_refusals_and_ways_around_are_counted() -> None:
    house = House(one=6)
    await house.call(ONE, TWO)
    await house.call(ONE, TWO)
    await house.call(TWO, failure=Failure.RATE_LIMITED)
    assert house.counters.counted["tierflow.rerouted"] == {("2", "one", "rate_limit"): 1}
    assert house.counters.counted["tierflow.limiter.refusals"] == {("0", "two"): 1}
    waited = house.counters.histograms["tierflow.limiter.wait_seconds"]
    assert {labels: sum(found.counts) for labels, found in waited.items()} == {
        ("2", "one"): 1,
        ("2", "two"): 2,
    }


async def test_where_nothing_is_to_steer_the_meant_model_is_taken_whatever_is_known() -> None:
    house = House()
    await house.broken(ONE)
    doors = replace(house.doors(), steer=False)
    admitted = await doors.admitted(lambda: [ONE, TWO], 100, FOREVER_S, above=True)
    assert admitted == Admitted(ONE, None)
    doors.sent(None)
    doors.settled(None, a_failure())
    doors.left(None)


async def test_an_outage_is_waited_for_so_long_in_all_however_often_it_is_asked() -> None:
    house = House()
    await house.broken(ONE)
    doors = house.doors()
    assert (
        await doors.admitted(lambda: [ONE], 100, FOREVER_S, above=False, waited_s=OUTAGE_S) is None
    )
    assert house.clock.monotonic_s() == 0


async def test_a_long_limit_sends_a_task_up_where_a_higher_tier_could_take_it() -> None:
    house = House(one=1)
    await house.call(ONE)
    assert await house.let(ONE, above=True) is None
    assert OUTAGE_S <= house.clock.monotonic_s() <= OUTAGE_S + 1.5


async def test_without_any_model_nobody_is_let() -> None:
    assert await House().let() is None


async def test_who_is_cancelled_while_waiting_leaves_the_queue() -> None:
    house = House(flowing=False, one=60)
    await house.call(ONE)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(house.let(ONE)) for _ in range(3)]
        await house.clock.advance(0.1)
        for task in waiting:
            task.cancel()
    assert house.traffic.look(Key("scripted", "one"), 100, 0.1).waiting == 0


async def test_who_waits_leaves_his_place_at_work_to_others() -> None:
    house = House(flowing=False, one=60)
    await house.call(ONE)
    slots = asyncio.Semaphore(1)
    seat = Seat(slots)
    await seat.take()
    doors = Doors(house.traffic, seat, house.clock, 60.0, OUTAGE_S, house.counters)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(doors.admitted(lambda: [ONE], 100, FOREVER_S, above=False))
        await house.clock.advance(0.1)
        assert (slots.locked(), seat.waiting) == (False, True)
        await house.clock.advance(2)
        assert waiting.done()
    assert slots.locked()


@pytest.mark.parametrize("limited", [False, True])
async def test_a_limited_model_takes_little_from_the_others(limited: bool) -> None:
    """Ten workers, calls of half a second, two thirds of the tasks want the limited model."""
    house = House(flowing=False, one=60.0) if limited else House(flowing=False)
    made: Counter[str] = Counter()
    slots = asyncio.Semaphore(10)

    async def work(wanted: ModelSpec, seat: Seat) -> None:
        doors = Doors(house.traffic, seat, house.clock, 60.0, OUTAGE_S, house.counters)
        others = [spec for spec in (ONE, TWO) if spec is not wanted]
        admitted = await doors.admitted(lambda: [wanted, *others], 100, FOREVER_S, above=False)
        assert admitted is not None
        doors.sent(admitted.ticket)
        await house.clock.sleep(0.5)
        doors.settled(admitted.ticket, a_reply())
        made[admitted.spec.name] += 1
        seat.leave()

    async def keep_coming(group: asyncio.TaskGroup) -> None:
        for number in itertools.count():
            seat = Seat(slots)
            await seat.take()
            group.create_task(work(TWO if number % 3 == 0 else ONE, seat))

    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_coming(group))
            await house.clock.advance(30)
            raise EndOfTestError
    assert made.total() > 0.9 * 30 * 20  # ten at once, half a second each
    assert not limited or made["one"] <= 31

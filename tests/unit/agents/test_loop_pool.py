import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from streams.agents.carrier import Taken, UndeliverableDeadLetterError
from streams.agents.loop import Pool, Seat
from streams.agents.outcome import Bury, Outcome, Skip
from streams.clock import SystemClock
from streams.events.envelope import Reason
from streams.topology import BUGS_IN_A_ROW, Kind
from tests.stages import LETTERS, Bench, some, taken


class Slow:
    """A handler that goes on when it is told to; it counts who is in work."""

    def __init__(self) -> None:
        self.working: dict[bytes, int] = defaultdict(int)
        self.most_of_a_key = 0
        self.most = 0
        self.begun: list[int] = []
        self.gates: dict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def __call__(self, one: Taken, _: Seat) -> Outcome:
        key = one.record.key or b""
        self.begun.append(one.record.offset)
        self.working[key] += 1
        self.most_of_a_key = max(self.most_of_a_key, self.working[key])
        self.most = max(self.most, sum(self.working.values()))
        try:
            await self.gates[one.record.offset].wait()
        finally:
            self.working[key] -= 1
        return Skip("done")

    def let(self, *offsets: int) -> None:
        for offset in offsets:
            self.gates[offset].set()


@asynccontextmanager
async def running(pool: Pool) -> AsyncIterator[Pool]:
    pool.resume()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(pool.run())
        yield pool
        task.cancel()


async def until(come: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not come():
            await SystemClock().sleep(0)


async def settle_down() -> None:
    for _ in range(30):
        await SystemClock().sleep(0)


def a_bench(concurrency: int = 4) -> Bench:
    return Bench(Kind.CALLING, concurrency=concurrency)


async def test_each_record_is_settled_when_it_is_done_whatever_came_before_it() -> None:
    bench, slow = a_bench(), Slow()
    async with running(Pool(bench.carrier, slow)) as pool:
        await pool.intake.put(some([0, 1, 2]))
        await until(lambda: len(slow.begun) == 3)
        slow.let(2)
        await until(lambda: bench.settled == [2])
        slow.let(0, 1)
        await until(lambda: len(bench.settled) == 3)


async def test_records_of_one_key_run_one_at_a_time_in_their_order() -> None:
    bench, slow = a_bench(), Slow()
    async with running(Pool(bench.carrier, slow)) as pool:
        await pool.intake.put([taken(0), taken(1), taken(2), taken(3, key="other")])
        await until(lambda: sorted(slow.begun) == [0, 3])
        await settle_down()
        assert sorted(slow.begun) == [0, 3]
        slow.let(0, 1, 2, 3)
        await until(lambda: len(bench.settled) == 4)
    assert slow.most_of_a_key == 1
    assert [offset for offset in slow.begun if offset != 3] == [0, 1, 2]


async def test_no_more_records_are_in_work_than_the_stage_allows() -> None:
    bench, slow = a_bench(concurrency=3), Slow()
    async with running(Pool(bench.carrier, slow)) as pool:
        await pool.intake.put(some(range(6)))
        await until(lambda: len(slow.begun) == 3)
        await settle_down()
        assert len(slow.begun) == 3
        slow.let(*range(6))
        await until(lambda: len(bench.settled) == 6)
    assert slow.most == 3


async def test_draining_waits_for_what_is_in_work_and_takes_no_more() -> None:
    bench, slow = a_bench(concurrency=2), Slow()
    async with running(Pool(bench.carrier, slow)) as pool, asyncio.TaskGroup() as group:
        await pool.intake.put(some(range(4)))
        await until(lambda: len(slow.begun) == 2)
        draining = group.create_task(pool.drain(5))
        await settle_down()
        assert not draining.done()
        slow.let(*range(4))
        assert await draining is True
        await settle_down()
        assert (sorted(bench.settled), pool.in_work) == ([0, 1], 0)
        assert sorted(slow.begun) == [0, 1]


async def test_what_waits_behind_a_key_in_work_is_not_begun_after_a_drain() -> None:
    bench, slow = a_bench(), Slow()
    async with running(Pool(bench.carrier, slow)) as pool:
        await pool.intake.put([taken(0), taken(1)])
        await until(lambda: len(pool.intake) == 0 and slow.begun == [0])
        slow.let(0, 1)
        assert await pool.drain(5) is True
        await settle_down()
        assert (slow.begun, bench.settled) == ([0], [0])


async def test_draining_cancels_what_takes_too_long_and_settles_none_of_it() -> None:
    bench, slow = a_bench(), Slow()
    async with running(Pool(bench.carrier, slow)) as pool:
        await pool.intake.put(some([0, 1]))
        await until(lambda: len(slow.begun) == 2)
        slow.let(0)
        await until(lambda: bench.settled == [0])
        assert await pool.drain(0.01) is False
        assert (bench.settled, pool.in_work) == ([0], 0)
        assert sum(slow.working.values()) == 0


async def test_what_was_handed_back_is_worked_on_again_when_it_is_read_again() -> None:
    bench, slow = a_bench(concurrency=1), Slow()
    async with running(Pool(bench.carrier, slow)) as pool:
        await pool.intake.put([taken(0), taken(1)])
        await until(lambda: slow.begun == [0])
        assert await pool.drain(0.01) is False
        bench.generation = 2
        pool.resume()
        slow.let(0, 1)
        await pool.intake.put([taken(0, generation=2), taken(1, generation=2)])
        await until(lambda: bench.settled == [0, 1])
    assert slow.begun == [0, 0, 1]


async def test_a_record_of_an_old_generation_is_not_begun() -> None:
    bench, slow = a_bench(), Slow()
    bench.generation = 2
    slow.let(0, 1)
    async with running(Pool(bench.carrier, slow)) as pool:
        await pool.intake.put([taken(0, generation=1), taken(1, generation=2, key="other")])
        await until(lambda: bench.settled == [1])
    assert slow.begun == [1]


async def test_a_bug_costs_one_record_and_cancels_no_neighbour() -> None:
    bench, slow = a_bench(), Slow()

    async def handle(one: Taken, seat: Seat) -> Outcome:
        if one.record.offset == 0:
            raise ZeroDivisionError("a bug")
        return await slow(one, seat)

    async with running(Pool(bench.carrier, handle)) as pool:
        await pool.intake.put(some([0, 1]))
        await until(lambda: bench.settled == [0])
        slow.let(1)
        await until(lambda: bench.settled == [0, 1])
    assert [letter.value for letter in bench.publisher.to(LETTERS)] == [b"0"]


async def test_a_held_partition_is_left_alone_and_others_go_on() -> None:
    async def handle(one: Taken, _: Seat) -> Outcome:
        return Skip("fine") if one.record.partition else Bury(Reason.INTERNAL, "a bug")

    bench = a_bench()
    async with running(Pool(bench.carrier, handle)) as pool:
        for one in some(range(BUGS_IN_A_ROW + 10)):
            await pool.intake.put([one])
        await pool.intake.put([taken(99, partition=1)])
        await until(lambda: 99 in bench.settled)
    assert len(bench.settled) == BUGS_IN_A_ROW + 1
    assert len(bench.publisher.to(LETTERS)) == BUGS_IN_A_ROW


async def test_a_dead_letter_that_is_refused_stops_the_worker() -> None:
    async def handle(one: Taken, _: Seat) -> Outcome:
        raise ZeroDivisionError

    bench = a_bench()
    bench.publisher.refuses = lambda out: out.topic == LETTERS
    pool = Pool(bench.carrier, handle)
    pool.resume()
    await pool.intake.put(some([0]))
    with pytest.RaisesGroup(UndeliverableDeadLetterError):
        await pool.run()
    assert bench.settled == []


async def test_a_full_pool_holds_its_publisher_back() -> None:
    bench, slow = a_bench(concurrency=1), Slow()
    async with running(Pool(bench.carrier, slow)) as pool, asyncio.TaskGroup() as group:
        for offset in range(3):
            await pool.intake.put([taken(offset, key=f"k{offset}")])
        await settle_down()
        await pool.intake.put([taken(3, key="k3")])
        putting = group.create_task(pool.intake.put([taken(4, key="k4")]))
        await settle_down()
        assert not putting.done()
        slow.let(*range(5))
        await until(lambda: len(bench.settled) == 5)
        assert putting.done()

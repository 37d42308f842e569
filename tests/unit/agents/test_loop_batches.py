import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from streams.agents.loop import Batches
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Put, Record, Skip
from streams.clock import SystemClock
from streams.events.envelope import Reason
from streams.topology import Kind
from tests.builders import AT
from tests.fakes import ManualClock
from tests.stages import CHANGELOG, LETTERS, OUT, Bench, Note, a_note, some, taken, told


@asynccontextmanager
async def running(batches: Batches) -> AsyncIterator[Batches]:
    batches.resume()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(batches.run())
        yield batches
        task.cancel()


async def until(come: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not come():
            await SystemClock().sleep(0)


async def telling(record: Record) -> Outcome:
    return told(f"t{record.offset}", note="x")


async def test_a_batch_is_confirmed_in_one_flush_and_then_settled() -> None:
    bench = Bench()
    async with running(Batches(bench.carrier, lambda: Bound(telling))) as batches:
        await batches.intake.put(some([0, 1, 2]))
        await until(lambda: len(bench.settled) == 3)
    assert bench.publisher.topics == [CHANGELOG] * 3 + [OUT] * 3
    assert bench.settled == [0, 1, 2]


async def test_a_handler_sees_the_writes_of_its_own_batch_and_later_only_confirmed_ones() -> None:
    bench = Bench()
    bench.publisher.refuses = lambda out: out.topic == CHANGELOG
    seen = list[list[str]]()

    async def handle(record: Record) -> Outcome:
        seen.append(sorted(bench.table))
        return told(f"t{record.offset}", note="x")

    async with running(Batches(bench.carrier, lambda: Bound(handle))) as batches:
        await batches.intake.put(some([0, 1]))
        await until(lambda: len(bench.settled) == 2)
        await batches.intake.put(some([2]))
        await until(lambda: len(bench.settled) == 3)
    assert seen == [[], ["t0"], []]


async def test_a_bug_costs_one_record_and_its_neighbours_go_on() -> None:
    async def handle(record: Record) -> Outcome:
        if record.offset == 1:
            raise ZeroDivisionError("a bug")
        return told(f"t{record.offset}")

    bench = Bench()
    async with running(Batches(bench.carrier, lambda: Bound(handle))) as batches:
        await batches.intake.put(some([0, 1, 2]))
        await until(lambda: len(bench.settled) == 3)
    (letter,) = bench.publisher.to(LETTERS)
    assert (letter.key, letter.value) == (b"k1", b"1")
    assert bench.counted() == {("emitted", "told"): 2, ("buried", "internal"): 1}


async def test_a_batch_is_closed_once_and_what_it_comes_to_is_confirmed_before_it_is_settled() -> (
    None
):
    heard = list[int]()

    async def handle(record: Record) -> Outcome:
        heard.append(record.offset)
        return Skip("folded")

    async def close(now: datetime) -> Outcome:
        assert now == AT
        note = Put("notes", "sum", a_note(str(sum(heard))), partition=0)
        return Emit((), (note,), "summed")

    bench = Bench(Kind.FOLD)
    async with running(Batches(bench.carrier, lambda: Bound(handle, close))) as batches:
        await batches.intake.put(some([1, 2, 3]))
        await until(lambda: len(bench.settled) == 3)
    assert bench.table["sum"].text == "6"
    assert bench.counted()["emitted", "summed"] == 1


async def test_the_records_of_a_held_partition_are_neither_handled_nor_settled() -> None:
    async def handle(record: Record) -> Outcome:
        return Bury(Reason.INTERNAL, "a bug") if record.partition == 0 else Skip("fine")

    bench = Bench()
    async with running(Batches(bench.carrier, lambda: Bound(handle))) as batches:
        await batches.intake.put(some(range(50)))
        await until(lambda: bool(bench.carrier.held))
        await batches.intake.put([taken(50), taken(51, partition=1)])
        await until(lambda: 51 in bench.settled)
    assert 50 not in bench.settled
    assert len(bench.publisher.to(LETTERS)) == 50


async def test_records_of_an_old_generation_are_not_folded() -> None:
    heard = list[int]()

    async def handle(record: Record) -> Outcome:
        heard.append(record.offset)
        return Skip("folded")

    bench = Bench(Kind.FOLD, generation=2)
    async with running(Batches(bench.carrier, lambda: Bound(handle))) as batches:
        await batches.intake.put([*some([7], generation=1), *some([8], generation=2)])
        await until(lambda: bool(bench.settled))
    assert (heard, bench.settled) == ([8], [8])


async def test_draining_waits_for_the_batch_in_hand_and_drops_the_rest() -> None:
    bench = Bench()
    bench.publisher.open.clear()
    async with (
        running(Batches(bench.carrier, lambda: Bound(telling))) as batches,
        asyncio.TaskGroup() as group,
    ):
        await batches.intake.put(some([0]))
        await until(lambda: len(batches.intake) == 0)
        await batches.intake.put(some([1]))
        draining = group.create_task(batches.drain(5))
        await SystemClock().sleep(0)
        assert not draining.done()
        bench.publisher.open.set()
        assert await draining is True
        assert (bench.settled, batches.in_work) == ([0], 0)


async def test_draining_says_when_the_batch_in_hand_was_not_done_in_time() -> None:
    bench = Bench()
    bench.publisher.open.clear()
    async with running(Batches(bench.carrier, lambda: Bound(telling))) as batches:
        await batches.intake.put(some([0]))
        await until(lambda: len(batches.intake) == 0)
        assert await batches.drain(0.01) is False
        assert bench.settled == []
        bench.publisher.open.set()


async def test_after_a_drain_the_stage_is_bound_anew_and_the_same_records_may_come_again() -> None:
    bound = list[int]()

    def bind() -> Bound:
        bound.append(len(bench.table))
        return Bound(telling)

    bench = Bench()
    async with running(Batches(bench.carrier, bind)) as batches:
        await batches.intake.put(some([0]))
        await until(lambda: bench.settled == [0])
        assert await batches.drain(1) is True
        await batches.intake.put(some([1]))
        batches.resume()
        await batches.intake.put(some([0, 1]))
        await until(lambda: len(bench.settled) == 3)
    assert bound == [0, 1]
    assert bench.settled == [0, 0, 1]


async def test_time_acts_only_on_partitions_that_are_owned_and_as_often_as_it_should() -> None:
    ticked = list[datetime]()

    async def tick(now: datetime) -> Outcome:
        ticked.append(now)
        return told(f"tick{len(ticked)}")

    bench = Bench(tick_s=10, owned=False, clock=SystemClock())
    batches = Batches(bench.carrier, lambda: Bound(telling, tick=tick))
    async with running(batches):
        await batches.intake.put(some([0]))
        await until(lambda: bench.settled == [0])
        assert ticked == []
        bench.owned = True
        await batches.intake.put(some([1]))
        await until(lambda: len(ticked) == 1)
        await batches.intake.put(some([2]))
        await until(lambda: len(bench.settled) == 3)
    assert len(ticked) == 1
    assert [out.key for out in bench.publisher.to(OUT)].count(b"tick1") == 1


async def test_what_came_during_a_flush_is_gathered_for_a_while_before_the_next() -> None:
    clock = ManualClock()
    clock.move(1)
    bench = Bench(pause_s=0.5, clock=clock)
    bench.publisher.open.clear()
    async with running(Batches(bench.carrier, lambda: Bound(telling))) as batches:
        await batches.intake.put(some([0]))
        await until(lambda: len(batches.intake) == 0)
        await batches.intake.put(some([1]))
        bench.publisher.open.set()
        await until(lambda: clock.sleeping == 1)
        assert bench.settled == [0]
        await batches.intake.put(some([2]))
        clock.move(0.5)
        await until(lambda: len(bench.settled) == 3)
    assert bench.publisher.topics == [CHANGELOG, OUT, CHANGELOG, CHANGELOG, OUT, OUT]


async def test_pruning_deletes_what_is_too_old_after_its_tombstones_are_confirmed() -> None:
    bench = Bench()
    bench.table.table = type(bench.table.table)("notes", bench.table.table.follows, keep_s=60)
    old = Put("notes", "old", Note(at=AT - timedelta(seconds=61)))
    new = Put("notes", "new", Note(at=AT - timedelta(seconds=59)))
    await bench.carrier.carry([(taken(), Skip("kept", (old, new)))])
    await bench.carrier.prune(AT)
    assert list(bench.table) == ["new"]
    assert [(o.key, o.value) for o in bench.publisher.to(CHANGELOG)][2:] == [(b"old", None)]

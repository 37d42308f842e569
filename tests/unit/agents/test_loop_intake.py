import asyncio

from streams.agents.loop import Intake
from streams.clock import SystemClock
from tests.stages import some, taken

LITTLE_S = 0.01


def opened(limit: int) -> Intake:
    intake = Intake(limit)
    intake.open = True
    return intake


async def settle_down() -> None:
    for _ in range(10):
        await SystemClock().sleep(0)


async def test_records_are_taken_in_the_order_in_which_they_came() -> None:
    intake = opened(10)
    first, second = some([0, 1]), some([2])
    await intake.put(first)
    await intake.put(second)
    assert await intake.take(2, LITTLE_S) == first
    assert await intake.take(2, LITTLE_S) == second
    assert len(intake) == 0


async def test_taking_gives_up_when_nothing_comes() -> None:
    assert await opened(10).take(5, LITTLE_S) == []


async def test_taking_wakes_as_soon_as_something_comes() -> None:
    intake = opened(10)
    async with asyncio.TaskGroup() as group:
        wanted = group.create_task(intake.take(5, 30))
        await settle_down()
        await intake.put([taken(3)])
    assert [one.record.offset for one in wanted.result()] == [3]


async def test_a_full_intake_holds_the_next_run_back_until_there_is_room() -> None:
    intake = opened(2)
    await intake.put(some([0, 1]))
    async with asyncio.TaskGroup() as group:
        putting = group.create_task(intake.put(some([2, 3])))
        await settle_down()
        assert (putting.done(), len(intake)) == (False, 2)
        await intake.take(1, LITTLE_S)
        await settle_down()
        assert (putting.done(), len(intake)) == (True, 3)


async def test_closing_drops_what_waits_and_lets_the_one_who_waits_to_put_go() -> None:
    intake = opened(1)
    await intake.put(some([0]))
    async with asyncio.TaskGroup() as group:
        putting = group.create_task(intake.put(some([1])))
        await settle_down()
        await intake.close()
        await settle_down()
        assert putting.done()
    assert len(intake) == 0


async def test_what_comes_while_closed_is_dropped_to_be_read_again() -> None:
    intake = opened(5)
    await intake.close()
    await intake.put(some([0]))
    intake.open = True
    assert await intake.take(1, LITTLE_S) == []

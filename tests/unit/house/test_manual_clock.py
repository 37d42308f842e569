import asyncio

from tests.fakes import START, ManualClock


async def test_a_sleeper_wakes_when_its_hour_has_come_and_not_before() -> None:
    clock, woken = ManualClock(), list[float]()

    async def nap(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(clock.monotonic_s())

    async with asyncio.TaskGroup() as group:
        for seconds in (3, 1, 2):
            group.create_task(nap(seconds))
        await clock.advance(0.5)
        assert (woken, clock.sleeping) == ([], 3)
        await clock.advance(1.5)
        assert woken == [1.0, 2.0]
        await clock.advance(10)
    assert woken == [1.0, 2.0, 3.0]
    assert clock.monotonic_s() == 12.0


async def test_a_loop_that_sleeps_runs_once_for_each_nap_in_the_time_that_passes() -> None:
    clock, rounds = ManualClock(), list[float]()

    async def beat() -> None:
        for _ in range(10):
            await clock.sleep(1)
            rounds.append((clock.now() - START).total_seconds())

    async with asyncio.TaskGroup() as group:
        group.create_task(beat())
        await clock.advance(10)
        assert rounds == [float(n) for n in range(1, 11)]


async def test_a_flowing_clock_lets_sleepers_take_turns_without_being_advanced() -> None:
    clock, order = ManualClock(flowing=True), list[tuple[str, float]]()

    async def beat(name: str, every_s: float) -> None:
        for _ in range(2):
            await clock.sleep(every_s)
            order.append((name, clock.monotonic_s()))

    async with asyncio.TaskGroup() as group:
        group.create_task(beat("slow", 5))
        group.create_task(beat("fast", 2))
    assert order == [("fast", 2.0), ("fast", 4.0), ("slow", 5.0), ("slow", 10.0)]


async def test_a_nap_of_no_time_returns_at_once() -> None:
    clock = ManualClock()
    await clock.sleep(0)
    assert (clock.monotonic_s(), clock.sleeping) == (0.0, 0)

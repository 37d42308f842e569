"""Simulated time: work overlaps, nothing waits, and order is always the same."""

import asyncio
from datetime import timedelta

import pytest

from streams.rig.timeline import Timeline
from tests.fakes import START


async def tell(timeline: Timeline, said: list[tuple[str, float]], name: str, *naps: float) -> None:
    for nap_s in naps:
        await timeline.sleep(nap_s)
        said.append((name, timeline.monotonic_s()))


def play(timeline: Timeline) -> None:
    while timeline.advance():
        pass


def test_sleepers_overlap_and_wake_at_their_own_hours() -> None:
    timeline, said = Timeline(START), list[tuple[str, float]]()
    timeline.begin(tell(timeline, said, "slow", 5.0))
    timeline.begin(tell(timeline, said, "quick", 1.0, 1.0, 7.0))
    play(timeline)
    assert said == [("quick", 1.0), ("quick", 2.0), ("slow", 5.0), ("quick", 9.0)]
    assert timeline.now() == START + timedelta(seconds=9)


def test_of_what_is_due_at_once_the_first_comes_first() -> None:
    timeline, said = Timeline(START), list[tuple[str, float]]()
    for name in ("a", "b", "c"):
        timeline.begin(tell(timeline, said, name, 1.0))
    play(timeline)
    assert [name for name, _ in said] == ["a", "b", "c"]


def test_time_never_runs_backwards() -> None:
    timeline, hours = Timeline(START), list[float]()
    timeline.at(3.0, lambda: timeline.at(1.0, lambda: hours.append(timeline.monotonic_s())))
    play(timeline)
    assert hours == [3.0]


async def test_work_that_waits_for_anything_else_is_a_bug_and_said_so() -> None:
    async def strays() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(TypeError, match="not for the clock"):
        Timeline(START).begin(strays())

"""Fakes named after their behaviour; tests assert their state."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

from streams.clock import SystemClock

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""When a `ManualClock` begins unless told otherwise."""

TURNS = 20
"""Turns of the event loop that a woken sleeper gets before time moves on."""


class ManualClock:
    """A `streams.clock.Clock` whose time passes only when a test says so.

    Args:
        at: The first moment, aware.
        flowing: Whether sleeping makes time pass by itself: the sleeper that is due first moves
            the clock to its hour, so that a test waits for nothing and advances nothing. Work
            that waits for anything but this clock is then overtaken by it.

    Example:
        >>> clock = ManualClock()
        >>> clock.move(90)
        >>> (clock.now() - START).total_seconds(), clock.monotonic_s()
        (90.0, 90.0)
    """

    def __init__(self, at: datetime = START, *, flowing: bool = False) -> None:
        self._start = at
        self._passed_s = 0.0
        self._flowing = flowing
        self._arrivals = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []

    def now(self) -> datetime:
        """The moment to which the test has moved."""
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic_s(self) -> float:
        """Seconds passed since the first moment."""
        return self._passed_s

    @property
    def sleeping(self) -> int:
        """How many sleepers wait for time to pass."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved on by `seconds`."""
        awake = asyncio.Event()
        heapq.heappush(
            self._sleepers, (self._passed_s + max(seconds, 0.0), next(self._arrivals), awake)
        )
        while self._flowing and not awake.is_set():
            await _turns(1)
            if not awake.is_set() and self._sleepers[0][2] is awake:
                self._wake_until(self._sleepers[0][0])
        if seconds <= 0:
            self._wake_until(self._passed_s)
        await awake.wait()

    def move(self, seconds: float) -> None:
        """Let `seconds` pass at once; sleepers that are due wake at the loop's next turn."""
        self._wake_until(self._passed_s + seconds)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass from sleeper to sleeper.

        Each one wakes at its own hour and may sleep again within the time that passes: a loop
        that sleeps 1 s runs ten times in `advance(10)`.
        """
        end_s = self._passed_s + seconds
        await _turns(TURNS)
        while self._sleepers and self._sleepers[0][0] <= end_s:
            self._wake_until(self._sleepers[0][0])
            await _turns(TURNS)
        self._passed_s = end_s

    def _wake_until(self, hour_s: float) -> None:
        self._passed_s = max(self._passed_s, hour_s)
        while self._sleepers and self._sleepers[0][0] <= self._passed_s:
            heapq.heappop(self._sleepers)[2].set()


async def _turns(count: int) -> None:
    for _ in range(count):
        await SystemClock().sleep(0)

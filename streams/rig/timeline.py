"""Simulated time: a clock that stands still while work is done and jumps to what comes next.

Coroutines are stepped by hand from one sleep to the next, so many of them overlap as they would in
an event loop, without one: nothing waits, and a run is the same whenever it is repeated.
"""

import heapq
import itertools
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Pause:
    """A coroutine that waits for time to pass."""

    seconds: float

    def __await__(self) -> Generator["Pause", None, None]:
        """Hand oneself to the timeline."""
        yield self


class Timeline:
    """A `Clock` with an agenda.

    Args:
        begin: The first moment, aware.
    """

    def __init__(self, begin: datetime) -> None:
        self._first = begin
        self._passed_s = 0.0
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        """The simulated moment."""
        return self._first + timedelta(seconds=self._passed_s)

    def monotonic_s(self) -> float:
        """Simulated seconds since the first moment."""
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        """Wait; only in a coroutine that `begin` was given."""
        await Pause(seconds)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine until it sleeps or ends; it goes on when its time has come.

        Raises:
            TypeError: It waits for something other than this clock.
        """
        try:
            pause = work.send(None)
        except StopIteration:
            return
        if not isinstance(pause, Pause):
            work.close()
            raise TypeError(f"simulated work waits for {pause!r}, not for the clock")
        self.at(self._passed_s + max(0.0, pause.seconds), lambda: self.begin(work))

    def at(self, due_s: float, act: Callable[[], None]) -> None:
        """Put something on the agenda; of what is due at once, the first comes first."""
        heapq.heappush(self._agenda, (due_s, next(self._order), act))

    def advance(self) -> bool:
        """Jump to what comes next and do it; False when there is nothing more."""
        if not self._agenda:
            return False
        due_s, _, act = heapq.heappop(self._agenda)
        self._passed_s = max(self._passed_s, due_s)
        act()
        return True

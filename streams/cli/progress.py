"""A progress bar for long work: on stderr, and only where that is a terminal."""

import sys
from types import TracebackType
from typing import Self, TextIO

from streams.clock import Clock, SystemClock

WIDTH = 24
EVERY_S = 0.1
CLEAR = "\r\x1b[K"


class Progress:
    """How much of a known number is done; the line is gone when the work is.

    Args:
        total: All there is to do.
        what: What is counted, such as `results`.
        stream: Where it is shown; stderr unless given.
        clock: Spaces the updates.

    Example:
        >>> with Progress(3, "results") as progress:
        ...     progress.show(1)
    """

    def __init__(
        self, total: int, what: str, stream: TextIO | None = None, clock: Clock | None = None
    ) -> None:
        self._total = total
        self._what = what
        self._stream = stream or sys.stderr
        self._clock = clock or SystemClock()
        self._live = self._stream.isatty()
        self._began_s = self._clock.monotonic_s()
        self._shown_s = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.clear()

    def show(self, done: int) -> None:
        """Say how much is done; most calls show nothing, so call it freely."""
        now_s = self._clock.monotonic_s()
        if not self._live or now_s - self._shown_s < EVERY_S:
            return
        self._shown_s = now_s
        line = bar(done, self._total, self._what, now_s - self._began_s)
        self._stream.write(f"{CLEAR}{line}")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away, before something else is written."""
        if self._live:
            self._stream.write(CLEAR)
            self._stream.flush()


def bar(done: int, total: int, what: str, seconds: float) -> str:
    """One line: a bar, the count, the pace, and how long the rest will take.

    Example:
        >>> bar(50, 200, "tasks", 10.0)
        '[######                  ] 50/200 tasks  5/s  30 s left'
    """
    share = min(1.0, done / total) if total else 1.0
    filled = "#" * int(share * WIDTH)
    pace = done / seconds if seconds > 0 else 0.0
    line = f"[{filled:{WIDTH}}] {done}/{total} {what}"
    if pace > 0:
        line += f"  {pace:.{0 if pace >= 1 else 2}f}/s  {(total - done) / pace:.0f} s left"
    return line

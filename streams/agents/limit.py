"""When too much is buried: so many bugs in a row, or too great a share of the last records."""

from collections import deque
from dataclasses import dataclass, field
from typing import Self

WINDOW_RECORDS = 200
"""The share is taken over so many records, and never over fewer."""


@dataclass
class DeadLetterLimit:
    """What a partition's last records came to; reached, it holds the partition.

    A bad deploy must not bury a topic: neither at once, nor every other record.

    Args:
        in_a_row: So many bugs one after another are too many.
        share: So great a part of the last `WINDOW_RECORDS` is too much, in [0, 1].

    Example:
        >>> limit = DeadLetterLimit(in_a_row=2, share=0.5)
        >>> [limit.note(bug) for bug in (True, False, True, True)]
        [False, False, False, True]
    """

    in_a_row: int
    share: float
    row: int = 0
    reached: bool = False
    _last: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW_RECORDS))
    _bugs: int = 0

    def note(self, bug: bool) -> bool:
        """Count one record.

        Args:
            bug: Whether it was buried by a fault of ours.

        Returns:
            Whether the limit is reached; once it is, it stays so.
        """
        self._bugs += bug - (len(self._last) == WINDOW_RECORDS and self._last[0])
        self._last.append(bug)
        self.row = self.row + 1 if bug else 0
        often = len(self._last) == WINDOW_RECORDS and self._bugs >= self.share * WINDOW_RECORDS
        self.reached = self.reached or (bug and (self.row >= self.in_a_row or often))
        return self.reached

    def why(self) -> str:
        """What reached it, for people."""
        if self.row >= self.in_a_row:
            return f"{self.row} records buried in a row"
        return f"{self._bugs} of the last {WINDOW_RECORDS} records buried"

    def copy(self) -> Self:
        """One that can be asked what would come."""
        last = deque(self._last, maxlen=WINDOW_RECORDS)
        return type(self)(self.in_a_row, self.share, self.row, self.reached, last, self._bugs)

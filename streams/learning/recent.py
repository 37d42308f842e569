"""Which lessons were learned lately, so that one that comes again teaches nothing.

Kept in chunks: what a flush writes is the newest chunk, however many lessons are remembered.
"""

from collections import OrderedDict
from collections.abc import Iterable

import numpy as np

from streams import ids
from streams.events.envelope import Part
from streams.learning.packing import pack_numbers, unpack_numbers

CHUNK = 10_000
CHUNKS = 20
"""So many chunks of lessons are remembered, the newest one not full."""

_KEY = "recent\t"
"""Begins the keys of chunks: no part's name has a tab."""


class LearnerMarks(Part):
    """One chunk of lessons learned, in base64: eight bytes of each lesson id's digest.

    `number` counts chunks ever begun; a later one takes the place of the one 20 before it.
    """

    number: int
    marks: str


def mark_of(lesson_id: str) -> int:
    """Eight bytes by which a lesson is known again."""
    return int(ids.digest(lesson_id.encode())[:16], 16)


class Recent:
    """Marks of the lessons learned lately, 190,000 at least.

    Example:
        >>> recent = Recent()
        >>> recent.add(7)
        >>> 7 in recent, 8 in recent
        (True, False)
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._chunks: OrderedDict[int, list[int]] = OrderedDict()
        self._unsaved: set[int] = set()

    @classmethod
    def from_states(cls, states: Iterable[LearnerMarks], before: str = "") -> "Recent":
        """Go on where the chunks were written.

        Args:
            states: What `states` returned, of each key the newest.
            before: What was kept before there were chunks.

        Raises:
            ValueError: One of them is damaged.
        """
        recent = cls()
        for chunk in sorted(states, key=lambda chunk: chunk.number):
            marks = unpack_numbers(chunk.marks, "<u8", "recent").tolist()
            recent._chunks[chunk.number] = marks
            recent._known.update(marks)
        for mark in unpack_numbers(before, "<u8", "recent").tolist():
            if mark not in recent:
                recent.add(mark)
        return recent

    def __contains__(self, mark: int) -> bool:
        return mark in self._known

    def add(self, mark: int) -> None:
        """Remember one more, and forget the oldest chunk where there are too many."""
        number = next(reversed(self._chunks), 0)
        if len(self._chunks.setdefault(number, [])) >= CHUNK:
            number += 1
            self._chunks[number] = []
        if len(self._chunks) > CHUNKS:
            _, oldest = self._chunks.popitem(last=False)
            self._known.difference_update(oldest)
        self._chunks[number].append(mark)
        self._known.add(mark)
        self._unsaved.add(number)

    def states(self) -> dict[str, LearnerMarks]:
        """The chunks that changed since the last call, by their keys in the table."""
        found = {
            f"{_KEY}{number % CHUNKS}": LearnerMarks(
                number=number, marks=pack_numbers(np.array(self._chunks[number], dtype="<u8"))
            )
            for number in sorted(self._unsaved & self._chunks.keys())
        }
        self._unsaved.clear()
        return found

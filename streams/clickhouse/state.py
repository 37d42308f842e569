"""How a sink is doing: what it has stored, what waits, and what keeps it from working."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.exceptions import DataError

from streams.telemetry import Counters

DETAIL_CHARS = 300


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive records that one fetch brought."""

    first: int
    last: int
    at: datetime


class Unstored:
    """Which records were read and are not in ClickHouse, and since when the oldest of them is."""

    def __init__(self) -> None:
        self._runs: dict[Any, deque[_Run]] = {}

    def read(self, tp: object, first: int, last: int, at: datetime) -> None:
        """Records from offset `first` to `last` were read; the first was published at `at`."""
        self._runs.setdefault(tp, deque()).append(_Run(first, last, at))

    def stored(self, tp: object, last: int) -> None:
        """All up to this offset is stored."""
        runs = self._runs.get(tp, deque())
        while runs and runs[0].last <= last:
            runs.popleft()
        if runs and runs[0].first <= last:
            runs[0] = _Run(last + 1, runs[0].last, runs[0].at)

    def first(self, tp: object) -> int | None:
        """The first offset that is read and not stored; None where there is none."""
        runs = self._runs.get(tp)
        return runs[0].first if runs else None

    def oldest_at(self) -> datetime | None:
        """When the oldest of them was published; None where all are stored."""
        return min((runs[0].at for runs in self._runs.values() if runs), default=None)

    def clear(self) -> None:
        """Forget all: the partitions are to be read anew."""
        self._runs.clear()


@dataclass(slots=True)
class SinkState:
    """What a sink has done, and whether it can go on; read by health and metrics.

    `unplaced` counts partitions in which it is not known yet where the books end; `away` is what
    ClickHouse, or the way to it, said last, None where it answered; `lag` tells records by topic
    that are not stored.
    """

    counters: Counters = field(default_factory=Counters)
    unstored: Unstored = field(default_factory=Unstored)
    assigned: bool = False
    unplaced: int = 0
    stopping: bool = False
    away: str | None = None
    blocks: int = 0
    rows: int = 0
    buried: int = 0
    refusals: int = 0  # tries that ClickHouse did not answer or refused
    lag: Callable[[], Mapping[str, float]] = dict

    @property
    def ready(self) -> bool:
        """Whether it writes what comes."""
        return not self.unready()

    def unready(self) -> list[str]:
        """What readiness waits for, in words; empty when ready."""
        waits = [] if self.assigned else ["sink: partitions are not assigned yet"]
        if self.unplaced and self.away is None:
            waits.append(f"sink: where the books end in {self.unplaced} partitions is being asked")
        if self.away is not None:
            waits.append(f"sink: ClickHouse does not take it: {self.away}")
        if self.stopping:
            waits.append("stopping: what is gathered is being written")
        return waits

    def wrote(self, table: str, rows: int, took_s: float) -> None:
        """Count a block that ClickHouse has."""
        self.blocks += 1
        self.rows += rows
        self.counters.add("tierflow.sink.blocks", 1, table)
        self.counters.add("tierflow.sink.rows", rows, table)
        self.counters.observe("tierflow.sink.insert_duration_seconds", took_s, table)

    def refused(self, error: Exception) -> str:
        """Count a try that failed, and say why without a word of the rows."""
        self.refusals += 1
        self.counters.add("tierflow.sink.refusals", 1)
        self.away = said_of(error)
        return self.away

    def bury(self, reason: str) -> None:
        """Count a record that is no event of its topic."""
        self.buried += 1
        self.counters.add("tierflow.sink.buried", 1, reason)

    def age_s(self, now: datetime) -> float:
        """How old the oldest record is that was read and is not stored; 0 where all are."""
        oldest = self.unstored.oldest_at()
        return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())


def said_of(error: Exception) -> str:
    """What ClickHouse said; what the client says of a value quotes it, and rows hold answers."""
    if isinstance(error, DataError):
        return "DataError: a value does not fit its column"
    return f"{type(error).__name__}: {error}"[:DETAIL_CHARS]

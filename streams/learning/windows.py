"""Performance and judged quality by time: cumulative cells, and windows that close.

Success, cost and latency belong to the bucket in which a result was completed, quality to the one
in which its score arrived.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import NamedTuple, Self

from streams.events.envelope import Part
from streams.events.feedback import LATENCY_BOUNDS_S, Lesson, Performance
from streams.events.outcome import Result

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bucket_of(at: datetime, bucket_s: float) -> datetime:
    """The beginning of the bucket in which a moment lies; buckets count from 1970 in UTC.

    Example:
        >>> bucket_of(datetime(2026, 1, 1, 10, 0, 47, tzinfo=UTC), 10).isoformat()
        '2026-01-01T10:00:40+00:00'
    """
    width = timedelta(seconds=bucket_s)
    return EPOCH + (at - EPOCH) // width * width


def cell_key(tier: int, model: str | None, bucket_at: datetime, partition: int) -> str:
    """Name a cell: key of topic `performance` and of what is remembered of it."""
    return f"{tier}/{model or '-'}/{bucket_at.astimezone(UTC).isoformat()}/{partition}"


class Cell(Part):
    """Results counted together. Money of results without a known price is not in `cost_usd`.

    `latency_counts` is the histogram over `LATENCY_BOUNDS_S`; a result without a latency is in
    none of its counts.
    """

    completed: int = 0
    failed: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0
    latency_sum_s: float = 0.0
    latency_counts: tuple[int, ...] = (0,) * (len(LATENCY_BOUNDS_S) + 1)

    @property
    def results(self) -> int:
        """Completed and failed."""
        return self.completed + self.failed

    def with_result(self, result: Result) -> "Cell":
        """Count one more result."""
        counts = list(self.latency_counts)
        if result.latency_s is not None:
            counts[bisect_left(LATENCY_BOUNDS_S, result.latency_s)] += 1
        done = result.status == "completed"
        return Cell(
            completed=self.completed + done,
            failed=self.failed + (not done),
            cost_usd=self.cost_usd + (result.cost_usd or Decimal(0)),
            unpriced=self.unpriced + (result.cost_usd is None),
            latency_sum_s=self.latency_sum_s + (result.latency_s or 0.0),
            latency_counts=tuple(counts),
        )

    def plus(self, other: Self | Performance) -> "Cell":
        """Sum of two cells, such as those of two partitions."""
        pairs = zip_longest(self.latency_counts, other.latency_counts, fillvalue=0)
        return Cell(
            completed=self.completed + other.completed,
            failed=self.failed + other.failed,
            cost_usd=self.cost_usd + other.cost_usd,
            unpriced=self.unpriced + other.unpriced,
            latency_sum_s=self.latency_sum_s + other.latency_sum_s,
            latency_counts=tuple(a + b for a, b in pairs),
        )


class Judged(Part):
    """Quality of one tier over some time, against the best that was predicted to be attainable.

    `lessons` and `lesson_sum` count every lesson and its score; `foreseen` those of an answer whose
    quality had been predicted, with the sums of their scores and of what was predicted. `judged`
    and the other sums count only what tells of the policy: with a best prediction, and not
    explored, since a model drawn to learn of it is not the policy's choice.
    """

    lessons: int = 0
    lesson_sum: float = 0.0
    foreseen: int = 0
    foreseen_sum: float = 0.0
    predicted_sum: float = 0.0
    judged: int = 0
    score_sum: float = 0.0
    best_sum: float = 0.0

    @property
    def share(self) -> float | None:
        """Share of the attainable quality that was held: above 1 where it was underestimated."""
        return self.score_sum / self.best_sum if self.best_sum > 0 else None

    def with_lesson(self, lesson: Lesson) -> "Judged":
        """Count one more lesson; one about cost says nothing of quality."""
        score, predicted = lesson.score, lesson.predicted_quality
        if score is None:
            return self
        one = Judged(lessons=1, lesson_sum=score)
        if predicted is not None:
            one = one.model_copy(
                update={"foreseen": 1, "foreseen_sum": score, "predicted_sum": predicted}
            )
        best = None if lesson.explored else lesson.best_quality
        if best is not None:
            one = one.model_copy(update={"judged": 1, "score_sum": score, "best_sum": best})
        return self.plus(one)

    def plus(self, other: "Judged") -> "Judged":
        """Sum of two stretches of time."""
        return Judged(
            lessons=self.lessons + other.lessons,
            lesson_sum=self.lesson_sum + other.lesson_sum,
            foreseen=self.foreseen + other.foreseen,
            foreseen_sum=self.foreseen_sum + other.foreseen_sum,
            predicted_sum=self.predicted_sum + other.predicted_sum,
            judged=self.judged + other.judged,
            score_sum=self.score_sum + other.score_sum,
            best_sum=self.best_sum + other.best_sum,
        )


class Place(NamedTuple):
    """One window of one tier."""

    bucket_at: datetime
    tier: int


@dataclass(slots=True)
class Windows:
    """Windows still open, with their judged quality, and the cells of the last ones.

    Args:
        bucket_s: Length of a window; a multiple of the cells' own bucket.
        partitions: How many partitions report cells.
        grace_s: How long after its end a window waits for partitions that do not report.
        keep: How many windows back cells are kept.
        closed_at: Windows that ended until here are closed; None before the first closing.
        judged: Quality of the open windows.
        cells: The newest cell under each `cell_key`.
    """

    bucket_s: float
    partitions: int
    grace_s: float
    keep: int = 30
    closed_at: datetime | None = None
    judged: dict[Place, Judged] = field(default_factory=dict)
    cells: dict[str, Performance] = field(default_factory=dict)
    _reported: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for cell in self.cells.values():
            self._note(cell)

    def report(self, cell: Performance) -> str | None:
        """Take a cell in place of an older one.

        Returns:
            The key under which it is kept; None where a newer one is known, since cells only
            grow, or its window has been forgotten.
        """
        if self.closed_at is not None and cell.bucket_at < self._horizon(self.closed_at):
            return None
        key = cell_key(cell.tier, cell.model, cell.bucket_at, cell.partition)
        known = self.cells.get(key)
        if known is not None and known.completed + known.failed > cell.completed + cell.failed:
            return None
        self.cells[key] = cell
        self._note(cell)
        return key

    def judge(self, lesson: Lesson) -> None:
        """Count a lesson in the window of its score; in the oldest open one if that is closed."""
        bucket_at = bucket_of(lesson.scored_at, self.bucket_s)
        place = Place(max(bucket_at, self.closed_at or bucket_at), lesson.tier)
        self.judged[place] = self.judged.get(place, Judged()).with_lesson(lesson)

    def close(self, now: datetime) -> dict[Place, Judged]:
        """Close the windows whose time has come; each is returned once.

        A window closes when every partition has reported a cell past its end, or when `grace_s`
        have passed since; never before its end.
        """
        end = bucket_of(now - timedelta(seconds=self.grace_s), self.bucket_s)
        if len(self._reported) >= self.partitions:
            end = max(end, bucket_of(min(self._reported.values()), self.bucket_s))
        end = min(end, bucket_of(now, self.bucket_s))
        if self.closed_at is not None and end <= self.closed_at:
            return {}
        self.closed_at = end
        closed = {place: told for place, told in self.judged.items() if place.bucket_at < end}
        for place in closed:
            del self.judged[place]
        return closed

    def forget(self, now: datetime) -> tuple[str, ...]:
        """Drop the cells older than `keep` windows; their keys."""
        horizon = self._horizon(now)
        old = tuple(key for key, cell in self.cells.items() if cell.bucket_at < horizon)
        for key in old:
            del self.cells[key]
        return old

    def performance(self, last: int) -> dict[tuple[int, str | None], Cell]:
        """Sum the cells of the last closed windows by tier and model, over all partitions."""
        if self.closed_at is None:
            return {}
        since = self.closed_at - timedelta(seconds=last * self.bucket_s)
        return add_up(c for c in self.cells.values() if since <= c.bucket_at < self.closed_at)

    def billed(self, since: datetime | None, until: datetime) -> Cell:
        """All results that ended in a stretch of closed windows."""
        found = Cell()
        for cell in self.cells.values():
            if cell.bucket_at < until and (since is None or cell.bucket_at >= since):
                found = found.plus(cell)
        return found

    def _note(self, cell: Performance) -> None:
        known = self._reported.get(cell.partition, cell.bucket_at)
        self._reported[cell.partition] = max(known, cell.bucket_at)

    def _horizon(self, now: datetime) -> datetime:
        return bucket_of(now, self.bucket_s) - timedelta(seconds=self.keep * self.bucket_s)


def add_up(cells: Iterable[Performance]) -> dict[tuple[int, str | None], Cell]:
    """Sum cells by tier and model."""
    sums: dict[tuple[int, str | None], Cell] = {}
    for cell in cells:
        sums[cell.tier, cell.model] = sums.get((cell.tier, cell.model), Cell()).plus(cell)
    return sums

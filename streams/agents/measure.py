"""results → performance: what each tier and model did, in cumulative cells of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from streams import ids
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Put, Record, Send, Skip, State
from streams.clock import Clock
from streams.events.envelope import Tier
from streams.events.feedback import Performance
from streams.events.outcome import Result
from streams.kafka.codec import Rejected, decode
from streams.learning.windows import Cell, bucket_of, cell_key


class Measured(State):
    """Table `cells`, by `cell_key`: a cell, and the last offset of `results` that it includes."""

    cell: Cell
    offset: int


class Counted(State):
    """Table `counted`, by event id: a result that is in its cell, and where it was read."""

    offset: int


@dataclass(slots=True)
class _Growing:
    """A cell that the present batch touched."""

    tier: Tier
    model: str | None
    bucket_at: datetime
    partition: int
    cell: Cell
    offset: int
    cause: str = ""

    def take(self, result: Result, offset: int, event_id: str) -> str:
        """Count a result once; what that came to, as a closed word."""
        self.cause = event_id
        if offset <= self.offset:
            return "contained"
        self.cell = self.cell.with_result(result)
        self.offset = offset
        return "counted"


def measure(
    cells: Mapping[str, Measured],
    counted: Mapping[str, Counted],
    clock: Clock,
    *,
    bucket_s: float,
) -> Bound:
    """Count every result once, and publish the cells that a batch touched, each whole.

    Two things may bring a result again. A repeat has another offset: `counted` knows its id. A
    redelivery has the same: the cell itself says which offsets it includes, because a crash may
    come between the writes of two tables. Its cell is published again, under the same id.

    Args:
        cells: What was counted, by `cell_key`.
        counted: Which results were counted, by event id.
        clock: Dates what is kept.
        bucket_s: Length of a cell's time bucket.
    """
    touched: dict[str, _Growing] = {}

    async def handle(record: Record) -> Outcome:
        result = decode(Result, record.value)
        if isinstance(result, Rejected):
            return Bury(result.reason, result.detail)
        if result.tier is None:
            return Skip("untried")  # refused before any tier had it: nobody's performance
        event_id = record.header("ce_id") or f"{record.partition}/{record.offset}"
        seen = counted.get(event_id)
        if seen is not None and seen.offset != record.offset:
            return Skip("repeated")
        bucket_at = bucket_of(result.completed_at, bucket_s)
        key = cell_key(result.tier, result.model, bucket_at, record.partition)
        if key not in touched:
            place = (result.tier, result.model, bucket_at, record.partition)
            touched[key] = _recall(cells.get(key), place)
        said = touched[key].take(result, record.offset, event_id)
        return Skip(
            said, (Put("counted", event_id, Counted(at=clock.now(), offset=record.offset)),)
        )

    async def close(now: datetime) -> Outcome:
        if not touched:
            return Skip("idle")
        sends = tuple(_publication(key, growing, bucket_s) for key, growing in touched.items())
        puts = tuple(
            Put("cells", key, _measured(growing, now), partition=growing.partition)
            for key, growing in touched.items()
        )
        touched.clear()
        return Emit(sends, puts, "measured")

    return Bound(handle, close)


def _recall(known: Measured | None, place: tuple[Tier, str | None, datetime, int]) -> _Growing:
    cell, offset = (Cell(), -1) if known is None else (known.cell, known.offset)
    return _Growing(*place, cell, offset)


def _measured(growing: _Growing, now: datetime) -> Measured:
    return Measured(at=now, cell=growing.cell, offset=growing.offset)


def _publication(key: str, growing: _Growing, bucket_s: float) -> Send:
    cell = growing.cell
    event = Performance(
        tier=growing.tier,
        model=growing.model,
        bucket_at=growing.bucket_at,
        bucket_s=bucket_s,
        partition=growing.partition,
        **dict(cell),
    )
    event_id = ids.derive("performance", key, cell.completed, cell.failed)
    return Send("performance", key, event, id=event_id, cause=growing.cause)

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from streams.agents.measure import Counted, Measured, measure
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Put, Record, Skip
from streams.events.envelope import Reason
from streams.events.feedback import Performance
from tests.builders import AT, a_record, a_result
from tests.fakes import ManualClock

Cells = dict[str, Measured]
Ids = dict[str, Counted]


def bind(cells: Mapping[str, Measured], counted: Mapping[str, Counted]) -> Bound:
    return measure(cells, counted, ManualClock(), bucket_s=10)


def apply(puts: tuple[Put, ...], cells: Cells, counted: Ids) -> None:
    for put in puts:
        if isinstance(put.value, Measured):
            cells[put.key] = put.value
        elif isinstance(put.value, Counted):
            counted[put.key] = put.value


async def batch(cells: Cells, counted: Ids, *records: Record) -> tuple[list[str], Outcome]:
    """Handle and close one batch on a new binding, and keep what it puts."""
    bound = bind(cells, counted)
    said = []
    for record in records:
        outcome = await bound.handle(record)
        assert isinstance(outcome, Skip)
        apply(outcome.puts, cells, counted)
        said.append(outcome.because)
    assert bound.close is not None
    closed = await bound.close(AT)
    assert not isinstance(closed, Bury)
    apply(closed.puts, cells, counted)
    return said, closed


def published(outcome: Outcome) -> list[Performance]:
    assert isinstance(outcome, Emit)
    events = [send.event for send in outcome.sends]
    assert all(send.topic == "performance" for send in outcome.sends)
    return [event for event in events if isinstance(event, Performance)]


async def test_a_batch_publishes_each_cell_that_it_touched_once_and_whole() -> None:
    results = (
        a_result("t1", latency_s=0.05),
        a_result("t2", latency_s=70.0, cost_usd=Decimal("0.2")),
        a_result("t3", status="failed", cost_usd=None, latency_s=None),
        a_result("t4", tier=0, model=None, cost_usd=Decimal(0)),
        a_result("t5", completed_at=AT + timedelta(seconds=10)),
    )
    records = (a_record("results", r, partition=3, offset=n) for n, r in enumerate(results))
    said, closed = await batch({}, {}, *records)
    assert said == ["counted"] * 5
    first, zero, later = published(closed)
    assert (first.tier, first.model, first.bucket_at, first.bucket_s) == (2, "small", AT, 10)
    assert (first.partition, first.completed, first.failed, first.unpriced) == (3, 2, 1, 1)
    assert first.cost_usd == Decimal("0.2001")
    assert first.latency_sum_s == 70.05
    assert first.latency_counts == (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    assert (zero.tier, zero.model, zero.unpriced) == (0, None, 0)
    assert (later.bucket_at, later.completed) == (AT + timedelta(seconds=10), 1)
    assert isinstance(closed, Emit)
    assert {put.partition for put in closed.puts} == {3}  # no record says where a closing writes
    assert [send.key for send in closed.sends] == [
        "2/small/2026-11-23T12:00:00+00:00/3",
        "0/-/2026-11-23T12:00:00+00:00/3",
        "2/small/2026-11-23T12:00:10+00:00/3",
    ]


async def test_a_cell_grows_over_batches_and_bindings() -> None:
    cells, counted = Cells(), Ids()
    _, first = await batch(cells, counted, a_record("results", a_result("t1"), offset=0))
    _, second = await batch(cells, counted, a_record("results", a_result("t2"), offset=1))
    assert [cell.completed for cell in published(first) + published(second)] == [1, 2]
    assert isinstance(first, Emit)
    assert isinstance(second, Emit)
    assert first.sends[0].key == second.sends[0].key
    assert first.sends[0].id != second.sends[0].id


async def test_a_repeated_result_is_not_counted_again_even_after_a_restart() -> None:
    cells, counted = Cells(), Ids()
    headers = (("ce_id", b"result-1"),)
    once = a_record("results", a_result(), offset=4, headers=headers)
    again = a_record("results", a_result(), offset=9, headers=headers)
    said, _ = await batch(cells, counted, once, again)
    assert said == ["counted", "repeated"]
    said, closed = await batch(cells, counted, again)
    assert said == ["repeated"]
    assert closed == Skip("idle")
    assert [state.cell.completed for state in cells.values()] == [1]


async def test_a_redelivered_batch_publishes_the_same_cells_under_the_same_ids() -> None:
    cells, counted = Cells(), Ids()
    records = [a_record("results", a_result(f"t{n}"), offset=n) for n in range(3)]
    _, first = await batch(cells, counted, *records)
    said, second = await batch(cells, counted, *records)
    assert said == ["contained"] * 3
    assert isinstance(first, Emit)
    assert isinstance(second, Emit)
    assert second.sends == first.sends


async def test_a_crash_between_the_two_tables_counts_nothing_twice_and_loses_nothing() -> None:
    records = [a_record("results", a_result(f"t{n}"), offset=n) for n in range(3)]
    for kept in ("cells", "counted"):
        cells, counted = Cells(), Ids()
        await batch(cells, counted, *records)
        (counted if kept == "cells" else cells).clear()
        await batch(cells, counted, *records)
        assert [state.cell.completed for state in cells.values()] == [3]
        assert len(counted) == 3


async def test_a_result_that_no_tier_had_is_nobodys_performance() -> None:
    said, closed = await batch({}, {}, a_record("results", a_result(tier=None, model=None)))
    assert said == ["untried"]
    assert closed == Skip("idle")


async def test_a_record_that_is_no_result_is_buried() -> None:
    outcome = await bind({}, {}).handle(a_record("results", b"[]"))
    assert isinstance(outcome, Bury)
    assert outcome.reason is Reason.SCHEMA_INVALID


async def test_a_batch_does_not_publish_the_cells_of_the_one_before() -> None:
    bound = bind({}, {})
    assert bound.close is not None
    await bound.handle(a_record("results", a_result("t1"), offset=0))
    assert [cell.tier for cell in published(await bound.close(AT))] == [2]
    await bound.handle(a_record("results", a_result("t2", tier=3), offset=1))
    assert [cell.tier for cell in published(await bound.close(AT))] == [3]

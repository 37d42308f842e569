"""Blocks are a function of the log, however it is fetched."""

from hypothesis import given
from hypothesis import strategies as st

from streams.clickhouse import insert
from streams.clickhouse.insert import BLOCK_BYTES, RUN_OFFSETS, Block, Entry, Gathering
from streams.clickhouse.rows import Place, feedback_row, table_of
from streams.topology import SCORES
from tests.builders import a_score

ROW = feedback_row(a_score(), Place("scores", 0, 0, "e"))

offsets = st.lists(st.integers(0, 4 * RUN_OFFSETS), min_size=1, max_size=60, unique=True).map(
    sorted
)
sizes = st.sampled_from([1, 1000, BLOCK_BYTES // 3, BLOCK_BYTES])


@st.composite
def logs(draw: st.DrawFn) -> list[Entry]:
    """Part of a log with gaps, some of its records without a row."""
    return [
        Entry(at, f"e{at}", None if draw(st.integers(0, 9)) == 0 else ROW, draw(sizes))
        for at in draw(offsets)
    ]


def gathering() -> Gathering:
    return Gathering(table_of(SCORES), "tierflow.scores.v1", 2)


def blocks_of(log: list[Entry]) -> list[Block]:
    """All of a log in blocks, the last one closed by hand."""
    open_ = gathering()
    blocks = [block for entry in log for block in open_.add(entry, 0.0)]
    return [*blocks, open_.close()] if open_.entries else blocks


@given(logs())
def test_blocks_repeat_the_log_without_a_gap_or_an_overlap(log: list[Entry]) -> None:
    blocks = blocks_of(log)
    assert [entry for block in blocks for entry in block.entries] == log
    assert all(block.entries for block in blocks)


@given(logs())
def test_a_block_stays_within_one_run_and_ends_when_it_is_full(log: list[Entry]) -> None:
    for block in blocks_of(log):
        assert block.first // RUN_OFFSETS == block.last // RUN_OFFSETS
        assert sum(entry.size_bytes for entry in block.entries[:-1]) < BLOCK_BYTES


@given(logs(), st.integers(0, 59))
def test_reading_again_from_a_block_edge_makes_the_same_blocks(log: list[Entry], nth: int) -> None:
    blocks = blocks_of(log)
    begin = blocks[nth % len(blocks)].first
    again = blocks_of([entry for entry in log if entry.offset >= begin])
    assert [block.token for block in again] == [
        block.token for block in blocks if block.first >= begin
    ]


@given(logs())
def test_a_token_names_one_block_and_changes_with_any_event_in_it(log: list[Entry]) -> None:
    blocks = blocks_of(log)
    assert len({block.token for block in blocks}) == len(blocks)
    for block in blocks:
        other = Entry(block.last, "another", ROW, 1)
        changed = Block(block.table, block.topic, block.partition, (*block.entries[:-1], other))
        shorter = Block(block.table, block.topic, block.partition, block.entries[:-1])
        assert changed.token != block.token
        assert not shorter.entries or shorter.token != block.token


@given(st.floats(0, 1e9), st.floats(0, 10))
def test_a_block_is_due_a_second_after_its_first_record(start_s: float, after_s: float) -> None:
    open_ = gathering()
    assert not open_.is_due(start_s + 100)
    open_.add(Entry(0, "e0", ROW, 1), start_s)
    open_.add(Entry(1, "e1", ROW, 1), start_s + after_s)
    assert open_.is_due(start_s + after_s) == (start_s + after_s - start_s >= insert.BLOCK_S)


def test_a_block_without_rows_still_says_how_far_it_reaches() -> None:
    open_ = gathering()
    open_.add(Entry(7, "e7", None, 10), 0.0)
    block = open_.close()
    assert (block.rows, block.first, block.last) == ([], 7, 7)
    assert block.token.startswith("feedback_store/tierflow.scores.v1/2/7-7/")

from collections.abc import Iterable

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from streams.kafka.consumer import (
    OffsetBook,
    fetched_highwaters,
    may_go_out,
    seek_back,
    seek_committed,
)

HERE, THERE = TP("tasks", 0), TP("tasks", 1)


def test_the_smallest_offset_in_flight_is_as_far_as_it_is_safe_to_commit() -> None:
    book = OffsetBook()
    book.take(HERE, [3, 4, 5])
    book.settle(HERE, 4)
    assert book.committable(HERE) == 3
    book.settle(HERE, 3)
    assert book.committable(HERE) == 5


def test_when_all_is_settled_the_next_offset_is_committed_over_gaps() -> None:
    book = OffsetBook()
    book.take(HERE, [3, 7])
    book.settle(HERE, 7)
    book.settle(HERE, 3)
    assert (book.committable(HERE), book.in_flight()) == (8, 0)


def test_partitions_are_counted_apart() -> None:
    book = OffsetBook()
    book.take(HERE, [1])
    book.take(THERE, [10, 11])
    book.settle(THERE, 10)
    book.settle(THERE, 11)
    assert (book.committable(HERE), book.committable(THERE)) == (1, 12)
    assert (book.partitions(), book.in_flight()) == ([HERE, THERE], 1)


def test_settling_what_was_never_taken_changes_nothing() -> None:
    book = OffsetBook()
    book.settle(HERE, 5)
    book.take(HERE, [1])
    book.settle(HERE, 5)
    assert book.committable(HERE) == 1
    assert book.partitions() == [HERE]


def test_offsets_that_are_read_again_do_not_move_the_end_back() -> None:
    book = OffsetBook()
    book.take(HERE, [1, 2, 3])
    for offset in (1, 2, 3):
        book.settle(HERE, offset)
    book.take(HERE, [2])
    assert book.committable(HERE) == 2
    book.settle(HERE, 2)
    assert book.committable(HERE) == 4


def test_a_cleared_book_knows_nothing() -> None:
    book = OffsetBook()
    book.take(HERE, [1])
    book.clear()
    assert (book.partitions(), book.in_flight()) == ([], 0)


class Probe:
    """A consumer that hears of an end only after some fetches."""

    def __init__(self, marks: dict[TP, int], silent_for: int = 0) -> None:
        self.marks, self.silent_for = marks, silent_for
        self.at: dict[TP, int] = {}
        self.running = False

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    def assign(self, parts: Iterable[TP]) -> None:
        self.at = dict.fromkeys(parts, 0)

    def seek(self, tp: TP, offset: int) -> None:
        self.at[tp] = offset

    async def getmany(self, timeout_ms: int) -> dict[TP, list[object]]:
        self.silent_for -= 1
        return {}

    def highwater(self, tp: TP) -> int | None:
        return None if self.silent_for >= 0 else self.marks[tp]


async def test_an_end_that_was_answered_too_low_is_raised_to_what_a_fetch_says() -> None:
    probe = Probe({HERE: 12, THERE: 3}, silent_for=2)
    assert await fetched_highwaters({HERE: 10, THERE: 5}, probe) == {HERE: 12, THERE: 5}
    assert (probe.at, probe.running) == ({HERE: 10, THERE: 5}, False)


async def test_without_partitions_nobody_is_asked() -> None:
    probe = Probe({})
    assert await fetched_highwaters({}, probe) == {}
    assert probe.at == {}


async def test_a_broker_that_never_says_its_end_is_an_error_and_the_probe_is_stopped() -> None:
    probe = Probe({HERE: 1}, silent_for=10_000)
    with pytest.raises(TimeoutError, match="high watermark"):
        await fetched_highwaters({HERE: 1}, probe)
    assert not probe.running


class Committed:
    """A consumer that was assigned partitions with commits, and was read on since."""

    def __init__(self, commits: dict[TP, int | None], at: int) -> None:
        self.commits = commits
        self.at = dict.fromkeys(commits, at)

    def assignment(self) -> set[TP]:
        return set(self.commits)

    async def committed(self, tp: TP) -> int | None:
        return self.commits[tp]

    def seek(self, tp: TP, offset: int) -> None:
        self.at[tp] = offset


async def test_a_commit_of_0_is_sought_like_any_other() -> None:
    consumer = Committed({HERE: 0, THERE: 3}, at=8)
    assert await seek_committed(consumer) == {HERE: 0, THERE: 3}
    assert consumer.at == {HERE: 0, THERE: 3}


async def test_a_partition_without_a_commit_stays_where_it_is() -> None:
    consumer = Committed({HERE: None}, at=8)
    assert await seek_committed(consumer) == {HERE: None}
    assert consumer.at == {HERE: 8}


class State:
    """Where a partition is read, as aiokafka keeps it."""

    def __init__(self, position: int | None) -> None:
        self.has_valid_position = position is not None
        self.position = position


class ReadOn:
    """A consumer that has read on to these positions."""

    def __init__(self, positions: dict[TP, int | None]) -> None:
        self.positions = positions
        self._subscription = self

    def _assigned_state(self, tp: TP) -> State:
        if tp not in self.positions:
            raise IllegalStateError(tp)
        return State(self.positions[tp])

    def seek(self, tp: TP, offset: int) -> None:
        self.positions[tp] = offset


async def test_what_is_given_back_is_read_again_and_nothing_is_passed_over() -> None:
    consumer = ReadOn({HERE: 8, THERE: 3})
    await seek_back(consumer, {HERE: 5, THERE: 5})
    assert consumer.positions == {HERE: 5, THERE: 3}


async def test_a_partition_that_was_lost_or_has_no_position_yet_is_let_be() -> None:
    consumer = ReadOn({HERE: None})
    await seek_back(consumer, {HERE: 5, THERE: 5})
    assert consumer.positions == {HERE: None}


def test_of_a_source_nothing_goes_out_before_tables_are_rebuilt_and_of_their_changelogs_all() -> (
    None
):
    source, changelog = TP("t.tier-4.v1", 0), TP("t-tier-4-calls-changelog", 0)
    assert [may_go_out(tp, is_rebuilt=False) for tp in (source, changelog)] == [False, True]
    assert [may_go_out(tp, is_rebuilt=True) for tp in (source, changelog)] == [True, True]

import numpy as np
import pytest

from streams.learning.packing import pack_numbers
from streams.learning.recent import CHUNK, CHUNKS, LearnerMarks, Recent, mark_of


def filled(count: int) -> Recent:
    recent = Recent()
    for mark in range(count):
        recent.add(mark)
    return recent


def test_the_same_id_has_the_same_mark() -> None:
    assert mark_of("l1") == mark_of("l1") != mark_of("l2")


def test_the_oldest_chunk_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.learning.recent.CHUNK", 3)
    monkeypatch.setattr("streams.learning.recent.CHUNKS", 2)
    recent = filled(6)
    assert all(mark in recent for mark in range(6))
    recent.add(6)
    assert [mark for mark in range(7) if mark in recent] == [3, 4, 5, 6]


def test_only_chunks_that_changed_are_written() -> None:
    recent = filled(CHUNK + 1)
    assert set(recent.states()) == {"recent\t0", "recent\t1"}
    recent.add(CHUNK + 1)
    assert set(recent.states()) == {"recent\t1"}
    assert recent.states() == {}


def test_a_restart_remembers_all_and_goes_on_in_the_same_chunk() -> None:
    recent, table = filled(CHUNK - 1), dict[str, LearnerMarks]()
    table |= recent.states()
    again = Recent.from_states(table.values())
    again.add(CHUNK - 1)
    again.add(CHUNK)
    assert all(mark in again for mark in range(CHUNK + 1))
    assert {state.number for state in again.states().values()} == {0, 1}


def test_a_chunk_takes_the_place_of_one_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.learning.recent.CHUNK", 1)
    recent, table = filled(CHUNKS), dict[str, LearnerMarks]()
    table |= recent.states()
    recent.add(CHUNKS)
    table |= recent.states()
    assert len(table) == CHUNKS
    again = Recent.from_states(table.values())
    assert [mark for mark in range(CHUNKS + 1) if mark in again] == list(range(1, CHUNKS + 1))


def test_what_was_kept_before_there_were_chunks_is_remembered() -> None:
    again = Recent.from_states((), pack_numbers(np.array([5, 7], dtype="<u8")))
    assert 5 in again
    assert 7 in again
    assert set(again.states()) == {"recent\t0"}

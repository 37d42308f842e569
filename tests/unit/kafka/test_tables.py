from datetime import timedelta
from types import SimpleNamespace

import orjson
import pytest

from streams.kafka.tables import PRUNED_AT_ONCE, TableView
from streams.topology import ADMITTED, Table
from tests.builders import AT
from tests.stages import Note


def note(text: str = "", age_s: float = 0) -> Note:
    return Note(at=AT - timedelta(seconds=age_s), text=text)


def view(keys: int = 0, keep_s: int = 0) -> TableView[Note]:
    return TableView(Table("notes", ADMITTED, keys, keep_s), Note, changelog="notes-changelog")


def write(table: TableView[Note], key: str, value: Note | None, partition: int = 0) -> None:
    outgoing = table.outgoing(key, value, partition)
    table.apply(key, outgoing.value, partition)


def test_a_write_is_a_changelog_record_before_it_is_a_value() -> None:
    table = view()
    outgoing = table.outgoing("a", note("x"), 3)
    assert (outgoing.topic, outgoing.key, outgoing.partition) == ("notes-changelog", b"a", 3)
    assert "a" not in table
    table.apply("a", outgoing.value, 3)
    assert table["a"] == note("x")


def test_a_deletion_is_a_tombstone() -> None:
    table = view()
    write(table, "a", note())
    assert table.outgoing("a", None, 0).value is None
    write(table, "a", None)
    assert (dict(table), len(table)) == ({}, 0)
    with pytest.raises(KeyError):
        table["a"]


def test_a_batch_sees_its_own_writes_until_it_is_over() -> None:
    table = view()
    write(table, "kept", note("old"))
    write(table, "gone", note())
    table.overlay("kept", note("new"))
    table.overlay("gone", None)
    table.overlay("fresh", note("f"))
    assert {key: value.text for key, value in table.items()} == {"kept": "new", "fresh": "f"}
    assert ("gone" in table, table.get("gone"), len(table)) == (False, None, 2)
    with pytest.raises(KeyError):
        table["gone"]
    table.drop_overlay()
    assert {key: value.text for key, value in table.items()} == {"kept": "old", "gone": ""}


def test_a_key_that_is_no_text_is_in_no_table() -> None:
    table = view()
    write(table, "7", note())
    number: object = 7
    assert number not in table


def test_an_unbounded_table_forgets_nothing() -> None:
    table = view()
    write(table, "a", note(age_s=1e9))
    assert table.overdue(AT) == []


def test_what_is_older_than_the_table_keeps_is_overdue_oldest_first() -> None:
    table = view(keep_s=60)
    for key, age_s in (("a", 100), ("b", 61), ("c", 60), ("d", 0)):
        write(table, key, note(age_s=age_s))
    assert table.overdue(AT) == [("a", 0), ("b", 0)]


def test_what_exceeds_the_tables_number_of_keys_is_overdue_oldest_first() -> None:
    table = view(keys=2, keep_s=3600)
    for key in "abcd":
        write(table, key, note())
    assert table.overdue(AT) == [("a", 0), ("b", 0)]


def test_a_key_that_is_written_again_is_young_again() -> None:
    table = view(keys=2)
    for key in "abca":
        write(table, key, note())
    assert table.overdue(AT) == [("b", 0)]


def test_a_walk_through_what_is_overdue_is_bounded() -> None:
    table = view(keep_s=60)
    for number in range(PRUNED_AT_ONCE + 5):
        write(table, str(number), note(age_s=100))
    assert len(table.overdue(AT)) == PRUNED_AT_ONCE


def test_over_a_faust_table_values_are_bytes_and_keep_their_partition() -> None:
    store = SimpleNamespace(data={}, _key_partition={})
    table = TableView(
        Table("notes", ADMITTED, keys=1), Note, SimpleNamespace(data=store), "changelog"
    )
    write(table, "a", note("x"), partition=4)
    write(table, "b", note("y"), partition=5)
    assert orjson.loads(store.data[b"a"]) == {"at": "2026-11-23T12:00:00Z", "text": "x"}
    assert store._key_partition == {b"a": 4, b"b": 5}
    assert table.overdue(AT) == [("a", 4)]
    assert table["b"].text == "y"

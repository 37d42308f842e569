from datetime import timedelta

from clickhouse_connect.driver.exceptions import DataError, OperationalError

from streams.clickhouse.state import SinkState, Unstored, said_of
from tests.fakes import START


def test_a_sink_is_ready_once_it_knows_its_partitions_and_clickhouse_answers() -> None:
    state = SinkState()
    assert state.unready() == ["sink: partitions are not assigned yet"]
    state.assigned, state.unplaced = True, 2
    assert "in 2 partitions" in state.unready()[0]
    state.unplaced = 0
    assert state.ready
    state.refused(OperationalError("no route to host"))
    assert state.unready() == [
        "sink: ClickHouse does not take it: OperationalError: no route to host"
    ]
    state.away = None
    assert state.ready


def test_a_value_that_does_not_fit_is_not_quoted() -> None:
    assert "heron" not in said_of(DataError("column output: 'the heron' is no number"))


def test_the_age_is_that_of_the_oldest_record_that_is_not_stored() -> None:
    unstored = Unstored()
    unstored.read("a", 0, 9, START)
    unstored.read("a", 10, 12, START + timedelta(seconds=5))
    unstored.read("b", 3, 3, START + timedelta(seconds=2))
    assert (unstored.oldest_at(), unstored.first("a")) == (START, 0)
    unstored.stored("a", 4)
    assert (unstored.oldest_at(), unstored.first("a")) == (START, 5)
    unstored.stored("a", 9)
    assert (unstored.oldest_at(), unstored.first("a")) == (START + timedelta(seconds=2), 10)
    unstored.stored("b", 3)
    unstored.stored("a", 12)
    assert (unstored.oldest_at(), unstored.first("a")) == (None, None)


def test_an_age_is_never_below_zero_and_zero_where_all_is_stored() -> None:
    state = SinkState()
    assert state.age_s(START) == 0.0
    state.unstored.read("a", 0, 0, START + timedelta(seconds=9))
    assert state.age_s(START) == 0.0
    assert state.age_s(START + timedelta(seconds=12)) == 3.0

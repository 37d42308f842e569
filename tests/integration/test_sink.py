"""The sink between a real broker and a real ClickHouse: every row once, whatever is killed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from clickhouse_connect.driver.client import Client

from streams import topology
from streams.clickhouse.insert import Entry, Gathering, Store
from streams.clickhouse.rows import Place, table_of
from streams.clickhouse.sink import TopicRecreated, run_sink
from streams.clickhouse.state import SinkState
from streams.clock import SystemClock
from streams.events.envelope import Envelope, Event
from streams.kafka.publish import Outgoing, Publisher, dress
from streams.rig.process import Child, spawn
from tests import wire
from tests.books import Books
from tests.builders import (
    AT,
    a_call,
    a_cost,
    a_decision,
    a_performance,
    a_policy,
    a_result,
    a_score,
)
from tests.clusters import Cluster
from tests.wire import access, options

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

TOPIC_OF = {topic.event: topic for topic in topology.SUNK}
PARTITIONS = 2
WAIT_S = 30.0
VISIBLE_S = 2.0
"""Rows are seen within two seconds at low traffic."""


@pytest.fixture
def database(prefix: str) -> str:
    """A database that no other test uses."""
    return "".join(c if c.isalnum() else "_" for c in prefix)[-60:].strip("_")


@pytest.fixture
async def topics(broker: Cluster, prefix: str) -> None:
    """The topics of the sink, and the dead letters."""
    for topic in (*topology.SUNK, topology.DEAD_LETTERS):
        count = 1 if topic.single else PARTITIONS
        await wire.create_topic(broker.bootstrap, topic.full_name(prefix), count)


def session_s(broker: Cluster) -> float:
    """The embedded broker lets a group wait for half of it; others allow no less than 6 s."""
    return 2.0 if broker.kind == "embedded" else 6.0


class Sinking:
    """A sink in this process."""

    def __init__(self, broker: Cluster, prefix: str, url: str, database: str) -> None:
        self.state = SinkState()
        self.stop = asyncio.Event()
        self.ready = asyncio.Event()
        self._run = run_sink(
            access=access(broker.bootstrap), prefix=prefix, clickhouse_url=url, database=database,
            stop=self.stop, clock=SystemClock(), state=self.state, on_ready=self.ready.set,
            session_timeout_s=session_s(broker),
        )  # fmt: skip

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Sinking"]:
        """Run it beside the test; a failure of it is the test's."""
        async with asyncio.timeout(50), asyncio.TaskGroup() as group:
            group.create_task(self._run)
            await self.ready.wait()
            yield self
            self.stop.set()

    async def fails(self) -> None:
        """Run it until it refuses."""
        async with asyncio.timeout(WAIT_S):
            await self._run


def dressed(event: Event, prefix: str, nth: int, partition: int | None = None) -> Outgoing:
    """An event ready for its topic; the same `nth`, the same event id."""
    envelope = Envelope(id=f"event-{nth}", type=event.TYPE, source="tests", time=AT)
    topic = TOPIC_OF[type(event)]
    partition = 0 if topic.single else nth % PARTITIONS if partition is None else partition
    return dress(topic.name, f"k{nth}", event, envelope, prefix, partition=partition)


async def publish(bootstrap: str, outgoing: Iterable[Outgoing]) -> None:
    """Confirmed."""
    producer = AIOKafkaProducer(**options(bootstrap), acks="all")
    await producer.start()
    try:
        verdicts = await Publisher(producer, SystemClock()).confirm(list(outgoing))
    finally:
        await producer.stop()
    assert set(verdicts) == {None}


async def committed(broker: Cluster, group: str, topic: str) -> int | None:
    """What a group has committed of a topic's first partition."""
    consumer = AIOKafkaConsumer(**options(broker.bootstrap), group_id=group)
    await consumer.start()
    try:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        offset: int | None = await consumer.committed(place)
    finally:
        await consumer.stop()
    return offset


def count(client: Client, table: str) -> int:
    """How many rows a table or view shows."""
    asked = f"SELECT count() FROM {table}"  # noqa: S608 (named by a test)
    return int(str(client.command(asked)))


async def until(true: Callable[[], bool], within_s: float = WAIT_S) -> bool:
    """Whether it came true in time."""
    clock = SystemClock()
    end_s = clock.monotonic_s() + within_s
    while not await asyncio.to_thread(true):
        if clock.monotonic_s() > end_s:
            return False
        await clock.sleep(0.05)
    return True


def store(client: Client, event: Event, place: Place) -> None:
    """Put one row where a sink would have put it."""
    table = table_of(TOPIC_OF[type(event)])
    gathering = Gathering(table, place.topic, place.partition)
    gathering.add(Entry(place.offset, place.event_id, table.build(event, place), 1), 0.0)
    Store(lambda: client).write(gathering.close())


@pytest.mark.secured
@pytest.mark.usefixtures("topics")
async def test_every_event_is_a_row_within_two_seconds_and_once_however_often_it_comes(
    broker: Cluster, books: Books, prefix: str, database: str
) -> None:
    client = books.migrated(database)
    events = [
        a_result(), a_result("t2", cost_usd=None), a_call(), a_cost(),
        a_cost("call-2", cost_usd=None), a_cost("call-3", cost_usd=Decimal("0.000000000001")),
        a_decision(), a_score(), a_policy(), a_performance(),
    ]  # fmt: skip
    outgoing = [dressed(event, prefix, nth) for nth, event in enumerate(events)]
    seen = {"results": 2, "calls": 1, "costs": 3, "decisions": 1, "feedback": 1, "policy": 1,
            "performance": 1}  # fmt: skip
    sinking = Sinking(broker, prefix, books.url, database)
    async with sinking.running():
        await publish(broker.bootstrap, outgoing)
        assert await until(
            lambda: all(count(client, view) == rows for view, rows in seen.items()), VISIBLE_S
        )
        await publish(broker.bootstrap, outgoing)  # redelivered: the same events, other offsets
        assert await until(lambda: sinking.state.rows == 2 * len(events))
        assert {view: count(client, view) for view in seen} == seen
    costs = client.query("SELECT cost_usd FROM costs ORDER BY call_id").result_rows
    assert costs == [(Decimal("0.0001"),), (None,), (Decimal("1E-12"),)]
    assert client.query("SELECT cost_usd FROM results WHERE task_id = 't2'").first_row == (None,)


@pytest.mark.secured
@pytest.mark.usefixtures("topics")
async def test_what_is_no_event_is_buried_untouched_and_nothing_stops(
    broker: Cluster, books: Books, prefix: str, database: str
) -> None:
    client = books.migrated(database)
    scores = topology.SCORES.full_name(prefix)
    bad = [b"not json", b"", b"[1]", b'{"task_id": "t"}', None]
    outgoing = [Outgoing(scores, b"bad", value, (("x", b"y"),), 0) for value in bad]
    tombstone = Outgoing(topology.CALLS.full_name(prefix), b"call-1", None, (), 0)
    sinking = Sinking(broker, prefix, books.url, database)
    async with sinking.running():
        await publish(broker.bootstrap, [*outgoing, tombstone, dressed(a_score(), prefix, 0, 0)])
        assert await until(lambda: count(client, "feedback") == 1)
        done = (len(bad), 1)
        assert await until(lambda: (sinking.state.buried, sinking.state.rows) == done)
    letters = await wire.consume_until(
        broker.bootstrap, topology.DEAD_LETTERS.full_name(prefix), lambda got: len(got) >= len(bad)
    )
    assert sorted((r.value or b"") for r in letters) == sorted(v or b"" for v in bad)
    assert {r.key for r in letters} == {b"bad"}
    first = next(r for r in letters if r.value == b"not json")
    named = ("reason", "stage", "topic", "partition", "offset")
    assert [wire.header(first, f"tierflow-{name}") for name in named] == [
        "not_json", "sink", scores, "0", "0",
    ]  # fmt: skip
    assert wire.header(first, "x") == "y"


@pytest.mark.usefixtures("topics")
async def test_a_stop_stores_what_is_gathered_and_commits_it(
    broker: Cluster, books: Books, prefix: str, database: str
) -> None:
    client = books.migrated(database)
    sinking = Sinking(broker, prefix, books.url, database)
    async with sinking.running():
        await publish(broker.bootstrap, [dressed(a_score(), prefix, 0, 0)])
        await SystemClock().sleep(0.5)
    assert count(client, "feedback") == 1
    group = topology.group_of(topology.SINK_ROLE, prefix)
    assert await committed(broker, group, topology.SCORES.full_name(prefix)) == 1


@pytest.mark.usefixtures("topics")
async def test_clickhouse_killed_keeps_the_block_and_gets_it_when_it_is_back(
    broker: Cluster, tmp_path: Path, prefix: str, database: str
) -> None:
    own = Books(tmp_path)
    await own.start()
    client = own.migrated(database)
    sinking = Sinking(broker, prefix, own.url, database)
    async with sinking.running():
        own.kill()
        await publish(broker.bootstrap, [dressed(a_score(f"t{n}"), prefix, n) for n in range(20)])
        assert await until(lambda: sinking.state.refusals >= 3 and not sinking.state.ready)
        await own.start()
        assert await until(lambda: count(client, "feedback") == 20)
        assert sinking.state.ready
    own.kill()


@pytest.mark.usefixtures("topics")
async def test_a_sink_with_nothing_to_do_notices_that_clickhouse_is_gone_and_back(
    broker: Cluster, tmp_path: Path, prefix: str, database: str
) -> None:
    own = Books(tmp_path)
    await own.start()
    own.migrated(database)
    sinking = Sinking(broker, prefix, own.url, database)
    assert sinking.state.unready() == ["sink: partitions are not assigned yet"]
    async with sinking.running():
        assert sinking.state.unready() == []
        own.kill()
        assert await until(lambda: not sinking.state.ready)
        (why,) = sinking.state.unready()
        assert why.startswith("sink: ClickHouse does not take it: ")
        await own.start()
        assert await until(lambda: sinking.state.ready)
    own.kill()


@pytest.mark.usefixtures("topics")
async def test_a_sink_waits_for_its_tables(
    broker: Cluster, books: Books, prefix: str, database: str
) -> None:
    sinking = Sinking(broker, prefix, books.url, database)
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as group:
        group.create_task(sinking._run)
        assert await until(lambda: sinking.state.refusals >= 2)
        assert not sinking.ready.is_set()
        client = await asyncio.to_thread(books.migrated, database)
        await publish(broker.bootstrap, [dressed(a_score(), prefix, 0)])
        assert await until(lambda: count(client, "feedback") == 1)
        sinking.stop.set()


@pytest.mark.usefixtures("topics")
async def test_a_stored_offset_beyond_the_log_means_another_topic(
    broker: Cluster, books: Books, prefix: str, database: str
) -> None:
    client = books.migrated(database)
    name = topology.SCORES.full_name(prefix)
    store(client, a_score(), Place(name, 1, 1000, "event-1000"))
    await publish(broker.bootstrap, [dressed(a_score("other"), prefix, 1, 1)])
    with pytest.raises(TopicRecreated, match=r"scores.v1 partition 1.*recreated"):
        await Sinking(broker, prefix, books.url, database).fails()
    assert count(client, "feedback") == 1


@pytest.mark.usefixtures("topics")
async def test_a_stored_offset_and_an_empty_log_mean_another_topic(
    broker: Cluster, books: Books, prefix: str, database: str
) -> None:
    client = books.migrated(database)
    store(client, a_score(), Place(topology.SCORES.full_name(prefix), 1, 0, "event-0"))
    with pytest.raises(TopicRecreated, match=r"scores.v1 partition 1.*recreated"):
        await Sinking(broker, prefix, books.url, database).fails()


@pytest.mark.usefixtures("topics")
async def test_another_event_at_a_stored_offset_means_another_topic(
    broker: Cluster, books: Books, prefix: str, database: str
) -> None:
    client = books.migrated(database)
    store(client, a_score(), Place(topology.SCORES.full_name(prefix), 0, 2, "event-of-old"))
    await publish(broker.bootstrap, [dressed(a_score(f"t{n}"), prefix, n, 0) for n in range(5)])
    with pytest.raises(TopicRecreated, match="event-of-old is stored from there"):
        await Sinking(broker, prefix, books.url, database).fails()


@pytest.mark.usefixtures("topics")
async def test_a_sink_begins_behind_what_is_stored(
    broker: Cluster, books: Books, prefix: str, database: str
) -> None:
    client = books.migrated(database)
    name = topology.SCORES.full_name(prefix)
    await publish(broker.bootstrap, [dressed(a_score(f"t{n}"), prefix, n, 0) for n in range(10)])
    store(client, a_score("t7"), Place(name, 0, 7, "event-7"))  # stored, and the commit was lost
    sinking = Sinking(broker, prefix, books.url, database)
    async with sinking.running():
        assert await until(lambda: count(client, "feedback") == 3)
    assert client.query("SELECT task_id FROM feedback ORDER BY task_id").result_rows == [
        ("t7",), ("t8",), ("t9",),
    ]  # fmt: skip
    assert sinking.state.rows == 3


def sink_process(arguments: list[str], log: Path) -> Child:
    return spawn([sys.executable, "-m", "tests.books", *arguments], log=log)


@pytest.mark.usefixtures("topics")
async def test_kill_9_again_and_again_neither_loses_a_row_nor_shows_one_twice(
    broker: Cluster, books: Books, tmp_path: Path, prefix: str, database: str
) -> None:
    client = books.migrated(database)
    arguments = [broker.bootstrap, prefix, books.url, database, str(session_s(broker))]
    clock, sent = SystemClock(), 0

    async def send(batches: int) -> None:
        nonlocal sent
        for _ in range(batches):
            events = [
                dressed(event, prefix, n)
                for n in range(sent, sent + 100)
                for event in (a_result(f"t{n}"), a_cost(f"call-{n}"))
            ]
            await publish(broker.bootstrap, events)
            sent += 100
            await clock.sleep(0.2)

    for turn in range(2):
        already = count(client, "results")
        child = sink_process(arguments, tmp_path / f"log-{turn}")
        await send(3)
        assert await until(lambda seen=already: count(client, "results") > seen)  # type: ignore[misc]
        await send(2)
        child.kill()
    child = sink_process(arguments, tmp_path / "log")
    await send(1)
    assert await until(
        lambda: count(client, "results") >= sent and count(client, "costs") >= sent
    ), child.tail()
    assert (count(client, "results"), count(client, "costs")) == (sent, sent)
    total = client.query("SELECT sum(cost_usd) FROM costs").first_row
    assert total == (sent * Decimal("0.0001"),)
    assert await asyncio.to_thread(child.stop, 20) == 0, child.tail()

"""results, calls, costs, decisions, scores, policy, performance → ClickHouse.

A plain consumer: offsets are committed after ClickHouse has every row up to them. While it is
away Kafka is the buffer: the block at hand is kept and tried again, nothing more is fetched.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from clickhouse_connect.driver.exceptions import Error

from streams import ids, topology
from streams.clickhouse.client import connect
from streams.clickhouse.insert import Block, Entry, Gathering, Store, Stored
from streams.clickhouse.rows import Place, table_of
from streams.clickhouse.state import SinkState
from streams.clock import Clock
from streams.events.envelope import Reason
from streams.kafka import codec
from streams.kafka.lag import Ends
from streams.kafka.publish import Publisher, dead_letter
from streams.kafka.security import Access

logger = logging.getLogger(__name__)

T = TypeVar("T")

POLL_MS = 200
FETCHED_AT_ONCE = 2_000
FETCH_BYTES = 8 << 20
GATHERED_BYTES = 64 << 20
"""More than this is not held in open blocks: all of them are closed."""

RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)
PING_S = 5.0
"""So long after its last answer ClickHouse is asked whether it is there."""

IDLE_MS = 24 * 3600 * 1000
"""How long ClickHouse may be away before the group takes the partitions back."""


class TopicRecreated(Exception):  # noqa: N818 (says what happened)
    """The books hold rows of a topic that is gone and was made anew: offsets mean other records.

    What to do: sink it into another database, or under another prefix, or drop the rows of the
    old topic.
    """


@dataclass(frozen=True, slots=True)
class Expected:
    """Where reading begins, and which record is known to lie there."""

    offset: int
    end: int  # the log reaches at least to here
    event_id: str | None = None


async def run_sink(
    *,
    access: Access,
    prefix: str,
    clickhouse_url: str,
    stop: asyncio.Event,
    clock: Clock,
    database: str = "tierflow",
    user: str = "default",
    password: str = "",
    ca_file: Path | None = None,
    on_ready: Callable[[], None] = lambda: None,
    state: SinkState | None = None,
    session_timeout_s: float = 6.0,
    fetch_wait_ms: int = 50,
) -> None:
    """Keep the books until stopped, then write what is gathered and leave the group.

    Args:
        access: Where Kafka is, and as whom we come.
        prefix: Of every topic's name; the group is named after it.
        clickhouse_url: ClickHouse's HTTP interface.
        stop: Set to end.
        clock: Ends blocks and spaces retries.
        database: Migrated before; until it is, the sink waits for it.
        user: ClickHouse's user.
        password: The user's.
        ca_file: Whom an https server's certificate is trusted by; None: whom the system trusts.
        on_ready: Called once, when the first partitions are placed.
        state: Filled as it goes; for health and metrics.
        session_timeout_s: Silence after which another sink gets the partitions.
        fetch_wait_ms: Longest a fetch waits at the broker.

    Raises:
        TopicRecreated: A stored or committed offset lies beyond the log.
        aiokafka.errors.KafkaError: Kafka refuses this consumer for good.
    """
    consumer = AIOKafkaConsumer(
        **access.options(),
        group_id=topology.group_of(topology.SINK_ROLE, prefix),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=int(session_timeout_s * 1000),
        heartbeat_interval_ms=int(session_timeout_s * 1000 / 3),
        max_poll_interval_ms=IDLE_MS,
        fetch_max_wait_ms=fetch_wait_ms,
        fetch_max_bytes=FETCH_BYTES,
    )
    producer = AIOKafkaProducer(
        **access.options(),
        acks="all",
        max_request_size=topology.DEAD_LETTERS.record_bytes,
    )
    state = state or SinkState()
    store = Store(
        lambda: connect(clickhouse_url, database, user=user, password=password, ca_file=ca_file)
    )
    sink = Sink(consumer, Publisher(producer, clock), store, prefix, clock, stop, state)
    try:
        await producer.start()
        await consumer.start()
        consumer.subscribe([topic.full_name(prefix) for topic in topology.SUNK], listener=sink)
        ends = Ends(consumer.end_offsets, consumer.assignment, clock)
        state.lag = lambda: ends.lag(sink.settled())
        following = asyncio.ensure_future(ends.follow())
        try:
            await sink.run(on_ready)
        finally:
            following.cancel()
    finally:
        await consumer.stop()
        await producer.stop()
        await asyncio.to_thread(store.close)


class Sink(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Gathers what a started consumer reads into blocks and stores them.

    Args:
        consumer: Started; subscribed with this as its listener.
        publisher: Where dead letters go.
        store: The tables.
        prefix: Of every topic's name.
        clock: Ends blocks and spaces retries.
        stop: Set to end.
        state: Filled as it goes.
    """

    def __init__(
        self, consumer: AIOKafkaConsumer, publisher: Publisher, store: Store, prefix: str,
        clock: Clock, stop: asyncio.Event, state: SinkState,
    ) -> None:  # fmt: skip
        self._consumer = consumer
        self._publisher = publisher
        self._store = store
        self._prefix = prefix
        self._clock = clock
        self._stop = stop
        self._state = state
        self._topics = {topic.full_name(prefix): topic for topic in topology.SUNK}
        self._generation = 0
        self._fresh: set[TopicPartition] = set()
        self._expected: dict[TopicPartition, Expected] = {}
        self._open: dict[TopicPartition, Gathering] = {}
        self._written: dict[TopicPartition, int] = {}
        self._answered_s = clock.monotonic_s()

    def settled(self) -> dict[TopicPartition, tuple[int, int | None]]:
        """Of each partition: how far it is stored, and the end that the last fetch reported."""
        found: dict[TopicPartition, tuple[int, int | None]] = {}
        for tp in self._consumer.assignment():
            state = self._consumer._subscription._assigned_state(tp)  # noqa: SLF001 (position() waits)
            first = self._state.unstored.first(tp)
            if first is not None:
                found[tp] = (first, state.highwater)
            elif state.has_valid_position:
                found[tp] = (state.position, state.highwater)
        return found

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 (aiokafka's)
        """Forget what is gathered: whoever gets the partitions reads it from the last commit."""
        self._generation += 1
        for state in (self._fresh, self._expected, self._open, self._written):
            state.clear()
        self._state.unstored.clear()
        self._state.assigned, self._state.unplaced = False, 0

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Hold the partitions until it is known where in them the books end."""
        self._generation += 1
        self._fresh.update(assigned)
        self._consumer.pause(*self._fresh)
        self._state.assigned, self._state.unplaced = True, len(self._fresh)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Fetch, gather, store, commit, until stopped."""
        announced = False
        while not self._stop.is_set():
            await self._place()
            await self._greet()
            if self._state.ready and not announced:
                on_ready()
                announced = True
            fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=FETCHED_AT_ONCE)
            ended = await self._gather(fetched, self._generation)
            if not await self._write([*ended, *self._due()]) and self._stop.is_set():
                return  # what lies behind an unwritten block must not be committed
        self._state.stopping = True
        await self._write([held.close() for held in self._open.values() if held.entries])

    async def _greet(self) -> None:
        """Ask whether ClickHouse is there when there was nothing to write: readiness says so."""
        if self._clock.monotonic_s() - self._answered_s < PING_S:
            return
        try:
            await asyncio.to_thread(self._store.ping)
        except (Error, OSError) as error:
            logger.warning("ClickHouse does not answer: %s", self._state.refused(error))
        else:
            self._state.away = None
        self._answered_s = self._clock.monotonic_s()

    async def _place(self) -> None:
        """Begin each new partition at the last record stored, or at the commit if that is later."""
        if not self._fresh:
            return
        fresh, generation = sorted(self._fresh), self._generation
        stored = await self._patiently(lambda: self._stored({tp.topic for tp in fresh}))
        if stored is None:
            return
        try:
            for tp in fresh:
                committed = await self._consumer.committed(tp)
                if self._generation != generation:
                    return
                await self._seek(tp, committed, stored.get(tp))
                self._consumer.resume(tp)
                self._fresh.discard(tp)
                self._state.unplaced = len(self._fresh)
        except IllegalStateError:
            return  # revoked meanwhile
        except KafkaError:
            logger.warning("commits can't be read, trying again", exc_info=True)
            await self._clock.sleep(RETRY_S[-1])

    def _stored(self, topics: set[str]) -> dict[TopicPartition, Stored]:
        return {
            TopicPartition(name, partition): last
            for name in topics
            for partition, last in self._store.last_stored(
                table_of(self._topics[name]), name
            ).items()
        }

    async def _seek(self, tp: TopicPartition, committed: int | None, stored: Stored | None) -> None:
        """The record stored last is read again: that it is the same one shows whose log this is."""
        if stored is not None and stored.offset >= (committed or 0):
            self._expected[tp] = Expected(stored.offset, stored.offset + 1, stored.event_id)
        elif committed is not None:
            self._expected[tp] = Expected(committed, committed)
        if tp in self._expected:
            self._consumer.seek(tp, self._expected[tp].offset)
        else:
            await self._consumer.seek_to_beginning(tp)

    async def _gather(
        self, fetched: dict[TopicPartition, list[Any]], generation: int
    ) -> list[Block]:
        """Put records into the open blocks of their partitions.

        Returns:
            The blocks that this ended; none where a rebalance took the partitions meanwhile.

        Raises:
            TopicRecreated: A partition's log is not the one that is stored.
        """
        for tp, expected in list(self._expected.items()):
            await self._verify(tp, expected, fetched.get(tp, []))
        ended: list[Block] = []
        for tp, records in fetched.items():
            if records:
                first = codec.received(self._topics[tp.topic].name, records[0])
                self._state.unstored.read(tp, first.offset, records[-1].offset, first.at)
            for record in records:
                entry = await self._read(tp, record)
                if self._generation != generation:
                    return []
                if tp not in self._open:
                    table = table_of(self._topics[tp.topic])
                    self._open[tp] = Gathering(table, tp.topic, tp.partition)
                ended += self._open[tp].add(entry, self._clock.monotonic_s())
        return ended

    async def _verify(self, tp: TopicPartition, expected: Expected, records: list[Any]) -> None:
        """See that a partition's log is the one that is stored.

        A fetch beyond the end makes the consumer begin at the log's beginning, before what was
        asked for; one before the beginning, behind it: those records are gone from the log.
        """
        try:
            at = records[0].offset if records else await self._consumer.position(tp)
            end = self._consumer.highwater(tp)
        except (AssertionError, IllegalStateError):
            return  # revoked meanwhile
        if self._expected.get(tp) is not expected:
            return
        if at < expected.offset or (end is not None and end < expected.end):
            raise TopicRecreated(
                f"{tp.topic} partition {tp.partition}: offset {expected.offset} is stored or "
                f"committed, and the log ends before it; the topic was recreated"
            )
        if not records:
            return
        del self._expected[tp]
        if at > expected.offset and not self._is_compacted(tp):
            logger.warning("%s begins at %s, behind %s: records are lost", tp, at, expected.offset)
        found = _event_id(tp, records[0])
        if at == expected.offset and expected.event_id not in (None, found):
            raise TopicRecreated(
                f"{tp.topic} partition {tp.partition}: offset {at} holds event {found}, and "
                f"{expected.event_id} is stored from there; the topic was recreated"
            )

    def _is_compacted(self, tp: TopicPartition) -> bool:
        return self._topics[tp.topic].keep is not topology.Keep.DELETE

    async def _read(self, tp: TopicPartition, record: Any) -> Entry:
        """One record as the books take it; what is no event of its topic is buried."""
        topic = self._topics[tp.topic]
        event_id = _event_id(tp, record)
        size_bytes = len(record.value or b"")
        if topic.event is None or (record.value is None and self._is_compacted(tp)):
            return Entry(record.offset, event_id, None, size_bytes)
        event = codec.decode(topic.event, record.value)
        if isinstance(event, codec.Rejected):
            await self._bury(tp, record, event.reason, event.detail)
            return Entry(record.offset, event_id, None, size_bytes)
        try:
            place = Place(tp.topic, tp.partition, record.offset, event_id)
            row = table_of(topic).build(event, place)
        except (ValueError, ArithmeticError) as error:
            await self._bury(tp, record, Reason.INTERNAL, str(error))
            return Entry(record.offset, event_id, None, size_bytes)
        return Entry(record.offset, event_id, row, size_bytes)

    async def _bury(self, tp: TopicPartition, record: Any, reason: Reason, detail: str) -> None:
        buried = codec.received(self._topics[tp.topic].name, record)
        outgoing = dead_letter(buried, topology.SINK_ROLE, reason, detail, self._prefix)
        (verdict,) = await self._publisher.confirm([outgoing])
        if verdict is not None:
            raise verdict  # nothing is committed: the record is not lost
        self._state.bury(reason.value)
        # the letter has the detail: of a bug it may quote the record, which a log must not
        logger.warning("%s offset %s buried as %s", tp, record.offset, reason.value)

    def _due(self) -> list[Block]:
        """Close the blocks whose second is over; all of them where they hold too much."""
        now_s = self._clock.monotonic_s()
        held = [gathering for gathering in self._open.values() if gathering.entries]
        too_much = sum(gathering.size_bytes for gathering in held) > GATHERED_BYTES
        return [gathering.close() for gathering in held if too_much or gathering.is_due(now_s)]

    async def _write(self, blocks: Sequence[Block]) -> bool:
        """Store blocks in order, then commit what is stored; False where one was given up."""
        generation = self._generation
        for block in blocks:
            began_s = self._clock.monotonic_s()
            rows = await self._patiently(partial(self._store.write, block))
            if rows is None or self._generation != generation:
                return False
            tp = TopicPartition(block.topic, block.partition)
            self._written[tp] = block.last + 1
            self._state.unstored.stored(tp, block.last)
            self._state.wrote(block.table.name, rows, self._clock.monotonic_s() - began_s)
        await self._commit()
        return True

    async def _commit(self) -> None:
        if not self._written:
            return
        written = dict(self._written)
        try:
            await self._consumer.commit(written)
        except KafkaError:
            # Tried again with the next block; until then a restart would store these rows twice,
            # and identity keeps one of each.
            logger.warning("offsets can't be committed", exc_info=True)
            return
        for tp, offset in written.items():
            if self._written.get(tp) == offset:
                del self._written[tp]

    async def _patiently(self, work: Callable[[], T]) -> T | None:
        """Do blocking work on ClickHouse, again and again until it is done.

        Returns:
            Its result; None where it was given up because of a stop or a rebalance.
        """
        generation, tries = self._generation, 0
        while True:
            try:
                answer = await asyncio.to_thread(work)
            except (Error, OSError) as error:
                said = self._state.refused(error)
                logger.warning("ClickHouse did not take it, trying again: %s", said)
            else:
                self._state.away = None
                self._answered_s = self._clock.monotonic_s()
                return answer
            if self._stop.is_set() or self._generation != generation:
                return None
            await self._clock.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1


def _event_id(tp: TopicPartition, record: Any) -> str:
    """The event's own id; one after its place where it has none."""
    known = codec.header(tuple(record.headers), "ce_id")
    return known or ids.derive("event", tp.topic, tp.partition, record.offset)

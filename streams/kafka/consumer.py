"""A fetched run of one partition is one Faust event; offsets are committed from our own book.

Faust's cost an event, about 200 µs, is paid once a run; and a commit never passes a record whose
outputs are not confirmed, which stock Faust does at kill -9 with work settled out of order.

Source: faust-streaming issue 606; measured: `make bench`.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.kafka.security import Access

CHANGELOG = "-changelog"
EXPELLED = -1
"""The generation of who was put out of its group, for Kafka as for us."""

HIGHWATER_TRIES = 200
HIGHWATER_WAIT_MS = 50


class Run(ConsumerMessage):
    """Consecutive records of one partition as one fetch brought them.

    `offset` is the last record's, `value` is empty, `records` are aiokafka's own.
    """

    __slots__ = ("records",)

    records: list[Any]


class OffsetBook:
    """What is in flight, partition by partition, and how far it is safe to commit.

    Example:
        >>> book = OffsetBook()
        >>> book.take("p", [4, 5, 6])
        >>> book.settle("p", 5)
        >>> book.committable("p")
        4
        >>> book.settle("p", 4); book.settle("p", 6)
        >>> book.committable("p")
        7
    """

    def __init__(self) -> None:
        self._in_flight: dict[Any, set[int]] = {}
        self._next: dict[Any, int] = {}

    def take(self, tp: object, offsets: Iterable[int]) -> None:
        """Write down offsets that were handed out, in ascending order."""
        taken = list(offsets)
        self._in_flight.setdefault(tp, set()).update(taken)
        self._next[tp] = max(taken[-1] + 1, self._next.get(tp, 0))

    def settle(self, tp: object, offset: int) -> None:
        """The record's outputs are confirmed: it need not be seen again."""
        self._in_flight.get(tp, set()).discard(offset)

    def committable(self, tp: object) -> int:
        """The smallest offset in flight, or the next one if none is."""
        return min(self._in_flight[tp], default=self._next[tp])

    def partitions(self) -> list[Any]:
        """Every partition of which a record was handed out."""
        return list(self._next)

    def in_flight(self) -> int:
        """How many records are handed out and not settled."""
        return sum(len(offsets) for offsets in self._in_flight.values())

    def clear(self) -> None:
        """Forget everything: the partitions belong to somebody else now."""
        self._in_flight.clear()
        self._next.clear()


class RunThread(driver.AIOKafkaConsumerThread):
    """The driver's consumer thread with a short fetch wait and true high watermarks."""

    logger = logging.getLogger("faust.thread")

    heard_s = 0.0
    """When a heartbeat that the group accepted was sent, on the event loops' clock.

    One that follows a silence longer than the session counts for nothing: a broker may accept it
    before it has noticed, and after it has given the partitions away.
    """

    @property
    def _owner(self) -> "RunConsumer":
        return cast("RunConsumer", self.consumer)

    async def on_start(self) -> None:
        """Listen to the heartbeats."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 (no public name)
        beat = coordinator._do_heartbeat  # noqa: SLF001 (no public name)

        async def noted() -> bool:
            sent_s = self.thread_loop.time()
            if not await beat():
                return False
            silent_s = sent_s - self.heard_s if self.heard_s else 0.0
            if silent_s > self._owner.app.conf.broker_session_timeout:
                coordinator.reset_generation()  # its partitions may be somebody else's: join anew
                return False
            self.heard_s = sent_s
            return True

        coordinator._do_heartbeat = noted  # noqa: SLF001 (no public name)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Joining is as good as a heartbeat."""
        self.heard_s = self.thread_loop.time()
        await super().on_partitions_assigned(assigned, generation_id)

    def expelled(self) -> bool:
        """Whether the group goes on without this member, which was silent for too long."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 (no public name)
        return bool(coordinator.generation == EXPELLED)

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = self._owner.fetch_wait_ms  # noqa: SLF001 (fixed at 1,500 in the driver)
        return consumer

    async def _highwaters(self, partitions: Iterable[TP]) -> Mapping[TP, int]:
        """Ends of partitions as a fetch reports them.

        Some brokers answer ListOffsets(latest) too low, and a recovery that trusts it loses keys.
        """
        ends: dict[TP, int] = dict(await super()._highwaters(list(partitions)))
        if not ends:
            return ends
        return await fetched_highwaters(ends, self._probe())

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition to what is committed, a committed 0 included.

        aiokafka's own leaves a partition where it is when 0 is committed: what was fetched from
        its beginning and given back in a rebalance would be passed over.
        """
        return dict(await self.call_thread(seek_committed, self._ensure_consumer()))

    def _probe(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._owner.access.options(),
            fetch_max_wait_ms=HIGHWATER_WAIT_MS,
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )


async def seek_committed(consumer: AIOKafkaConsumer) -> dict[TP, int | None]:
    """Seek to what is committed; a partition without a commit stays where it is.

    Returns:
        What is committed by partition; None where nothing is.
    """
    found: dict[TP, int | None] = {}
    for tp in consumer.assignment():
        found[tp] = offset = await consumer.committed(tp)
        if offset is not None:
            consumer.seek(tp, offset)
    return found


async def seek_back(consumer: AIOKafkaConsumer, firsts: Mapping[TP, int]) -> None:
    """Seek partitions that were read on back to these offsets, and none of them forward."""
    for tp, first in firsts.items():
        with contextlib.suppress(IllegalStateError):  # it is not ours any more
            state = consumer._subscription._assigned_state(tp)  # noqa: SLF001 (position() waits)
            if state.has_valid_position and state.position > first:
                consumer.seek(tp, first)


def may_go_out(tp: TP, *, is_rebuilt: bool) -> bool:
    """Whether records of a partition may be handed out: of a source, not before tables are rebuilt.

    As the last step of a recovery Faust empties the queues of all agents
    (`FlowControlEvent.resume`), after it has sought what is committed: what came before is lost.
    """
    return is_rebuilt or tp.topic.endswith(CHANGELOG)


async def fetched_highwaters(ends: dict[TP, int], probe: AIOKafkaConsumer) -> dict[TP, int]:
    """Raise each end to the high watermark that a fetch at it brings.

    Args:
        ends: What ListOffsets(latest) answered, by partition.
        probe: A consumer without a group, not started yet; it is stopped here.
    """
    wanted = list(ends)
    if not wanted:
        return ends
    try:
        await probe.start()
        probe.assign(wanted)
        for tp in wanted:
            probe.seek(tp, ends[tp])
        for _ in range(HIGHWATER_TRIES):
            await probe.getmany(timeout_ms=HIGHWATER_WAIT_MS)
            seen = {tp: probe.highwater(tp) for tp in wanted}
            if all(mark is not None for mark in seen.values()):
                return {tp: max(end, seen.get(tp) or 0) for tp, end in ends.items()}
    finally:
        await probe.stop()
    raise TimeoutError("the broker reported no high watermark")


class RunConsumer(driver.Consumer):
    """Delivers runs whole and commits no further than the smallest offset in flight.

    Changelog topics are delivered record by record: table recovery reads through here too.
    """

    logger = logging.getLogger("faust.consumer")
    access: Access
    fetch_wait_ms: int = 500
    on_revoke: Callable[[bool], Awaitable[None]] | None = None
    is_rebuilt: Callable[[], bool] = staticmethod(lambda: True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.book = OffsetBook()
        self._committed: dict[TP, int] = {}

    def _new_consumer_thread(self) -> RunThread:
        return RunThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 (Faust's name)
        """Hand out what a fetch brought: a run a source partition, a record a changelog."""
        fetched, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if fetched is None or self.should_stop:
            return
        left = dict(fetched)
        for tp, records in fetched.items():
            if generation != self.app.consumer_generation_id or not self.flow_active:
                break  # a rebalance: what is left may be another's, or of a table to be rebuilt
            held = active is not None and tp not in active and tp not in self._buffered_partitions
            if not held and may_go_out(tp, is_rebuilt=self.is_rebuilt()):
                del left[tp]
                for message in self._messages(tp, records, generation):
                    yield tp, message
        await self._give_back(left)

    async def _give_back(self, fetched: Mapping[TP, list[Any]]) -> None:
        """Have records that were fetched and not handed out fetched again.

        A fetch that spans a rebalance brings what nobody asked for: while no partition is active
        Faust's empty set means all of them to aiokafka. Dropped, records of a changelog would
        leave a recovery waiting for ever, and the next run of a source would pass them.
        """
        firsts = {tp: records[0].offset for tp, records in fetched.items() if records}
        if firsts:
            thread = cast("RunThread", self._thread)
            await thread.call_thread(seek_back, thread._ensure_consumer(), firsts)  # noqa: SLF001 (Faust's)

    def _messages(self, tp: TP, records: list[Any], generation: int) -> list[ConsumerMessage]:
        if tp.topic.endswith(CHANGELOG):
            return [self._to_message(tp, record) for record in records]
        return [self._to_run(tp, records, generation)] if records else []

    def _to_run(self, tp: TP, records: list[Any], generation: int) -> Run:
        last = records[-1]
        run = Run(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            None,
            None,
            b"",
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )
        run.records = records
        # Faust drops what lies before the last offset that it saw: a shorter run, read again.
        self._read_offset[tp] = None
        self.book.take(tp, (record.offset for record in records))
        return run

    def settle(self, tp: TP, offset: int, generation: int) -> bool:
        """Settle one record; work of an old generation settles nothing.

        Returns:
            Whether it was settled.
        """
        if generation != self.app.consumer_generation_id:
            return False
        self.book.settle(tp, offset)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:  # noqa: ARG002 (all or nothing)
        return iter(self.book.partitions())

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        wanted = {tp: self.book.committable(tp) for tp in tps}
        return {tp: offset for tp, offset in wanted.items() if offset != self._committed.get(tp)}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        done = bool(await super()._commit(offsets))
        if done:
            self._committed.update(offsets)
        return done

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: a run leaves gaps between the offsets Faust sees, and the book is ours."""

    async def verify_all_partitions_active(self) -> None:
        """Nothing: Faust takes a long call for a stuck stream; readiness and lag tell instead."""

    def settled(self) -> dict[TP, tuple[int, int | None]]:
        """Of each source partition that is assigned: how far it is settled, and its fetched end.

        Read from another thread than the fetching one: numbers, each of them whole.
        """
        thread = cast("RunThread", self._thread)
        known = thread._consumer  # noqa: SLF001 (Faust's; None before it starts)
        if known is None:
            return {}
        begun, found = set(self.book.partitions()), dict[TP, tuple[int, int | None]]()
        for tp in self.assignment():
            with contextlib.suppress(IllegalStateError, AssertionError):  # not ours any more
                state = known._subscription._assigned_state(tp)  # noqa: SLF001 (position() waits)
                if not tp.topic.endswith(CHANGELOG) and state.has_valid_position:
                    offset = self.book.committable(tp) if tp in begun else state.position
                    found[tp] = (offset, state.highwater)
        return found

    def is_unsure(self) -> bool:
        """Whether nobody knows that this process is still a member.

        Who was stopped for longer than its session (SIGSTOP, a frozen machine) finds its
        partitions with somebody else, and hears of it only with its next heartbeat.
        """
        if self.app.consumer_generation_id == EXPELLED:
            return False  # it is known: no
        silent_s = self.loop.time() - cast("RunThread", self._thread).heard_s
        return silent_s > self.app.conf.broker_session_timeout

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Begin a new book: what is in flight from before will be read again."""
        self.book.clear()
        self._committed.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Drain what is in work, commit it, then let the partitions go.

        Who was put out of the group has lost them already: what is in work is an old generation's
        at once, and nothing is waited for.
        """
        expelled = cast("RunThread", self._thread).expelled()
        if expelled:
            self.app.consumer_generation_id = EXPELLED
        if self.on_revoke is not None:
            await self.on_revoke(expelled)
        if not expelled:
            await self.commit()
        await super().on_partitions_revoked(revoked)
        self.book.clear()
        self._committed.clear()


class RunTransport(driver.Transport):
    """Named by an app before it starts: `app.transport = RunTransport(url, app)`."""

    Consumer = RunConsumer

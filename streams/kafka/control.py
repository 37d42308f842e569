"""Control topics read once to their end, and a record put onto one: what commands do."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from streams import ids
from streams.clock import Clock
from streams.events.envelope import Envelope, Event
from streams.kafka import codec
from streams.kafka.cluster import administered
from streams.kafka.publish import Outgoing, Publisher
from streams.kafka.reading import to_the_end
from streams.kafka.redrive import MissingTopicError
from streams.kafka.security import Access
from streams.topology import CONTROL, Topic

V = TypeVar("V")

POLL_MS = 50
PATIENCE = 6
"""Times the time-out: so long a broker that was reached may take to confirm."""


@dataclass(frozen=True, slots=True)
class Folded(Generic[V]):
    """What the control topics come to, and what they hold that can't be used."""

    view: V
    refused: tuple[str, ...]


async def folded(
    access: Access, prefix: str, start: V, fold: Callable[[V, Event], V], timeout_s: float,
    clock: Clock,
) -> Folded[V]:  # fmt: skip
    """Fold the control topics as a worker does, up to now.

    Args:
        access: The cluster.
        prefix: Before the names of topics.
        start: The value before any record.
        fold: `(view, event) -> view`; a ValueError keeps the view as it is.
        timeout_s: How long to try.
        clock: Bounds the reading.

    Raises:
        ConnectionError: No broker answered.
        MissingTopicError: A topic isn't there.
        TimeoutError: They were not read in time.
    """
    events = {topic.full_name(prefix): topic.event for topic in CONTROL}
    async with administered(access, timeout_s, clock) as admin:
        if missing := sorted(events.keys() - set(await admin.list_topics())):
            raise MissingTopicError(f"topic {missing[0]} is not there: run `tierflow topics apply`")
    view, refused = start, list[str]()
    consumer = AIOKafkaConsumer(
        **access.options(), enable_auto_commit=False, fetch_max_wait_ms=POLL_MS
    )
    await consumer.start()
    try:
        parts = [TopicPartition(name, 0) for name in events]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        deadline_s = clock.monotonic_s() + timeout_s
        async for fetched in to_the_end(consumer, parts, POLL_MS):
            if clock.monotonic_s() > deadline_s:
                raise TimeoutError(f"control topics were not read within {timeout_s:g} s")
            for record in fetched:
                event = events[record.topic]
                if record.value is None or event is None:
                    continue
                decoded = codec.decode(event, record.value)
                if isinstance(decoded, codec.Rejected):
                    refused.append(f"record {record.offset} of {record.topic}: {decoded.detail}")
                    continue
                try:
                    view = fold(view, decoded)
                except ValueError as error:
                    refused.append(f"record {record.offset} of {record.topic}: {error}")
    finally:
        await consumer.stop()
    return Folded(view, tuple(refused))


async def steer(
    access: Access, prefix: str, topic: Topic, records: Sequence[tuple[str, Event]],
    timeout_s: float, clock: Clock,
) -> None:  # fmt: skip
    """Put records onto a topic of one partition, and wait until all are confirmed.

    Args:
        access: The cluster.
        prefix: Before the names of topics.
        topic: Of the topology.
        records: Key and event of each.
        timeout_s: How long to try.
        clock: Says when.

    Raises:
        ConnectionError: No broker answered.
        MissingTopicError: The topic isn't there.
        Undeliverable: The broker refuses one for good.
        TimeoutError: They were not confirmed.
    """
    name = topic.full_name(prefix)
    async with administered(access, timeout_s, clock) as admin:
        if name not in await admin.list_topics():
            raise MissingTopicError(f"topic {name} is not there: run `tierflow topics apply`")
    producer = AIOKafkaProducer(**access.options(), acks="all")
    await producer.start()
    try:
        async with asyncio.timeout(timeout_s * PATIENCE):
            verdicts = await Publisher(producer, clock).confirm(
                [_outgoing(topic, prefix, key, event, clock) for key, event in records]
            )
    finally:
        await producer.stop()
    for verdict in verdicts:
        if verdict is not None:
            raise verdict


def _outgoing(topic: Topic, prefix: str, key: str, event: Event, clock: Clock) -> Outgoing:
    value, now = codec.encode(event), clock.now()
    name = ids.derive(topic.name, key, ids.digest(value))
    envelope = Envelope(id=name, type=event.TYPE, source=f"tierflow/{topic.name}", time=now)
    full = topic.full_name(prefix)
    return Outgoing(full, key.encode(), value, codec.headers(envelope), partition=0)

"""The newest records of some topics, read once through, without a group."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.clock import Clock, SystemClock
from streams.events.envelope import Event
from streams.kafka import codec
from streams.kafka.cluster import administered, edges, partitions
from streams.kafka.reading import to_the_end
from streams.kafka.security import Access
from streams.topology import Keep, Topic

POLL_MS = 50


async def recent(
    access: Access, prefix: str, topics: Sequence[Topic], timeout_s: float, *, records: int,
    clock: Clock | None = None,
) -> list[Event]:  # fmt: skip
    """The events of the newest records of each partition; of a compacted topic, of all.

    What can't be decoded is left out, and so is a topic that isn't there.

    Args:
        access: The cluster.
        prefix: Before every topic's name.
        topics: What is read.
        timeout_s: How long to try to reach the cluster, and to wait while nothing comes.
        records: How many of a partition's newest records are read.
        clock: Bounds the waiting.

    Raises:
        ConnectionError: No broker answered.
        TimeoutError: Nothing came for so long, before the end.
    """
    clock = clock or SystemClock()
    async with administered(access, timeout_s, clock) as admin:
        present = set(await admin.list_topics())
        named = {t.full_name(prefix): t for t in topics if t.full_name(prefix) in present}
        places = await partitions(admin, named)
    held = await edges(access, places)
    starts = {
        TopicPartition(*place): begin if _whole(named[place[0]]) else max(begin, end - records)
        for place, (begin, end) in held.items()
    }
    if not starts:
        return []
    consumer = AIOKafkaConsumer(
        **access.options(), enable_auto_commit=False, fetch_max_wait_ms=POLL_MS
    )
    await consumer.start()
    try:
        return await _read(consumer, starts, named, timeout_s, clock)
    finally:
        await consumer.stop()


def _whole(topic: Topic) -> bool:
    return topic.keep is Keep.COMPACT


async def _read(
    consumer: AIOKafkaConsumer,
    starts: dict[TopicPartition, int],
    named: dict[str, Topic],
    timeout_s: float,
    clock: Clock,
) -> list[Event]:
    consumer.assign(list(starts))
    for part, start in starts.items():
        consumer.seek(part, start)
    found: list[Event] = []
    heard_s = clock.monotonic_s()
    async for fetched in to_the_end(consumer, starts, POLL_MS):
        if fetched:
            heard_s = clock.monotonic_s()
        elif clock.monotonic_s() > heard_s + timeout_s:
            raise TimeoutError(f"the topics went silent for {timeout_s:g} s before their end")
        for record in fetched:
            kind = named[record.topic].event
            event = None if kind is None else codec.decode(kind, record.value)
            if isinstance(event, Event):
                found.append(event)
    return found

"""Partitions read through, to where they ended when reading began."""

from collections.abc import AsyncIterator, Collection

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.structs import TopicPartition


async def to_the_end(
    consumer: AIOKafkaConsumer, parts: Collection[TopicPartition], poll_ms: int
) -> AsyncIterator[list[ConsumerRecord]]:
    """What is fetched, a poll at a time, until each partition is read to its end.

    The end is the high watermark of a partition's first fetch: ListOffsets may say too little, and
    under load a later one is never reached. A poll may bring nothing, so that the caller can lose
    patience.

    Args:
        consumer: Assigned these partitions, and told where in them to begin.
        parts: All of them.
        poll_ms: Longest that a poll waits.
    """
    ends: dict[TopicPartition, int] = {}
    while not await _all_read(consumer, parts, ends):
        fetched = await consumer.getmany(timeout_ms=poll_ms)
        yield [record for records in fetched.values() for record in records]


async def _all_read(
    consumer: AIOKafkaConsumer, parts: Collection[TopicPartition], ends: dict[TopicPartition, int]
) -> bool:
    for part in parts:
        end = consumer.highwater(part)
        if end is not None:
            ends.setdefault(part, end)
    if len(ends) < len(parts):
        return False
    return all([await consumer.position(part) >= ends[part] for part in parts])

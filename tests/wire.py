"""Kafka as a stranger sees it: plain aiokafka; of ours only what says how to connect."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from streams.kafka.security import Access, access_of
from streams.sources import load

Records = Iterable[tuple[str | bytes | None, bytes | None]]
"""Keys and values, in order."""

VARIABLES = "TIERFLOW_KAFKA__"
NO_FILE = Path(os.devnull)
LARGEST_BYTES = 8 << 20
FETCH_WAIT_MS = 50
TIMEOUT_S = 30.0


def access(bootstrap: str) -> Access:
    """A cluster, come to as `TIERFLOW_KAFKA__…` says: in the clear where nothing is set."""
    told = {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}
    return access_of(load(NO_FILE, {"kafka.bootstrap": bootstrap}, told).kafka)


def options(bootstrap: str) -> dict[str, Any]:
    """What a client of aiokafka is made with."""
    return access(bootstrap).options()


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client that is closed behind."""
    client = AIOKafkaAdminClient(**options(bootstrap))
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_topic(
    bootstrap: str, topic: str, partitions: int = 1, settings: Mapping[str, str] | None = None
) -> None:
    """Create a topic and wait until the broker leads it.

    Raises:
        KafkaError: The broker refused.
    """
    wanted = NewTopic(topic, partitions, 1, topic_configs=dict(settings or {}))
    async with admin(bootstrap) as client:
        answer = await client.create_topics([wanted])
        for _, code, *_ in answer.topic_errors:  # refusals are answers, not exceptions
            if code:
                raise for_code(code)(topic)


async def delete_topics(bootstrap: str, prefix: str) -> None:
    """Delete every topic whose name begins with the prefix."""
    async with admin(bootstrap) as client:
        doomed = [topic for topic in await client.list_topics() if topic.startswith(prefix)]
        if doomed:
            await client.delete_topics(doomed)


async def produce(
    bootstrap: str, topic: str, records: Records, headers: Sequence[tuple[str, bytes]] = ()
) -> None:
    """Publish in order and wait until the broker has all of them."""
    producer = AIOKafkaProducer(**options(bootstrap), max_request_size=LARGEST_BYTES)
    try:
        await producer.start()
        sent = [
            await producer.send(
                topic,
                value,
                key=key.encode() if isinstance(key, str) else key,
                headers=list(headers),
            )
            for key, value in records
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


@asynccontextmanager
async def reader(bootstrap: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group that reads the topic from its beginning."""
    consumer = AIOKafkaConsumer(
        topic,
        **options(bootstrap),
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=LARGEST_BYTES,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def consume_all(
    bootstrap: str, topic: str, timeout_s: float = TIMEOUT_S
) -> list[ConsumerRecord]:
    """All that is in a topic now, partition by partition in order.

    The end is what fetches report, for ListOffsets is too low on the embedded broker.

    Raises:
        TimeoutError: The broker did not answer in time.
    """
    found: list[ConsumerRecord] = []
    async with asyncio.timeout(timeout_s), reader(bootstrap, topic) as consumer:
        waiting = set(consumer.assignment())
        while waiting:
            for batch in (await consumer.getmany(timeout_ms=FETCH_WAIT_MS)).values():
                found += batch
            for tp in tuple(waiting):
                end = consumer.highwater(tp)
                if end is not None and await consumer.position(tp) >= end:
                    waiting.discard(tp)
    return found


async def consume_until(
    bootstrap: str,
    topic: str,
    enough: Callable[[list[ConsumerRecord]], bool],
    timeout_s: float = TIMEOUT_S,
) -> list[ConsumerRecord]:
    """Read from the beginning until it is enough, or the time is over: assert what came.

    Args:
        bootstrap: The broker.
        topic: Its full name.
        enough: Asked after every fetch with all that was read so far.
        timeout_s: How long to read at most.
    """
    found: list[ConsumerRecord] = []
    async with reader(bootstrap, topic) as consumer:
        try:
            async with asyncio.timeout(timeout_s):
                while not enough(found):
                    for batch in (await consumer.getmany(timeout_ms=FETCH_WAIT_MS)).values():
                        found += batch
        except TimeoutError:
            return found
    return found


def header(record: ConsumerRecord, name: str) -> str | None:
    """The last header of this name as text, or None."""
    values = [value for known, value in record.headers if known == name]
    return values[-1].decode("utf-8", "replace") if values else None

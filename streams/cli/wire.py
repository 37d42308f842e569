"""What commands that publish share: events confirmed on a topic, and results as they come."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streams.cli.answers import NotFoundError
from streams.cli.sending import sending

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

    from streams.events.outcome import Result
    from streams.settings import KafkaSettings
    from streams.topology import Topic

POLL_MS = 200


async def send(
    kafka: "KafkaSettings",
    topic: "Topic",
    bodies: Sequence[tuple[str, bytes]],
    timeout_s: float,
    headers: Sequence[tuple[str, bytes]] = (),
) -> None:
    """Publish bodies under their task ids and wait for all confirmations.

    Where a collector of spans is named (`OTEL_*`) each body begins a trace.

    Args:
        kafka: Where to.
        topic: Of the topology.
        bodies: Task id and JSON body of each.
        timeout_s: How long to try to reach the cluster.
        headers: Of every record.

    Raises:
        ConnectionError: No broker answered.
        NotFoundError: The topic isn't there.
    """
    from aiokafka import AIOKafkaProducer

    from streams.kafka.cluster import administered
    from streams.kafka.security import access_of

    access, name = access_of(kafka), topic.full_name(kafka.prefix)
    async with administered(access, timeout_s) as admin:
        if name not in await admin.list_topics():
            raise NotFoundError(f"topic {name} is not there: run `tierflow topics apply`")
    producer = AIOKafkaProducer(
        **access.options(),
        acks="all",
        linger_ms=5,
        max_request_size=topic.record_bytes,
    )
    await producer.start()
    try:
        async with sending(name) as traced:
            sent = [
                await producer.send(
                    name, body, key=task_id.encode(), headers=[*headers, *traced(task_id)]
                )
                for task_id, body in bodies
            ]
            for confirmed in sent:
                await confirmed
    finally:
        await producer.stop()


@asynccontextmanager
async def listening(
    kafka: "KafkaSettings", timeout_s: float
) -> "AsyncIterator[AsyncIterator[Result]]":
    """Results that are published from now on.

    Args:
        kafka: Where from.
        timeout_s: How long to try to reach the cluster.

    Raises:
        ConnectionError: No broker answered.
        NotFoundError: The topic isn't there.
    """
    from aiokafka import AIOKafkaConsumer
    from aiokafka.structs import TopicPartition

    from streams.kafka.cluster import administered, partitions
    from streams.kafka.security import access_of
    from streams.topology import RESULTS

    access, name = access_of(kafka), RESULTS.full_name(kafka.prefix)
    async with administered(access, timeout_s) as admin:
        if name not in await admin.list_topics():
            raise NotFoundError(f"topic {name} is not there: run `tierflow topics apply`")
        parts = [TopicPartition(*place) for place in await partitions(admin, [name])]
    consumer = AIOKafkaConsumer(
        **access.options(),
        enable_auto_commit=False,
        fetch_max_wait_ms=kafka.fetch_wait_ms,
    )
    await consumer.start()
    try:
        consumer.assign(parts)
        await consumer.seek_to_end(*parts)
        yield _results(consumer)
    finally:
        await consumer.stop()


async def _results(consumer: "AIOKafkaConsumer") -> "AsyncIterator[Result]":
    from streams.events.outcome import Result
    from streams.kafka import codec

    while True:
        for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
            for record in records:
                result = codec.decode(Result, record.value)
                if isinstance(result, Result):
                    yield result

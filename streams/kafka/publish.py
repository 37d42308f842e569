"""Publishing counts when it is confirmed: all futures of a batch are awaited, then it returns."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import murmur2

from streams import ids
from streams.clock import Clock
from streams.events.envelope import Envelope, Event, Reason
from streams.kafka import codec
from streams.kafka.codec import Record
from streams.topology import BY_NAME, DEAD_LETTERS

PERMANENT = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    InvalidTopicError,
)
"""Never retried: the broker will say the same again."""

RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
DETAIL_BYTES = 1000

ABSENT_S = 10.0
"""So long a topic that was not there is not looked for again."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record on its way: full topic name, bytes, and the partition where it is not the key's.

    A `foreign` record is for a topic of somebody else's, which may not be there: then it is
    refused at once instead of being waited for.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None
    foreign: bool = False


class Undeliverable(Exception):  # noqa: N818 (a verdict, named for what it says)
    """The broker refuses a record for good."""


class Publisher:
    """The worker's own producer: acks=all, confirmed, patient with what passes.

    Args:
        producer: Started; acks=all.
        clock: Spaces retries.
    """

    def __init__(self, producer: AIOKafkaProducer, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock
        self._absent: dict[str, float] = {}
        self._looking = asyncio.Lock()

    async def confirm(self, outgoing: Sequence[Outgoing]) -> list[Undeliverable | None]:
        """Publish and wait for every confirmation, for as long as it takes.

        Returns:
            For each record None, or why it can never be delivered.
        """
        verdicts: list[Undeliverable | None] = [None] * len(outgoing)
        waiting = list(range(len(outgoing)))
        tries = 0
        while waiting:
            answers = await self._send([outgoing[at] for at in waiting])
            again = []
            for at, answer in zip(waiting, answers, strict=True):
                if isinstance(answer, PERMANENT):
                    verdicts[at] = Undeliverable(f"{type(answer).__name__}: {outgoing[at].topic}")
                elif answer is not None:
                    again.append(at)
            waiting = again
            if waiting:
                await self._clock.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
        return verdicts

    async def _send(self, batch: Sequence[Outgoing]) -> list[KafkaError | None]:
        """One try for each, all awaited together; what is no Kafka error is a bug and is raised."""
        pending = [await self._hand_over(record) for record in batch]
        answers: list[KafkaError | None] = []
        for entry in pending:
            if isinstance(entry, KafkaError):
                answers.append(entry)
                continue
            try:
                await entry
            except KafkaError as error:
                answers.append(error)
            else:
                answers.append(None)
        return answers

    async def _hand_over(self, record: Outgoing) -> "asyncio.Future[object] | KafkaError":
        """Give a record to the producer: what will confirm it, or why it was not even taken."""
        try:
            if record.foreign and not await self._is_there(record.topic):
                return UnknownTopicOrPartitionError()
            return await self._producer.send(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                headers=list(record.headers),
            )
        except KafkaError as error:
            return error

    async def _is_there(self, topic: str) -> bool:
        """Whether the cluster knows a topic; the producer would wait 40 s for one that it doesn't.

        Raises:
            KafkaError: No broker says.
        """
        client = self._producer.client
        async with self._looking:
            if client.cluster.partitions_for_topic(topic) is not None:
                return True
            now_s = self._clock.monotonic_s()
            if now_s - self._absent.get(topic, -ABSENT_S) < ABSENT_S:
                return False
            known = await client.fetch_all_metadata()
            if known.partitions_for_topic(topic) is not None:
                self._absent.pop(topic, None)
                return True
            self._absent[topic] = now_s
            return False


def dress(
    name: str,
    key: str,
    event: Event,
    envelope: Envelope,
    prefix: str,
    *,
    partition: int | None = None,
    extra: codec.Headers = (),
) -> Outgoing:
    """An event ready to go: body, CloudEvents headers, the topic's full name.

    Args:
        name: Short name of the topic.
        key: Record key.
        event: What the topic carries.
        envelope: Its CloudEvents attributes.
        prefix: Of every topic's name.
        partition: Where the key's own partition is not meant.
        extra: Headers beside the CloudEvents ones.
    """
    topic = BY_NAME[name].full_name(prefix)
    headers = codec.headers(envelope, extra)
    return Outgoing(topic, key.encode(), codec.encode(event), headers, partition)


def partition_of(key: bytes | None, partitions: int) -> int:
    """Where Kafka's Java client and ours put a key: murmur2, made positive, modulo partitions."""
    return 0 if key is None else (murmur2(key) & 0x7FFFFFFF) % partitions


def dead_letter(record: Record, stage: str, reason: Reason, detail: str, prefix: str) -> Outgoing:
    """A dead letter: value and key untouched; `tierflow-*` headers say reason, stage and origin.

    How often the record was sent again is kept with the headers that it came with. A value over the
    limit is replaced by its place, size and SHA-256, as JSON.
    """
    origin = {
        "topic": BY_NAME[record.topic].full_name(prefix),
        "partition": record.partition,
        "offset": record.offset,
    }
    ours = (
        ("tierflow-reason", reason.value.encode()),
        ("tierflow-detail", detail.encode("utf-8", "replace")[:DETAIL_BYTES]),
        ("tierflow-stage", stage.encode()),
        *((f"tierflow-{name}", str(value).encode()) for name, value in origin.items()),
    )
    theirs = tuple(
        h for h in record.headers if h[0] == codec.REDRIVE or not h[0].startswith("tierflow-")
    )
    value = record.value
    if reason is Reason.TOO_LARGE and value is not None:
        value = orjson.dumps({**origin, "bytes": len(value), "sha256": ids.digest(value)})
    return Outgoing(DEAD_LETTERS.full_name(prefix), record.key, value, (*theirs, *ours))

"""Letters read from a cluster, and sent back: confirmed first, marked as sent afterwards.

A letter that was sent is known by its mark on `redrives`. Whoever is interrupted between the two
sends the same record once more, under the same number: its stage recognises it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams import ids
from streams.clock import Clock
from streams.kafka.cluster import administered, partitions
from streams.kafka.codec import Record, received
from streams.kafka.letters import (
    Letter,
    Selection,
    Sent,
    letter_of,
    mark,
    obstacle,
    replaced,
    send_back,
    sent_of,
)
from streams.kafka.publish import Publisher
from streams.kafka.reading import to_the_end
from streams.kafka.security import Access
from streams.kafka.topics import Place
from streams.topology import DEAD_LETTER_BYTES, DEAD_LETTERS, REDRIVES, TOPICS, Topic

POLL_MS = 100
FETCH_BYTES = 2 * DEAD_LETTER_BYTES
AT_ONCE = 100
"""Letters that are sent, then marked, together."""


class MissingTopicError(LookupError):
    """A topic of the topology is not on the cluster."""


@dataclass(frozen=True, slots=True)
class Mail:
    """Letters and marks of one deployment.

    Args:
        access: The cluster.
        prefix: Before every topic's name.
        timeout_s: How long to wait for an answer.
        clock: Time.
    """

    access: Access
    prefix: str
    timeout_s: float
    clock: Clock

    async def letters(self) -> AsyncIterator[Letter]:
        """Every letter, partition by partition in order.

        Raises:
            ConnectionError: No broker answered.
            MissingTopicError: There is no topic of dead letters.
            TimeoutError: The broker stopped answering.
        """
        async for record in self._records(DEAD_LETTERS):
            yield letter_of(record)

    async def sent(self) -> set[Sent]:
        """What was sent again already."""
        found = {sent_of(record) async for record in self._records(REDRIVES)}
        return {sent for sent in found if sent is not None}

    async def choose(
        self, selection: Selection, limit: int, sent: Collection[Sent]
    ) -> "tuple[list[Letter], int, int]":
        """The oldest letters that are meant and were not sent, how many were, how many are left.

        Letters of one record count once: whoever reads its topic gets it once more.
        """
        chosen: dict[Sent | str, Letter] = {}
        known: set[Sent] = set()
        left: set[Sent | str] = set()
        async for letter in self.letters():
            if not selection.takes(letter):
                continue
            name = letter.sent or letter.place
            if letter.sent in sent and letter.sent is not None:
                known.add(letter.sent)
            elif name not in left:
                chosen.setdefault(name, letter)
            if len(chosen) > 2 * limit:
                left |= _keep_oldest(chosen, limit)
        left |= _keep_oldest(chosen, limit)
        return sorted(chosen.values(), key=_age), len(known), len(left)

    async def value_of(self, letter: Letter) -> bytes | str | None:
        """The buried value; one over the limit is read where it lay.

        Returns:
            The value, or in words why it can't be had.
        """
        stub = replaced(letter)
        if stub is None or letter.origin is None:
            return letter.record.value
        async with self._consumer() as consumer:
            found = await self._at(
                consumer, TopicPartition(*letter.origin[:2]), letter.origin.offset
            )
        gone = f"only its digest is left: {letter.origin} is no longer kept"
        if found is None or found.value is None:
            return gone
        value: bytes = found.value
        return value if ids.digest(value) == stub.sha256 else gone

    @asynccontextmanager
    async def sender(self) -> "AsyncIterator[Sender]":
        """Sends letters back.

        Raises:
            ConnectionError: No broker answered.
        """
        async with administered(self.access, self.timeout_s) as admin:
            present = set(await admin.list_topics())
            ours = {topic.full_name(self.prefix) for topic in TOPICS} & present
            places = frozenset(await partitions(admin, ours))
        producer = AIOKafkaProducer(
            **self.access.options(), acks="all", max_request_size=FETCH_BYTES
        )
        await producer.start()
        try:
            yield Sender(self, Publisher(producer, self.clock), places)
        finally:
            await producer.stop()

    async def _records(self, topic: Topic) -> AsyncIterator[Record]:
        """A topic from its beginning to where it ends now."""
        name = topic.full_name(self.prefix)
        async with administered(self.access, self.timeout_s) as admin:
            if name not in await admin.list_topics():
                raise MissingTopicError(f"topic {name} is not there: run `tierflow topics apply`")
            places = await partitions(admin, [name])
        async with self._consumer() as consumer:
            parts = [TopicPartition(*place) for place in places]
            consumer.assign(parts)
            await consumer.seek_to_beginning(*parts)
            heard_s = self.clock.monotonic_s()
            async for fetched in to_the_end(consumer, parts, POLL_MS):
                if fetched:
                    heard_s = self.clock.monotonic_s()
                elif self.clock.monotonic_s() - heard_s > self.timeout_s:
                    raise TimeoutError(f"{name} was not read within {self.timeout_s:g} s")
                for record in fetched:
                    yield received(topic.name, record)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            **self.access.options(),
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=POLL_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def _at(
        self, consumer: AIOKafkaConsumer, part: TopicPartition, offset: int
    ) -> "ConsumerRecord[bytes, bytes] | None":
        """The record at a place, or None where it is no longer kept."""
        try:
            consumer.assign([part])
            consumer.seek(part, offset)
            async with asyncio.timeout(self.timeout_s):
                while not (found := await consumer.getmany(part, timeout_ms=POLL_MS)):
                    if (end := consumer.highwater(part)) is not None and end <= offset:
                        return None
        except OffsetOutOfRangeError:
            return None
        first: ConsumerRecord[bytes, bytes] = found[part][0]
        return first if first.offset == offset else None


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends letters back to where they came from, and marks them as sent."""

    mail: Mail
    publisher: Publisher
    places: frozenset[Place]

    async def send(
        self,
        letters: Sequence[Letter],
        on_sent: Callable[[Letter, str | None], None],
        *,
        rehearse: bool = False,
    ) -> None:
        """Send letters.

        Args:
            letters: Which.
            on_sent: Told of each letter, and why it could not be sent.
            rehearse: Only find out what would be.

        Raises:
            TimeoutError: The broker doesn't confirm.
        """
        for at in range(0, len(letters), AT_ONCE):
            await self._send(letters[at : at + AT_ONCE], on_sent, rehearse=rehearse)

    def _gone(self, letter: Letter) -> str | None:
        """Says so, where the topic or partition of a letter's record is no longer there."""
        if letter.origin is None or letter.origin[:2] in self.places:
            return None
        topic, partition, _ = letter.origin
        return f"{topic} has no partition {partition}: `tierflow topics plan`"

    async def _send(
        self,
        letters: Sequence[Letter],
        on_sent: Callable[[Letter, str | None], None],
        *,
        rehearse: bool,
    ) -> None:
        ready = []
        for letter in letters:
            why = obstacle(letter, self.mail.prefix) or self._gone(letter)
            value = None if why else await self.mail.value_of(letter)
            if why or isinstance(value, str):
                on_sent(letter, why or str(value))
            else:
                ready.append((letter, send_back(letter, value)))
        if rehearse:
            for letter, _ in ready:
                on_sent(letter, None)
            return
        now = self.mail.clock.now()
        async with asyncio.timeout(self.mail.timeout_s * 6):
            verdicts = await self.publisher.confirm([outgoing for _, outgoing in ready])
            done = [letter for (letter, _), no in zip(ready, verdicts, strict=True) if no is None]
            marks = await self.publisher.confirm([mark(x, self.mail.prefix, now) for x in done])
        for no in marks:
            if no is not None:
                raise KafkaError(f"what was sent could not be marked: {no}")
        for (letter, _), no in zip(ready, verdicts, strict=True):
            on_sent(letter, None if no is None else f"refused by the broker: {no}")


def _keep_oldest(chosen: dict[Sent | str, Letter], limit: int) -> set[Sent | str]:
    """Drop all but the oldest; what was dropped."""
    ranked = sorted(chosen, key=lambda name: _age(chosen[name]))
    for name in ranked[limit:]:
        del chosen[name]
    return set(ranked[limit:])


def _age(letter: Letter) -> tuple[datetime, int, int]:
    return letter.record.at, letter.record.partition, letter.record.offset

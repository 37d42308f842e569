"""Compacted control topics into a view: a plain consumer without a group, one a process.

Ready once it has read to the high watermark of its first fetch. A bad record leaves the last good
one in force.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.clock import Clock
from streams.events.envelope import Event
from streams.kafka import codec
from streams.topology import Topic

logger = logging.getLogger(__name__)

V = TypeVar("V")
Fold = Callable[[V, Event], V]

POLL_MS = 200
RETRY_S = 1.0


class Tail(Generic[V]):
    """Folds control topics into a value, from their beginning and for as long as it runs.

    Args:
        consumer: Not started, without a group.
        topics: Single-partition topics of the topology.
        prefix: Of every topic's name.
        start: The value before any record.
        fold: `(view, event) -> view`; a ValueError keeps the view as it is.
        clock: Spaces retries.
    """

    def __init__(
        self, consumer: AIOKafkaConsumer, topics: tuple[Topic, ...], prefix: str, start: V,
        fold: Fold[V], clock: Clock,
    ) -> None:  # fmt: skip
        self.view = start
        self.refused = 0
        self.ready = asyncio.Event()
        self._consumer = consumer
        self._events = {topic.full_name(prefix): topic.event for topic in topics}
        self._fold = fold
        self._clock = clock

    async def run(self) -> None:
        """Follow the topics until cancelled."""
        await self._consumer.start()
        try:
            parts = [TopicPartition(name, 0) for name in self._events]
            self._consumer.assign(parts)
            await self._consumer.seek_to_beginning(*parts)
            while True:
                await self._poll(parts)
        finally:
            await self._consumer.stop()

    async def ends(self, parts: list[Any]) -> Mapping[Any, int]:
        """Where partitions of any topic end, as the broker says; nothing before it has started."""
        if not self.ready.is_set():
            return {}
        found: Mapping[Any, int] = await self._consumer.end_offsets(parts)
        return found

    async def _poll(self, parts: list[TopicPartition]) -> None:
        try:
            fetched = await self._consumer.getmany(timeout_ms=POLL_MS)
        except KafkaError:
            logger.warning("control topics can't be read, trying again", exc_info=True)
            await self._clock.sleep(RETRY_S)
            return
        for tp, records in fetched.items():
            for record in records:
                self._take(tp.topic, record)
        if not self.ready.is_set() and await self._caught_up(parts):
            self.ready.set()

    async def _caught_up(self, parts: list[TopicPartition]) -> bool:
        for part in parts:
            end = self._consumer.highwater(part)
            if end is None or await self._consumer.position(part) < end:
                return False
        return True

    def _take(self, topic: str, record: Any) -> None:
        event = self._events[topic]
        if record.value is None or event is None:
            return
        decoded = codec.decode(event, record.value)
        try:
            if isinstance(decoded, codec.Rejected):
                raise ValueError(decoded.detail)  # noqa: TRY004, TRY301 (one way to refuse)
            self.view = self._fold(self.view, decoded)
        except ValueError as error:
            self.refused += 1
            logger.warning("record %s of %s refused: %s", record.offset, topic, str(error))

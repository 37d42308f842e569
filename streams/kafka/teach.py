"""Lessons that an operator brings, onto the learner's topic; and whether it has learned from them."""

import asyncio
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer

from streams.clock import Clock
from streams.events.envelope import Envelope
from streams.events.feedback import Lesson
from streams.kafka.cluster import RefusedError, administered, committed_offsets, edges
from streams.kafka.publish import Publisher, dress
from streams.kafka.redrive import MissingTopicError
from streams.kafka.security import Access
from streams.topology import LESSONS, group_of

SOURCE = "tierflow/warm"
AT_ONCE = 500
POLL_S = 0.2
PATIENCE = 6
"""So many times the time to reach the cluster a batch may take to be confirmed."""


async def publish(
    access: Access,
    prefix: str,
    lessons: Sequence[Lesson],
    clock: Clock,
    *,
    timeout_s: float,
    show: Callable[[int], None],
) -> None:
    """Publish lessons in their order, and return when all are confirmed.

    Args:
        access: Where the cluster is, and as whom we come.
        prefix: Of every topic's name.
        lessons: What is known.
        clock: Spaces retries.
        timeout_s: How long to try to reach the cluster.
        show: Told how many are confirmed.

    Raises:
        ConnectionError: No broker answered.
        MissingTopicError: There is no topic of lessons.
        RefusedError: The broker refuses one for good.
        TimeoutError: The broker doesn't confirm.
    """
    name = LESSONS.full_name(prefix)
    async with administered(access, timeout_s, clock) as admin:
        if name not in await admin.list_topics():
            raise MissingTopicError(f"topic {name} is not there: run `tierflow topics apply`")
    producer = AIOKafkaProducer(
        **access.options(), acks="all", linger_ms=5, max_request_size=LESSONS.record_bytes
    )
    await producer.start()
    try:
        publisher = Publisher(producer, clock)
        for at in range(0, len(lessons), AT_ONCE):
            batch = lessons[at : at + AT_ONCE]
            async with asyncio.timeout(PATIENCE * timeout_s):
                verdicts = await publisher.confirm(
                    [
                        dress(LESSONS.name, one.task_id, one, _envelope(one), prefix, partition=0)
                        for one in batch
                    ]
                )
            if refused := next((verdict for verdict in verdicts if verdict is not None), None):
                raise RefusedError(f"the broker refuses a lesson: {refused}")
            show(at + len(batch))
    finally:
        await producer.stop()


async def learned(access: Access, prefix: str, clock: Clock, *, timeout_s: float) -> bool:
    """Wait until the learner has settled all lessons that are there now.

    Args:
        access: The cluster.
        prefix: Before the names of topics and groups.
        clock: Spaces the questions.
        timeout_s: How long to wait.

    Returns:
        False where it has not in that time.
    """
    place = LESSONS.full_name(prefix), 0
    group = group_of("learn", prefix)
    end = (await edges(access, [place]))[place][1]
    until_s = clock.monotonic_s() + timeout_s
    async with administered(access, timeout_s, clock) as admin:
        while (await committed_offsets(admin, group, [place])).get(place, 0) < end:
            if clock.monotonic_s() >= until_s:
                return False
            await clock.sleep(POLL_S)
    return True


def _envelope(lesson: Lesson) -> Envelope:
    return Envelope(id=lesson.lesson_id, type=lesson.TYPE, source=SOURCE, time=lesson.scored_at)

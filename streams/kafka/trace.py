"""What the topics hold of one task: the newest records of the partitions where it may lie.

A task's records meet on one partition of the topics that are ours; on `tasks` and the dead letters
it may lie on any. A partition holds days of records, so only the newest are looked through: what
is older is in the books.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.structs import TopicPartition

from streams.clock import Clock, SystemClock
from streams.events.envelope import Event
from streams.kafka import codec
from streams.kafka.cluster import administered, edges, partitions
from streams.kafka.publish import partition_of
from streams.kafka.reading import to_the_end
from streams.kafka.security import Access
from streams.topology import (
    CALLS,
    COSTS,
    DEAD_LETTERS,
    DECISIONS,
    LESSONS,
    RESULTS,
    SCORES,
    TASKS,
    TIERS,
    Topic,
)

RECENT = 2_000
"""Newest records of a partition that are looked through."""

POLL_MS = 50

TRACED = (TASKS, DECISIONS, *TIERS, CALLS, COSTS, RESULTS, SCORES, LESSONS, DEAD_LETTERS)


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found.

    Args:
        events: Every event of the task, with the short name of its topic and when it came there.
        letters: Its dead letters.
        complete: Whether the partitions were looked through from their beginnings.
    """

    events: list[tuple[codec.Record, Event]] = field(default_factory=list)
    letters: list[codec.Record] = field(default_factory=list)
    complete: bool = True


async def trace(
    access: Access, prefix: str, task_id: str, timeout_s: float, *, recent: int = RECENT,
    clock: Clock | None = None,
) -> Trace:  # fmt: skip
    """Look for a task in the topics.

    Args:
        access: The cluster.
        prefix: Before every topic's name.
        task_id: Whose records are wanted.
        timeout_s: How long to try.
        recent: How many of a partition's newest records are looked through.
        clock: Bounds the reading.

    Raises:
        ConnectionError: No broker answered.
        TimeoutError: The records were not read in time.
    """
    clock = clock or SystemClock()
    async with administered(access, timeout_s, clock) as admin:
        present = set(await admin.list_topics())
        named = {t.full_name(prefix): t for t in TRACED if t.full_name(prefix) in present}
        places = await partitions(admin, named)
    counts = {name: sum(place[0] == name for place in places) for name in named}
    wanted = [
        TopicPartition(name, number)
        for name, number in places
        if number in _lies_on(named[name], counts[name], task_id)
    ]
    held = await edges(access, [(part.topic, part.partition) for part in wanted])
    starts = {
        part: max(held[part.topic, part.partition][0], held[part.topic, part.partition][1] - recent)
        for part in wanted
    }
    whole = all(start == held[p.topic, p.partition][0] for p, start in starts.items())
    found = Trace(complete=whole)

    def take(fetched: ConsumerRecord) -> None:
        _take(found, named[fetched.topic], fetched, task_id)

    await _read(access, starts, take, timeout_s, clock)
    return found


def _lies_on(topic: Topic, count: int, task_id: str) -> range:
    """The partitions on which a task's records may lie."""
    if not topic.ours:
        return range(count)
    own = partition_of(task_id.encode(), count)
    return range(own, own + 1)


async def _read(
    access: Access,
    starts: Mapping[TopicPartition, int],
    take: Callable[[ConsumerRecord], None],
    timeout_s: float,
    clock: Clock,
) -> None:
    """Read every partition from its start to its end as it is now."""
    if not starts:
        return
    consumer = AIOKafkaConsumer(
        **access.options(), enable_auto_commit=False, fetch_max_wait_ms=POLL_MS
    )
    await consumer.start()
    try:
        consumer.assign(list(starts))
        for part, start in starts.items():
            consumer.seek(part, start)
        deadline_s = clock.monotonic_s() + timeout_s
        async for fetched in to_the_end(consumer, starts, POLL_MS):
            if clock.monotonic_s() > deadline_s:
                raise TimeoutError(f"the topics were not read within {timeout_s:g} s")
            for record in fetched:
                take(record)
    finally:
        await consumer.stop()


def _take(found: Trace, topic: Topic, fetched: ConsumerRecord, task_id: str) -> None:
    """Keep a record of this task; most are others', so they are told apart before decoding."""
    key, value = task_id.encode(), fetched.value or b""
    if fetched.key != key and orjson.dumps(task_id)[1:-1] not in value:
        return
    record = codec.received(topic.name, fetched)
    if topic.event is None:
        said = codec.parse(fetched.value)
        named = said.get("task_id") if isinstance(said, dict) else None
        if named == task_id or (named is None and fetched.key == key):
            found.letters.append(record)
        return
    event = codec.decode(topic.event, fetched.value)
    if isinstance(event, Event) and getattr(event, "task_id", None) == task_id:
        found.events.append((record, event))

"""Topics and groups of a real cluster: looked at, made as planned, removed.

Works on Apache Kafka and on the embedded broker, which can't alter a topic once it is there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    CommitFailedError,
    GroupLoadInProgressError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    StaleMetadata,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.clock import Clock, SystemClock
from streams.kafka.security import Access, diagnose
from streams.kafka.topics import (
    Action,
    Change,
    Found,
    Layout,
    Place,
    State,
    plan,
    readers,
    wanted,
)
from streams.topology import group_of

T = TypeVar("T")

RETRY_S = 0.2
TIMEOUT_S = 30.0
SET_ON_TOPIC = 1
"""Config source of what was set on the topic itself."""


class RefusedError(RuntimeError):
    """The cluster answered no: a right, a name or a number is wrong; the message has its words."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did, and what it left: conflicts, and what this broker can't do."""

    done: tuple[Change, ...]
    left: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Unanchored:
    """A topic that holds records of which a group has never settled one."""

    group: str
    topic: str
    records: int


@asynccontextmanager
async def administered(
    access: Access, timeout_s: float = TIMEOUT_S, clock: Clock | None = None
) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client of the cluster.

    Args:
        access: Where the cluster is, and as whom we come.
        timeout_s: How long to try.
        clock: What passes between tries.

    Raises:
        AccessRefusedError: The brokers won't have us, or are not whom they should be.
        ConnectionError: No broker answered within `timeout_s`.
    """
    admin = AIOKafkaAdminClient(**access.options())
    suspicion = ""

    async def start() -> None:
        nonlocal suspicion
        try:
            await admin.start()
        except KafkaConnectionError:
            suspicion = await diagnose(access)
            raise

    try:
        await patiently(start, timeout_s, clock)
    except (KafkaError, TimeoutError) as error:
        await admin.close()
        raise ConnectionError(
            f"no Kafka broker answers at {access.bootstrap}{suspicion}"
        ) from error
    except ConnectionError:
        await admin.close()
        raise
    try:
        yield admin
    finally:
        await admin.close()


async def patiently(
    ask: Callable[[], Awaitable[T]], timeout_s: float = TIMEOUT_S, clock: Clock | None = None
) -> T:
    """Ask until the cluster answers: a coordinator or leader is often being elected.

    Raises:
        TimeoutError: There was no answer within `timeout_s`.
        KafkaError: The answer is an error that asking again doesn't cure.
    """
    clock = clock or SystemClock()
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                return await ask()
            except KafkaError as error:
                if not error.retriable:
                    raise
            await clock.sleep(RETRY_S)


async def look(admin: AIOKafkaAdminClient, access: Access, layout: Layout) -> State:
    """The topics of this layout as they are, what their groups committed, and the log ends."""
    present = set(await admin.list_topics())
    names = [topic.name for topic in wanted(layout) if topic.name in present]
    if not names:
        return State()
    counts = {
        topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(names)
    }
    configs = await _configs(admin, names)
    topics = {name: Found(counts[name], *configs.get(name, ({}, {}))) for name in names}
    committed: dict[str, frozenset[Place]] = {}
    reached: set[Place] = set()
    for group, read in readers(layout.prefix).items():
        full_names = [t.full_name(layout.prefix) for t in read]
        places = [(n, p) for n in full_names if n in counts for p in range(counts[n])]
        committed[group] = frozenset(await committed_offsets(admin, group, places))
        reached.update(places)
    return State(
        topics, committed, {p: end for p, (_, end) in (await edges(access, reached)).items()}
    )


async def apply(
    access: Access, layout: Layout, timeout_s: float = TIMEOUT_S, clock: Clock | None = None
) -> Applied:
    """Make the cluster's topics as they should be; again is harmless.

    Raises:
        ConnectionError: No broker answered.
        RefusedError: The cluster refuses a topic, such as a replication above its brokers.
    """
    async with administered(access, timeout_s, clock) as admin:
        state = await look(admin, access, layout)
        changes = plan(layout, state)
        left = [change for change in changes if change.action is Action.CONFLICT]
        await _create(admin, _of(changes, Action.CREATE), timeout_s, clock)
        await _grow(admin, _of(changes, Action.GROW))
        left += await _configure(admin, _of(changes, Action.CONFIGURE), state)
        for change in _of(changes, Action.ANCHOR):
            left += await _anchor(access, change, timeout_s, clock)
    subjects = {(change.action, change.subject) for change in left}
    done = (change for change in changes if (change.action, change.subject) not in subjects)
    return Applied(tuple(done), tuple(left))


async def greet(access: Access, timeout_s: float = TIMEOUT_S) -> None:
    """See that a cluster answers, and lets us in.

    Raises:
        AccessRefusedError: The brokers won't have us, or are not whom they should be.
        ConnectionError: No broker answered within `timeout_s`.
    """
    async with administered(access, timeout_s):
        pass


async def pending(
    access: Access, layout: Layout, timeout_s: float = TIMEOUT_S, clock: Clock | None = None
) -> tuple[Change, ...]:
    """What `apply` would do now; nothing is changed."""
    async with administered(access, timeout_s, clock) as admin:
        return plan(layout, await look(admin, access, layout))


async def groups_without_commits(
    access: Access, prefix: str, roles: Iterable[str], timeout_s: float = TIMEOUT_S
) -> list[Unanchored]:
    """Groups that would buy everything again: records wait, and none was ever settled.

    Args:
        access: The cluster.
        prefix: Before the names of topics and groups.
        roles: The roles that are to start; `sink` among them is the sink's group.
        timeout_s: How long to try.

    Returns:
        One entry for each topic that holds records and on which the role's group has no commit.
    """
    found: list[Unanchored] = []
    async with administered(access, timeout_s) as admin:
        present = set(await admin.list_topics())
        for role in roles:
            group = group_of(role, prefix)
            names = {topic.full_name(prefix) for topic in readers(prefix)[group]} & present
            places = await partitions(admin, names)
            settled = {topic for topic, _ in await committed_offsets(admin, group, places)}
            held = await edges(access, [p for p in places if p[0] not in settled])
            for name in sorted(names - settled):
                records = sum(end - begin for (t, _), (begin, end) in held.items() if t == name)
                if records:
                    found.append(Unanchored(group, name, records))
    return found


async def remove(access: Access, prefix: str, timeout_s: float = TIMEOUT_S) -> None:
    """Delete all topics and groups of a prefix: the end of a trial on somebody's cluster.

    Raises:
        TimeoutError: The cluster still shows a topic after `timeout_s`.
    """
    layout = Layout(prefix)
    async with administered(access, timeout_s) as admin:
        present = set(await admin.list_topics())
        names = [topic.name for topic in wanted(layout) if topic.name in present]
        if names:
            await admin.delete_topics(names)
            await patiently(lambda: _gone(admin, names), timeout_s)
        client = AIOKafkaClient(**access.options())
        await client.bootstrap()
        try:
            for group in readers(prefix):
                node = await patiently(lambda group=group: admin.find_coordinator(group))  # type: ignore[misc]
                await client.send(node, DeleteGroupsRequest([group]))
        except IncompatibleBrokerVersion:
            pass  # the embedded broker forgets its groups when it stops
        finally:
            await client.close()


async def partitions(admin: AIOKafkaAdminClient, names: Collection[str]) -> list[Place]:
    """Every partition of these topics, which exist."""
    described = await admin.describe_topics(sorted(names)) if names else []
    return [(t["topic"], p["partition"]) for t in described for p in t["partitions"]]


async def committed_offsets(
    admin: AIOKafkaAdminClient, group: str, places: Collection[Place]
) -> dict[Place, int]:
    """Where a group has come to, for the partitions on which it ever committed.

    A coordinator that is still loading answers with an error for the whole group, which aiokafka
    passes over: an answer that leaves out a partition is no answer, and is asked for again.
    """
    if not places:
        return {}
    asked = [TopicPartition(*place) for place in places]

    async def answered() -> dict[TopicPartition, OffsetAndMetadata]:
        found = await admin.list_consumer_group_offsets(group, partitions=asked)
        if not found.keys() >= set(asked):
            raise GroupLoadInProgressError(group)
        return dict(found)

    found = await patiently(answered)
    return {(p.topic, p.partition): o.offset for p, o in found.items() if o.offset >= 0}


async def edges(access: Access, places: Collection[Place]) -> dict[Place, tuple[int, int]]:
    """First offset and log end of each partition."""
    if not places:
        return {}
    asked = [TopicPartition(*place) for place in places]
    consumer = AIOKafkaConsumer(**access.options())
    await consumer.start()
    try:
        begins = await patiently(lambda: consumer.beginning_offsets(asked))
        ends = await patiently(lambda: consumer.end_offsets(asked))
    finally:
        await consumer.stop()
    return {(p.topic, p.partition): (begins[p], ends[p]) for p in asked}


def _of(changes: Iterable[Change], action: Action) -> list[Change]:
    return [change for change in changes if change.action is action]


async def _configs(
    admin: AIOKafkaAdminClient, names: Iterable[str]
) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """By topic: every setting that the broker tells, and those set on the topic itself."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for response in await admin.describe_configs(asked):
        for code, message, _, name, entries in response.resources:
            if code:
                raise RefusedError(f"{name}: settings can't be read: {message or for_code(code)}")
            told = {entry[0]: entry[1] for entry in entries}
            own = {entry[0]: entry[1] for entry in entries if entry[3] == SET_ON_TOPIC}
            found[name] = (told, own)
    return found


async def _create(
    admin: AIOKafkaAdminClient, changes: list[Change], timeout_s: float, clock: Clock | None
) -> None:
    topics = [change.wanted for change in changes if change.wanted]
    if not topics:
        return
    response = await admin.create_topics(
        [
            NewTopic(t.name, t.partitions, t.replication, topic_configs=dict(t.config))
            for t in topics
        ]
    )
    _check(response.topic_errors, but=TopicAlreadyExistsError)
    await patiently(lambda: _led(admin, [t.name for t in topics]), timeout_s, clock)


async def _led(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Whether every partition has a leader.

    Raises:
        KafkaError: Not yet; ask again.
    """
    for topic in await admin.describe_topics(names):
        codes = [topic["error_code"], *(p["error_code"] for p in topic["partitions"])]
        for code in filter(None, codes):
            raise for_code(code)


async def _gone(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Whether the brokers have heard that these topics were deleted.

    Raises:
        StaleMetadata: Not all; ask again.
    """
    if not set(names).isdisjoint(await admin.list_topics()):
        raise StaleMetadata


async def _grow(admin: AIOKafkaAdminClient, changes: list[Change]) -> None:
    wished = {c.subject: NewPartitions(c.wanted.partitions) for c in changes if c.wanted}
    if wished:
        _check((await admin.create_partitions(wished)).topic_errors)


async def _configure(
    admin: AIOKafkaAdminClient, changes: list[Change], state: State
) -> list[Change]:
    """Set what differs. The request replaces all that was set on a topic, so all of it is sent."""
    asked = [
        ConfigResource(
            ConfigResourceType.TOPIC,
            change.subject,
            {**state.topics[change.subject].own, **change.wanted.config},
        )
        for change in changes
        if change.wanted
    ]
    if not asked:
        return []
    try:
        responses = await admin.alter_configs(asked)
    except IncompatibleBrokerVersion:
        return [replace(c, detail=f"{c.detail}: this broker can't alter topics") for c in changes]
    for response in responses:
        _check([(name, code, message) for code, message, _, name in response.resources])
    return []


def _check(
    errors: Iterable[tuple[str, int, str | None]], but: type[KafkaError] | None = None
) -> None:
    """Raise what the answer holds: aiokafka leaves errors of single topics to its caller."""
    for name, code, message in errors:
        kind = for_code(code)
        if code and kind is not but:
            raise RefusedError(f"{name}: {kind.__name__}: {message or kind.description}")


async def _anchor(
    access: Access, change: Change, timeout_s: float, clock: Clock | None
) -> list[Change]:
    """Commit the beginning for a group that isn't running."""
    beginning = {TopicPartition(*place): 0 for place in change.places}
    consumer = AIOKafkaConsumer(
        **access.options(), group_id=change.subject, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(list(beginning))
        await patiently(lambda: consumer.commit(beginning), timeout_s, clock)
    except CommitFailedError:
        return [replace(change, detail=f"{change.detail}: the group is running")]
    finally:
        await consumer.stop()
    return []

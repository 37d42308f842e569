"""The state of everything, from Kafka alone: lag, members, control topics, dead letters."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.structs import TopicPartition

from streams.clock import Clock, SystemClock
from streams.events.control import ModelState, Policy
from streams.events.envelope import Event
from streams.kafka import codec
from streams.kafka.cluster import administered, committed_offsets, edges, partitions, patiently
from streams.kafka.reading import to_the_end
from streams.kafka.security import Access
from streams.kafka.topics import Place, readers
from streams.topology import CONTROL, DEAD_LETTERS, MODEL_STATE, POLICY, TIERS, TOPICS, group_of

FETCH_WAIT_MS = 50
PEEK_BYTES = 1 << 16
REBALANCING = ("PreparingRebalance", "CompletingRebalance")


@dataclass(frozen=True, slots=True)
class GroupState:
    """One consumer group. `members` is None where the broker can't say, `lag` by short topic."""

    members: int | None
    lag: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Survey:
    """What Kafka tells of one deployment; `policy` is None before the first one."""

    missing: tuple[str, ...]
    groups: Mapping[str, GroupState] = field(default_factory=dict)
    dead_letters: int | None = None
    policy: Policy | None = None
    model_states: tuple[ModelState, ...] = ()

    def lag(self) -> dict[str, int | None]:
        """Records by topic that its slowest group has not settled; None: nobody can say."""
        found: dict[str, int | None] = {}
        for group in self.groups.values():
            for topic, lag in group.lag.items():
                before = found.get(topic, 0)
                found[topic] = None if lag is None or before is None else max(lag, before)
        return found

    def in_flight(self, prefix: str) -> int | None:
        """Assignments on the tiers that are not settled."""
        lags = [
            self.groups[group_of(tier.name, prefix)].lag.get(tier.name)
            for tier in TIERS
            if group_of(tier.name, prefix) in self.groups
        ]
        known = [lag for lag in lags if lag is not None]
        return sum(known) if len(known) == len(TIERS) else None


async def survey(
    access: Access, prefix: str, timeout_s: float, clock: Clock | None = None
) -> Survey:
    """Ask Kafka for everything, in well under a second.

    Args:
        access: The cluster.
        prefix: Before the names of topics and groups.
        timeout_s: How long to try.
        clock: Bounds the reading.

    Raises:
        ConnectionError: No broker answered.
    """
    clock = clock or SystemClock()
    async with administered(access, timeout_s, clock) as admin:
        present = set(await admin.list_topics())
        names = {t.full_name(prefix): t.name for t in TOPICS if t.full_name(prefix) in present}
        missing = tuple(t.name for t in TOPICS if t.full_name(prefix) not in present)
        places = await partitions(admin, list(names))
        begins, ends = await _edges(access, places, timeout_s, clock)
        groups: dict[str, GroupState] = {}
        for group, read in readers(prefix).items():
            full = {t.full_name(prefix) for t in read}
            groups[group] = await _group(
                admin, group, [p for p in places if p[0] in full], names, ends
            )
    letters = [p for p in places if p[0] == DEAD_LETTERS.full_name(prefix)]
    buried = sum(ends[p] - begins[p] for p in letters) if letters else None
    control = {t.full_name(prefix): t.event for t in CONTROL if t.event and t.name not in missing}
    policy, states = await _control(access, control, ends, timeout_s, clock)
    return Survey(missing, groups, buried, policy, states)


async def _group(
    admin: AIOKafkaAdminClient,
    group: str,
    places: Collection[Place],
    names: Mapping[str, str],
    ends: Mapping[Place, int],
) -> GroupState:
    settled = await committed_offsets(admin, group, places)
    lag: dict[str, int | None] = {}
    for place in places:
        name = names[place[0]]
        before = lag.get(name, 0)
        if place not in settled or before is None:
            lag[name] = None
        else:
            lag[name] = before + max(0, ends[place] - settled[place])
    return GroupState(await _members(admin, group), lag)


async def _members(admin: AIOKafkaAdminClient, group: str) -> int | None:
    try:
        answers = await patiently(lambda: admin.describe_consumer_groups([group]))
    except IncompatibleBrokerVersion:
        return None
    found = [entry for answer in answers for entry in answer.groups if entry[1] == group]
    if not found or found[0][0]:
        return None
    _, _, state, _, _, members, *_ = found[0]
    return members_of(state, len(members))


def members_of(state: str, described: int) -> int | None:
    """How many members a group has.

    A group that rebalances has members, and a broker may describe none of them until all have
    joined again: then nobody can say how many.

    Args:
        state: The group's, as DescribeGroups names it.
        described: How many members the answer names.

    Example:
        >>> members_of("Stable", 2), members_of("Empty", 0), members_of("PreparingRebalance", 0)
        (2, 0, None)
    """
    return None if state in REBALANCING and not described else described


async def _edges(
    access: Access, places: Collection[Place], timeout_s: float, clock: Clock
) -> tuple[dict[Place, int], dict[Place, int]]:
    """Begins and ends; the end is a fetch's high watermark, since ListOffsets may say too little."""
    if not places:
        return {}, {}
    told = await edges(access, places)
    begins = {place: begin for place, (begin, _) in told.items()}
    consumer = AIOKafkaConsumer(
        **access.options(),
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=PEEK_BYTES,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        parts = {place: TopicPartition(*place) for place in places}
        consumer.assign(list(parts.values()))
        for place, part in parts.items():
            consumer.seek(part, told[place][1])
        deadline_s = clock.monotonic_s() + timeout_s
        while any(consumer.highwater(part) is None for part in parts.values()):
            if clock.monotonic_s() > deadline_s:
                raise TimeoutError(f"no answer to a fetch within {timeout_s:g} s")
            await consumer.getmany(timeout_ms=FETCH_WAIT_MS)
        ends = {place: consumer.highwater(part) for place, part in parts.items()}
    finally:
        await consumer.stop()
    return begins, ends


async def _control(
    access: Access,
    topics: Mapping[str, type[Event]],
    ends: Mapping[Place, int],
    timeout_s: float,
    clock: Clock,
) -> tuple[Policy | None, tuple[ModelState, ...]]:
    """The last policy, and the last state of each part, read to the end; bad records don't count."""
    latest: dict[str, Event] = {}
    waiting = [TopicPartition(name, 0) for name in topics if ends[name, 0]]
    if not waiting:
        return None, ()
    consumer = AIOKafkaConsumer(**access.options(), enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(waiting)
        await consumer.seek_to_beginning(*waiting)
        deadline_s = clock.monotonic_s() + timeout_s
        async for fetched in to_the_end(consumer, waiting, FETCH_WAIT_MS):
            if clock.monotonic_s() > deadline_s:
                raise TimeoutError(f"control topics were not read within {timeout_s:g} s")
            for record in fetched:
                _take(latest, topics[record.topic], record.value)
    finally:
        await consumer.stop()
    states = tuple(event for event in latest.values() if isinstance(event, ModelState))
    return next((e for e in latest.values() if isinstance(e, Policy)), None), states


def _take(latest: dict[str, Event], kind: type[Event], value: bytes | None) -> None:
    event = codec.decode(kind, value)
    if isinstance(event, Policy):
        latest[POLICY.name] = event
    elif isinstance(event, ModelState):
        latest[f"{MODEL_STATE.name} {event.part}"] = event

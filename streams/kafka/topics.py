"""Topics as they should be, as they are, and the difference: pure, applied by `kafka.cluster`."""

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streams.topology import (
    DEAD_LETTER_BYTES,
    ROLES,
    SINK_ROLE,
    STAGES,
    SUNK,
    TOPICS,
    Keep,
    Topic,
    changelog_of,
    group_of,
    stages_of,
)

HOUR_MS = 3_600_000
SEGMENT_BYTES = 128 << 20
"""Small enough that compaction and retention act on a quiet topic too."""

Place = tuple[str, int]
"""A partition: topic's full name, number."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What settings say of topics; the rest is the topology's.

    Args:
        prefix: Before every name.
        partitions: Of each topic that has more than one.
        replication: Copies of each partition.
        retention_s: Seconds a topic is kept, by its short name, where the topology's is not wanted.
    """

    prefix: str = "tierflow."
    partitions: int = 6
    replication: int = 1
    retention_s: Mapping[str, int] = field(default_factory=dict)


class Asked(Protocol):
    """What the settings say of topics, in their section `kafka`; see `Layout`."""

    @property
    def prefix(self) -> str:
        """Before every name."""

    @property
    def partitions(self) -> int:
        """Of each topic that has more than one."""

    @property
    def replication(self) -> int:
        """Copies of each partition."""

    @property
    def retention(self) -> Mapping[str, int]:
        """Seconds by short name, where the topology's is not wanted."""


def layout_of(asked: Asked) -> Layout:
    """What settings say of topics."""
    return Layout(asked.prefix, asked.partitions, asked.replication, asked.retention)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One topic as it should be. `joined`: state follows its partitions, so they never change."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]
    joined: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """One topic as it is. `config` is what the broker told; `own` what was set on the topic."""

    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """The cluster as far as topics are concerned.

    `committed` has the partitions on which a group has ever committed, `ends` the log ends.
    """

    topics: Mapping[str, Found] = field(default_factory=dict)
    committed: Mapping[str, frozenset[Place]] = field(default_factory=dict)
    ends: Mapping[Place, int] = field(default_factory=dict)


class Action(enum.StrEnum):
    """What a change does; `conflict` is for a person to solve."""

    CREATE = "create"
    GROW = "grow"
    CONFIGURE = "configure"
    ANCHOR = "anchor"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `subject` is a topic or a group, `detail` is for reading."""

    action: Action
    subject: str
    detail: str
    wanted: Wanted | None = None
    places: tuple[Place, ...] = ()


def wanted(layout: Layout) -> tuple[Wanted, ...]:
    """Every topic of the topology and every table's changelog, as it should be."""
    topics = tuple(_wanted_topic(topic, layout) for topic in TOPICS)
    return topics + tuple(_wanted_changelogs(layout))


def readers(prefix: str) -> dict[str, tuple[Topic, ...]]:
    """Which topics each consumer group reads: a group a role, and the sink's."""
    groups = {
        group_of(role, prefix): tuple(t for stage in stages_of(role) for t in stage.reads)
        for role in ROLES
    }
    return {**groups, group_of(SINK_ROLE, prefix): SUNK}


def partitions_of(topic: Topic, layout: Layout) -> int:
    """How many partitions a topic has."""
    return 1 if topic.single else layout.partitions


def plan(layout: Layout, state: State) -> tuple[Change, ...]:
    """The difference between a cluster as it is and as it should be; empty when they agree.

    A group is anchored (its beginning committed) on partitions that are new or still empty: there
    the beginning can't be in question. Where records wait already and the group has no commit, it
    was renamed or has expired, and that is for a person to judge.

    Example:
        >>> sorted({change.action.value for change in plan(Layout(), State())})
        ['anchor', 'create']
    """
    topics = (change for topic in wanted(layout) for change in _differences(topic, state))
    groups = (
        change for group in readers(layout.prefix) for change in _anchor(group, layout, state)
    )
    return (*topics, *groups)


def _wanted_topic(topic: Topic, layout: Layout) -> Wanted:
    retention_s = layout.retention_s.get(topic.name, topic.retention_s)
    config = {
        "cleanup.policy": topic.keep.value,
        "retention.ms": str(retention_s * 1000) if retention_s else "-1",
        "max.message.bytes": str(topic.record_bytes),
        "segment.bytes": str(SEGMENT_BYTES),
        "segment.ms": str(_segment_ms(retention_s)),
        "min.insync.replicas": str(max(1, layout.replication - 1)),
    }
    if _published_by_others(topic):
        # A publisher's clock may be wrong by years; retention and deadlines count from arrival.
        config["message.timestamp.type"] = "LogAppendTime"
    joined = topic.ours or topic.single
    partitions = partitions_of(topic, layout)
    return Wanted(topic.full_name(layout.prefix), partitions, layout.replication, config, joined)


def _wanted_changelogs(layout: Layout) -> Iterator[Wanted]:
    config = {
        "cleanup.policy": Keep.COMPACT.value,
        "max.message.bytes": str(DEAD_LETTER_BYTES),
        "segment.bytes": str(SEGMENT_BYTES),
        "segment.ms": str(HOUR_MS),
        "min.insync.replicas": str(max(1, layout.replication - 1)),
    }
    for stage in STAGES:
        for table in stage.tables:
            name = changelog_of(stage.role, table, layout.prefix)
            partitions = partitions_of(table.follows, layout)
            yield Wanted(name, partitions, layout.replication, config)


def _published_by_others(topic: Topic) -> bool:
    """Whether a stage reads it and none writes it."""
    return any(topic in s.reads for s in STAGES) and not any(topic in s.writes for s in STAGES)


def _segment_ms(retention_s: int) -> int:
    """A tenth of the retention, from an hour to a day: records outlive it by no more."""
    return min(max(retention_s * 100, HOUR_MS), 24 * HOUR_MS)


def _differences(topic: Wanted, state: State) -> Iterator[Change]:
    found = state.topics.get(topic.name)
    if found is None:
        yield Change(Action.CREATE, topic.name, f"{topic.partitions} partitions", topic)
        return
    if found.partitions != topic.partitions:
        yield _repartition(topic, found)
    differing = _differing(topic.config, found.config)
    if differing:
        detail = ", ".join(f"{k}={found.config.get(k, '?')} → {topic.config[k]}" for k in differing)
        yield Change(Action.CONFIGURE, topic.name, detail, topic)


def _differing(config: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Settings that the broker tells and that are not as wanted; order within one is no matter."""
    return [
        name
        for name, value in config.items()
        if name in found and set(found[name].split(",")) != set(value.split(","))
    ]


def _repartition(topic: Wanted, found: Found) -> Change:
    numbers = f"{found.partitions} partitions, {topic.partitions} wanted"
    if found.partitions < topic.partitions and not topic.joined:
        return Change(Action.GROW, topic.name, numbers, topic)
    why = "a task's records and state lie on its partition, which must not change"
    advice = f"set kafka.partitions to {found.partitions}, or use another kafka.prefix"
    return Change(Action.CONFLICT, topic.name, f"{numbers}: {why}; {advice}", topic)


def _anchor(group: str, layout: Layout, state: State) -> Iterable[Change]:
    known = state.committed.get(group, frozenset())
    places = tuple(
        place
        for topic in readers(layout.prefix)[group]
        for place in _places(topic, layout, state)
        if place not in known and not state.ends.get(place, 0)
    )
    if places:
        yield Change(
            Action.ANCHOR, group, f"{len(places)} partitions at their beginning", None, places
        )


def _places(topic: Topic, layout: Layout, state: State) -> Iterator[Place]:
    name = topic.full_name(layout.prefix)
    count = partitions_of(topic, layout)
    if found := state.topics.get(name):
        count = found.partitions if topic.ours else max(found.partitions, count)
    return ((name, number) for number in range(count))

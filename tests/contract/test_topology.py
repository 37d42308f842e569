"""The page holds together: writers, readers, names."""

from collections import Counter, defaultdict

from streams.kafka.topics import Layout, wanted
from streams.topology import (
    FEEDBACK,
    INSTRUCTIONS,
    ROLES,
    SCORES,
    SINK_ROLE,
    STAGES,
    SUNK,
    TASKS,
    TIERS,
    TOPICS,
    changelog_of,
    group_of,
    stages_of,
)


def family(stage: str) -> str:
    """`tier-0` … `tier-4` are one stage, bound five times."""
    return "tier" if stage.startswith("tier-") else stage


def test_every_topic_has_one_kind_of_writer() -> None:
    writers = defaultdict(set)
    for stage in STAGES:
        for topic in stage.writes:
            writers[topic.name].add(family(stage.name))
    shared = {tier.name for tier in TIERS}  # admit refuses there, classify assigns, tiers fall back
    shared.add(SCORES.name)  # admit checks what others say, tiers say what their checks found
    assert all(len(kinds) == 1 for name, kinds in writers.items() if name not in shared)


def test_a_topic_is_read_by_at_most_one_stage_of_a_role() -> None:
    for role in ROLES:
        readers = Counter(topic.name for stage in stages_of(role) for topic in stage.reads)
        assert [name for name, count in readers.items() if count > 1] == []


def test_stages_and_topics_have_names_of_their_own() -> None:
    assert len({stage.name for stage in STAGES}) == len(STAGES)
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_what_a_stage_reads_is_written_by_another_or_by_outsiders() -> None:
    written = {topic.name for stage in STAGES for topic in stage.writes}
    read = {topic.name for stage in STAGES for topic in stage.reads}
    assert read - written == {TASKS.name, FEEDBACK.name, INSTRUCTIONS.name}


def test_every_written_topic_has_a_reader_in_the_house_or_is_tailed() -> None:
    written = {topic.name for stage in STAGES for topic in stage.writes}
    read = {topic.name for stage in STAGES for topic in stage.reads}
    assert written - read - {topic.name for topic in SUNK} == {"model-state", "availability"}


def test_a_table_is_partitioned_like_the_topic_it_follows() -> None:
    layout = Layout("p.", partitions=7)
    counts = {topic.name: topic.partitions for topic in wanted(layout)}
    for stage in STAGES:
        for table in stage.tables:
            assert table.follows in stage.reads
            changelog = changelog_of(stage.role, table, "p.")
            assert counts[changelog] == counts[table.follows.full_name("p.")]


def test_no_two_tables_of_a_role_share_a_changelog() -> None:
    names = [changelog_of(s.role, table, "p.") for s in STAGES for table in s.tables]
    assert len(names) == len(set(names))


def test_groups_are_told_apart() -> None:
    groups = {group_of(role, "tierflow.") for role in (*ROLES, SINK_ROLE)}
    assert len(groups) == len(ROLES) + 1

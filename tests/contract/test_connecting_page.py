"""What infra/docs/connecting.md says of roles and settings is what the code does."""

import re

from streams.settings import ClickHouseSettings, KafkaSettings
from streams.topology import (
    ALERTS,
    CONTROL,
    DEAD_LETTERS,
    ROLES,
    SINK_ROLE,
    SUNK,
    Topic,
    group_of,
    stages_of,
)
from tests.rights import PAGE, written

ROLE_TABLE = re.compile(r"<!-- roles -->\n(.*?)<!-- /roles -->", re.DOTALL)


def names(topics: tuple[Topic, ...]) -> str:
    """Short names in order, tiers together, each once."""
    return ", ".join(f"`{name}`" for name in dict.fromkeys(topic.name for topic in topics))


def role_rows() -> list[str]:
    """The table of roles as the topology has it."""
    rows = ["| role | reads | writes | group |", "|---|---|---|---|"]
    for role in ROLES:
        reads = tuple(topic for stage in stages_of(role) for topic in stage.reads)
        writes = tuple(topic for stage in stages_of(role) for topic in stage.writes)
        group = group_of(role, "tierflow.")
        rows.append(f"| `{role}` | {names(reads)} | {names(writes)} | `{group}` |")
    group = group_of(SINK_ROLE, "tierflow.")
    rows.append(f"| `{SINK_ROLE}` | {names(SUNK)} | its dead letters | `{group}` |")
    return rows


def test_the_page_names_every_topic_that_a_role_reads_and_writes() -> None:
    found = ROLE_TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found
    assert found[1].splitlines() == role_rows()


def test_the_page_says_what_all_roles_share() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (shared,) = [
        line for line in text.splitlines() if line.startswith("Every role of the worker also")
    ]
    for topic in (DEAD_LETTERS, ALERTS, *CONTROL):
        assert f"`{topic.name}`" in shared


def test_the_page_names_every_setting_of_security() -> None:
    text = PAGE.read_text(encoding="utf-8")
    plain = {"retention", "session_timeout_s", "database"}
    for section in (KafkaSettings, ClickHouseSettings):
        for name in section.model_fields.keys() - plain:
            assert re.search(rf"\b{name}\b", text), name


def test_the_rights_of_the_page_can_be_granted() -> None:
    rights = list(written())
    assert {right.principal for right in rights} >= {"tierflow-worker", "tierflow-sink"}
    assert {right.under("mine.") for right in rights if right.principal == "tierflow-worker"} == {
        "mine.",
        "mine-",
    }

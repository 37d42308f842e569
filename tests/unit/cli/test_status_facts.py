"""When a deployment is said to be ready, and what a person is told where it is not."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from streams.cli.status import facts_of, lines_of
from streams.kafka.survey import GroupState, Survey
from streams.topology import ROLES, group_of

PREFIX = "tierflow."


def a_survey(
    members: Mapping[str, int | None] | None = None, missing: tuple[str, ...] = ()
) -> Survey:
    """Every role's group with one member, unless told otherwise."""
    told = dict.fromkeys(ROLES, 1) | dict(members or {})
    groups = {group_of(role, PREFIX): GroupState(told[role], {"tasks": 0}) for role in ROLES}
    return Survey(missing, groups, dead_letters=0)


def said(found: Survey) -> str:
    return "\n".join(lines_of(facts_of(found, PREFIX, 0.8), found, PREFIX))


def test_it_is_ready_when_every_role_has_a_worker() -> None:
    assert facts_of(a_survey(), PREFIX, 0.8)["ready"] is True
    assert "no worker runs" not in said(a_survey())


def test_where_all_is_well_nothing_is_to_be_done() -> None:
    assert "next:" not in said(a_survey())


def test_dead_letters_are_something_to_look_at() -> None:
    assert "next: look at the dead letters" in said(replace(a_survey(), dead_letters=2))


@pytest.mark.parametrize("role", ROLES)
def test_one_role_without_a_worker_is_not_ready_and_is_named(role: str) -> None:
    found = a_survey({role: 0})
    assert facts_of(found, PREFIX, 0.8)["ready"] is False
    assert f"no worker runs: {role}: start `tierflow worker`" in said(found)


def test_roles_without_a_worker_are_named_together_in_the_order_of_the_flow() -> None:
    assert "no worker runs: tier-2, learn: start" in said(a_survey({"learn": 0, "tier-2": 0}))


def test_a_role_whose_members_nobody_knows_does_not_matter() -> None:
    found = a_survey({"route": None, "tier-4": None})
    facts = facts_of(found, PREFIX, 0.8)
    assert (facts["ready"], facts["workers"]) == (True, None)
    assert "no worker runs" not in said(found)


def test_a_missing_topic_is_not_ready_whoever_works() -> None:
    found = a_survey(missing=("policy",))
    assert facts_of(found, PREFIX, 0.8)["ready"] is False
    assert "next: topics are missing: policy: run `tierflow topics apply`" in said(found)

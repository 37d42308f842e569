"""Committed logs are replayed to the decisions that were made; a spoiled one must not be.

A change that moves decisions on purpose (a constant of `streams/routing`, a rule, a feature)
makes these tests fail. Say so in the change log, and write the logs anew:

    .venv/bin/python -m tests.flow.replay
"""

import pytest

from tests.flow.replay import GOOD, SPOILED, TASKS, alike, differences, read, replay


async def test_a_committed_log_is_replayed_to_the_same_decisions() -> None:
    entries = read(GOOD)
    story = await replay(entries)
    assert len(story.decisions()) == TASKS
    assert differences(entries, story.decisions()) == []


async def test_the_log_is_worth_replaying() -> None:
    decisions = [entry["decision"] for entry in read(GOOD) if "decision" in entry]
    assert len({decision["tier"] for decision in decisions}) >= 4
    assert len({decision["model_state_version"] for decision in decisions}) > 5
    assert any(decision["explored"] for decision in decisions)
    assert any(decision["policy_version"] for decision in decisions)


async def test_a_spoiled_log_is_found_out_and_the_decision_is_named() -> None:
    entries = read(SPOILED)
    story = await replay(entries)
    (difference,) = differences(entries, story.decisions())
    assert difference.endswith(".model")


async def test_another_salt_or_a_missing_lesson_is_found_out() -> None:
    entries = read(GOOD)
    salted = [{**entries[0], "salt": "another"}, *entries[1:]]
    assert differences(entries, (await replay(salted)).decisions())
    first = next(n for n, entry in enumerate(entries) if "feedback" in entry)
    untaught = entries[:first] + entries[first + 1 :]
    assert differences(entries, (await replay(untaught)).decisions())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(0.5, 0.5 + 1e-9, True), (0.5, 0.51, False), ({"a": 0.5}, {"a": 0.5, "b": 1.0}, False),
     ({"a": 0.5}, {"a": 0.5 + 1e-9}, True), ("x", "y", False), (None, 0.0, False)],
)  # fmt: skip
def test_only_the_last_digits_of_floats_are_forgiven(
    one: object, other: object, same: bool
) -> None:
    assert alike(one, other) is same

from decimal import Decimal
from typing import Any

import pytest

from streams import ids
from streams.events.decision import Decision
from streams.events.task import Task
from streams.kafka import codec
from streams.routing.decide import View, decide
from streams.tier0.answer import answer
from tests.builders import a_policy, a_task
from tests.memory import SALT, Story, a_story

PROMPTS = (
    "Explain why the sky is blue.",
    "What is 2^6?",
    "Rename x to y in x=1",
    "Write a function that reverses a list, with a test.",
    "Design an API for bookings of rooms, with versions and errors.",
)
BOUNDS: tuple[dict[str, Any], ...] = (
    {},
    {"critical": True},
    {"min_quality": 0.5},
    {"max_tier": 2},
    {"tenant": "acme"},
)


def tasks(count: int) -> list[Task]:
    return [
        a_task(
            f"t{n}",
            prompt=f"{PROMPTS[n % 5]} ({n})" if n % 5 != 1 else PROMPTS[1],
            **BOUNDS[n // 5 % 5],
        )
        for n in range(count)
    ]


async def told(story: Story, task: Task, number: int) -> None:
    """Ask, judge two of three, and let time act now and then."""
    await story.ask(task)
    if number % 3:
        await story.judge(task.task_id, number % 4 / 4)
    if number % 8 == 7:
        await story.wait(11)


def recomputed(task: Task, view: View, made: Decision) -> Decision:
    """The decision from its task, the view in force then and the moment it names."""
    claimed = answer(task.text)
    again = decide(
        task,
        view,
        body_digest=ids.digest(codec.encode(task)),
        skill=None if claimed is None else claimed.skill,
        draw=ids.draw(SALT, task.task_id, "choice/0"),
        now=made.decided_at,
        pricing=made.pricing,
    )
    assert isinstance(again, Decision)
    return again


async def test_every_decision_can_be_recomputed_from_its_task_and_the_view_in_force() -> None:
    story = a_story(initial=a_policy(0, target=0.9))
    await story.wait(1)
    for number, task in enumerate(tasks(40)):
        view = story.driver.view
        await told(story, task, number)
        made = story.decisions()[-1]
        assert made.task_id == task.task_id
        assert recomputed(task, view, made) == made
        assert (made.policy_version, made.model_state_version) == (
            view.policy.version,
            view.quality.version,
        )
    assert len({decision.model_state_version for decision in story.decisions()}) > 10


@pytest.mark.parametrize(
    "held", [{"ceiling_usd": Decimal("0.0004")}, {"target_quality": 0.5}], ids=["ceiling", "target"]
)
async def test_a_decision_with_a_price_is_recomputed_from_what_is_written_on_it(
    held: dict[str, Any],
) -> None:
    story = a_story(initial=a_policy(0, target=0.9, **held))
    await story.wait(1)
    for number, task in enumerate(tasks(60)):
        view = story.driver.view
        await told(story, task, number)
        made = story.decisions()[-1]
        assert recomputed(task, view, made) == made
    priced = [decision for decision in story.decisions() if decision.pricing is not None]
    assert len(priced) > 40
    assert {decision.bound_by for decision in priced} & {"ceiling", "target"}
    assert len({decision.pricing.price for decision in priced if decision.pricing}) > 2
    if "ceiling_usd" in held:
        spent = sum(d.expected_usd[d.model] or 0 for d in priced if d.model is not None)
        assert spent <= held["ceiling_usd"] * len(story.decisions())


async def test_two_runs_that_are_told_the_same_publish_the_same_records() -> None:
    runs = []
    for _ in range(2):
        story = a_story(initial=a_policy(0, target=0.9))
        for number, task in enumerate(tasks(25)):
            await told(story, task, number)
        runs.append(story.driver.logs.records)
    assert runs[0].keys() == runs[1].keys()
    for topic, records in runs[0].items():
        assert runs[1][topic] == records


async def test_another_salt_draws_otherwise_from_the_same_probabilities() -> None:
    runs = []
    for salt in ("one", "two"):
        story = a_story(salt=salt)
        for task in tasks(60):
            await story.ask(task)
        runs.append(story.decisions())
    pairs = list(zip(*runs, strict=True))
    assert all(one.probabilities == two.probabilities for one, two in pairs)
    assert any(one.model != two.model for one, two in pairs)

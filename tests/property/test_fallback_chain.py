import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calling.attempts import MOST_ATTEMPTS, MOST_REFUSALS, RETRIES, Failure
from streams.events.outcome import CallState, Result
from streams.providers.port import Failed, Reply
from streams.routing.registry import ModelSpec, register
from tests.builders import a_failure, a_model, a_reply, a_task
from tests.memory import Story, a_story

OURS = (Failure.CHECK_FAILED, Failure.UNSURE)
"""What we say of an answer, no provider of a call."""

FAILURES = st.sampled_from([*(f for f in Failure if f not in OURS), None])


@dataclass(frozen=True)
class World:
    """Models, how each of them answers, and what is asked."""

    models: tuple[ModelSpec, ...]
    fates: dict[str, list[Failure | None]]
    bounds: list[dict[str, Any]] = field(default_factory=list)

    def answers(self) -> dict[str, list[Reply | Failed]]:
        """The script: a failure, or a reply."""
        return {
            name: [a_reply(model=name) if fate is None else a_failure(fate) for fate in fates]
            for name, fates in self.fates.items()
        }


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """One to six models in any tiers, most of which fail; tasks with constraints of all sorts."""
    tiers = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    names = [f"m{number}" for number in range(len(tiers))]
    models = tuple(
        a_model(name, tier, capabilities=draw(st.sampled_from([(), ("vision",)])))
        for name, tier in zip(names, tiers, strict=True)
    )
    fates = {name: draw(st.lists(FAILURES, min_size=1, max_size=4)) for name in names}
    constraint = st.fixed_dictionaries(
        {},
        optional={
            "model": st.sampled_from([*names, "nobody"]),
            "min_tier": st.integers(0, 2),
            "max_tier": st.integers(2, 4),
            "capabilities": st.just(("vision",)),
            "critical": st.booleans(),
            "prompt": st.sampled_from(["What is 2^6?", "Rename x to y.", "Design an API."]),
        },
    )
    return World(models, fates, draw(st.lists(constraint, min_size=1, max_size=4)))


async def played(world: World) -> Story:
    story = a_story(registry=register(world.models), script=world.answers())
    for number, bounds in enumerate(world.bounds):
        await story.ask(a_task(f"t{number}", **bounds))
    return story


def check(world: World, result: Result) -> None:
    """A trail climbs, leaves a model for good, asks again only what was not billed, and ends."""
    refused = [a for a in result.attempts if a.outcome == Failure.RATE_LIMITED.label]
    assert len(refused) <= MOST_REFUSALS
    assert len(result.attempts) - len(refused) <= MOST_ATTEMPTS
    highest = max((attempt.tier for attempt in result.attempts), default=0)
    for model in {attempt.model for attempt in result.attempts}:
        tries = [attempt for attempt in result.attempts if attempt.model == model]
        assert sum(attempt not in refused for attempt in tries) <= 1 + RETRIES
        again = [Failure.named(attempt.outcome) for attempt in tries[:-1]]
        assert all(f is not None and f.worth_another_try for f in again)
        assert tries[0].tier == highest or all(f and not f.may_be_billed for f in again)
    tiers = [attempt.tier for attempt in result.attempts]
    assert tiers == sorted(tiers)
    outcomes = [attempt.outcome for attempt in result.attempts]
    assert "completed" not in outcomes[:-1]
    assert (result.status == "completed") == (outcomes[-1:] == ["completed"])
    if result.status == "failed":
        assert result.error is not None
        assert result.error.reason in ("exhausted", "no_model")


@given(worlds())
@settings(max_examples=40, deadline=None)
def test_every_task_ends_in_one_result_after_a_chain_that_only_climbs(world: World) -> None:
    story = asyncio.run(played(world))
    results = story.results()
    assert [r.task_id for r in results] == [f"t{n}" for n in range(len(world.bounds))]
    assert len({record.header("ce_id") for record in story.driver.records("results")}) == len(
        results
    )
    for result in results:
        check(world, result)
    assert story.dead_letters() == []


@given(worlds())
@settings(max_examples=40, deadline=None)
def test_every_call_is_announced_once_ended_once_and_paid_at_most_once(world: World) -> None:
    story = asyncio.run(played(world))
    calls = story.driver.events("calls")
    ended = {call.call_id: call for call in calls if call.state is not CallState.INTENDED}
    announced = [call.call_id for call in calls if call.state is CallState.INTENDED]
    assert announced == [prompt.call_id for prompt in story.provider.asked]
    assert len(calls) == 2 * len(announced) == 2 * len(ended)
    costs = {cost.call_id: cost for cost in story.driver.events("costs")}
    assert len(costs) == len(story.driver.events("costs"))
    for name, call in ended.items():
        assert (name in costs) == (call.state is not CallState.FAILED)
        if name in costs:
            assert costs[name].cost_usd == call.cost_usd
    spent = [
        attempt for result in story.results() for attempt in result.attempts if attempt.call_id
    ]
    assert {attempt.call_id for attempt in spent} == set(ended)


@given(worlds())
@settings(max_examples=20, deadline=None)
def test_a_restart_and_every_task_sent_again_make_no_call_and_no_new_result(world: World) -> None:
    async def twice() -> tuple[Story, int]:
        story = await played(world)
        asked = len(story.provider.asked)
        story.driver.restart()
        for number, bounds in enumerate(world.bounds):
            await story.ask(a_task(f"t{number}", **bounds))
        return story, asked

    story, asked = asyncio.run(twice())
    assert len(story.provider.asked) == asked
    told = [record.header("ce_id") for record in story.driver.records("results")]
    assert set(told[: len(told) // 2]) == set(told[len(told) // 2 :])

"""Who is asked after a call that failed, and when nobody is."""

import asyncio
from datetime import timedelta

import pytest

from streams import ids
from streams.agents.outcome import Emit
from streams.calling.attempts import MOST_REFUSALS, RETRIES, Failure
from streams.calling.lane import Terms
from streams.calling.ledger import InDoubt
from streams.calling.limiter import Rates
from streams.calling.traffic import Key
from streams.providers.port import Failed, Reply
from tests.builders import (
    AT,
    a_failure,
    a_model,
    a_registry,
    a_reply,
    a_task,
    an_assignment,
    an_attempt,
)
from tests.desk import LONGEST_S, NAME, Desk, costs_of, failing, passed, result_of


async def test_a_failed_task_goes_to_the_next_tier_with_its_trail() -> None:
    desk = Desk(script={"small": failing(Failure.REFUSED)})
    outcome = await desk.take(2, an_assignment())
    following = passed(outcome)
    assert (following.tier, following.model, outcome.label) == (3, "medium", "passed_on")
    (tried,) = following.trail
    assert (tried.model, tried.outcome, tried.detail) == (
        "small",
        "refused",
        "it was refused",
    )
    assert tried.cost_usd == 0
    assert (following.task, following.decision) == (an_assignment().task, an_assignment().decision)
    assert costs_of(outcome) == []
    key = ("t1", an_assignment().body_digest, 0, 3)
    assert outcome.sends[-1].id == ids.derive("assignment", *key)


async def test_passing_on_is_repeated_without_a_call() -> None:
    desk = Desk(script={"small": failing(Failure.REFUSED)})
    first = await desk.take(2, an_assignment())
    again = await desk.take(2, an_assignment())
    assert again.sends == first.sends
    assert len(desk.provider.asked) == 1


async def test_the_next_tier_completes_what_was_passed_on_under_the_same_result_id() -> None:
    desk = Desk(script={"small": failing(Failure.REFUSED)})
    following = passed(await desk.take(2, an_assignment()))
    desk.calls = {}  # another tier has a table of its own
    outcome = await desk.take(3, following)
    result = result_of(outcome)
    assert (outcome.sends[-1].id, result.tier, result.model) == (NAME, 3, "medium")
    assert [attempt.outcome for attempt in result.attempts] == ["refused", "completed"]


async def test_another_model_of_the_same_tier_is_tried_before_the_next_tier() -> None:
    registry = a_registry(a_model("one", 2), a_model("two", 2), a_model("large", 4))
    desk = Desk(script={"one": failing(Failure.REFUSED)}, registry=registry)
    outcome = await desk.take(2, an_assignment(tier=2, model="one"))
    assert result_of(outcome).model == "two"
    assert desk.provider.models == ["one", "two"]


@pytest.mark.parametrize("failure", [f for f in Failure if not f.may_be_billed])
async def test_what_passes_and_was_not_billed_is_asked_again_after_a_while(
    failure: Failure,
) -> None:
    told_s = 2.0 if failure is Failure.RATE_LIMITED else None
    busy = a_failure(failure, retry_after_s=told_s)
    desk = Desk(script={"small": [busy, a_reply()]}, flowing=True)
    outcome = await desk.take(2, an_assignment())
    if not failure.worth_another_try:
        assert passed(outcome).trail[-1].outcome == failure.label
        return
    result = result_of(outcome)
    assert [attempt.outcome for attempt in result.attempts] == [failure.label, "completed"]
    assert desk.provider.models == ["small", "small"]
    assert len({call.call_id for call in desk.told}) == 2
    assert desk.clock.monotonic_s() >= (told_s or 0.05)


@pytest.mark.parametrize("failure", [f for f in Failure if f.may_be_billed])
async def test_what_may_have_been_billed_is_not_asked_again_of_the_same_model(
    failure: Failure,
) -> None:
    desk = Desk(script={"small": failing(failure)}, flowing=True)
    await desk.take(2, an_assignment())
    assert desk.provider.models == ["small"]


async def test_a_model_that_stays_away_is_asked_three_times_and_then_left() -> None:
    desk = Desk(script={"small": failing(Failure.OVERLOADED)}, flowing=True)
    following = passed(await desk.take(2, an_assignment()))
    assert desk.provider.models == ["small"] * (1 + RETRIES)
    assert (following.model, len(following.trail)) == ("medium", 1 + RETRIES)


async def test_a_provider_that_wants_to_be_left_alone_for_long_is_left_for_another() -> None:
    busy = a_failure(Failure.RATE_LIMITED, retry_after_s=60.0)
    desk = Desk(script={"small": [busy]}, flowing=True)
    assert passed(await desk.take(2, an_assignment())).model == "medium"
    assert desk.clock.monotonic_s() == 0


async def test_a_task_that_nobody_else_may_take_waits_out_one_429_after_another() -> None:
    busy = failing(*[Failure.RATE_LIMITED] * 8, retry_after_s=0.2)
    desk = Desk(script={"small": [*busy, a_reply("blue")]}, flowing=True)
    result = result_of(await desk.take(2, an_assignment(task=a_task(model="small"))))
    assert (result.output, len(result.attempts)) == ("blue", 9)


@pytest.mark.parametrize("rule", InDoubt)
async def test_a_model_that_only_ever_refuses_ends_in_a_bounded_trail(rule: InDoubt) -> None:
    busy = failing(Failure.RATE_LIMITED, retry_after_s=0.2)
    desk = Desk(script={"small": busy}, flowing=True, in_doubt=rule)
    result = result_of(await desk.take(2, an_assignment(task=a_task(model="small"))))
    assert result.error is not None
    assert (result.error.reason, len(result.attempts)) == ("exhausted", MOST_REFUSALS)
    assert costs_of(await desk.take(2, an_assignment(task=a_task(model="small")))) == []


async def test_no_retry_waits_beyond_the_tasks_deadline() -> None:
    desk = Desk(script={"small": failing(Failure.OVERLOADED)}, flowing=True)
    deadline_at = AT + timedelta(seconds=0.2)
    task = a_task(deadline_at=deadline_at)
    await desk.take(2, an_assignment(task=task))
    assert len(desk.provider.asked) == 2
    assert desk.clock.now() < deadline_at


async def test_when_every_model_has_failed_the_task_is_exhausted_with_the_whole_trail() -> None:
    trail = (an_attempt(model="small"), an_attempt(tier=3, model="medium"))
    desk = Desk(script={"large": failing(Failure.GARBAGE)}, in_doubt=InDoubt.FAIL)
    outcome = await desk.take(4, an_assignment(tier=4, model="large", trail=trail))
    result = result_of(outcome)
    assert result.error is not None
    assert (result.status, result.error.reason) == ("failed", "exhausted")
    assert "the last one: garbage" in result.error.detail
    assert [attempt.model for attempt in result.attempts] == ["small", "medium", "large"]
    assert outcome.sends[-1].id == NAME
    assert await desk.take(4, an_assignment(tier=4, model="large", trail=trail)) == Emit(
        outcome.sends, label="repeated"
    )


async def test_before_a_task_fails_whoever_failed_in_passing_is_asked_once_more() -> None:
    registry = a_registry(a_model("one", 4), a_model("two", 4), a_model("wrong", 4))
    script: dict[str, list[Reply | Failed]] = {
        "one": failing(Failure.TIMED_OUT),
        "two": [a_failure(Failure.GARBAGE), a_reply("late")],
        "wrong": failing(Failure.REFUSED),
    }
    desk = Desk(script=script, registry=registry, flowing=True)
    result = result_of(await desk.take(4, an_assignment(tier=4, model="one")))
    assert (result.output, result.model) == ("late", "two")
    assert sorted(desk.provider.models) == ["one", "one", "two", "two", "wrong"]
    assert desk.clock.monotonic_s() > 0


async def test_where_no_second_bill_is_wanted_nobody_is_asked_twice() -> None:
    desk = Desk(script={"large": failing(Failure.TIMED_OUT)}, in_doubt=InDoubt.PARK)
    await desk.take(4, an_assignment(tier=4, model="large"))
    assert desk.provider.models == ["large"]


async def test_a_task_that_names_its_model_is_not_given_to_another() -> None:
    desk = Desk(script={"small": failing(Failure.REFUSED)})
    outcome = await desk.take(2, an_assignment(task=a_task(model="small")))
    error = result_of(outcome).error
    assert error is not None
    assert error.reason == "exhausted"


async def test_a_model_that_is_no_longer_registered_is_passed_by_without_a_call() -> None:
    desk = Desk(registry=a_registry(a_model("large", 4)))
    following = passed(await desk.take(2, an_assignment()))
    assert (following.tier, following.model, following.trail) == (4, "large", ())
    assert desk.provider.asked == []


async def test_a_task_past_its_deadline_fails_without_a_call() -> None:
    desk = Desk()
    task = a_task(deadline_at=AT + timedelta(seconds=1))
    desk.clock.move(1)
    result = result_of(await desk.take(2, an_assignment(task=task)))
    assert result.error is not None
    assert (result.error.reason, desk.provider.asked) == ("deadline", [])


async def test_a_deadline_that_passes_while_a_task_waits_for_its_model_makes_no_call() -> None:
    desk = Desk(flowing=True)
    desk.traffic.known({Key("scripted", "small"): Terms(2, Rates(requests_per_minute=60))}, 0.0)
    task = a_task(deadline_at=AT + timedelta(seconds=0.5), model="small")
    await desk.take(2, an_assignment("t2", task=a_task("t2", model="small")))
    result = result_of(await desk.take(2, an_assignment(task=task)))
    assert result.error is not None
    assert (result.error.reason, len(desk.provider.asked)) == ("deadline", 1)
    assert (result.attempts, len(desk.told)) == ((), 2)


async def test_a_model_that_is_disabled_while_a_task_waits_for_it_is_not_called() -> None:
    registry = a_registry(a_model("one", 2), a_model("two", 2))
    desk = Desk(registry=registry)
    slow = Terms(2, Rates(requests_per_minute=6))
    desk.traffic.known({Key("scripted", "one"): slow, Key("scripted", "two"): slow}, 0.0)
    for model in ("one", "two"):
        await desk.take(2, an_assignment(f"first-{model}", task=a_task(model=model), model=model))
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(desk.take(2, an_assignment(model="one")))
        await desk.clock.advance(1)
        assert not taking.done()
        desk.registry = a_registry(a_model("two", 2))
        desk.traffic.known({Key("scripted", "two"): slow}, desk.clock.monotonic_s())
        for _ in range(12):
            await desk.clock.advance(1)
    assert result_of(taking.result()).model == "two"
    assert desk.provider.models == ["one", "two", "two"]


async def test_no_call_is_waited_for_beyond_the_tasks_deadline() -> None:
    desk = Desk()
    await desk.take(2, an_assignment(task=a_task(deadline_at=AT + timedelta(seconds=4))))
    await desk.take(2, an_assignment("t2", task=a_task("t2")))
    assert desk.provider.timeouts_s == [4.0, LONGEST_S]
    assert desk.told[0].deadline_at == AT + timedelta(seconds=4)

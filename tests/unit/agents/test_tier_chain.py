import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from streams import ids
from streams.agents.booking import ANSWER_BYTES
from streams.agents.doors import Doors
from streams.agents.loop import Seat
from streams.agents.outcome import Bury, Emit, Outcome, Put, Record, Send
from streams.agents.tier import TierPorts, tier
from streams.calling import ledger
from streams.calling.attempts import MOST_ATTEMPTS, MOST_REFUSALS, RETRIES, Failure
from streams.calling.lane import Terms
from streams.calling.ledger import InDoubt, Work
from streams.calling.limiter import Rates
from streams.calling.traffic import Key, Traffic
from streams.events.decision import Assignment
from streams.events.envelope import Reason
from streams.events.feedback import Alert
from streams.events.outcome import Call, CallState, Cost, Result, Usage
from streams.providers.port import Failed, Reply
from streams.routing.registry import Registry
from streams.telemetry import Counters
from tests.builders import (
    AT,
    a_call,
    a_decision,
    a_failure,
    a_model,
    a_record,
    a_refused_assignment,
    a_registry,
    a_reply,
    a_task,
    an_assignment,
    an_attempt,
)
from tests.fakes import ManualClock, ScriptedProvider

LONGEST_S = 30.0
WAIT_S = 120.0
OUTAGE_S = 30.0
NAME = ledger.result_id("t1", an_assignment().body_digest, 0)
"""The result's id of `a_task()`, and the key of its work."""


class Crash(Exception):  # noqa: N818 (what happens, not an error of the code)
    """The worker dies."""


class Desk:
    """A tier on its own: a ledger that keeps what it confirms, and can crash behind a number."""

    def __init__(
        self,
        *,
        script: Mapping[str, Sequence[Reply | Failed]] | None = None,
        registry: Registry | None = None,
        flowing: bool = False,
        in_doubt: InDoubt = InDoubt.RECALL,
    ) -> None:
        self.clock = ManualClock(flowing=flowing)
        self.in_doubt = in_doubt
        self.traffic = Traffic()
        self.provider = ScriptedProvider(script, self.clock)
        self.registry = registry or a_registry()
        self.calls: dict[str, Work] = {}
        self.told: list[Call] = []
        self.alerted: set[str] = set()
        self.writes: list[Work] = []
        self.crash_behind = 99

    async def confirm(self, record: Record, sends: Sequence[Send], puts: Sequence[Put]) -> None:
        for put in puts:
            assert put.table == "calls"
            assert isinstance(put.value, Work)
            self.calls[put.key] = Work.model_validate(put.value.model_dump(mode="json"))
            self.writes.append(put.value)
        known = [put.value.call for put in puts if isinstance(put.value, Work) and put.value.call]
        self.told += known or [send.event for send in sends if isinstance(send.event, Call)]
        if len(self.writes) >= self.crash_behind:
            self.crash_behind = 99
            raise Crash

    def ports(self) -> TierPorts:
        return TierPorts(
            registry=lambda: self.registry,
            calls=self.calls,
            ledger=self,
            providers={"scripted": self.provider},
            clock=self.clock,
            doors=Doors(
                self.traffic, Seat(asyncio.Semaphore()), self.clock, WAIT_S, OUTAGE_S, Counters()
            ),
            longest_call_s=LONGEST_S,
            told=self.alerted,
            in_doubt=self.in_doubt,
        )

    async def handed(self, number: int, assignment: Assignment) -> Outcome:
        return await tier(number, self.ports())(a_record(f"tier-{number}", assignment, partition=3))

    async def take(self, number: int, assignment: Assignment) -> Emit:
        outcome = await self.handed(number, assignment)
        assert isinstance(outcome, Emit)
        return outcome


def result_of(outcome: Emit) -> Result:
    event = outcome.sends[-1].event
    assert isinstance(event, Result)
    assert (outcome.sends[-1].topic, outcome.sends[-1].key) == ("results", event.task_id)
    return event


def costs_of(outcome: Emit) -> list[Cost]:
    return [send.event for send in outcome.sends if isinstance(send.event, Cost)]


def passed(outcome: Emit) -> Assignment:
    event = outcome.sends[-1].event
    assert isinstance(event, Assignment)
    assert outcome.sends[-1].topic == f"tier-{event.tier}"
    return event


def failing(*failures: Failure, **fields: Any) -> list[Reply | Failed]:
    return [a_failure(failure, **fields) for failure in failures]


async def test_a_call_is_announced_made_booked_and_then_told() -> None:
    desk = Desk(script={"small": [a_reply("blue", latency_s=1.5)]})
    outcome = await desk.take(2, an_assignment())
    result = result_of(outcome)
    assert (result.status, result.output, result.tier, result.model) == (
        "completed",
        "blue",
        2,
        "small",
    )
    assert [call.state for call in desk.told] == [CallState.INTENDED, CallState.COMPLETED]
    assert desk.told[0].deadline_at == AT + timedelta(seconds=LONGEST_S)
    assert [work.concluded for work in desk.writes] == [False, True]
    assert desk.writes[0].call == desk.told[0]
    assert (outcome.label, desk.provider.models) == ("completed", ["small"])


async def test_a_result_says_what_it_cost_and_how_long_it_took() -> None:
    desk = Desk(script={"small": [a_reply(latency_s=1.5)]})
    desk.clock.move(2)
    outcome = await desk.take(2, an_assignment())
    result = result_of(outcome)
    price = Decimal("0.000520000000")  # 20 x 1 and 100 x 5 dollars a million
    assert result.cost_usd == price
    assert (result.latency_s, result.waiting_s) == (3.5, 3.5 - (result.attempts[0].latency_s))
    (cost,) = costs_of(outcome)
    assert (cost.cost_usd, cost.standing, cost.price_version) == (price, "confirmed", "registry")
    assert cost.call_id == desk.told[0].call_id == result.attempts[0].call_id


async def test_the_ledger_and_the_costs_stay_on_the_tasks_partition() -> None:
    outcome = await Desk().take(2, an_assignment())
    assert outcome.sends[0].topic == "costs"
    assert outcome.sends[0].partition == 3
    assert outcome.sends[-1].partition is None


async def test_concluded_work_is_told_again_without_a_call() -> None:
    desk = Desk()
    first = await desk.take(2, an_assignment())
    desk.clock.move(500)
    again = await desk.take(2, an_assignment())
    assert again.sends == first.sends
    assert (again.label, len(desk.provider.asked), len(desk.writes)) == ("repeated", 1, 2)


async def test_a_results_id_is_that_of_task_body_and_redrive() -> None:
    names = {
        redrive: (await Desk().take(2, an_assignment(redrive=redrive))).sends[-1].id
        for redrive in (0, 1)
    }
    assert names[0] == NAME == ids.derive("result", "t1", an_assignment().body_digest, 0)
    assert names[1] != names[0]


async def test_an_intent_found_open_waits_until_its_deadline_and_is_booked_in_doubt() -> None:
    desk = Desk()
    desk.crash_behind = 1
    with pytest.raises(Crash):
        await desk.take(2, an_assignment())
    assert desk.provider.asked == []
    desk.clock.move(10)
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(desk.take(2, an_assignment()))
        await desk.clock.advance(LONGEST_S - 11)
        assert not taking.done()
        assert desk.provider.asked == []
        await desk.clock.advance(1)
    outcome = taking.result()
    first, second = (attempt for attempt in result_of(outcome).attempts)
    assert (first.outcome, second.outcome) == ("in_doubt", "completed")
    assert first.call_id != second.call_id == desk.provider.asked[0].call_id
    assert [call.state for call in desk.told] == [
        CallState.INTENDED,
        CallState.IN_DOUBT,
        CallState.INTENDED,
        CallState.COMPLETED,
    ]
    doubtful, sure = costs_of(outcome)
    assert (doubtful.standing, doubtful.cost_usd) == ("in_doubt", None)
    assert (doubtful.call_id, sure.standing) == (first.call_id, "confirmed")
    assert result_of(outcome).cost_usd is None


async def test_an_answer_that_was_booked_but_not_told_is_told_after_a_crash() -> None:
    desk = Desk(script={"small": [a_reply("first"), a_reply("second")]})
    desk.crash_behind = 2
    with pytest.raises(Crash):
        await desk.take(2, an_assignment())
    outcome = await desk.take(2, an_assignment())
    assert (result_of(outcome).output, outcome.sends[-1].id) == ("first", NAME)
    assert len(desk.provider.asked) == 1


async def test_a_call_that_ended_is_told_to_the_public_ledger_again_after_a_crash() -> None:
    desk = Desk()
    desk.crash_behind = 2
    with pytest.raises(Crash):
        await desk.take(2, an_assignment())
    booked = desk.told.pop()  # the crash came between the table and the topic
    outcome = await desk.take(2, an_assignment())
    (told,) = (send.event for send in outcome.sends if isinstance(send.event, Call))
    assert (told, booked.state) == (booked, CallState.COMPLETED)


async def test_a_failure_that_was_booked_is_paid_once_and_told_again_after_a_crash() -> None:
    desk = Desk(script={"small": failing(Failure.TIMED_OUT)})
    desk.crash_behind = 2
    with pytest.raises(Crash):
        await desk.take(2, an_assignment())
    outcome = await desk.take(2, an_assignment())
    doubted = [call for call in desk.told if call.state is CallState.IN_DOUBT]
    assert doubted[0] == doubted[1]
    paid = [cost.call_id for cost in costs_of(outcome)]
    assert sorted(paid) == sorted({call.call_id for call in doubted})


async def test_repeated_crashes_end_in_a_bounded_trail() -> None:
    desk = Desk()
    for _ in range(MOST_ATTEMPTS):
        desk.crash_behind = len(desk.writes) + (2 if desk.writes else 1)
        with pytest.raises(Crash):
            await asyncio.gather(desk.take(2, an_assignment()), desk.clock.advance(LONGEST_S))
        await desk.clock.advance(LONGEST_S)
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(desk.take(2, an_assignment()))
        await desk.clock.advance(LONGEST_S)
    result = result_of(taking.result())
    assert result.error is not None
    assert (result.error.reason, len(result.attempts)) == ("exhausted", MOST_ATTEMPTS)
    assert desk.provider.asked == []


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


@pytest.mark.parametrize("rule", [InDoubt.PARK, InDoubt.FAIL])
async def test_where_a_second_bill_is_not_wanted_an_open_intent_ends_the_task(
    rule: InDoubt,
) -> None:
    desk = Desk(flowing=True, in_doubt=rule)
    desk.crash_behind = 1
    with pytest.raises(Crash):
        await desk.take(2, an_assignment())
    first, again = await desk.handed(2, an_assignment()), await desk.handed(2, an_assignment())
    assert isinstance(first, Bury if rule is InDoubt.PARK else Emit)
    assert isinstance(again, Bury | Emit)
    assert isinstance(first, Bury | Emit)
    assert first.sends == again.sends
    result = first.sends[-1].event
    assert isinstance(result, Result)
    assert result.error is not None
    assert (result.error.reason, result.attempts[0].outcome) == ("in_doubt", "in_doubt")
    assert desk.provider.asked == []
    assert isinstance(first, Emit) or first.reason is Reason.IN_DOUBT


async def test_a_parked_task_that_is_sent_again_is_asked_under_ids_of_its_own() -> None:
    desk = Desk(flowing=True, in_doubt=InDoubt.PARK)
    desk.crash_behind = 1
    with pytest.raises(Crash):
        await desk.take(2, an_assignment())
    await desk.handed(2, an_assignment())
    outcome = await desk.take(2, an_assignment(redrive=1))
    assert (result_of(outcome).status, outcome.sends[-1].id != NAME) == ("completed", True)
    assert desk.told[0].call_id != desk.told[-1].call_id


async def test_a_crash_while_parking_parks_all_the_same() -> None:
    desk = Desk(flowing=True, in_doubt=InDoubt.PARK)
    for behind in (1, 2):
        desk.crash_behind = behind
        with pytest.raises(Crash):
            await desk.handed(2, an_assignment())
    assert isinstance(await desk.handed(2, an_assignment()), Bury)
    assert desk.provider.asked == []


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


async def test_no_call_is_waited_for_beyond_the_tasks_deadline() -> None:
    desk = Desk()
    await desk.take(2, an_assignment(task=a_task(deadline_at=AT + timedelta(seconds=4))))
    await desk.take(2, an_assignment("t2", task=a_task("t2")))
    assert desk.provider.timeouts_s == [4.0, LONGEST_S]
    assert desk.told[0].deadline_at == AT + timedelta(seconds=4)


async def test_tier_0_answers_by_skill_without_a_call_or_a_cost() -> None:
    desk = Desk()
    decision = a_decision(tier=0, model=None)
    task = a_task(prompt="What is 2^6?")
    outcome = await desk.take(0, an_assignment(task=task, decision=decision))
    result = result_of(outcome)
    assert (result.status, result.output, result.tier, result.model) == ("completed", "64", 0, None)
    assert (result.cost_usd, costs_of(outcome), desk.provider.asked) == (Decimal(0), [], [])
    assert result.attempts[0].detail == "arithmetic"
    again = await desk.take(0, an_assignment(task=task, decision=decision))
    assert [send.id for send in again.sends] == [send.id for send in outcome.sends]


async def test_tier_0_passes_on_what_no_skill_answers_any_more() -> None:
    decision = a_decision(tier=0, model=None)
    outcome = await Desk().take(0, an_assignment(decision=decision))
    assert (passed(outcome).tier, passed(outcome).model) == (1, "tiny")


async def test_a_refusal_becomes_a_failed_result_without_a_tier() -> None:
    outcome = await Desk().take(0, a_refused_assignment("too_large"))
    result = result_of(outcome)
    assert result.error is not None
    assert (result.status, result.error.reason, result.tier) == ("failed", "too_large", None)
    assert (result.attempts, result.cost_usd, outcome.label) == ((), Decimal(0), "refused")


async def test_an_assignment_without_task_or_refusal_fails_as_internal() -> None:
    result = result_of(await Desk().take(2, an_assignment(task=None)))
    assert result.error is not None
    assert result.error.reason == "internal"


async def test_an_unknown_price_is_none_never_zero() -> None:
    unpriced = a_model(input_usd_per_mtok=None, output_usd_per_mtok=None)
    outcome = await Desk(registry=a_registry(unpriced)).take(2, an_assignment())
    (cost,) = costs_of(outcome)
    assert (cost.cost_usd, cost.price_version, cost.standing) == (None, None, "confirmed")
    assert (result_of(outcome).cost_usd, result_of(outcome).status) == (None, "completed")


async def test_without_a_price_list_the_providers_own_figure_is_the_cost() -> None:
    unpriced = a_model(input_usd_per_mtok=None, output_usd_per_mtok=None)
    said = a_reply(usage=Usage(reported_cost_usd=Decimal("0.25")))
    desk = Desk(script={"small": [said]}, registry=a_registry(unpriced))
    outcome = await desk.take(2, an_assignment())
    assert costs_of(outcome)[0].cost_usd == result_of(outcome).cost_usd == Decimal("0.25")


@pytest.mark.parametrize("failure", list(Failure))
async def test_only_what_may_have_been_billed_is_booked_in_doubt(failure: Failure) -> None:
    desk = Desk(script={"small": failing(failure)}, flowing=True)
    outcome = await desk.take(2, an_assignment())
    call, attempt = desk.told[-1], passed(outcome).trail[0]
    assert (call.failure, attempt.outcome) == (failure.label, failure.label)
    if failure in (Failure.CHECK_FAILED, Failure.UNSURE):  # they were answered: it is no doubt
        assert (call.state, call.cost_usd) == (CallState.FAILED, None)
        assert [cost.standing for cost in costs_of(outcome)] == ["confirmed"]
    elif failure.may_be_billed:
        assert (call.state, call.cost_usd, attempt.cost_usd) == (CallState.IN_DOUBT, None, None)
        assert [cost.standing for cost in costs_of(outcome)] == ["in_doubt"]
    else:
        assert (call.state, call.cost_usd, attempt.cost_usd) == (
            CallState.FAILED,
            *[Decimal(0)] * 2,
        )
        assert costs_of(outcome) == []


async def test_a_failed_call_whose_tokens_were_counted_has_its_price() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=0)
    registry = a_registry(a_model())
    script = {"small": failing(Failure.CUT, usage=usage)}
    desk = Desk(script=script, registry=registry, in_doubt=InDoubt.FAIL)
    outcome = await desk.take(2, an_assignment())
    (cost,) = costs_of(outcome)
    assert (cost.cost_usd, cost.standing) == (Decimal(1), "confirmed")
    assert result_of(outcome).cost_usd == Decimal(1)


async def test_a_result_costs_what_all_its_attempts_cost() -> None:
    tried = an_attempt(model="tiny", tier=1, cost_usd=Decimal("0.5"))
    outcome = await Desk().take(2, an_assignment(trail=(tried,)))
    assert result_of(outcome).cost_usd == Decimal("0.50052")
    assert len(costs_of(outcome)) == 1


async def test_what_a_call_asks_is_the_task_under_the_calls_id() -> None:
    desk = Desk()
    task = a_task(context="Be short.", temperature=0.1, max_output_tokens=50)
    await desk.take(2, an_assignment(task=task))
    (prompt,) = desk.provider.asked
    assert (prompt.call_id, prompt.model) == (desk.told[0].call_id, "small")
    assert [(m.role, m.content) for m in prompt.messages] == [
        ("system", "Be short."),
        ("user", task.prompt),
    ]
    assert (prompt.temperature, prompt.max_output_tokens) == (0.1, 50)


async def test_a_record_that_is_no_assignment_is_buried() -> None:
    desk = Desk()
    outcome = await tier(1, desk.ports())(a_record("tier-1", b"[]"))
    assert isinstance(outcome, Bury)
    assert outcome.reason is Reason.SCHEMA_INVALID


async def test_a_model_that_had_failed_before_a_crash_is_not_asked_again_after_it() -> None:
    desk = Desk()
    known = Work(at=AT, trail=(an_attempt(model="small", call_id=a_call().call_id),))
    desk.calls[NAME] = known
    following = passed(await desk.take(2, an_assignment()))
    assert (following.model, following.trail) == ("medium", known.trail)


async def test_an_unknown_price_raises_one_alert_a_model() -> None:
    unpriced = a_model(input_usd_per_mtok=None, output_usd_per_mtok=None)
    desk = Desk(registry=a_registry(unpriced))
    first = await desk.take(2, an_assignment())
    desk.calls.clear()
    second = await desk.take(2, an_assignment())
    alerts = [send.event for send in (*first.sends, *second.sends) if send.topic == "alerts"]
    assert [(a.kind, a.subject) for a in alerts if isinstance(a, Alert)] == [
        ("unknown_price", "small")
    ]


async def test_an_answer_that_no_record_carries_is_a_failed_call_paid_for() -> None:
    huge = a_reply(text="x" * (ANSWER_BYTES + 1))
    desk = Desk(script={"small": [huge]})
    outcome = await desk.take(2, an_assignment())
    (cost,) = [send.event for send in outcome.sends if isinstance(send.event, Cost)]
    assert cost.cost_usd is not None
    assert [w.trail[-1].outcome for w in desk.writes if w.trail] != []
    assert desk.writes[-1].trail[0].outcome == "garbage"

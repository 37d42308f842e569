"""What a crash leaves behind: intents without an outcome, outcomes that were not told."""

import asyncio
from decimal import Decimal

import pytest

from streams.agents.outcome import Bury, Emit
from streams.calling.attempts import MOST_ATTEMPTS, Failure
from streams.calling.ledger import InDoubt, Work
from streams.events.envelope import Reason
from streams.events.outcome import Call, CallState, Result
from tests.builders import (
    AT,
    a_call,
    a_reply,
    an_assignment,
    an_attempt,
)
from tests.desk import (
    LONGEST_S,
    NAME,
    Crash,
    Desk,
    costs_of,
    failing,
    passed,
    result_of,
)


async def test_concluded_work_is_told_again_without_a_call() -> None:
    desk = Desk()
    first = await desk.take(2, an_assignment())
    desk.clock.move(500)
    again = await desk.take(2, an_assignment())
    assert again.sends == first.sends
    assert (again.label, len(desk.provider.asked), len(desk.writes)) == ("repeated", 1, 2)


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


async def test_a_model_that_had_failed_before_a_crash_is_not_asked_again_after_it() -> None:
    desk = Desk()
    known = Work(at=AT, trail=(an_attempt(model="small", call_id=a_call().call_id),))
    desk.calls[NAME] = known
    following = passed(await desk.take(2, an_assignment()))
    assert (following.model, following.trail) == ("medium", known.trail)

"""A call is announced by who may make it, and made only by who still may."""

import asyncio
from datetime import timedelta

import pytest

from streams.agents.bindings import CarriedLedger
from streams.agents.outcome import Put, Send
from streams.calling.ledger import Work
from streams.events.outcome import Call, CallState
from streams.topology import CALLS, Kind
from tests.builders import AT
from tests.stages import CHANGELOG, NOTES, Bench, taken


def announced(state: CallState) -> tuple[Send, Put]:
    call = Call(
        call_id="c1", task_id="t1", decision_id="d1", tenant="default", tier=2, model="small",
        provider="simulator", state=state, intended_at=AT, deadline_at=AT + timedelta(seconds=8),
    )  # fmt: skip
    work = Work(at=AT, call=call)
    return Send(CALLS.name, call.call_id, call, "call-event-1"), Put(NOTES.name, "t1", work)


def stopped_while_confirming(bench: Bench) -> None:
    """The partition is lost once the first publication is under way."""

    async def assured() -> None:
        if bench.publisher.published:
            bench.generation = 2

    bench.carrier.ports.assured = assured


async def test_who_was_stopped_while_an_intent_was_confirmed_makes_no_call() -> None:
    bench = Bench(Kind.CALLING)
    stopped_while_confirming(bench)
    one = taken()
    send, put = announced(CallState.INTENDED)
    with pytest.raises(asyncio.CancelledError):
        await CarriedLedger(bench.carrier, one).confirm(one.record, (send,), (put,))
    assert bench.publisher.topics == [CHANGELOG, "t.calls.v1"]


async def test_what_a_call_came_to_is_told_by_whoever_made_it() -> None:
    bench = Bench(Kind.CALLING)
    stopped_while_confirming(bench)
    one = taken()
    send, put = announced(CallState.COMPLETED)
    await CarriedLedger(bench.carrier, one).confirm(one.record, (send,), (put,))
    assert bench.publisher.topics == [CHANGELOG, "t.calls.v1"]
    assert bench.counters.counted["tierflow.calls"]

"""What comes of a task: its call, its result, its costs."""

from datetime import timedelta
from decimal import Decimal

from streams import ids
from streams.agents.booking import ANSWER_BYTES
from streams.agents.outcome import Bury
from streams.agents.tier import tier
from streams.calling.attempts import Failure
from streams.calling.ledger import InDoubt
from streams.events.envelope import Reason
from streams.events.feedback import Alert
from streams.events.outcome import CallState, Cost, Usage
from tests.builders import (
    AT,
    a_decision,
    a_model,
    a_record,
    a_refused_assignment,
    a_registry,
    a_reply,
    a_task,
    an_assignment,
    an_attempt,
)
from tests.desk import LONGEST_S, NAME, Desk, costs_of, failing, passed, result_of


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


async def test_a_results_id_is_that_of_task_body_and_redrive() -> None:
    names = {
        redrive: (await Desk().take(2, an_assignment(redrive=redrive))).sends[-1].id
        for redrive in (0, 1)
    }
    assert names[0] == NAME == ids.derive("result", "t1", an_assignment().body_digest, 0)
    assert names[1] != names[0]


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

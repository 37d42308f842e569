from datetime import timedelta

import pytest

from streams import ids
from streams.agents.classify import Decided, classify
from streams.agents.outcome import Bury, Emit, Outcome, Record
from streams.events.decision import Assignment, Decision, RefusalReason
from streams.events.envelope import Reason
from streams.events.task import Task
from streams.kafka import codec
from streams.routing.decide import View
from tests.builders import AT, a_policy, a_record, a_registry, a_task
from tests.fakes import ManualClock

SALT = "s"


class Stage:
    """The stage with its table, in which puts are kept as they are written: as JSON."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.view = View(a_registry(), a_policy())
        self.decided: dict[str, Decided] = {}
        self.handle = classify(lambda: self.view, self.decided, self.clock, SALT).handle

    async def take(self, record: Record) -> Emit:
        outcome: Outcome = await self.handle(record)
        assert isinstance(outcome, Emit)
        for put in outcome.puts:
            assert isinstance(put.value, Decided)
            self.decided[put.key] = Decided.model_validate(put.value.model_dump(mode="json"))
        return outcome


def admitted(task: Task, *, offset: int = 0, redrive: int = 0) -> Record:
    record = a_record("admitted", task, offset=offset)
    extra = ((codec.REDRIVE, str(redrive).encode()),) if redrive else ()
    return a_record("admitted", record.value, key=record.key, offset=offset,
                    headers=(*record.headers, *extra))  # fmt: skip


def decision_of(outcome: Emit) -> Decision:
    event = outcome.sends[0].event
    assert isinstance(event, Decision)
    return event


def assignment_of(outcome: Emit) -> Assignment:
    event = outcome.sends[-1].event
    assert isinstance(event, Assignment)
    return event


async def test_a_task_gets_a_decision_and_an_assignment_to_its_tier() -> None:
    stage = Stage()
    outcome = await stage.take(admitted(a_task(metadata={"k": 1}, tenant="acme")))
    decision, assignment = decision_of(outcome), assignment_of(outcome)
    assert [send.topic for send in outcome.sends] == ["decisions", f"tier-{decision.tier}"]
    assert {send.key for send in outcome.sends} == {"t1"}
    assert (assignment.tier, assignment.model) == (decision.tier, decision.model)
    assert (assignment.tenant, assignment.metadata) == ("acme", {"k": 1})
    assert (assignment.task, assignment.accepted_at) == (
        a_task(metadata={"k": 1}, tenant="acme"),
        AT,
    )
    assert outcome.sends[1].cause == decision.decision_id == outcome.sends[0].id
    assert outcome.label == "decided"


async def test_what_was_decided_is_kept_without_its_features() -> None:
    stage = Stage()
    decision = decision_of(await stage.take(admitted(a_task())))
    kept = stage.decided["t1"].decision
    assert kept is not None
    assert decision.features
    assert kept == decision.model_copy(update={"features": ""})
    assert stage.decided["t1"].at == AT


@pytest.mark.parametrize("prompt", ["Explain why the sky is blue.", "What is 2^6?"])
async def test_a_redelivery_publishes_the_same_and_writes_nothing(prompt: str) -> None:
    stage = Stage()
    record = admitted(a_task(prompt=prompt))
    first = await stage.take(record)
    stage.clock.move(600)
    stage.view = View(a_registry(), a_policy(9, thresholds={"1": 0.0}))
    again = await stage.take(record)
    assert again.sends == first.sends
    assert (again.puts, again.label) == ((), "repeated")


async def test_a_repeat_with_the_same_body_gets_the_same_ids() -> None:
    stage = Stage()
    first = await stage.take(admitted(a_task()))
    again = await stage.take(admitted(a_task(), offset=5))
    assert [send.id for send in again.sends] == [send.id for send in first.sends]
    assert again.puts == ()


async def test_another_body_under_the_same_id_is_refused_and_the_first_stands() -> None:
    stage = Stage()
    await stage.take(admitted(a_task()))
    kept = dict(stage.decided)
    outcome = await stage.take(admitted(a_task(prompt="Something else."), offset=1))
    assignment = assignment_of(outcome)
    assert [send.topic for send in outcome.sends] == ["tier-0"]
    assert assignment.refusal is not None
    assert assignment.refusal.reason is RefusalReason.TASK_ID_REUSED
    assert (outcome.puts, outcome.label, stage.decided) == ((), "reused", kept)


async def test_a_redrive_decides_anew_even_with_another_body() -> None:
    stage = Stage()
    first = await stage.take(admitted(a_task()))
    stage.view = View(a_registry(), a_policy(7))
    again = await stage.take(admitted(a_task(prompt="Something else."), redrive=1))
    assert again.label == "decided"
    assert decision_of(again).decision_id != decision_of(first).decision_id
    assert decision_of(again).policy_version == 7
    assert (assignment_of(again).redrive, stage.decided["t1"].redrive) == (1, 1)
    repeated = await stage.take(admitted(a_task(prompt="Something else."), redrive=1))
    assert [send.id for send in repeated.sends] == [send.id for send in again.sends]


async def test_ids_say_which_body_and_redrive_was_decided() -> None:
    outcome = await Stage().take(admitted(a_task()))
    body = ids.digest(codec.encode(a_task()))
    decision, assignment = outcome.sends
    assert decision.id == ids.derive("decision", "t1", body, 0)
    tier = assignment_of(outcome).tier
    assert assignment.id == ids.derive("assignment", "t1", body, 0, tier)


async def test_the_same_task_is_decided_alike_wherever_it_is_decided() -> None:
    outcomes = [await Stage().take(admitted(a_task(), offset=n)) for n in range(2)]
    assert decision_of(outcomes[0]) == decision_of(outcomes[1])


async def test_a_sure_skill_sends_a_task_to_tier_0() -> None:
    outcome = await Stage().take(admitted(a_task(prompt="What is 2^6?")))
    decision = decision_of(outcome)
    assert (decision.tier, decision.model, decision.skill) == (0, None, "arithmetic")
    assert outcome.sends[1].topic == "tier-0"


async def test_a_task_with_a_context_is_not_answered_by_a_skill() -> None:
    outcome = await Stage().take(admitted(a_task(prompt="What is 2^6?", context="In base 3.")))
    assert decision_of(outcome).tier > 0


async def test_a_task_that_no_model_may_take_is_refused_again_and_again() -> None:
    stage = Stage()
    record = admitted(a_task(model="nobody"))
    first = await stage.take(record)
    assignment = assignment_of(first)
    assert (first.label, [send.topic for send in first.sends]) == ("refused", ["tier-0"])
    assert assignment.refusal is not None
    assert assignment.refusal.reason is RefusalReason.NO_MODEL
    assert assignment.decision is None
    again = await stage.take(record)
    assert (again.sends, again.puts) == (first.sends, ())


async def test_a_task_past_its_deadline_is_refused() -> None:
    outcome = await Stage().take(admitted(a_task(deadline_at=AT - timedelta(seconds=1))))
    refusal = assignment_of(outcome).refusal
    assert refusal is not None
    assert refusal.reason is RefusalReason.DEADLINE


@pytest.mark.parametrize("stamp", [b"", b"yesterday"])
async def test_a_task_without_a_readable_time_was_accepted_when_the_broker_took_it(
    stamp: bytes,
) -> None:
    value = codec.encode(a_task())
    outcome = await Stage().take(a_record("admitted", value, headers=[("ce_time", stamp)]))
    assert assignment_of(outcome).accepted_at == AT


async def test_a_record_that_is_no_task_is_buried() -> None:
    outcome = await Stage().handle(a_record("admitted", b"{}"))
    assert isinstance(outcome, Bury)
    assert outcome.reason is Reason.SCHEMA_INVALID

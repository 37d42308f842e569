from datetime import timedelta

import pytest

from streams import ids
from streams.agents.join import Waiting, join
from streams.agents.outcome import Bury, Emit, Outcome, Record, Skip
from streams.events.envelope import Reason
from streams.events.feedback import Lesson
from tests.builders import AT, a_decision, a_record, a_score
from tests.fakes import ManualClock


async def deliver(waiting: dict[str, Waiting], *records: Record) -> list[Outcome]:
    handle = join(waiting, ManualClock()).handle
    outcomes = list[Outcome]()
    for record in records:
        outcome = await handle(record)
        assert not isinstance(outcome, Bury)
        for put in outcome.puts:
            assert (put.table, put.value.__class__) == ("waiting", Waiting)
            assert isinstance(put.value, Waiting)
            waiting[put.key] = put.value
        outcomes.append(outcome)
    return outcomes


async def test_a_score_meets_its_decision_and_becomes_a_lesson() -> None:
    score = a_record("scores", a_score(score=0.7), offset=4, at=AT + timedelta(seconds=9))
    first, second = await deliver({}, a_record("decisions", a_decision(), offset=3), score)
    assert isinstance(first, Skip)
    assert first.because == "remembered"
    assert isinstance(second, Emit)
    assert second.label == "joined"
    (send,) = second.sends
    assert isinstance(send.event, Lesson)
    assert (send.topic, send.key, send.cause) == ("lessons", "t1", score.header("ce_id"))
    assert send.id == send.event.lesson_id
    assert send.id == ids.derive("lesson", a_decision().decision_id, a_score().feedback_id)
    assert (send.event.score, send.event.scored_at) == (0.7, AT + timedelta(seconds=9))


async def test_what_the_publisher_claims_of_the_time_does_not_choose_the_window() -> None:
    claimed = a_score(at=AT + timedelta(days=3650))
    _, joined = await deliver(
        {}, a_record("decisions", a_decision()), a_record("scores", claimed, at=AT)
    )
    assert isinstance(joined, Emit)
    lesson = joined.sends[0].event
    assert isinstance(lesson, Lesson)
    assert lesson.scored_at == AT


async def test_a_score_for_a_task_never_seen_waits_and_is_counted() -> None:
    waiting: dict[str, Waiting] = {}
    (outcome,) = await deliver(waiting, a_record("scores", a_score("unknown")))
    assert isinstance(outcome, Skip)
    assert outcome.because == "waiting"
    assert waiting["unknown"].at == ManualClock().now()


async def test_a_score_that_came_first_is_published_with_its_decision_as_the_cause() -> None:
    decision = a_record("decisions", a_decision(), offset=1)
    _, joined = await deliver({}, a_record("scores", a_score()), decision)
    assert isinstance(joined, Emit)
    assert joined.sends[0].cause == decision.header("ce_id")


async def test_a_redelivery_publishes_the_same_lesson_and_writes_nothing() -> None:
    waiting: dict[str, Waiting] = {}
    records = (a_record("decisions", a_decision()), a_record("scores", a_score(), offset=5))
    _, joined = await deliver(waiting, *records)
    _, again = await deliver(waiting, *records)
    assert isinstance(joined, Emit)
    assert isinstance(again, Emit)
    assert again.sends == joined.sends
    assert (again.puts, again.label) == ((), "repeated")


async def test_a_lesson_names_the_score_that_caused_it() -> None:
    score = a_record("scores", a_score(), headers=(("ce_id", b"s1"),))
    _, joined = await deliver({}, a_record("decisions", a_decision()), score)
    assert isinstance(joined, Emit)
    assert joined.sends[0].cause == "s1"


@pytest.mark.parametrize("topic", ["decisions", "scores"])
async def test_a_record_that_is_no_decision_or_score_is_buried(topic: str) -> None:
    handle = join({}, ManualClock()).handle
    empty = await handle(a_record(topic, b"{}"))
    assert isinstance(empty, Bury)
    assert empty.reason is Reason.SCHEMA_INVALID
    assert "task_id: Field required" in empty.detail
    broken = await handle(a_record(topic, b"not json"))
    assert isinstance(broken, Bury)
    assert broken.reason is Reason.NOT_JSON

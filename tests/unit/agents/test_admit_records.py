import pytest

from streams import ids
from streams.agents.admit import admit
from streams.agents.outcome import Bury, Emit, Outcome, Record
from streams.events.decision import Assignment, RefusalReason
from streams.events.envelope import Reason
from streams.events.feedback import Score
from streams.events.task import Task
from streams.kafka import codec
from tests.builders import AT, a_feedback, a_record, a_task

LIMIT = 2_000
DEEP = b'{"a":' * 120 + b"1" + b"}" * 120
DEEPER = b"[" * 5_000 + b"]" * 5_000


async def admitted(record: Record, limit: int = LIMIT) -> Outcome:
    return await admit(limit).handle(record)


async def buried(value: bytes | None, limit: int = LIMIT) -> Bury:
    outcome = await admitted(a_record("tasks", value), limit)
    assert isinstance(outcome, Bury)
    return outcome


async def test_a_task_goes_on_under_our_key_with_its_cause() -> None:
    record = a_record("tasks", a_task("t1", tenant="acme"), key="whatever")
    outcome = await admitted(record)
    assert isinstance(outcome, Emit)
    (send,) = outcome.sends
    assert (send.topic, send.key, send.cause) == ("admitted", "t1", record.header("ce_id"))
    assert send.event == a_task("t1", tenant="acme")
    assert send.headers == ()


async def test_a_task_needs_no_header_from_its_publisher() -> None:
    outcome = await admitted(a_record("tasks", b'{"task_id": "t1", "prompt": "hi", "new": 1}'))
    assert isinstance(outcome, Emit)
    assert outcome.sends[0].event == Task(task_id="t1", prompt="hi")
    assert outcome.sends[0].cause is None


async def test_equal_tasks_are_admitted_under_one_id_however_they_are_written() -> None:
    told = [
        await admitted(a_record("tasks", body, offset=offset))
        for offset, body in enumerate(
            [
                b'{"task_id":"t1","prompt":"hi"}',
                b'{"prompt":"hi", "task_id":"t1","tenant":"default"}',
            ]
        )
    ]
    assert all(isinstance(outcome, Emit) for outcome in told)
    assert len({outcome.sends[0].id for outcome in told if isinstance(outcome, Emit)}) == 1


async def test_a_redrive_is_another_event_and_carries_its_number_on() -> None:
    first = await admitted(a_record("tasks", a_task()))
    again = await admitted(a_record("tasks", a_task(), headers=[(codec.REDRIVE, b"2")]))
    assert isinstance(first, Emit)
    assert isinstance(again, Emit)
    assert again.sends[0].id != first.sends[0].id
    assert again.sends[0].headers == ((codec.REDRIVE, b"2"),)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NOT_JSON),
        (b"", Reason.NOT_JSON),
        (b"not json", Reason.NOT_JSON),
        (b"\xff\xfe", Reason.NOT_JSON),
        (b'{"task_id": "t\xed\xa0\x80", "prompt": "x"}', Reason.NOT_JSON),
        (b'{"task_id": "t\\ud800", "prompt": "x"}', Reason.NOT_JSON),
        (DEEPER, Reason.NOT_JSON),
        (b"[]", Reason.SCHEMA_INVALID),
        (b'"t1"', Reason.SCHEMA_INVALID),
        (b"{}", Reason.SCHEMA_INVALID),
        (b'{"task_id": 7, "prompt": "x"}', Reason.SCHEMA_INVALID),
        (b'{"task_id": "", "prompt": "x"}', Reason.SCHEMA_INVALID),
        (b'{"task_id": "a\\u0000b", "prompt": "x"}', Reason.SCHEMA_INVALID),
        (b'{"task_id": "%s", "prompt": "x"}' % (b"x" * 257), Reason.SCHEMA_INVALID),
    ],
)
async def test_what_has_no_readable_id_is_buried_and_nobody_is_told(
    value: bytes | None, reason: Reason
) -> None:
    bury = await buried(value, limit=1 << 20)
    assert (bury.reason, bury.sends) == (reason, ())


@pytest.mark.parametrize(
    "body",
    [
        b'{"task_id": "t1"}',
        b'{"task_id": "t1", "prompt": ""}',
        b'{"task_id": "t1", "prompt": "a\\u0000b"}',
        b'{"task_id": "t1", "prompt": "x", "messages": [{"content": "y"}]}',
        b'{"task_id": "t1", "prompt": "x", "min_tier": 3, "max_tier": 2}',
        b'{"task_id": "t1", "prompt": "x", "deadline_at": "2026-01-01T00:00:00"}',
        b'{"task_id": "t1", "prompt": "x", "max_output_tokens": 1e30}',
        b'{"task_id": "t1", "prompt": "x", "metadata": %s}' % DEEP,
        b'{"task_id": "t1", "prompt": "x", "tools": [%s]}' % DEEP,
        b'{"task_id": "t1", "prompt": "x", "response_schema": %s}' % DEEP,
        b'{"task_id": "t1", "messages": [{"content": [{"text": %s}]}]}' % DEEP,
    ],
)
async def test_an_invalid_task_whose_id_can_be_read_gets_a_failed_result(body: bytes) -> None:
    bury = await buried(body)
    assert bury.reason is Reason.SCHEMA_INVALID
    (send,) = bury.sends
    assert isinstance(send.event, Assignment)
    assert (send.topic, send.key, send.event.tier) == ("tier-0", "t1", 0)
    assert send.event.refusal is not None
    assert send.event.refusal.reason is RefusalReason.INVALID_TASK
    assert send.event.refusal.detail == bury.detail
    assert send.event.task is None
    assert (send.event.accepted_at, send.event.body_digest) == (AT, ids.digest(body))


async def test_a_task_over_the_limit_is_refused_as_too_large() -> None:
    body = codec.encode(a_task(prompt="x" * LIMIT))
    bury = await buried(body)
    assert bury.reason is Reason.TOO_LARGE
    assert f"at most {LIMIT}" in bury.detail
    (send,) = bury.sends
    assert isinstance(send.event, Assignment)
    assert send.event.refusal is not None
    assert send.event.refusal.reason is RefusalReason.TOO_LARGE


async def test_a_task_just_at_the_limit_is_admitted() -> None:
    body = codec.encode(a_task(prompt="x"))
    assert isinstance(await admitted(a_record("tasks", body), len(body)), Emit)
    assert (await buried(body, len(body) - 1)).reason is Reason.TOO_LARGE


async def test_what_is_too_large_and_unreadable_is_buried_alone() -> None:
    bury = await buried(b"x" * (LIMIT + 1))
    assert (bury.reason, bury.sends) == (Reason.TOO_LARGE, ())


async def test_refusing_the_same_body_again_gives_the_same_ids() -> None:
    body = b'{"task_id": "t1"}'
    once, again = await buried(body), await buried(body)
    assert once.sends[0].id == again.sends[0].id
    assert (await buried(b'{"task_id": "t1", "prompt": ""}')).sends[0].id != once.sends[0].id


async def test_feedback_becomes_a_score_dated_by_the_broker_where_it_says_no_time() -> None:
    record = a_record("feedback", a_feedback(comment="good", source="test", name="n"))
    outcome = await admitted(record)
    assert isinstance(outcome, Emit)
    (send,) = outcome.sends
    assert isinstance(send.event, Score)
    assert (send.topic, send.key, outcome.label) == ("scores", "t1", "score")
    assert (send.event.at, send.event.comment, send.event.source) == (AT, "good", "test")
    assert send.event.feedback_id == a_feedback(source="test", name="n").feedback_id


async def test_repeated_feedback_has_one_id_and_corrected_feedback_another() -> None:
    scores = [
        await admitted(a_record("feedback", a_feedback(score=score))) for score in (0.5, 0.5, 0.6)
    ]
    names = [outcome.sends[0].id for outcome in scores if isinstance(outcome, Emit)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    "body",
    [
        b'{"task_id": "t1", "score": 1.01}',
        b'{"task_id": "t1", "score": -0.1}',
        b'{"task_id": "t1"}',
        b'{"score": 1}',
        b'{"task_id": "t1", "score": 1, "source": "rumour"}',
    ],
)
async def test_wrong_feedback_is_buried_without_a_result(body: bytes) -> None:
    outcome = await admitted(a_record("feedback", body))
    assert isinstance(outcome, Bury)
    assert (outcome.reason, outcome.sends) == (Reason.SCHEMA_INVALID, ())

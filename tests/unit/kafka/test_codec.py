from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from streams.events.envelope import Envelope, Reason
from streams.events.feedback import Feedback
from streams.events.task import Task
from streams.kafka import codec
from streams.kafka.codec import Rejected
from tests.builders import AT, a_record, a_result, a_task


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b" ",
        b"{",
        b"NaN",
        b"Infinity",
        b"\xff",
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\\ud83d"}',
        b'{"a": 1}x',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_is_no_json_is_refused_with_a_reason(value: bytes | None) -> None:
    parsed = codec.parse(value)
    assert isinstance(parsed, Rejected)
    assert parsed.reason is Reason.NOT_JSON
    assert 0 < len(parsed.detail) <= codec.DETAIL_CHARS


@pytest.mark.parametrize(
    ("value", "kind"),
    [(b"[]", "an array"), (b'"x"', "a string"), (b"true", "a boolean"), (b"null", "null"),
     (b"1.5", "a number")],
)  # fmt: skip
def test_json_that_is_no_object_is_named_for_what_it_is(value: bytes, kind: str) -> None:
    rejected = codec.decode(Task, value)
    assert rejected == Rejected(Reason.SCHEMA_INVALID, f"a JSON object is wanted, not {kind}")


def test_every_wrong_field_is_named_and_no_value_is_repeated() -> None:
    rejected = codec.decode(Feedback, b'{"score": 7, "source": "secret-word"}')
    assert isinstance(rejected, Rejected)
    assert rejected.reason is Reason.SCHEMA_INVALID
    assert "task_id: Field required" in rejected.detail
    assert "score: Input should be less than or equal to 1" in rejected.detail
    assert "secret-word" not in rejected.detail


def test_a_long_explanation_is_cut() -> None:
    body = b'{"task_id": "t", "messages": [%s]}' % b",".join([b"1"] * 500)
    rejected = codec.decode(Task, body)
    assert isinstance(rejected, Rejected)
    assert len(rejected.detail) == codec.DETAIL_CHARS


def test_fields_from_the_future_are_ignored() -> None:
    task = codec.decode(Task, b'{"task_id": "t1", "prompt": "x", "invented_in": 2030}')
    assert task == Task(task_id="t1", prompt="x")


def test_a_task_is_written_without_what_is_at_its_default() -> None:
    assert codec.encode(Task(task_id="t1", prompt="x")) == b'{"task_id":"t1","prompt":"x"}'


def test_an_event_of_ours_is_written_with_every_field() -> None:
    body = codec.encode(a_result(model=None))
    assert b'"model":null' in body
    assert b'"cost_usd":"0.0001"' in body
    assert b'"completed_at":"2026-11-23T12:00:01.500000Z"' in body


def test_money_survives_to_its_last_digit() -> None:
    told = a_result(cost_usd=Decimal("123456.123456789012"))
    read = codec.decode(type(told), codec.encode(told))
    assert read == told


def test_headers_are_cloudevents_in_binary_mode() -> None:
    envelope = Envelope(
        id="e1", type="tierflow.task.v1", source="tests", time=AT, cause="c1", traceparent="00-1"
    )
    assert codec.headers(envelope, (("more", b"x"),)) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"e1"),
        ("ce_type", b"tierflow.task.v1"),
        ("ce_source", b"tests"),
        ("ce_time", b"2026-11-23T12:00:00Z"),
        ("content-type", b"application/json"),
        ("ce_cause", b"c1"),
        ("traceparent", b"00-1"),
        ("more", b"x"),
    ]


def test_a_cause_and_a_trace_that_are_not_known_are_left_out() -> None:
    names = dict(codec.headers(Envelope(id="e", type="t", source="s", time=AT)))
    assert not {"ce_cause", "traceparent"} & set(names)


def test_times_are_stamped_in_utc() -> None:
    there = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert codec.stamp(there) == b"2025-12-31T23:30:00Z"


def test_the_last_header_of_a_name_counts() -> None:
    record = a_record("tasks", b"", headers=[("a", b"1"), ("b", b"2"), ("a", b"\xff3")])
    assert record.header("a") == "�3"
    assert record.header("none") is None


@pytest.mark.parametrize(
    ("said", "redrive"),
    [(b"1", 1), (b"999", 999), (b"007", 7), (b"1000", 0), (b"-1", 0), (b"", 0), (b"x", 0),
     ("²".encode(), 0), ("\u0661".encode(), 0)],
)  # fmt: skip
def test_a_redrive_is_a_small_number_or_none_at_all(said: bytes, redrive: int) -> None:
    assert codec.redrive_of(a_record("tasks", b"", headers=[(codec.REDRIVE, said)])) == redrive


def test_a_record_without_the_header_is_no_redrive() -> None:
    assert codec.redrive_of(a_record("tasks", a_task())) == 0

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from streams.cli.answers import UsageError
from streams.cli.dlq import moment, selection_of
from streams.cli.letters import fact_of, lines_of, plain, table, whole_of
from streams.kafka.letters import letter_of
from tests.builders import AT, a_record

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORIGIN = [
    ("tierflow-reason", b"internal"), ("tierflow-stage", b"tier-2"),
    ("tierflow-detail", b"KeyError: 'x'"), ("tierflow-topic", b"tierflow.tier-2.v1"),
    ("tierflow-partition", b"1"), ("tierflow-offset", b"7"),
]  # fmt: skip
LETTER = letter_of(a_record("dead-letters", b"value", key=b"t1", partition=3, headers=ORIGIN))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30m", NOON - timedelta(minutes=30)),
        ("3d", NOON - timedelta(days=3)),
        ("2026-11-22", NOON - timedelta(days=1, hours=12)),
        ("2026-11-23T13:00:00+01:00", NOON),
        ("2026-11-23T12:00:00Z", NOON),
    ],
)
def test_a_moment_is_written_as_people_write_it(text: str, at: datetime) -> None:
    assert moment(text, NOON) == at


@pytest.mark.parametrize("text", ["", "yesterday", "2x", "-1h", "2026-13-01"])
def test_what_is_no_moment_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        moment(text, NOON)


@pytest.mark.parametrize("flag", ["reason", "stage", "topic"])
def test_a_word_that_is_none_of_ours_is_refused_with_those_that_are(flag: str) -> None:
    said = {"reason": None, "stage": None, "topic": None, "since": None, "until": None}
    with pytest.raises(UsageError, match=f"--{flag}: 'weather' is none of "):
        selection_of(argparse.Namespace(**{**said, flag: "weather"}), "tierflow.", NOON)


def test_a_letter_is_a_fact_for_programs_and_a_row_for_people() -> None:
    fact = fact_of(LETTER, set())
    assert (fact["letter"], fact["reason"], fact["key"], fact["bytes"]) == (
        "3/0",
        "internal",
        "t1",
        5,
    )
    assert (fact["topic"], fact["partition"], fact["offset"]) == ("tierflow.tier-2.v1", 1, 7)
    assert (fact["redriven"], fact["buried_at"]) == (False, AT)
    sent = LETTER.sent
    assert sent is not None
    assert fact_of(LETTER, {sent})["redriven"]
    head, row = table([fact])
    assert head.split()[:3] == ["buried", "at", "letter"]
    assert "3/0" in row
    assert "tierflow.tier-2.v1/1/7" in row


def test_a_letter_is_shown_whole_and_what_is_no_text_as_base64() -> None:
    lines = lines_of({**fact_of(LETTER, set()), **whole_of(LETTER)})
    assert lines[-1] == "value"  # the value is the word value
    assert "  tierflow-detail: KeyError: 'x'" in lines
    bytes_only = letter_of(a_record("dead-letters", b"\xff\x00"))
    assert whole_of(bytes_only) == {"headers": {}, "value_base64": "/wA="}


def test_what_a_publisher_wrote_can_not_steer_a_terminal() -> None:
    assert plain("a\x1b[2Jb\u202ec ü") == "a\\x1b[2Jb\\u202ec ü"

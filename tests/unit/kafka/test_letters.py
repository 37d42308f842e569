from datetime import timedelta

import orjson
import pytest

from streams import ids
from streams.events.envelope import Reason
from streams.events.redrive import MOST_REDRIVES
from streams.kafka.codec import REDRIVE, Record
from streams.kafka.letters import (
    Letter,
    Origin,
    Selection,
    Sent,
    letter_of,
    mark,
    obstacle,
    replaced,
    send_back,
    sent_of,
)
from streams.kafka.publish import dead_letter
from tests.builders import AT, a_record

PREFIX = "acme."


def buried(
    topic: str = "tasks", *, reason: Reason = Reason.INTERNAL, stage: str = "admit",
    offset: int = 9, headers: tuple[tuple[str, bytes], ...] = (), value: bytes = b"v",
) -> Letter:  # fmt: skip
    """A letter at 2/40, of a record at partition 4."""
    origin = a_record(topic, value, key=b"k", partition=4, offset=offset, headers=list(headers))
    letter = dead_letter(origin, stage, reason, "why", PREFIX)
    return letter_of(
        Record("dead-letters", 2, 40, letter.key, letter.value, tuple(letter.headers), AT)
    )


def test_a_letter_says_what_was_buried_where_and_why() -> None:
    letter = buried()
    assert (letter.reason, letter.stage, letter.detail) == ("internal", "admit", "why")
    assert letter.origin == Origin("acme.tasks.v1", 4, 9)
    assert (letter.place, letter.next_redrive) == ("2/40", 1)


def test_a_letter_goes_back_with_key_value_place_and_headers_and_the_next_number() -> None:
    theirs = (("ce_id", b"e1"), (REDRIVE, b"6"), ("tierflow-x", b"y"))
    outgoing = send_back(buried(headers=theirs), b"v")
    assert (outgoing.topic, outgoing.partition) == ("acme.tasks.v1", 4)
    assert (outgoing.key, outgoing.value) == (b"k", b"v")
    assert outgoing.headers == (("ce_id", b"e1"), (REDRIVE, b"7"))


def test_a_mark_tells_which_record_was_sent_and_under_which_number() -> None:
    letter = buried()
    marked = mark(letter, PREFIX, AT)
    assert marked.topic == "acme.redrives.v1"
    assert sent_of(a_record("redrives", marked.value)) == letter.sent
    assert letter.sent == Sent(Origin("acme.tasks.v1", 4, 9), 1)
    assert sent_of(a_record("redrives", b"not json")) is None


@pytest.mark.parametrize("name", ["2/40", "acme.dead-letters.v1/2/40", "acme.tasks.v1/4/9", "k"])
def test_a_letter_is_called_by_its_place_its_records_place_or_its_key(name: str) -> None:
    assert buried().is_called(name, PREFIX)
    assert not buried().is_called(name + "0", PREFIX)


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(PREFIX), True),
        (Selection(PREFIX, reason="internal", stage="admit", topic="tasks"), True),
        (Selection(PREFIX, reason="not_json"), False),
        (Selection(PREFIX, stage="classify"), False),
        (Selection(PREFIX, topic="admitted"), False),
        (Selection(PREFIX, since=AT, until=AT + timedelta(seconds=1)), True),
        (Selection(PREFIX, since=AT + timedelta(seconds=1)), False),
        (Selection(PREFIX, until=AT), False),
        (Selection(PREFIX, named=("x", "k")), True),
        (Selection(PREFIX, named=("x",)), False),
    ],
)
def test_a_selection_takes_what_meets_all_that_it_says(selection: Selection, taken: bool) -> None:
    assert selection.takes(buried()) == taken


def test_a_value_over_the_limit_is_known_by_its_place_and_digest() -> None:
    stub = replaced(buried(reason=Reason.TOO_LARGE, value=b"x" * 99))
    assert stub is not None
    assert (stub.offset, stub.bytes, stub.sha256) == (9, 99, ids.digest(b"x" * 99))
    assert replaced(buried(value=orjson.dumps(stub.model_dump()))) is None


@pytest.mark.parametrize(
    ("letter", "words"),
    [
        (letter_of(a_record("dead-letters", b"stray")), "does not say"),
        (buried(headers=((REDRIVE, str(MOST_REDRIVES).encode()),)), "999 times"),
        (buried("dead-letters"), "no topic of this deployment"),
    ],
)
def test_what_can_not_go_back_says_why(letter: Letter, words: str) -> None:
    assert words in (obstacle(letter, PREFIX) or "")


def test_a_letter_of_another_deployment_does_not_go_back_from_here() -> None:
    assert obstacle(buried(), PREFIX) is None
    assert "kafka.prefix" in (obstacle(buried(), "tierflow.") or "")

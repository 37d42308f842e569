"""Dead letters: what one says, which of them are meant, and the record that goes back."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from streams import ids
from streams.events.envelope import Envelope, Reason
from streams.events.redrive import MOST_REDRIVES, Redrive
from streams.kafka import codec
from streams.kafka.codec import Record, redrive_of, redriven
from streams.kafka.publish import Outgoing, dress
from streams.topology import BY_NAME, DEAD_LETTERS, REDRIVES

UNKNOWN = "unknown"


class Origin(NamedTuple):
    """Where the buried record lay: full topic name, partition, offset."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """As people type it."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Sent(NamedTuple):
    """What tells that a record was sent again: its place, and the number that it went with."""

    origin: Origin
    redrive: int


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter; `origin` is None where it does not say where it came from."""

    record: Record
    reason: str
    stage: str
    detail: str
    origin: Origin | None

    @property
    def place(self) -> str:
        """Where it lies in the dead letters, as people type it."""
        return f"{self.record.partition}/{self.record.offset}"

    @property
    def next_redrive(self) -> int:
        """The number of the redrive to come: one above the letter's own."""
        return redrive_of(self.record) + 1

    @property
    def sent(self) -> Sent | None:
        """What its redrive will be known by."""
        return None if self.origin is None else Sent(self.origin, self.next_redrive)

    def is_called(self, name: str, prefix: str) -> bool:
        """Whether a person means it: by its place, the place of its record, or its key."""
        full = f"{DEAD_LETTERS.full_name(prefix)}/{self.place}"
        key = (self.record.key or b"").decode("utf-8", "replace")
        return name in (self.place, full, str(self.origin), key or self.place)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; what is None or empty excludes nothing.

    Args:
        reason: Why they were buried.
        stage: Who buried them.
        topic: Where their records came from, by short name.
        since: Buried then or later.
        until: Buried before.
        named: By place or key, see `Letter.is_called`.
    """

    prefix: str
    reason: str | None = None
    stage: str | None = None
    topic: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    named: Collection[str] = field(default=())

    def takes(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        at = letter.record.at
        name = short_name(letter.origin.topic, self.prefix) if letter.origin else None
        return (
            self.reason in (None, letter.reason)
            and self.stage in (None, letter.stage)
            and self.topic in (None, name)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and (not self.named or any(letter.is_called(n, self.prefix) for n in self.named))
        )


class Replaced(BaseModel):
    """What stands in a letter in place of a value over the limit."""

    topic: str
    partition: int
    offset: int
    bytes: int
    sha256: str


def letter_of(record: Record) -> Letter:
    """Read a letter's headers."""
    topic = record.header("tierflow-topic")
    partition, offset = (_number(record.header(f"tierflow-{n}")) for n in ("partition", "offset"))
    whole = topic is not None and partition is not None and offset is not None
    return Letter(
        record,
        record.header("tierflow-reason") or UNKNOWN,
        record.header("tierflow-stage") or UNKNOWN,
        record.header("tierflow-detail") or "",
        Origin(topic or "", partition or 0, offset or 0) if whole else None,
    )


def replaced(letter: Letter) -> Replaced | None:
    """What stands in place of the value, where it was over the limit."""
    if letter.reason != Reason.TOO_LARGE.value:
        return None
    try:
        return Replaced.model_validate_json(letter.record.value or b"")
    except ValidationError:
        return None


def obstacle(letter: Letter, prefix: str) -> str | None:
    """Why a letter can't go back at all, or None."""
    if letter.origin is None:
        return "it does not say where it came from"
    name = short_name(letter.origin.topic, prefix)
    if name is None or name in (DEAD_LETTERS.name, REDRIVES.name):
        return f"{letter.origin.topic} is no topic of this deployment: check kafka.prefix"
    if letter.next_redrive > MOST_REDRIVES:
        return f"it was sent again {MOST_REDRIVES} times"
    return None


def send_back(letter: Letter, value: bytes | None) -> Outgoing:
    """The record as it was, with the number of its redrive, for the partition that it came from.

    Raises:
        ValueError: The letter has an `obstacle`.
    """
    if letter.origin is None:
        raise ValueError("a letter without an origin goes nowhere")
    theirs = tuple(h for h in letter.record.headers if not h[0].startswith("tierflow-"))
    headers = (*theirs, *redriven(letter.next_redrive))
    topic, partition, _ = letter.origin
    return Outgoing(topic, letter.record.key, value, headers, partition, foreign=True)


def mark(letter: Letter, prefix: str, now: datetime) -> Outgoing:
    """The record on `redrives` that says a letter was sent back."""
    origin = letter.origin or Origin("", 0, 0)
    event = Redrive(
        letter_partition=letter.record.partition,
        letter_offset=letter.record.offset,
        reason=letter.reason,
        stage=letter.stage,
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        redrive=letter.next_redrive,
        at=now,
    )
    name = ids.derive("redrive", str(origin), event.redrive)
    envelope = Envelope(id=name, type=Redrive.TYPE, source="tierflow/dlq", time=now)
    return dress(REDRIVES.name, str(origin), event, envelope, prefix)


def sent_of(record: Record) -> Sent | None:
    """What a record of `redrives` marks as sent; None where it is none."""
    event = codec.decode(Redrive, record.value)
    if isinstance(event, codec.Rejected):
        return None
    return Sent(Origin(event.topic, event.partition, event.offset), event.redrive)


def short_name(topic: str, prefix: str) -> str | None:
    """A topic's name in the topology, or None where it is none of this deployment's.

    Example:
        >>> short_name("tierflow.tasks.v1", "tierflow."), short_name("x.tasks.v1", "tierflow.")
        ('tasks', None)
    """
    name = topic.removeprefix(prefix).removesuffix(".v1")
    return name if name in BY_NAME and BY_NAME[name].full_name(prefix) == topic else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else None

"""Bytes and headers ⇄ event: CloudEvents 1.0 in Kafka's binary mode, JSON bodies.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from streams.events.envelope import SPEC_VERSION, Envelope, Event, Reason
from streams.events.redrive import MOST_REDRIVES

E = TypeVar("E", bound=Event)
Headers = tuple[tuple[str, bytes], ...]

CONTENT_TYPE = ("content-type", b"application/json")
DETAIL_CHARS = 500

REDRIVE = "tierflow-redrive"
"""How often an operator has sent a record again; part of every id derived from it."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A body that is not the event it should be, and why; `detail` names the field."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as a handler sees it: bytes, and where they came from.

    `topic` is the short name of the topology, such as `tasks`; `at` is the broker's timestamp.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    at: datetime

    def header(self, name: str) -> str | None:
        """The last header of this name as text, or None."""
        return header(self.headers, name)


def received(topic: str, fetched: Any) -> Record:
    """A record as aiokafka fetched it, under its topic's short name; without a date it is of 1970."""
    return Record(
        topic=topic,
        partition=fetched.partition,
        offset=fetched.offset,
        key=fetched.key,
        value=fetched.value,
        headers=tuple(fetched.headers),
        at=datetime.fromtimestamp(max(fetched.timestamp, 0) / 1000, UTC),
    )


def redrive_of(record: Record) -> int:
    """What header `tierflow-redrive` says, 0 to 999; 0 where it is missing or no number."""
    text = record.header(REDRIVE) or ""
    short = len(text) <= len(str(MOST_REDRIVES))
    return int(text) if short and text.isdecimal() and text.isascii() else 0


def redriven(number: int) -> Headers:
    """The header that says so, where a record was sent again at all."""
    return ((REDRIVE, str(number).encode()),) if number else ()


def parse(value: bytes | None) -> object | Rejected:
    """Parse JSON strictly: no lone surrogates, no NaN, no bottomless nesting.

    Returns:
        The value, or why it is no JSON.

    Example:
        >>> parse(b'{"a": 1}')
        {'a': 1}
        >>> parse(b"").reason
        <Reason.NOT_JSON: 'not_json'>
    """
    try:
        return orjson.loads(value or b"")  # type: ignore[no-any-return]
    except (orjson.JSONDecodeError, RecursionError) as error:
        return Rejected(Reason.NOT_JSON, str(error)[:DETAIL_CHARS])


def decode(event: type[E], value: bytes | None) -> E | Rejected:
    """Read a body tolerantly: unknown fields are ignored, wrong ones are named.

    Args:
        event: What the topic carries.
        value: The record's value.

    Returns:
        The event, or the reason and the first offending fields.
    """
    parsed = parse(value)
    if isinstance(parsed, Rejected):
        return parsed
    if not isinstance(parsed, dict):
        return Rejected(Reason.SCHEMA_INVALID, f"a JSON object is wanted, not {_json_type(parsed)}")
    try:
        return event.model_validate(parsed)
    except ValidationError as error:
        return Rejected(Reason.SCHEMA_INVALID, explain(error))
    except RecursionError:
        return Rejected(Reason.NOT_JSON, "nested too deeply")


def explain(error: ValidationError) -> str:
    """Name each wrong field and what is allowed, without repeating the value."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    lines = (
        f"{'.'.join(str(at) for at in problem['loc']) or 'body'}: {problem['msg']}"
        for problem in problems
    )
    return "; ".join(lines)[:DETAIL_CHARS]


def encode(event: Event) -> bytes:
    """Write a body strictly: every field of the schema, unknown values as null.

    Money is written as decimal strings, times as RFC 3339 UTC. A sparse event leaves out what is
    at its default, so that its digest survives a release that adds a field.
    """
    return orjson.dumps(event.model_dump(mode="json", exclude_defaults=event.SPARSE))


def headers(envelope: Envelope, extra: Headers = ()) -> list[tuple[str, bytes]]:
    """CloudEvents attributes as Kafka headers."""
    attributes = [
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_id", envelope.id.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_time", stamp(envelope.time)),
        CONTENT_TYPE,
    ]
    if envelope.cause is not None:
        attributes.append(("ce_cause", envelope.cause.encode()))
    if envelope.traceparent is not None:
        attributes.append(("traceparent", envelope.traceparent.encode()))
    return [*attributes, *extra]


def stamp(at: datetime) -> bytes:
    """RFC 3339 in UTC, ending in Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()


def header(known: Headers, name: str) -> str | None:
    """The last header of this name as text, or None."""
    for key, value in reversed(known):
        if key == name:
            return value.decode("utf-8", "replace")
    return None


def _json_type(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")

"""Traces without a library: W3C trace context, and spans as values whose ids follow their cause.

A redelivered record has the span it had: records that the first delivery published already name it
as their parent, and a worker that was killed before it exported leaves no gap in the chain.

Source: https://www.w3.org/TR/trace-context/; names: OpenTelemetry semantic conventions 1.44.0.
"""

import enum
import re
import secrets
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from streams import ids

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
SAMPLED = 1
STATE_CHARS = 512
"""A longer `tracestate` is not passed to the exporter."""

TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
Attribute = str | int | float | bool | Sequence[str]


class Kind(enum.Enum):
    """Which side of a conversation a span is."""

    CONSUMER = "consumer"
    PRODUCER = "producer"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Context:
    """One span's place: its trace, its own id, and whether it is recorded.

    Example:
        >>> parse("00-" + "a" * 32 + "-" + "b" * 16 + "-01").sampled
        True
    """

    trace_id: str
    span_id: str
    sampled: bool
    state: str | None = None

    @property
    def traceparent(self) -> str:
        """As a header carries it."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


@dataclass(frozen=True, slots=True)
class Span:
    """A span that has ended. `error` is a closed word, never a message: messages quote tasks."""

    name: str
    kind: Kind
    context: Context
    parent: Context | None
    began_at: datetime
    ended_at: datetime
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    error: str | None = None


class Tracer(Protocol):
    """Where spans go. Neither call may wait or fail."""

    def samples(self, trace_id: str) -> bool:
        """Whether a trace that begins here is to be recorded."""
        ...

    def record(self, span: Span) -> None:
        """Take a span that has ended."""
        ...


CURRENT: ContextVar[Context | None] = ContextVar("span", default=None)
"""The span of the record in work: the parent of a call that is made for it."""


def parse(traceparent: str | None, state: str | None = None) -> Context | None:
    """The parent that a header names; None where there is none, or none that can be used."""
    found = TRACEPARENT.fullmatch(traceparent or "")
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) * int(span_id, 16):
        return None
    kept = state if state and len(state) <= STATE_CHARS else None
    return Context(trace_id, span_id, bool(int(flags, 16) & SAMPLED), kept)


def begin(tracer: Tracer, *cause: str | int) -> Context:
    """The place of a trace's first span: derived from its cause, or by chance without one."""
    trace_id = _derived(32, "trace", *cause) if cause else secrets.token_hex(16)
    span_id = _derived(16, "span", trace_id) if cause else secrets.token_hex(8)
    return Context(trace_id, span_id, tracer.samples(trace_id))


def below(parent: Context, *cause: str | int) -> Context:
    """The place of the span of `cause` below a parent, in whose trace and fate it is."""
    span_id = _derived(16, "span", parent.trace_id, *cause)
    return Context(parent.trace_id, span_id, parent.sampled, parent.state)


def _derived(digits: int, kind: str, *cause: str | int) -> str:
    return ids.derive(kind, *cause).rpartition("-")[2][:digits]

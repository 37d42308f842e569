"""What every event has: CloudEvents attributes, versions, and why a record may be refused."""

import enum
import re
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SPEC_VERSION = "1.0"
"""CloudEvents 1.0, https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md."""


class Part(BaseModel):
    """A piece of an event's body. Readers ignore what they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class State(Part):
    """A table's value; `at` is when it was last written and decides when it is dropped."""

    at: datetime


class Event(Part):
    """A body that travels on a topic."""

    TYPE: ClassVar[str]
    """CloudEvents type: `tierflow.<name>.v<N>`."""

    SPARSE: ClassVar[bool] = False
    """Whether a body leaves out what is at its default."""


class Envelope(BaseModel):
    """The CloudEvents attributes of one event, carried as `ce_*` headers in binary mode.

    `time` is the moment of the cause, `cause` the id of the event that led to this one.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    type: str
    source: str
    time: datetime
    cause: str | None = None
    traceparent: str | None = None


class Reason(enum.StrEnum):
    """Why a record went to the dead letters; header `tierflow-reason`."""

    NOT_JSON = "not_json"  # empty, not UTF-8, not JSON, nested too deeply
    SCHEMA_INVALID = "schema_invalid"  # JSON, but not the event's schema
    TOO_LARGE = "too_large"
    UNKNOWN_MODEL = "unknown_model"
    IN_DOUBT = "in_doubt"  # a call's outcome is unknown, and the tier parks such tasks
    UNDELIVERABLE = "undeliverable"  # the broker refuses what it led to for good
    INTERNAL = "internal"  # a bug in a handler


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL (U+0000)")
    return text


_CONTROLS = re.compile("[\x00-\x1f\x7f]")


def has_controls(text: str) -> bool:
    """Whether a text has control characters: C0 or DEL."""
    return _CONTROLS.search(text) is not None


def _without_controls(text: str) -> str:
    if not text.isprintable() and has_controls(text):  # most are, which is told at once
        raise ValueError("must not contain control characters")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
"""Any text without NUL."""

Id = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_without_controls)]
"""1 to 256 characters without control characters."""

Label = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_without_controls)]
"""A short name: tenant, kind, model."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A probability, quality or score in [0, 1]."""

Tier = Annotated[int, Field(ge=0, le=4)]
"""Rung of cost and ability: 0 no LLM, 1 tiny, 2 small, 3 medium, 4 large."""

JsonObject = dict[str, Any]

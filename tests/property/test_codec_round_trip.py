import enum
import types
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from streams import topology
from streams.events.envelope import Envelope, Event, Part, Reason
from streams.events.task import Message, Task
from streams.kafka import codec
from streams.kafka.codec import Rejected

EVENTS = sorted({t.event for t in topology.TOPICS if t.event}, key=lambda event: event.TYPE)
WIDEST = 2**53

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
PRINTED = st.characters(exclude_categories=["Cs", "Cc"])
TEXTS = st.text(LETTERS, min_size=1, max_size=20)
LABELS = st.text(PRINTED, min_size=1, max_size=12)
MONEY = st.integers(0, 10**18 - 1).map(lambda n: Decimal(n).scaleb(-12))
MOMENTS = st.integers(0, 10**15).map(
    lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)
)
SCALARS = st.none() | st.booleans() | st.integers(-WIDEST, WIDEST) | TEXTS
OBJECTS = st.dictionaries(
    LABELS,
    SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(LABELS, SCALARS, max_size=2),
    max_size=3,
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: LABELS,
    bool: st.booleans(),
    Decimal: MONEY,
    datetime: MOMENTS,
    AwareDatetime: MOMENTS,
    type(None): st.none(),
    Any: SCALARS,
}


def values(annotation: Any, limits: Sequence[Any] = ()) -> st.SearchStrategy[Any]:
    """Values that a field of this type takes."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return values(inner[0], [*limits, *inner[1:]])
    if origin in (Union, types.UnionType):
        return st.one_of([values(one, limits) for one in inner])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is not None:
        return several(origin, inner)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum | Part):
        return built(annotation) if issubclass(annotation, Part) else st.sampled_from(annotation)
    return numbers(annotation, limits) if annotation in (int, float) else plain(annotation, limits)


def plain(annotation: Any, limits: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Texts, moments and the like; a text by its pattern, where it has one."""
    patterns = [str(m.pattern) for m in flat(limits) if getattr(m, "pattern", None)]
    by_pattern = annotation is str and patterns
    return st.from_regex(patterns[0], fullmatch=True) if by_pattern else PLAIN[annotation]


def flat(limits: Sequence[Any]) -> list[Any]:
    """What bounds a field, taken out of pydantic's wrapping."""
    return [m for one in limits for m in (one.metadata if isinstance(one, FieldInfo) else [one])]


def several(kind: Any, inner: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """A tuple, list or dictionary."""
    if kind is dict:
        return OBJECTS if inner[1] is Any else st.dictionaries(LABELS, values(inner[1]), max_size=2)
    return st.lists(values(inner[0]), max_size=2).map(kind)


def numbers(kind: type[int | float], limits: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Whole or other numbers within a field's bounds."""
    bounds = flat(limits)
    low: Any = next((m.ge for m in bounds if isinstance(m, annotated_types.Ge)), -WIDEST)
    above: Any = next((m.gt for m in bounds if isinstance(m, annotated_types.Gt)), None)
    high: Any = next((m.le for m in bounds if isinstance(m, annotated_types.Le)), WIDEST)
    if kind is int:
        return st.integers(low, high)
    if above is not None:
        return st.floats(above, high, exclude_min=True)
    return st.floats(low, high)


@cache
def built(part: type[Part]) -> st.SearchStrategy[Any]:
    """Any valid event or piece of one."""
    if part is Task:
        return tasks()
    fields = {
        name: values(info.annotation, info.metadata) for name, info in part.model_fields.items()
    }
    return st.fixed_dictionaries(fields).map(lambda found: part(**found))


def tasks() -> st.SearchStrategy[Task]:
    """Any valid task: a prompt or messages, and whatever bounds it."""
    texts = TEXTS | st.lists(st.fixed_dictionaries({"text": TEXTS}), min_size=1, max_size=2)
    roles = st.sampled_from(["system", "user", "assistant", "tool"])
    turns = st.lists(st.builds(Message, role=roles, content=texts), min_size=1, max_size=3)
    asks = st.fixed_dictionaries({"prompt": TEXTS}) | st.fixed_dictionaries({"messages": turns})
    bounds = st.fixed_dictionaries(
        {"task_id": LABELS},
        optional={
            "context": TEXTS, "kind": LABELS, "tenant": LABELS, "max_cost_usd": MONEY,
            "deadline_at": MOMENTS, "min_quality": st.floats(0, 1), "max_tier": st.integers(0, 4),
            "model": LABELS, "capabilities": st.lists(LABELS, max_size=2).map(tuple),
            "response_schema": OBJECTS, "temperature": st.floats(0, 2),
            "max_output_tokens": st.integers(1, 10**6), "tools": st.lists(OBJECTS, max_size=2),
            "stop": st.lists(TEXTS, max_size=2), "json_output": st.booleans(),
            "cascade": st.booleans(), "critical": st.booleans(), "reply_to": LABELS, "metadata": OBJECTS,
        },
    )  # fmt: skip
    return st.builds(lambda ask, bound: Task(**ask, **bound), asks, bounds)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.TYPE)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_every_event_survives_the_wire(event: type[Event], data: st.DataObject) -> None:
    told = data.draw(built(event))
    body = codec.encode(told)
    assert codec.decode(event, body) == told
    assert codec.encode(event.model_validate(orjson.loads(body))) == body


@given(tasks())
@settings(max_examples=50, deadline=None)
def test_a_task_is_written_in_one_way_so_that_its_digest_is_its_identity(task: Task) -> None:
    spelled_out = orjson.dumps(task.model_dump(mode="json"))
    read = codec.decode(Task, spelled_out)
    assert isinstance(read, Task)
    assert codec.encode(read) == codec.encode(task)


@given(st.binary(max_size=200) | OBJECTS.map(orjson.dumps))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_an_event_or_a_reason(value: bytes) -> None:
    for event in (Task, topology.FEEDBACK.event):
        assert event is not None
        read = codec.decode(event, value)
        if isinstance(read, Rejected):
            assert read.reason in (Reason.NOT_JSON, Reason.SCHEMA_INVALID)
            assert len(read.detail) <= codec.DETAIL_CHARS
        else:
            assert codec.decode(event, codec.encode(read)) == read


@given(event_id=TEXTS, at=MOMENTS, cause=st.none() | TEXTS)
def test_an_envelope_can_be_read_back_from_its_headers(
    event_id: str, at: datetime, cause: str | None
) -> None:
    known = tuple(codec.headers(Envelope(id=event_id, type="t", source="s", time=at, cause=cause)))
    assert codec.header(known, "ce_id") == event_id
    assert codec.header(known, "ce_cause") == cause
    assert datetime.fromisoformat(codec.header(known, "ce_time") or "") == at

"""A file of logged events: JSON lines, however they were written down.

A line is an event's body, a record as `kcat -J` prints it (`topic`, `payload`), a CloudEvent in
JSON (`type`, `data`), or a story as `tierflow explain --json` tells it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from streams.events.control import ModelState
from streams.events.decision import Assignment, Decision
from streams.events.envelope import Event, JsonObject
from streams.events.feedback import Feedback, Score
from streams.events.outcome import Result
from streams.events.task import Task
from streams.kafka import codec
from streams.rig.recorded import objects_of
from streams.topology import BY_NAME

KINDS: tuple[type[Event], ...] = (
    Decision, Result, Score, Feedback, Assignment, ModelState, Task,
)  # fmt: skip
"""What tells of a decision; all else in a log is left aside."""

MARKS: Mapping[type[Event], frozenset[str]] = {
    Decision: frozenset({"decision_id", "predicted_quality"}),
    Assignment: frozenset({"tier", "body_digest", "accepted_at", "trail"}),
    Result: frozenset({"status", "completed_at"}),
    Score: frozenset({"feedback_id", "score", "at"}),
    ModelState: frozenset({"part", "weights", "checksum"}),
    Feedback: frozenset({"task_id", "score"}),
}
"""Fields by which a bare body is known; what has none of these sets and asks something is a task."""

STORY: Mapping[str, type[Event]] = {"decisions": Decision, "results": Result, "feedback": Score}
"""Parts of a story, by its keys."""

_TYPES = {kind.TYPE: kind for kind in KINDS}
_BODIES = "payload", "value", "data"


def events_of(content: bytes, source: str) -> Iterator[Event]:
    """The events of a log that tell of decisions; other lines are passed over.

    Args:
        content: The whole text, unpacked.
        source: What to call it in messages.

    Raises:
        RecordedError: A line is no JSON object.
    """
    for _, found in objects_of(content, source):
        yield from events_in(found)


def events_in(found: JsonObject) -> Iterator[Event]:
    """The events that one line of a log tells of."""
    for kind, body in _bodies(found):
        event = _read(kind, body)
        if event is not None:
            yield event


def _bodies(found: JsonObject) -> Iterator[tuple[type[Event] | None, Any]]:
    """What a line holds, each with its kind, where that is known."""
    if isinstance(found.get("decisions"), list):
        for key, told in STORY.items():
            yield from ((told, body) for body in found.get(key) or ())
        return
    wrapped = next((found[name] for name in _BODIES if name in found), None)
    kind = _kind_of(found)
    if wrapped is None or kind is None:
        yield _kind_by_fields(found), found
    else:
        yield kind, codec.parse(wrapped.encode()) if isinstance(wrapped, str) else wrapped


def _kind_of(found: JsonObject) -> type[Event] | None:
    """What a record or CloudEvent says that it carries."""
    if isinstance(said := found.get("type"), str):
        return _TYPES.get(said)
    if isinstance(topic := found.get("topic"), str):
        name = topic.removesuffix(".v1").rsplit(".", 1)[-1]
        event = BY_NAME[name].event if name in BY_NAME else None
        return event if event in KINDS else None
    return None


def _kind_by_fields(body: JsonObject) -> type[Event] | None:
    known = next((kind for kind, marks in MARKS.items() if marks <= body.keys()), None)
    asks = "task_id" in body and ("prompt" in body or "messages" in body)
    return known or (Task if asks else None)


def _read(kind: type[Event] | None, body: object) -> Event | None:
    """An event, tolerantly: a decision in a story or in the books has no features."""
    if kind is None or not isinstance(body, dict):
        return None
    whole = {"features": "", **body} if kind is Decision else body
    event = codec.decode(kind, orjson.dumps(whole))
    return None if isinstance(event, codec.Rejected) else event

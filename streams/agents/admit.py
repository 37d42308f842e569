"""tasks → admitted, feedback → scores: what others write is checked, then carries our key.

A bad record goes to the dead letters. Where a task's id can be read, a refusal goes to tier 0 as
well, which writes the failed result, so that nobody waits for ever.
"""

from collections.abc import Collection

from pydantic_core import to_json

from streams import ids
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Record, Send
from streams.events.decision import Assignment, Refusal, RefusalReason
from streams.events.envelope import JsonObject, Reason, has_controls
from streams.events.feedback import Feedback, Score
from streams.events.task import METADATA_BYTES, NESTING, Task, deeper
from streams.kafka import codec
from streams.kafka.codec import redrive_of, redriven
from streams.topology import ADMITTED, FEEDBACK, SCORES, TIERS

ID_CHARS = 256


def admit(max_task_bytes: int, reply_topics: Collection[str] = ()) -> Bound:
    """Check what publishers write.

    Args:
        max_task_bytes: A larger task fails with `too_large`.
        reply_topics: Topics that may have a copy of a result, by full name.
    """

    async def handle(record: Record) -> Outcome:
        if record.topic == FEEDBACK.name:
            return _feedback(record)
        return _task(record, max_task_bytes, reply_topics)

    return Bound(handle)


def _task(record: Record, max_task_bytes: int, reply_topics: Collection[str]) -> Outcome:
    value = record.value or b""
    if len(value) > max_task_bytes:
        detail = f"{len(value)} bytes; at most {max_task_bytes} are allowed"
        sends = _refuse(record, RefusalReason.TOO_LARGE, detail, reply_topics)
        return Bury(Reason.TOO_LARGE, detail, sends)
    task = codec.decode(Task, value)
    if isinstance(task, codec.Rejected):
        sends = _refuse(record, RefusalReason.INVALID_TASK, task.detail, reply_topics)
        return Bury(task.reason, task.detail, sends)
    redrive = redrive_of(record)
    name = ids.derive("task", task.task_id, ids.digest(codec.encode(task)), redrive)
    cause, headers = record.header("ce_id"), redriven(redrive)
    send = Send(ADMITTED.name, task.task_id, task, name, cause=cause, headers=headers)
    return Emit((send,), label="task")


def _feedback(record: Record) -> Outcome:
    feedback = codec.decode(Feedback, record.value)
    if isinstance(feedback, codec.Rejected):
        return Bury(feedback.reason, feedback.detail)
    at = feedback.at or record.at
    score = Score(
        feedback_id=feedback.feedback_id,
        task_id=feedback.task_id,
        score=feedback.score,
        source=feedback.source,
        name=feedback.name,
        comment=feedback.comment,
        at=at,
    )
    name = ids.derive("score", score.feedback_id, repr(score.score), feedback.comment or "")
    cause = record.header("ce_id")
    return Emit((Send(SCORES.name, score.task_id, score, name, cause=cause),), label="score")


def _refuse(
    record: Record, reason: RefusalReason, detail: str, reply_topics: Collection[str]
) -> tuple[Send, ...]:
    """The refusal of a task whose id can be read; nothing where it can't.

    Where to answer and what to echo are taken as well, each where it can be used by itself.
    """
    parsed = codec.parse(record.value)
    fields: JsonObject = parsed if isinstance(parsed, dict) else {}
    task_id = _readable_id(fields)
    if task_id is None:
        return ()
    reply_to = fields.get("reply_to")
    body = ids.digest(record.value or b"")
    redrive = redrive_of(record)
    assignment = Assignment(
        task_id=task_id,
        tier=0,
        body_digest=body,
        redrive=redrive,
        accepted_at=record.at,
        refusal=Refusal(reason=reason, detail=detail),
        metadata=_readable_metadata(fields),
        reply_to=reply_to if isinstance(reply_to, str) and reply_to in reply_topics else None,
    )
    name = ids.derive("assignment", task_id, body, redrive, 0)
    cause, headers = record.header("ce_id"), redriven(redrive)
    return (Send(TIERS[0].name, task_id, assignment, name, cause=cause, headers=headers),)


def _readable_id(fields: JsonObject) -> str | None:
    task_id = fields.get("task_id")
    if not isinstance(task_id, str) or not 0 < len(task_id) <= ID_CHARS:
        return None
    return None if has_controls(task_id) else task_id


def _readable_metadata(fields: JsonObject) -> JsonObject | None:
    metadata = fields.get("metadata")
    if not isinstance(metadata, dict) or deeper(metadata, NESTING):
        return None
    return metadata if len(to_json(metadata)) <= METADATA_BYTES else None

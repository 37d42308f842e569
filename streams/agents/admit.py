"""tasks → admitted, feedback → scores: what others write is checked, then carries our key.

A bad record goes to the dead letters. Where a task's id can be read, a refusal goes to tier 0 as
well, which writes the failed result, so that nobody waits for ever.
"""

from streams import ids
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Record, Send
from streams.events.decision import Assignment, Refusal, RefusalReason
from streams.events.envelope import Reason, has_controls
from streams.events.feedback import Feedback, Score
from streams.events.task import Task
from streams.kafka import codec
from streams.kafka.codec import REDRIVE, redrive_of
from streams.topology import ADMITTED, FEEDBACK, SCORES, TIERS

ID_CHARS = 256


def admit(max_task_bytes: int) -> Bound:
    """Check what publishers write.

    Args:
        max_task_bytes: A larger task fails with `too_large`.
    """

    async def handle(record: Record) -> Outcome:
        if record.topic == FEEDBACK.name:
            return _feedback(record)
        return _task(record, max_task_bytes)

    return Bound(handle)


def _task(record: Record, max_task_bytes: int) -> Outcome:
    value = record.value or b""
    if len(value) > max_task_bytes:
        detail = f"{len(value)} bytes; at most {max_task_bytes} are allowed"
        sends = _refuse(record, RefusalReason.TOO_LARGE, detail)
        return Bury(Reason.TOO_LARGE, detail, sends)
    task = codec.decode(Task, value)
    if isinstance(task, codec.Rejected):
        sends = _refuse(record, RefusalReason.INVALID_TASK, task.detail)
        return Bury(task.reason, task.detail, sends)
    redrive = redrive_of(record)
    name = ids.derive("task", task.task_id, ids.digest(codec.encode(task)), redrive)
    headers = ((REDRIVE, str(redrive).encode()),) if redrive else ()
    cause = record.header("ce_id")
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


def _refuse(record: Record, reason: RefusalReason, detail: str) -> tuple[Send, ...]:
    """The refusal of a task whose id can be read; nothing where it can't."""
    task_id = _readable_id(record.value)
    if task_id is None:
        return ()
    body = ids.digest(record.value or b"")
    redrive = redrive_of(record)
    assignment = Assignment(
        task_id=task_id,
        tier=0,
        body_digest=body,
        redrive=redrive,
        accepted_at=record.at,
        refusal=Refusal(reason=reason, detail=detail),
    )
    name = ids.derive("assignment", task_id, body, redrive, 0)
    return (Send(TIERS[0].name, task_id, assignment, name, cause=record.header("ce_id")),)


def _readable_id(value: bytes | None) -> str | None:
    parsed = codec.parse(value)
    task_id = parsed.get("task_id") if isinstance(parsed, dict) else None
    if not isinstance(task_id, str) or not 0 < len(task_id) <= ID_CHARS:
        return None
    return None if has_controls(task_id) else task_id

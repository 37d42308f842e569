"""decisions + scores → lessons: each feedback meets its task's decision once, in any order."""

from collections.abc import Mapping

from streams.agents.outcome import Bound, Bury, Emit, Outcome, Put, Record, Send, Skip, State
from streams.clock import Clock
from streams.events.decision import Decision
from streams.events.feedback import Score
from streams.kafka.codec import Rejected, decode
from streams.learning.joining import Half, Joined, join_decision, join_score


class Waiting(State):
    """Table `waiting`, by task id: what is known of a task."""

    half: Half


def join(waiting: Mapping[str, Waiting], clock: Clock) -> Bound:
    """Join scores with the decisions they judge.

    A score whose task was never seen waits for it and expires with the table's entries.

    Args:
        waiting: What is known of each task, by task id; bounded by the table layer.
        clock: Dates what is kept.
    """

    async def handle(record: Record) -> Outcome:
        if record.topic == "scores":
            score = decode(Score, record.value)
            if isinstance(score, Rejected):
                return Bury(score.reason, score.detail)
            half = _recall(waiting, score.task_id)
            joined = join_score(half, score, record.offset, record.at)
            return _carry(record, score.task_id, half, joined, clock)
        decision = decode(Decision, record.value)
        if isinstance(decision, Rejected):
            return Bury(decision.reason, decision.detail)
        half = _recall(waiting, decision.task_id)
        joined = join_decision(half, decision, record.offset)
        return _carry(record, decision.task_id, half, joined, clock)

    return Bound(handle)


def _recall(waiting: Mapping[str, Waiting], task_id: str) -> Half:
    kept = waiting.get(task_id)
    return Half() if kept is None else kept.half


def _carry(record: Record, task_id: str, half: Half, joined: Joined, clock: Clock) -> Outcome:
    puts: tuple[Put, ...] = ()
    if joined.half is not half:
        puts = (Put("waiting", task_id, Waiting(at=clock.now(), half=joined.half)),)
    if not joined.lessons:
        return Skip(joined.step, puts)
    sends = tuple(
        Send(
            topic="lessons",
            key=task_id,
            event=lesson,
            id=lesson.lesson_id,
            cause=record.header("ce_id"),
            traceparent=record.header("traceparent"),
        )
        for lesson in joined.lessons
    )
    return Emit(sends, puts, joined.step)

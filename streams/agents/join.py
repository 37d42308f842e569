"""decisions + scores + results → lessons: each feedback meets its task's decision, in any order.

Results only say who answered where a fallback did.
"""

from collections.abc import Mapping

from streams.agents.outcome import Bound, Bury, Emit, Outcome, Put, Record, Send, Skip, State
from streams.clock import Clock
from streams.events.decision import Decision
from streams.events.feedback import Score
from streams.events.outcome import Result
from streams.kafka.codec import Rejected, decode
from streams.learning.joining import Half, Joined, join_decision, join_result, join_score

READS: Mapping[str, type[Decision | Score | Result]] = {
    "decisions": Decision,
    "scores": Score,
    "results": Result,
}


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
        event = decode(READS[record.topic], record.value)
        if isinstance(event, Rejected):
            return Bury(event.reason, event.detail)
        kept = waiting.get(event.task_id)
        half = Half() if kept is None else kept.half
        if isinstance(event, Score):
            joined = join_score(half, event, record.offset, record.at)
        elif isinstance(event, Result):
            joined = join_result(half, event)
        else:
            joined = join_decision(half, event, record.offset)
        return _carry(record, event.task_id, half, joined, clock)

    return Bound(handle)


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
        )
        for lesson in joined.lessons
    )
    return Emit(sends, puts, joined.step)

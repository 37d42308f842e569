"""Logged events → tasks with their decision, what they cost and how well they were done.

Events come in any order, and more than once; what came of a task is what the books would say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from streams.events.control import ModelState
from streams.events.decision import Assignment, Decision
from streams.events.envelope import Event
from streams.events.feedback import Feedback, Score
from streams.events.outcome import Result
from streams.events.task import Task

_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """One decision and what is known around it; None: nothing is.

    Args:
        decision: As it was logged.
        task: What was asked.
        result: How it ended, fallbacks included.
        score: How well it was done in [0, 1]: the mean of what was said of its answer, each
            feedback's last word; 0 for a task that failed and that nobody judged.
    """

    decision: Decision
    task: Task | None
    result: Result | None
    score: float | None

    @property
    def cost_usd(self) -> float | None:
        """Dollars for all of its calls."""
        cost = None if self.result is None else self.result.cost_usd
        return None if cost is None else float(cost)


@dataclass
class History:
    """What a log tells, gathered event by event."""

    decisions: dict[str, Decision] = field(default_factory=dict)
    parts: dict[str, ModelState] = field(default_factory=dict)
    _tasks: dict[str, Task] = field(default_factory=dict)
    _results: dict[str, Result] = field(default_factory=dict)
    _scores: dict[str, dict[str, Score]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> "History":
        """All of a log."""
        history = cls()
        for event in events:
            history.take(event)
        return history

    def take(self, event: Event) -> None:
        """Take in an event; what says nothing of a decision is left aside."""
        if isinstance(event, Decision):
            self.decisions[event.decision_id] = event
        elif isinstance(event, Result):
            self._take_result(event)
        elif isinstance(event, Score | Feedback):
            self._hear(event if isinstance(event, Score) else checked(event))
        else:
            self._take_around(event)

    def tasks(self) -> list[Told]:
        """Every decision with what came of it, in the order of deciding."""
        ordered = sorted(self.decisions.values(), key=lambda d: (d.decided_at, d.decision_id))
        last = {decision.task_id: decision.decision_id for decision in ordered}
        return [self._told(d, judged=last[d.task_id] == d.decision_id) for d in ordered]

    def _take_around(self, event: Event) -> None:
        """What was asked, and what was learned."""
        if isinstance(event, Task):
            self._tasks[event.task_id] = event
        elif isinstance(event, Assignment):
            if event.task is not None:
                self._tasks[event.task_id] = event.task
            if event.decision is not None:
                self.decisions.setdefault(event.decision.decision_id, event.decision)
        elif isinstance(event, ModelState):
            known = self.parts.get(event.part)
            if known is None or known.version <= event.version:
                self.parts[event.part] = event

    def _take_result(self, event: Result) -> None:
        if event.decision_id is None:
            return
        known = self._results.get(event.decision_id)
        if known is None or known.completed_at <= event.completed_at:
            self._results[event.decision_id] = event

    def _hear(self, score: Score) -> None:
        said = self._scores.setdefault(score.task_id, {})
        known = said.get(score.feedback_id)
        if known is None or known.at <= score.at:
            said[score.feedback_id] = score

    def _told(self, decision: Decision, *, judged: bool) -> Told:
        result = self._results.get(decision.decision_id)
        score = self._score(decision, result) if judged else None
        if score is None and result is not None and result.status == "failed":
            score = 0.0
        return Told(decision, self._tasks.get(decision.task_id), result, score)

    def _score(self, decision: Decision, result: Result | None) -> float | None:
        """The mean of what was said of this decision's answer.

        Scores belong to the last decision of a task, as in the join; one that judges another
        model's answer than the task's result says nothing of it.
        """
        answered_by = decision.model if result is None else result.model
        said: Mapping[str, Score] = self._scores.get(decision.task_id, {})
        found = [s.score for s in said.values() if s.model is None or s.model == answered_by]
        return sum(found) / len(found) if found else None


def checked(event: Feedback) -> Score:
    """Feedback as admission would publish it; without a time it is older than any other."""
    return Score(
        feedback_id=event.feedback_id,
        task_id=event.task_id,
        score=event.score,
        source=event.source,
        name=event.name,
        comment=None,
        at=event.at or _EVER,
    )

"""What is known beforehand → lessons: recorded outcomes of all models, or a log of old decisions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from streams import ids
from streams.events.decision import Assignment, Decision
from streams.events.envelope import Event
from streams.events.feedback import Feedback, Lesson, Score
from streams.events.models import ModelSpec
from streams.events.outcome import Result
from streams.events.task import Task
from streams.learning.history import checked
from streams.learning.joining import Half, join_decision, join_result, join_score
from streams.routing.bargain import booked
from streams.routing.constraints import chars
from streams.routing.features import extract, pack
from streams.routing.rules import propose


class Known(NamedTuple):
    """What a model made of a task, and the dollars that it took; None: nobody knows."""

    score: float | None
    cost_usd: Decimal | None


def features_of(task: Task) -> str:
    """What a decision about the task would carry."""
    return pack(extract(task.text, propose(task.text)))


def lessons_of(
    task: Task, outcomes: Iterable[tuple[ModelSpec, Known]], now: datetime
) -> Iterator[Lesson]:
    """Everything that recorded outcomes of one task teach, of whatever model.

    The same task and model give the same lesson ids: recorded twice, they teach once.

    Args:
        task: As it would be published.
        outcomes: Models of the registry, and what each made of the task.
        now: Written on the lessons.
    """
    features, size = features_of(task), chars(task)
    decision_id = ids.derive("decision", task.task_id, "recorded")
    for spec, known in outcomes:
        listed = booked(spec.expected_cost_usd(size, task.max_output_tokens))
        lesson = Lesson(
            lesson_id=ids.derive("lesson", decision_id, spec.name, "score"),
            task_id=task.task_id, decision_id=decision_id, tier=spec.tier, model=spec.name,
            features=features, score=known.score, source="test", propensity=0.0,
            predicted_quality=None, best_quality=None, explored=True, recorded=True,
            decided_at=now, scored_at=now,
        )  # fmt: skip
        if known.score is not None:
            yield lesson
        if known.cost_usd and listed:
            yield lesson.model_copy(
                update={
                    "lesson_id": ids.derive("lesson", decision_id, spec.name, "cost"),
                    "score": None,
                    "source": None,
                    "cost_usd": booked(known.cost_usd),
                    "listed_usd": listed,
                }
            )


@dataclass
class OldLog:
    """Old decisions with what came of them, gathered event by event, in any order.

    Attributes:
        unread: Decisions whose prompt and features are both unknown; they teach nothing.
    """

    unread: int = 0
    _decisions: dict[str, dict[str, Decision]] = field(default_factory=dict)
    _tasks: dict[str, Task] = field(default_factory=dict)
    _results: dict[str, Result] = field(default_factory=dict)
    _scores: dict[str, dict[str, Score]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take in an event; what says nothing of a decision is left aside."""
        if isinstance(event, Assignment):
            for part in (event.task, event.decision):
                if part is not None:
                    self.take(part)
        elif isinstance(event, Decision):
            self._decide(event)
        elif isinstance(event, Task):
            self._tasks[event.task_id] = event
        elif isinstance(event, Result):
            self._answer(event)
        elif isinstance(event, Score | Feedback):
            self._hear(event if isinstance(event, Score) else checked(event))

    def __len__(self) -> int:
        return sum(len(decisions) for decisions in self._decisions.values())

    def lessons(self) -> list[Lesson]:
        """The lessons that the deployment made or would have made, in the order of deciding.

        They are joined as `join` does it, and named as it names them: who learned from them
        already learns nothing new. An answer of tier 0 teaches no model.
        """
        self.unread = 0
        found = [lesson for task_id in self._decisions for lesson in self._join(task_id)]
        return sorted(found, key=lambda lesson: (lesson.decided_at, lesson.scored_at))

    def _join(self, task_id: str) -> Iterator[Lesson]:
        ordered = sorted(self._decisions[task_id].values(), key=lambda d: d.decided_at)
        half, lessons = Half(), list[Lesson]()
        for number, decision in enumerate(ordered):
            whole = self._read(decision)
            if whole is None:
                return
            joined = join_decision(half, whole, number)
            lessons += joined.lessons
            half, result = joined.half, self._results.get(decision.decision_id)
            if result is not None:
                joined = join_result(half, result)
                half, lessons = joined.half, [*lessons, *joined.lessons]
        at = ordered[-1].decided_at
        said = sorted(self._scores.get(task_id, {}).values(), key=lambda score: score.at)
        for number, score in enumerate(said):
            joined = join_score(half, score, number, max(score.at, at))
            half, lessons = joined.half, [*lessons, *joined.lessons]
        for lesson in lessons:
            if lesson.model is not None:
                yield lesson.model_copy(update={"recorded": True})

    def _read(self, decision: Decision) -> Decision | None:
        """A decision with its features; a story tells it without them."""
        if decision.features or decision.model is None:
            return decision
        task = self._tasks.get(decision.task_id)
        if task is None:
            self.unread += 1
            return None
        return decision.model_copy(update={"features": features_of(task)})

    def _decide(self, decision: Decision) -> None:
        known = self._decisions.setdefault(decision.task_id, {})
        if decision.features or decision.decision_id not in known:
            known[decision.decision_id] = decision

    def _answer(self, result: Result) -> None:
        if result.decision_id is None:
            return
        known = self._results.get(result.decision_id)
        if known is None or known.completed_at <= result.completed_at:
            self._results[result.decision_id] = result

    def _hear(self, score: Score) -> None:
        """Of what one feedback said, the first teaches."""
        said = self._scores.setdefault(score.task_id, {})
        known = said.get(score.feedback_id)
        if known is None or score.at < known.at:
            said[score.feedback_id] = score


def matched(names: Iterable[str], models: Iterable[ModelSpec]) -> Mapping[str, ModelSpec]:
    """The model of the registry that each recorded name means; who isn't there is left out.

    A name is one's own, or what it is served as, or the same behind the last `/`, if that is one
    model's alone.

    Example:
        >>> small = ModelSpec(name="llama-3.1-8b", provider="p", tier=1)
        >>> matched(["meta/llama-3.1-8b", "other"], [small])["meta/llama-3.1-8b"].name
        'llama-3.1-8b'
    """
    known = list(models)
    found: dict[str, ModelSpec] = {}
    for name in names:
        for same in (_exact, _tail):
            meant = [spec for spec in known if same(name, spec)]
            if len(meant) == 1:
                found[name] = meant[0]
                break
    return found


def _exact(name: str, spec: ModelSpec) -> bool:
    return name == spec.name


def _tail(name: str, spec: ModelSpec) -> bool:
    last = name.rpartition("/")[2]
    return any(last == own.rpartition("/")[2] for own in (spec.name, spec.served_as) if own)

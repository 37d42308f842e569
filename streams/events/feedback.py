"""What is heard back: feedback and scores, the lessons made of them, windows and alerts."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from streams import ids
from streams.events.envelope import Event, Id, Label, Share, Text, Tier
from streams.events.outcome import Usd

Source = Literal["user", "test", "validator", "judge", "rule"]


class Feedback(Event):
    """How well a task was done, said by whoever can tell. Told apart by task, source and name."""

    TYPE: ClassVar[str] = "tierflow.feedback.v1"

    task_id: Id
    score: Share
    source: Source = "user"
    name: Annotated[str, Field(max_length=128)] = ""
    at: AwareDatetime | None = None
    comment: Annotated[Text, Field(max_length=4096)] | None = None

    @property
    def feedback_id(self) -> str:
        """The same for every repeat and correction of one feedback."""
        return ids.derive("feedback", self.task_id, self.source, self.name)


class Score(Event):
    """Feedback that was checked, on its task's partition.

    `tier` and `model` say whose answer it judges, where that is not simply the task's result: a
    validator judges answers that nobody ever saw.
    """

    TYPE: ClassVar[str] = "tierflow.score.v1"

    feedback_id: str
    task_id: Id
    score: Share
    source: Source
    name: str
    comment: str | None
    tier: Tier | None = None
    model: Label | None = None
    at: datetime


class Lesson(Event):
    """What the learner learns from: the context, the chosen arm, its reward and propensity.

    A lesson teaches quality by its `score`, or cost: what the call came to, beside what the price
    list had expected of it. `recorded` ones are of what was known beforehand: they say nothing of
    the policy in force.
    """

    TYPE: ClassVar[str] = "tierflow.lesson.v1"

    lesson_id: str
    task_id: Id
    tenant: Label = "default"
    decision_id: str
    tier: Tier
    model: Label | None  # None: tier 0 was judged; the tuner counts it, no estimator learns
    features: str
    score: Share | None  # None: a lesson about cost, made by a result and nobody's feedback
    source: Source | None
    cost_usd: Usd | None = None
    listed_usd: Usd | None = None
    propensity: Share
    predicted_quality: Share | None
    best_quality: Share | None
    explored: bool
    recorded: bool = False
    decided_at: datetime
    scored_at: datetime


LATENCY_BOUNDS_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Upper edges of the latency histogram's cells, in seconds; one more cell lies above."""


class Performance(Event):
    """One cumulative cell: results of one tier and model in one time bucket, one partition.

    Each event carries the cell whole, so the newest replaces the others.
    """

    TYPE: ClassVar[str] = "tierflow.performance.v1"

    tier: Tier
    model: Label | None
    bucket_at: datetime
    bucket_s: float
    partition: int
    completed: int
    failed: int
    cost_usd: Annotated[Decimal, Field(ge=0)]
    unpriced: int
    latency_sum_s: float
    latency_counts: tuple[int, ...]


class Alert(Event):
    """Something a person should know: `kind` is a closed word, `detail` is for reading."""

    TYPE: ClassVar[str] = "tierflow.alert.v1"

    kind: Literal[
        "dead_letters", "unknown_price", "redirected_model", "drift", "rollback", "reply_to",
        "breaker",
    ]  # fmt: skip
    detail: str
    subject: str
    at: datetime


__all__ = [
    "LATENCY_BOUNDS_S",
    "Alert",
    "Feedback",
    "Lesson",
    "Performance",
    "Score",
    "Source",
    "Usd",
]

"""Where a task goes and why, and the assignment that carries it to its tier."""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from streams.events.envelope import Event, Id, JsonObject, Label, Part, Share, Tier
from streams.events.outcome import Attempt, Usd
from streams.events.task import Task


class Strategy(enum.StrEnum):
    """How cost, quality and latency are weighed within a tier."""

    PREFER_LOCAL = "prefer_local"
    BALANCED = "balanced"
    QUALITY_FIRST = "quality_first"


class Binding(enum.StrEnum):
    """Which of the policy's two money matters decides the price of money."""

    CEILING = "ceiling"
    TARGET = "target"


class Pricing(Part):
    """What money was worth to a task; with the view in force, all that its choice depended on.

    `price` is the quality that a dollar has to bring: the greater of those that ceiling and target
    ask for, `binding` says which. `headroom_usd` may be spent at this moment, `largest_usd` is the
    most that a call to each model was seen to cost, `overrun` the most times its expected cost,
    of models that were called often enough to tell.
    """

    price: Annotated[float, Field(ge=0)]
    binding: Binding | None
    tasks: int = Field(
        ge=0
    )  # decided before, as far as they were judged: what explores fades with it
    headroom_usd: Decimal | None
    largest_usd: dict[Label, Usd] = Field(default_factory=dict)
    overrun: dict[Label, Annotated[Decimal, Field(ge=0)]] = Field(default_factory=dict)


class Decision(Event):
    """Tier and model of one task, with all that decided; it can be recomputed from this event.

    `probabilities` is the distribution from which the model was drawn, so the chosen model's
    is the logged propensity. `threshold` is the quality that a tier's model had to reach on this
    task. `cold` says that the model is new and not yet admitted. `features` is the packed form of `routing.features.pack`, what a lesson is learned from.
    """

    TYPE: ClassVar[str] = "tierflow.decision.v1"

    task_id: Id
    decision_id: str
    tenant: Label
    tier: Tier
    model: Label | None  # None: tier 0
    confidence: Share
    rule: str
    rule_tier: Tier
    rule_confidence: Share
    probabilities: dict[str, Share]
    predicted_quality: dict[str, Share]
    best_quality: Share | None  # highest predicted of the eligible models
    threshold: Share
    bound_by: str | None  # the constraint that moved the choice, if one did
    strategy: Strategy
    model_state_version: int
    policy_version: int
    explored: bool
    unavailable: tuple[Label, ...] = ()  # eligible models that breakers or holds kept out just then
    warming: dict[str, float] = Field(default_factory=dict)  # seconds a cold start would add
    cold: bool = False
    skill: str | None = None
    asked_first: Label | None = None  # a cheaper model whose answer is kept if it can be trusted
    asked_first_tier: Tier | None = None
    pricing: Pricing | None = None  # None: the policy holds neither ceiling nor absolute target
    expected_usd: dict[str, Usd | None] = Field(default_factory=dict)  # by model, where priced
    unaffordable: tuple[Label, ...] = ()  # eligible models whose reserve the headroom did not have
    reserved_usd: Usd | None = None  # what the chosen model may take of the headroom
    listed_usd: Usd | None = None  # what the price list expects the chosen model to take
    features: str
    decided_at: datetime

    @property
    def propensity(self) -> float:
        """Probability with which this model was chosen; 1 for tier 0."""
        return 1.0 if self.model is None else self.probabilities.get(self.model, 0.0)


class RefusalReason(enum.StrEnum):
    """`error.reason` of a failed result: the closed list of the contract."""

    NO_MODEL = "no_model"
    DEADLINE = "deadline"
    BUDGET = "budget"
    EXHAUSTED = "exhausted"
    INVALID_TASK = "invalid_task"
    TOO_LARGE = "too_large"
    TASK_ID_REUSED = "task_id_reused"
    REPLY_TO_DENIED = "reply_to_denied"
    IN_DOUBT = "in_doubt"
    INTERNAL = "internal"


class Refusal(Part):
    """Why a task is not done."""

    reason: RefusalReason
    detail: str


class Assignment(Event):
    """What `tier-0` … `tier-4` carry: a task with its decision and trail, or a refusal.

    `tier` and `model` say who is to try now; after a fallback they differ from the decision's.
    `reply_to` is a topic that may have a copy of the result: one that is not allowed never
    gets here.
    """

    TYPE: ClassVar[str] = "tierflow.assignment.v1"

    task_id: Id
    tenant: Label = "default"
    tier: Tier
    model: Label | None = None
    body_digest: str
    redrive: int = 0
    accepted_at: datetime
    task: Task | None = None
    decision: Decision | None = None
    trail: tuple[Attempt, ...] = ()
    refusal: Refusal | None = None
    metadata: JsonObject | None = None
    reply_to: str | None = None

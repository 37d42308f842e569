"""Compacted state that steers every worker: the policy in force and the learned snapshots."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from streams.events.decision import Strategy
from streams.events.envelope import Event, Label, Part, Share
from streams.events.feedback import Source
from streams.events.outcome import Usd


class Policy(Event):
    """Thresholds and strategy in force; each change is a new version with its reason.

    `thresholds` maps a tier ("1" … "4") to the share of the best predicted quality that the
    tier's model must at least reach on a task to be good enough for it; more is wanted where a
    better model costs little more. `target` is held as a share of the attainable, or
    `target_quality` as the mean score of all tasks. `ceiling_usd` is what a task may cost on
    average, `allowance_usd` what it may be expected to cost, so that its bills come to that. With
    either of the two a task goes where quality less the price of its dollars is best. Where a mean
    score is held, a threshold is no share, but the mean quality to be predicted of a tier's
    answers: the target, and more where answers fall short of what is predicted of them.
    """

    TYPE: ClassVar[str] = "tierflow.policy.v1"

    version: int = Field(ge=0)
    thresholds: dict[str, Share]
    target: Share
    target_quality: Share | None = None
    ceiling_usd: Usd | None = None
    allowance_usd: Usd | None = None  # None: the ceiling, before there are bills
    strategy: Strategy = Strategy.BALANCED
    reason: str
    changed_by: str
    at: datetime

    @property
    def holds_money(self) -> bool:
        """Whether money has a price under this policy."""
        return self.ceiling_usd is not None or self.target_quality is not None


class VoiceWeight(Part):
    """What a score of one tenant's source counts for, beside a trusted one's 1."""

    tenant: Label
    source: Source
    weight: Share


class ModelState(Event):
    """Learned weights, as packed by `routing.quality`; `part` is `shared` or a model's name.

    `version` grows with every flush of the learner, `lessons` counts all it has ever learned
    from, `part_lessons` those that taught this part, `bills` those that taught what it costs. While
    `frozen`, lessons are tested on and teach nothing. `kept_versions` can be gone back to; the
    first of them is the last good one.
    """

    TYPE: ClassVar[str] = "tierflow.model-state.v1"

    part: Label
    version: int = Field(ge=0)
    lessons: int = Field(ge=0)
    part_lessons: int = Field(ge=0)
    weights: str
    mean_score: Share
    voices: tuple[VoiceWeight, ...] = ()  # with `shared`: those that weigh least, 100 at most
    checksum: str
    bills: int = Field(default=0, ge=0)
    frozen: bool = False
    kept_versions: tuple[int, ...] = ()
    at: datetime

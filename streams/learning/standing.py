"""What the learner must find again after a restart, and how well each part has predicted so far."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import Field

from streams.events.envelope import Part, State
from streams.learning.drift import Watch
from streams.learning.hearing import Voices
from streams.learning.lastgood import Trial
from streams.learning.recent import LearnerMarks

PROGRESS = "progress"
"""Key of the learner's own progress, beside the names of its parts."""

_KEPT = "kept\t"
"""Begins the keys of parts kept to go back to: no part's name has a tab."""
VOICES = "shared/voices"
"""Key of what is known of those who judge."""

LEAST_BILLS = 5
MOST_RATIO = 4.0
"""Ratios beyond this, or its inverse, are one strange bill's."""

_LEAST = 1e-15


@dataclass(slots=True)
class Account:
    """What one model's bills came to beside what was predicted, in dollars, the latest most."""

    bills: int = 0
    real_usd: float = 0.0
    predicted_usd: float = 0.0
    watch: Watch = field(default_factory=Watch)

    @property
    def ratio(self) -> float:
        """Real dollars for a dollar predicted; 1 before enough bills."""
        if self.bills < LEAST_BILLS or self.predicted_usd <= 0:
            return 1.0
        return min(max(self.real_usd / self.predicted_usd, 1 / MOST_RATIO), MOST_RATIO)


class LearnerPart(Part):
    """Durable state of one part, numbers in base64.

    The sums are of lessons as they weigh, `weight_sum` that of the weights: of all lessons, where
    it is missing. `weights` and `squares` are the hashed estimate's, float32; `ridge` and `costs` the ridges' of
    quality and cost, float64. Those with a default were not yet kept by the first versions.
    `version` is, of a part kept to go back to, that of its snapshot.
    """

    at: datetime
    part: str
    prior: float
    part_lessons: int
    score_sum: float
    log_loss_sum: float
    brier_sum: float
    weight_sum: float | None = None
    weights: str
    squares: str
    level: float | None = None
    ridge: str = ""
    odds: float | None = None
    watch: Watch = Watch()
    costs: str = ""
    account: Account = Account()
    version: int = 0


class KeptParts(Part):
    """A version that can be gone back to: which parts it has, and at which place they are kept."""

    version: int
    place: int
    parts: tuple[str, ...]


class LearnerProgress(Part):
    """Durable state of the learner as a whole.

    `offset` is that of the last lesson included, `instructed` that of the last instruction obeyed.
    `order` names the parts in the order they appeared. `kept` says which versions can be gone back
    to, the oldest first, `trial` how the weights do beside that one. `recent` was kept before there
    were chunks of marks.
    """

    at: datetime
    offset: int
    version: int
    lessons: Annotated[int, Field(ge=0)]
    order: tuple[str, ...]
    recent: str = ""
    instructed: int = -1
    frozen: bool = False
    kept: tuple[KeptParts, ...] = ()
    trial: Trial = Trial()


LearnerState = LearnerPart | LearnerProgress | LearnerMarks | Voices


class Learned(State):
    """Table `learner`: a part by its name, a kept one, what was lately learned, progress, voices."""

    part: LearnerPart | None = None
    progress: LearnerProgress | None = None
    marks: LearnerMarks | None = None
    voices: Voices | None = None


@dataclass(slots=True)
class Standing:
    """How well one part predicted its lessons before it learned from them."""

    prior: float
    lessons: int = 0
    score_sum: float = 0.0
    log_loss_sum: float = 0.0
    brier_sum: float = 0.0
    level: float = 0.0
    weight_sum: float = 0.0

    @property
    def mean_score(self) -> float:
        """Mean score of the part's lessons as they weigh; its prior before any."""
        if not self.weight_sum:
            return 1 / (1 + math.exp(-self.prior))
        return min(1.0, self.score_sum / self.weight_sum)

    @property
    def log_loss(self) -> float | None:
        """Mean log loss, tested before trained; None before any lesson."""
        return self.log_loss_sum / self.weight_sum if self.weight_sum else None

    @property
    def brier(self) -> float | None:
        """Mean squared error, tested before trained; None before any lesson."""
        return self.brier_sum / self.weight_sum if self.weight_sum else None

    def test(self, predicted: float, score: float, weight: float = 1.0) -> None:
        """Count a prediction against the score that came, and that as much as it weighs."""
        held = min(max(predicted, _LEAST), 1 - _LEAST)
        loss = score * math.log(held) + (1 - score) * math.log1p(-held)
        self.lessons += 1
        self.weight_sum += weight
        self.score_sum += weight * score
        self.log_loss_sum -= weight * loss
        self.brier_sum += weight * (predicted - score) ** 2


def key_of(part: str, place: int | None = None) -> str:
    """A part's key in the table, or that of what is kept of it at one of the places for that."""
    if place is not None:
        return f"{_KEPT}{place}\t{part}"
    return part if part != PROGRESS else f"{part}\t"

"""What the learner must find again after a restart, and how well each part has predicted so far."""

import base64
import binascii
import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from streams.events.envelope import Part, State
from streams.learning.drift import Watch

PROGRESS = "progress"
"""Key of the learner's own progress, beside the names of its parts."""

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

    `weights` and `squares` are the hashed estimate's, float32; `ridge` and `costs` the ridges' of
    quality and cost, float64. Those with a default were not yet kept by the first versions.
    """

    at: datetime
    part: str
    prior: float
    part_lessons: int
    score_sum: float
    log_loss_sum: float
    brier_sum: float
    weights: str
    squares: str
    level: float | None = None
    ridge: str = ""
    odds: float | None = None
    watch: Watch = Watch()
    costs: str = ""
    account: Account = Account()


class LearnerProgress(Part):
    """Durable state of the learner as a whole.

    `offset` is that of the last lesson included, `order` the parts in the order they appeared.
    """

    at: datetime
    offset: int
    version: int
    lessons: Annotated[int, Field(ge=0)]
    order: tuple[str, ...]
    recent: str


LearnerState = LearnerPart | LearnerProgress


class Learned(State):
    """Table `learner`, by part's name, or the learner's progress under `progress`."""

    part: LearnerPart | None = None
    progress: LearnerProgress | None = None


@dataclass(slots=True)
class Standing:
    """How well one part predicted its lessons before it learned from them."""

    prior: float
    lessons: int = 0
    score_sum: float = 0.0
    log_loss_sum: float = 0.0
    brier_sum: float = 0.0
    level: float = 0.0

    @property
    def mean_score(self) -> float:
        """Mean score of the part's lessons; its prior before any."""
        if not self.lessons:
            return 1 / (1 + math.exp(-self.prior))
        return min(1.0, self.score_sum / self.lessons)

    @property
    def log_loss(self) -> float | None:
        """Mean log loss, tested before trained; None before any lesson."""
        return self.log_loss_sum / self.lessons if self.lessons else None

    @property
    def brier(self) -> float | None:
        """Mean squared error, tested before trained; None before any lesson."""
        return self.brier_sum / self.lessons if self.lessons else None

    def test(self, predicted: float, score: float) -> None:
        """Count a prediction against the score that came."""
        held = min(max(predicted, _LEAST), 1 - _LEAST)
        self.lessons += 1
        self.score_sum += score
        self.log_loss_sum -= score * math.log(held) + (1 - score) * math.log1p(-held)
        self.brier_sum += (predicted - score) ** 2


def pack_numbers(numbers: NDArray[Any]) -> str:
    """Base64 of numbers as they lie in memory; give them a little-endian type first."""
    return base64.b64encode(numbers.tobytes()).decode()


def unpack_numbers(text: str, kind: str, name: str) -> NDArray[Any]:
    """Read what `pack_numbers` wrote.

    Args:
        text: Base64 of numbers.
        kind: Their little-endian numpy type, such as `<f4`.
        name: The part they belong to, for the message.

    Raises:
        ValueError: The text is damaged.
    """
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), dtype=kind)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"learner state of {name!r} is damaged: {error}") from None

"""Is what was learned since still as good as the last weights known to be good?

Both predict every lesson before either learns from it. A world that changes hurts both, the kept
ones more; only a learner that went wrong is worse than its own past.
"""

import enum
import math
from dataclasses import dataclass

TRIAL_LESSONS = 200
"""After so many lessons the present weights may be kept as well."""

WORSE = 0.005
"""Squared error a lesson, by which going back must be worth it."""

CLIMB_LESSONS = 8
"""Fewer lessons prove nothing."""

LEAST_CLIMB = 1.0
"""Squared error summed up over a climb: less is not worth going back. Two generations of the same
weights differ by some hundredths a lesson, which chance does not add up to as much.
"""

SURE = 3.0
"""Roots of the climb's summed squares that its sum must exceed."""


class Finding(enum.Enum):
    """What a lesson's test comes to."""

    GO_ON = "go_on"
    KEEP = "keep"  # the present weights did no worse: they may be kept as well
    GO_BACK = "go_back"  # the kept ones are better: serve and learn on from those


@dataclass(slots=True)
class Trial:
    """The present weights against the kept ones, since something was last decided; plain numbers.

    `excess` is the sum of differences, present less kept, `square` that of their squares. A climb
    is how far that sum has risen from its lowest point: what was worse for a short while, after
    thousands of lessons that were better, is found as soon as it would be at the beginning.

    Source:
        Prequential loss: Gama, Sebastião and Rodrigues, "On evaluating stream learning
        algorithms", Machine Learning 2013; here as paired differences, so that hard and easy
        lessons cancel out. The climb is the test of Page, "Continuous inspection schemes",
        Biometrika 1954, in units of its own spread.

    Example:
        >>> trial = Trial()
        >>> findings = [trial.test(present=0.25, kept=0.01 * (n % 2)) for n in range(20)]
        >>> Finding.GO_BACK in findings
        True
    """

    lessons: int = 0
    excess: float = 0.0
    square: float = 0.0
    climb: float = 0.0
    climb_square: float = 0.0
    climb_lessons: int = 0

    def test(self, present: float, kept: float) -> Finding:
        """Take in both squared errors of one lesson; what is decided begins a new trial.

        Args:
            present: Of the weights that were learned since.
            kept: Of the last good ones.
        """
        difference = present - kept
        self.lessons += 1
        if not math.isfinite(difference):
            return self._begin(Finding.GO_BACK)
        self.excess += difference
        self.square += difference * difference
        self._rise(difference)
        if self.climb_lessons >= CLIMB_LESSONS and self.climb > self._bound():
            return self._begin(Finding.GO_BACK)
        if self.lessons < TRIAL_LESSONS:
            return Finding.GO_ON
        if self.climb < LEAST_CLIMB and self.excess <= math.sqrt(self.square):
            return self._begin(Finding.KEEP)
        self.lessons, self.excess, self.square = 0, 0.0, 0.0
        return Finding.GO_ON

    def _rise(self, difference: float) -> None:
        self.climb += difference - WORSE
        self.climb_square += difference * difference
        self.climb_lessons += 1
        if self.climb <= 0:
            self.climb, self.climb_square, self.climb_lessons = 0.0, 0.0, 0

    def _bound(self) -> float:
        return max(LEAST_CLIMB, SURE * math.sqrt(self.climb_square))

    def _begin(self, finding: Finding) -> Finding:
        self.lessons, self.excess, self.square = 0, 0.0, 0.0
        self.climb, self.climb_square, self.climb_lessons = 0.0, 0.0, 0
        return finding

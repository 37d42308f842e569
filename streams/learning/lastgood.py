"""Is what was learned since still as good as the last weights known to be good?

Both predict every lesson before either learns from it. A world that changes hurts both, the kept
ones more; only a learner that went wrong is worse than its own past.
"""

import enum
import math
from dataclasses import dataclass

LOOK_LESSONS = 25
"""So often it is looked whether to go back."""

TRIAL_LESSONS = 200
"""After so many lessons the present weights may become the last good."""

WORSE = 0.005
"""Squared error a lesson, by which going back must be worth it."""

SURE = 4.0
"""Standard errors that the difference must lie above 0: it is looked at often."""


class Finding(enum.Enum):
    """What a lesson's test comes to."""

    GO_ON = "go_on"
    KEEP = "keep"  # the present weights are the last good from here on
    GO_BACK = "go_back"  # the kept ones are better: serve and learn on from those


@dataclass(slots=True)
class Trial:
    """The present weights against the kept ones, since those were kept; plain numbers.

    Source:
        Prequential loss: Gama, Sebastião and Rodrigues, "On evaluating stream learning
        algorithms", Machine Learning 2013; here as paired differences, so that hard and easy
        lessons cancel out.

    Example:
        >>> trial = Trial()
        >>> findings = [trial.test(present=0.25, kept=0.01 * (n % 2)) for n in range(25)]
        >>> findings[-1]
        <Finding.GO_BACK: 'go_back'>
    """

    lessons: int = 0
    excess: float = 0.0
    square: float = 0.0

    def test(self, present: float, kept: float) -> Finding:
        """Take in both squared errors of one lesson; what is decided begins a new trial.

        Args:
            present: Of the weights that were learned since.
            kept: Of the last good ones.
        """
        difference = present - kept
        self.lessons += 1
        self.excess += difference
        self.square += difference * difference
        if self.lessons % LOOK_LESSONS:
            return Finding.GO_ON
        mean = self.excess / self.lessons
        variance = max(self.square / self.lessons - mean * mean, 0.0)
        error = math.sqrt(variance / self.lessons)
        if not math.isfinite(mean) or mean > max(WORSE, SURE * error):
            return self._begin(Finding.GO_BACK)
        if self.lessons >= TRIAL_LESSONS and mean <= error:
            return self._begin(Finding.KEEP)
        return Finding.GO_ON

    def _begin(self, finding: Finding) -> Finding:
        self.lessons, self.excess, self.square = 0, 0.0, 0.0
        return finding

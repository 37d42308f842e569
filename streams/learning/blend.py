"""How far each of two estimates is believed: whoever was wrong less lately counts more."""

import math
from typing import NamedTuple

RATE = 2.0
"""Log-odds for a squared error that is greater by 1."""

MEMORY = 0.999
"""What is kept of the log-odds from one lesson to the next: so they stay within 2,000 x the
mean difference, and a change of fortune is noticed."""

LIMIT = 20.0


class Blend(NamedTuple):
    """A running weight between a first and a second estimate of the same share.

    `odds` are the log-odds of the first. Exponential weights over squared errors with forgetting:
    no worse in the long run than the better of the two, and often better than both.

    Source:
        Herbster and Warmuth, "Tracking the best expert", Machine Learning 1998.

    Example:
        >>> Blend().share
        0.5
        >>> Blend().learned(0.9, 0.5, 1.0).share > 0.5
        True
    """

    odds: float = 0.0

    @property
    def share(self) -> float:
        """Weight of the first estimate, in (0, 1); the rest is the second's."""
        return 1.0 / (1.0 + math.exp(-self.odds))

    def mix(self, first: float, second: float) -> float:
        """Both estimates as one; never outside of them."""
        share = self.share
        return share * first + (1.0 - share) * second

    def learned(self, first: float, second: float, score: float, weight: float = 1.0) -> "Blend":
        """The blend after a score, from what both had estimated before it.

        Args:
            first: The first estimate, in [0, 1].
            second: The second, in [0, 1].
            score: What came, in [0, 1].
            weight: What the score counts for, in [0, 1].
        """
        lead = (second - score) ** 2 - (first - score) ** 2
        odds = MEMORY * self.odds + RATE * weight * lead
        return Blend(min(max(odds, -LIMIT), LIMIT))

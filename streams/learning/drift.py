"""Has a model changed? Residuals that stay on one side of 0 raise an alarm and quicken forgetting."""

import math
from dataclasses import dataclass
from typing import NamedTuple

FORGET = 0.99
"""What lessons keep of their weight from one to the next after an alarm."""

FORGET_LESSONS = 80
"""So many lessons long after it."""

_SPREAD_LESSONS = 250
_NEVER = 1 << 30


class Rule(NamedTuple):
    """When a watch raises its alarm.

    Attributes:
        span: Lessons that the running mean of residuals looks back on.
        bound: The mean's size that alarms: in standard deviations of such a mean, or, where
            `scaled` is false, in the residual's own unit.
        scaled: Whether `bound` scales with the residuals' spread. A judge's rewards scatter by .1
            and right or wrong by .4: one fixed bound is deaf to the one or cries at the other.
        first: Lessons before the first alarm.
        apart: Lessons between two alarms.
        least: A mean smaller than this is no change, however little residuals scatter.
    """

    span: int
    bound: float
    scaled: bool = True
    first: int = 60
    apart: int = 80
    least: float = 0.05


QUALITY = Rule(span=25, bound=4.0)
"""Of score less predicted quality.

At 3.5 a model that fails in one task of twenty, and does the others well, alarmed 4 times in 20,000
lessons: two failures in a row are no change. At 4 it never did.
"""

COST = Rule(span=3, bound=1.2, scaled=False, first=10, apart=10)
"""Of the logarithm of cost over predicted cost: a price that was divided by 10 shows as -2.3."""


@dataclass(slots=True)
class Watch:
    """What is known of one model's residuals; plain numbers, so that it can be kept.

    Attributes:
        lessons: Residuals seen.
        mean: Their running mean over `rule.span` lessons.
        square: Their running mean square, over 250 lessons.
        since: Lessons since the last alarm.

    Source:
        An exponentially weighted control chart: Roberts, "Control chart tests based on geometric
        moving averages", Technometrics 1959. The standard deviation of the mean of residuals
        with deviation s is s x sqrt(1 / (2 x span - 1)), s / 7 at a span of 25.

    Example:
        >>> watch = Watch()
        >>> any(watch.test(QUALITY, residual) for residual in (0.1, -0.1) * 100)
        False
        >>> any(watch.test(QUALITY, residual) for residual in (-0.2, -0.3) * 10)
        True
    """

    lessons: int = 0
    mean: float = 0.0
    square: float = 0.0
    since: int = _NEVER

    def test(self, rule: Rule, residual: float) -> bool:
        """Take in what came less what was predicted.

        Returns:
            Whether this raises an alarm; the mean then begins anew.
        """
        self.lessons += 1
        self.since = min(self.since + 1, _NEVER)
        self.mean += (residual - self.mean) / rule.span
        alarm = (
            self.lessons > rule.first
            and self.since > rule.apart
            and abs(self.mean) > self._bound(rule)
        )
        self.square += (residual * residual - self.square) / min(self.lessons, _SPREAD_LESSONS)
        if alarm:
            self.mean, self.since = 0.0, 0
        return alarm

    @property
    def forget(self) -> float:
        """What the next lesson leaves of earlier ones: less for a while after an alarm."""
        return FORGET if self.since < FORGET_LESSONS else 1.0

    def _bound(self, rule: Rule) -> float:
        if not rule.scaled:
            return rule.bound
        deviation = math.sqrt(self.square / (2 * rule.span - 1))
        return max(rule.bound * deviation, rule.least)

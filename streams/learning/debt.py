"""Judged windows and a mean score to hold → the next thresholds: integral control, pure.

Who decides holds the mean of what is *predicted* of its answers at the thresholds, task by task.
What is left to the tuner is that predictions are wrong: it counts by how much the judged answers
fell short of what was predicted of them, tier by tier, and raises a tier's threshold by that.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import reduce

from pydantic import Field

from streams.events.control import Policy
from streams.events.envelope import Part
from streams.learning.gains import Gains, moved
from streams.learning.windows import Judged

DIGITS = 6

REACH = 0.25
"""A threshold lies at most so far from the target: who is further off predicts nothing."""

MEMORY = 100
"""Scores owed in all weigh so many times less than those that were predicted too high.

Who decides pays for them anyway. What it forgot, as it does when it starts anew, is left to this.
"""

MOST_RECALLED = 0.05
"""They move a threshold at most so far."""

WINDOWS = 2
"""So many windows' lessons at least are needed to make good what one had wrong."""

SLOWER = 0.8
"""A window with fewer lessons slows the pace to no less than so much of it."""


class Debt(Part):
    """What all judged tasks scored since a mean score is held.

    `unsettled` is, by tier, the scores by which answers fell short of their predictions, less what
    raised thresholds have asked for in return; `unforeseen` the same of answers without a
    prediction, such as a skill's, beside the target. `pace` is how many lessons a window has, by
    tier. `measured` counts the lessons at the last measurement.
    """

    target: float
    since: datetime
    lessons: int = 0
    score_sum: float = 0.0
    measured: int = 0
    unsettled: dict[str, float] = Field(default_factory=dict)
    unforeseen: float = 0.0
    pace: dict[str, float] = Field(default_factory=dict)

    @property
    def owed(self) -> float:
        """Whole scores that are missing for the target; below 0 they are in hand."""
        return self.target * self.lessons - self.score_sum

    def horizon(self, gains: Gains, tier: str | None = None) -> float:
        """Scores of a tier, or of all, for which a threshold is moved by 1.

        Never fewer than two windows have lessons, or one window would pay too much back and the
        next one take it.
        """
        pace = self.pace.values() if tier is None else (self.pace.get(tier, 0.0),)
        return max(gains.debt_tasks, WINDOWS * sum(pace))

    def raised(self, gains: Gains) -> float:
        """How far all thresholds are moved: by what was unforeseen, and a little by all that is owed."""
        return self._lone(gains) + self._recalled(gains)

    def with_window(
        self, thresholds: Mapping[str, float], closed: Mapping[int, Judged], gains: Gains
    ) -> "Debt":
        """Count one more closed window.

        A lesson pays with the threshold in force now, not with the one that it was decided under.
        So no score that comes late is waited for, and the loop has no delay to swing by; what that
        counts wrong is, in sum, no more than the thresholds moved meanwhile.

        Args:
            thresholds: In force, by tier.
            closed: Quality by tier.
            gains: Gains in force.
        """
        whole = reduce(Judged.plus, closed.values(), Judged())
        foreseen = {str(tier): judged.foreseen for tier, judged in closed.items()}
        pace = {
            tier: max(float(foreseen.get(tier, 0)), SLOWER * self.pace.get(tier, 0.0))
            for tier in thresholds
        }
        paced = self.model_copy(update={"pace": pace})
        others = whole.lessons - whole.foreseen
        unforeseen = self.unforeseen - whole.foreseen * self._lone(gains)
        unforeseen += self.target * others - (whole.lesson_sum - whole.foreseen_sum)
        unsettled = dict(self.unsettled)
        for number, judged in closed.items():
            tier = str(number)
            if judged.foreseen and tier in thresholds:
                paid = judged.foreseen * (thresholds[tier] - self.target - self.raised(gains))
                short = unsettled.get(tier, 0.0) + judged.predicted_sum - judged.foreseen_sum - paid
                unsettled[tier] = _within(short, paced.horizon(gains, tier))
        return paced.model_copy(
            update={
                "lessons": self.lessons + whole.lessons,
                "score_sum": self.score_sum + whole.lesson_sum,
                "unsettled": unsettled,
                "unforeseen": _within(unforeseen, paced.horizon(gains)),
            }
        )

    def _lone(self, gains: Gains) -> float:
        return self.unforeseen / self.horizon(gains)

    def _recalled(self, gains: Gains) -> float:
        asked = self.owed / (MEMORY * self.horizon(gains))
        return min(max(asked, -MOST_RECALLED), MOST_RECALLED)


def owing_threshold(tier: str, now: float, debt: Debt, gains: Gains) -> float:
    """Move a tier's threshold to where its answers have to be predicted to score the target.

    What is unsettled is the integral of the error: a threshold in proportion to it is integral
    control, and a step that is held back loses nothing of it.

    Args:
        tier: Whose threshold it is.
        now: Threshold in force.
        debt: What was measured since the target is held.
        gains: Gains in force.

    Returns:
        The next threshold, at most `debt_step_limit` away; `now` itself inside the dead band.

    Example:
        >>> begun = datetime.fromisoformat("2026-01-01T00:00:00Z")
        >>> debt = Debt(target=0.6, since=begun, unsettled={"2": 1.2})
        >>> owing_threshold("2", 0.6, debt, Gains())
        0.63
    """
    own = debt.unsettled.get(tier, 0.0) / debt.horizon(gains, tier)
    asked = debt.target + min(max(own + debt.raised(gains), -REACH), REACH)
    asked = min(max(asked, 0.0), 1.0)
    if abs(asked - now) <= gains.dead_band:
        return now
    step = min(max(asked - now, -gains.debt_step_limit), gains.debt_step_limit)
    return round(now + step, DIGITS)


def hold(
    policy: Policy,
    debt: Debt | None,
    closed: Mapping[int, Judged],
    since: datetime,
    now: datetime,
    gains: Gains,
) -> tuple[Policy, Debt]:
    """Hold the mean score of all judged tasks, explored and tier 0 among them.

    Args:
        policy: In force; its `target_quality` is held.
        debt: What was known before; None, or of another target: it begins anew.
        closed: Quality by tier in the windows just closed.
        since: When they began.
        now: Dates a new policy.
        gains: Gains in force.

    Returns:
        The policy, the same object if no threshold moved, else the next version with its reason;
        and the debt as it stands now.

    Raises:
        ValueError: The policy holds no mean score.
    """
    target = policy.target_quality
    if target is None:
        raise ValueError("the policy holds no mean score")
    if debt is None or debt.target != target:
        debt = Debt(target=target, since=since)
    debt = debt.with_window(policy.thresholds, closed, gains)
    if debt.lessons - debt.measured < gains.min_judged:
        return policy, debt
    moves = {
        tier: after
        for tier, before in sorted(policy.thresholds.items())
        if (after := owing_threshold(tier, before, debt, gains)) != before
    }
    reason = _explain(debt, policy, moves)
    return moved(policy, moves, reason, now), debt.model_copy(update={"measured": debt.lessons})


def _within(short: float, horizon: float) -> float:
    """Scores that a threshold can still make good; of more, nothing is wound up."""
    most = 2 * REACH * horizon
    return min(max(short, -most), most)


def _explain(debt: Debt, policy: Policy, moves: Mapping[str, float]) -> str:
    stands = "owed" if debt.owed > 0 else "in hand"
    told = ", ".join(
        f"tier {tier} {policy.thresholds[tier]:.4f} → {after:.4f} "
        f"({_said(debt.unsettled.get(tier, 0.0) + debt.unforeseen)})"
        for tier, after in moves.items()
    )
    return (
        f"{debt.lessons} judged since {debt.since:%Y-%m-%d %H:%M:%S} UTC scored "
        f"{debt.score_sum / max(debt.lessons, 1):.4f} in the mean, target {debt.target:.3f}, "
        f"{abs(debt.owed):.1f} scores {stands}: thresholds {told}"
    )


def _said(short: float) -> str:
    return f"{abs(short):.1f} scores predicted too {'high' if short > 0 else 'low'}"

"""Closed window and target → next threshold: the tuner's control law, pure.

A tier's threshold is the share of the best predicted quality that its model must reach on a task
to be good enough for it. Measured is the share that was held: what the judged tasks scored, over
the best that had been predicted for them. Where the mean score of all tasks is to be held instead,
what is measured is the debt: the scores that all judged tasks together are short of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from pydantic import Field

from streams.events.control import Policy
from streams.events.envelope import Part
from streams.learning.allowance import Spending
from streams.learning.windows import Judged

DIGITS = 6
"""Thresholds are rounded to so many digits, so that a reason and its event agree."""


@dataclass(frozen=True, slots=True)
class Gains:
    """How hard, how far and when thresholds move.

    Args:
        integral: Threshold moved a window, for an error of 1.
        step_limit: The furthest that a threshold moves in one window.
        dead_band: Error up to which a threshold at rest stays at rest.
        release_band: Error at which a moving threshold comes to rest. Smaller than `dead_band`:
            the gap is the hysteresis, which keeps noise at the edge from starting and stopping it.
        min_judged: Judged tasks without which nothing is concluded.
        carry_windows: How many windows in a row are gathered to reach `min_judged`; then the
            count begins anew, because what is older tells of another time.
        floor: The lowest threshold.
        ceiling: The highest; under 1, or the best model's rival could never be good enough.
        debt_tasks: Where a mean score is held: scores owed for which the thresholds are moved by 1.
        debt_step_limit: The furthest that they then move in one window: a debt is paid soon.
    """

    integral: float = 0.3
    step_limit: float = 0.02
    dead_band: float = 0.01
    release_band: float = 0.005
    min_judged: int = 25
    carry_windows: int = 10
    floor: float = 0.5
    ceiling: float = 0.995
    debt_tasks: int = 20
    debt_step_limit: float = 0.25

    def __post_init__(self) -> None:
        if not 0 <= self.release_band <= self.dead_band:
            raise ValueError("release_band must lie between 0 and dead_band")
        if not 0 <= self.floor < self.ceiling <= 1:
            raise ValueError("floor must lie under ceiling, both in [0, 1]")
        if self.integral <= 0 or self.step_limit <= 0:
            raise ValueError("integral and step_limit must be above 0")
        if self.debt_tasks < 1 or self.debt_step_limit <= 0:
            raise ValueError("debt_tasks must be at least 1 and debt_step_limit above 0")
        if self.min_judged < 1 or self.carry_windows < 1:
            raise ValueError("min_judged and carry_windows must be at least 1")


WHOLE = "whole"
"""Name of the course of all tiers together."""


class Course(Part):
    """What is carried from window to window for one tier, or for all together."""

    gathered: Judged = Judged()
    windows: int = 0
    since: datetime | None = None
    moving: bool = False

    def gather(self, judged: Judged, since: datetime) -> "Course":
        """One more closed window."""
        return self.model_copy(
            update={
                "gathered": self.gathered.plus(judged),
                "windows": self.windows + 1,
                "since": self.since or since,
            }
        )


class Debt(Part):
    """What all judged tasks scored since a mean score is held; with the thresholds then."""

    target: float
    base: float
    since: datetime
    lessons: int = 0
    score_sum: float = 0.0
    measured: int = 0  # lessons at the last move or rest

    @property
    def owed(self) -> float:
        """Whole scores that are missing for the target; below 0 they are in hand."""
        return self.target * self.lessons - self.score_sum


class Steering(Part):
    """The policy in force, and each tier's course towards the target."""

    policy: Policy
    courses: dict[str, Course] = Field(default_factory=dict)
    debt: Debt | None = None
    spending: Spending | None = None


def next_threshold(
    now: float, target: float, judged: Judged, gains: Gains, *, moving: bool = False
) -> float:
    """Move a tier's threshold so that the share of quality it holds meets the target.

    A tier that falls short asks more of its model, so that harder tasks go up; one that holds
    more than is wanted asks less, and saves money. The error is integrated by the threshold
    itself, which stops at its bounds: nothing winds up.

    Args:
        now: Threshold in force, in [0, 1].
        target: Share of the attainable quality to hold, in [0, 1].
        judged: What one tier held over the time just measured.
        gains: Gains in force.
        moving: Whether the threshold moved last time, which narrows the dead band.

    Returns:
        The next threshold in [floor, ceiling]; `now` itself when nothing is to be changed.

    Raises:
        ValueError: The mean score lies outside [0, 1]: the join upstream is wrong.

    Source:
        The integral step: Gibbs and Candès, arXiv 2106.00170. Bands and limits are ours.

    Example:
        >>> poor = Judged(judged=200, score_sum=120, best_sum=160)
        >>> next_threshold(0.80, 0.92, poor, Gains())
        0.82
        >>> next_threshold(0.80, 0.92, poor, Gains(min_judged=500))
        0.8
    """
    if not 0 <= judged.score_sum <= judged.judged:
        raise ValueError(f"{judged.judged} scores in [0, 1] cannot sum to {judged.score_sum}")
    if judged.judged < gains.min_judged or judged.share is None:
        return now
    error = target - judged.share
    if abs(error) <= (gains.release_band if moving else gains.dead_band):
        return now
    step = min(max(gains.integral * error, -gains.step_limit), gains.step_limit)
    return round(min(max(now + step, gains.floor), gains.ceiling), DIGITS)


def steer(
    steering: Steering,
    closed: Mapping[int, Judged],
    span: tuple[datetime, datetime],
    now: datetime,
    gains: Gains,
) -> Steering:
    """Take in what was judged in the windows just closed, and move what has to move.

    Windows that close together are one measurement: after a standstill the thresholds take one
    step, not one for each window that nobody could react to. A tier that is hardly used is
    lowered while the whole holds more than the target: its threshold may be what keeps tasks away
    from it, and then nothing would ever be judged there that could lower it.

    Args:
        steering: What was known before.
        closed: Quality by tier; tier 0 has no threshold and moves nothing.
        span: Beginning and end of the time that was closed.
        now: Dates a new policy.
        gains: Gains in force.

    Returns:
        The courses, or the debt, as they stand now. The policy is the same object if no threshold moved, else
        the next version with its reason.
    """
    if steering.policy.target_quality is not None:
        return _hold(steering, steering.policy.target_quality, closed, span, now, gains)
    policy, courses, moves = steering.policy, dict(steering.courses), dict[str, float]()
    reasons = list[str]()
    used = [judged for tier, judged in closed.items() if str(tier) in policy.thresholds]
    whole = _gathered(courses, WHOLE, used, span[0])
    for tier, threshold in sorted(policy.thresholds.items()):
        own = _gathered(courses, tier, [closed[int(tier)]] if int(tier) in closed else [], span[0])
        moving = own.moving
        after = next_threshold(threshold, policy.target, own.gathered, gains, moving=moving)
        quiet = own.gathered.judged < gains.min_judged
        if quiet:
            loosened = next_threshold(
                threshold, policy.target, whole.gathered, gains, moving=moving
            )
            after = min(after, loosened)
        courses[tier] = _go_on(own, gains, moved=after != threshold)
        if after != threshold:
            moves[tier] = after
            reasons.append(
                _explain(tier, whole if quiet else own, span[1], policy, after, quiet=quiet)
            )
    courses[WHOLE] = _go_on(whole, gains, moved=False)
    return Steering(policy=_moved(policy, moves, "; ".join(reasons), now), courses=courses)


def owing_threshold(now: float, debt: Debt, gains: Gains) -> float:
    """Move a threshold to where the scores that are owed ask it to be.

    The debt is itself the integral of the error over all judged tasks: a threshold in proportion
    to it is integral control, and being held back at a bound loses nothing of what is owed. What
    the target was short of is made good, so that the mean of all tasks comes back to it.

    Args:
        now: Threshold in force.
        debt: What is owed since the target is held.
        gains: Gains in force.

    Returns:
        The next threshold, at most `debt_step_limit` away; `now` itself inside the dead band.

    Example:
        >>> begun = datetime.fromisoformat("2026-01-01T00:00:00Z")
        >>> debt = Debt(target=0.6, base=0.7, since=begun, lessons=100, score_sum=58)
        >>> owing_threshold(0.7, debt, Gains())
        0.8
    """
    asked = min(max(debt.base + debt.owed / gains.debt_tasks, gains.floor), 1.0)
    if abs(asked - now) <= gains.dead_band:
        return now
    step = min(max(asked - now, -gains.debt_step_limit), gains.debt_step_limit)
    return round(now + step, DIGITS)


def _hold(
    steering: Steering,
    target: float,
    closed: Mapping[int, Judged],
    span: tuple[datetime, datetime],
    now: datetime,
    gains: Gains,
) -> Steering:
    """Hold the mean score of all judged tasks, explored and tier 0 among them."""
    policy, debt = steering.policy, steering.debt
    if debt is None or debt.target != target:
        base = sum(policy.thresholds.values()) / max(len(policy.thresholds), 1)
        debt = Debt(target=target, base=base, since=span[0])
    whole = reduce(Judged.plus, closed.values(), Judged())
    debt = debt.model_copy(
        update={
            "lessons": debt.lessons + whole.lessons,
            "score_sum": debt.score_sum + whole.lesson_sum,
        }
    )
    if debt.lessons - debt.measured < gains.min_judged:
        return Steering(policy=policy, debt=debt)
    moves = {
        tier: after
        for tier, before in sorted(policy.thresholds.items())
        if (after := owing_threshold(before, debt, gains)) != before
    }
    reason = _explain_debt(debt, policy, moves)
    debt = debt.model_copy(update={"measured": debt.lessons})
    return Steering(policy=_moved(policy, moves, reason, now), debt=debt)


def _moved(policy: Policy, moves: Mapping[str, float], reason: str, now: datetime) -> Policy:
    """The next version; the same object where nothing moves."""
    if not moves:
        return policy
    changes = {
        "version": policy.version + 1,
        "thresholds": {**policy.thresholds, **moves},
        "reason": reason,
        "changed_by": "tune",
        "at": now,
    }
    return policy.model_copy(update=changes)


def _explain_debt(debt: Debt, policy: Policy, moves: Mapping[str, float]) -> str:
    stands = "owed" if debt.owed > 0 else "in hand"
    told = ", ".join(
        f"tier {tier} {policy.thresholds[tier]:.4f} → {after:.4f}" for tier, after in moves.items()
    )
    return (
        f"{debt.lessons} judged since {debt.since:%Y-%m-%d %H:%M:%S} UTC scored "
        f"{debt.score_sum / max(debt.lessons, 1):.4f} in the mean, target {debt.target:.3f}, "
        f"{abs(debt.owed):.1f} scores {stands}: thresholds {told}"
    )


def _gathered(
    courses: Mapping[str, Course], name: str, judged: Sequence[Judged], since: datetime
) -> Course:
    """A course with what was judged just now; one without anything yet does not begin."""
    course = courses.get(name, Course())
    if not judged and not course.windows:
        return course
    for more in judged or (Judged(),):
        course = course.gather(more, since)
    return course.model_copy(update={"windows": course.windows - max(0, len(judged) - 1)})


def _go_on(course: Course, gains: Gains, *, moved: bool) -> Course:
    """Begin to gather anew once there was enough, or for too long not enough."""
    if course.gathered.judged >= gains.min_judged:
        return Course(moving=moved)
    return Course() if course.windows >= gains.carry_windows else course


def _explain(
    tier: str, course: Course, until: datetime, policy: Policy, after: float, *, quiet: bool
) -> str:
    judged = course.gathered
    where = " in all tiers, few in this one," if quiet else ""
    return (
        f"tier {tier}: {judged.judged} judged{where} from {course.since:%Y-%m-%d %H:%M:%S} "
        f"to {until:%H:%M:%S} UTC held {judged.share:.3f} of the attainable quality, "
        f"target {policy.target:.3f}: threshold {policy.thresholds[tier]:.4f} → {after:.4f}"
    )

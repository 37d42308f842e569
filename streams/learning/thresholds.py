"""Closed window and target → next threshold: the tuner's control law, pure.

A tier's threshold is the share of the best predicted quality that its model must reach on a task
to be good enough for it. Measured is the share that was held: what the judged tasks scored, over
the best that had been predicted for them. Where the mean score of all tasks is to be held instead,
`learning.debt` moves the thresholds.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import Field

from streams.events.control import Policy
from streams.events.envelope import Part
from streams.learning.allowance import Spending
from streams.learning.debt import Debt, hold
from streams.learning.gains import Gains, moved
from streams.learning.windows import Judged

DIGITS = 6
"""Thresholds are rounded to so many digits, so that a reason and its event agree."""


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
        held, debt = hold(steering.policy, steering.debt, closed, span[0], now, gains)
        return Steering(policy=held, debt=debt)
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
    return Steering(policy=moved(policy, moves, "; ".join(reasons), now), courses=courses)


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

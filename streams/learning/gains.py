"""How far thresholds move, and the policy that comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from streams.events.control import Policy


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
        debt_tasks: Where a mean score is held: scores that a tier's answers were predicted too
            high, for which its threshold is moved by 1.
        debt_step_limit: The furthest that it then moves in one window.
    """

    integral: float = 0.3
    step_limit: float = 0.02
    dead_band: float = 0.01
    release_band: float = 0.005
    min_judged: int = 25
    carry_windows: int = 10
    floor: float = 0.5
    ceiling: float = 0.995
    debt_tasks: int = 40
    debt_step_limit: float = 0.05

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


def moved(policy: Policy, moves: Mapping[str, float], reason: str, now: datetime) -> Policy:
    """The next version of a policy; the same object where nothing moves."""
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

"""Bills and a ceiling → what a task may be expected to cost, so that the bills keep the ceiling.

Who decides counts with expected dollars. Bills differ: answers are longer than typical, calls fail
and are made again. The tuner sees the bills, by window, and moves the allowance.
"""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from streams.events.control import Policy
from streams.events.envelope import Part
from streams.learning.windows import Cell

CREDIT_TASKS = 200
"""What is left over, or was spent too much, is made good within so many tasks."""

LEAST_RESULTS = 25
"""Billed results without which nothing is concluded."""

STEP = Decimal(2)
"""One move makes of the allowance at most so many times, and at least the inverse."""

LEAST, MOST = Decimal("0.05"), Decimal(4)
"""The allowance lies between so many ceilings."""

DEAD_BAND = Decimal("0.02")
"""Relative change up to which the allowance stays as it is."""

PLACES = Decimal("1e-12")
NOTHING = Decimal(0)


class Spending(Part):
    """Bills of all results since the ceiling is in force, and those not concluded from yet."""

    ceiling_usd: Decimal
    since: datetime
    tasks: int = 0
    spent_usd: Decimal = NOTHING
    fresh_tasks: int = 0
    fresh_usd: Decimal = NOTHING

    def with_cell(self, cell: Cell) -> "Spending":
        """Count the results of a stretch of time; those without a known price are left out."""
        tasks = cell.results - cell.unpriced
        return self.model_copy(
            update={
                "tasks": self.tasks + tasks,
                "spent_usd": self.spent_usd + cell.cost_usd,
                "fresh_tasks": self.fresh_tasks + tasks,
                "fresh_usd": self.fresh_usd + cell.cost_usd,
            }
        )

    @property
    def may_usd(self) -> Decimal:
        """What the next tasks may be billed each: the ceiling, and a part of what is left."""
        left = self.ceiling_usd * self.tasks - self.spent_usd
        may = self.ceiling_usd + left / CREDIT_TASKS
        return min(max(may, self.ceiling_usd / STEP), self.ceiling_usd * STEP)


def next_allowance(now: Decimal, spending: Spending) -> Decimal:
    """Move the allowance so that what is billed comes to what may be.

    Half of the way, by the ratio of what the next tasks may be billed to what the last were.

    Args:
        now: Allowance in force, dollars a task.
        spending: Bills since the ceiling is in force.

    Returns:
        Dollars a task; `now` itself where nothing is to be changed.

    Example:
        >>> begun = datetime.fromisoformat("2026-01-01T00:00:00Z")
        >>> dear = Spending(ceiling_usd=Decimal(1), since=begun).with_cell(
        ...     Cell(completed=100, cost_usd=Decimal(400))
        ... )
        >>> next_allowance(Decimal(1), dear).normalize()
        Decimal('0.5')
    """
    if spending.fresh_tasks < LEAST_RESULTS:
        return now
    billed = spending.fresh_usd / spending.fresh_tasks
    ratio = STEP if billed <= 0 else min(spending.may_usd / billed, STEP**2)
    step = min(max(ratio.sqrt(), 1 / STEP), STEP)
    after = min(max(now * step, LEAST * spending.ceiling_usd), MOST * spending.ceiling_usd)
    if abs(after - now) <= DEAD_BAND * now:
        return now
    return after.quantize(PLACES, ROUND_HALF_EVEN)


def allow(
    policy: Policy, before: Policy, spending: Spending | None, cell: Cell, now: datetime
) -> tuple[Policy, Spending | None]:
    """Take in the bills of windows just closed, and move the allowance if it has to move.

    Args:
        policy: As the thresholds' control left it.
        before: As it was published; no version is skipped or given twice.
        spending: What was known before.
        cell: Results of the windows just closed.
        now: Dates a new policy.
    """
    ceiling = policy.ceiling_usd
    if ceiling is None:
        return policy, None
    if spending is None or spending.ceiling_usd != ceiling:
        spending = Spending(ceiling_usd=ceiling, since=now)
    spending = spending.with_cell(cell)
    allowed = policy.allowance_usd or ceiling
    after = next_allowance(allowed, spending)
    told = spending
    if spending.fresh_tasks >= LEAST_RESULTS:
        spending = spending.model_copy(update={"fresh_tasks": 0, "fresh_usd": NOTHING})
    if after == allowed:
        return policy, spending
    reason = _explain(told, allowed, after)
    changes = {
        "version": before.version + 1,
        "allowance_usd": after,
        "reason": reason if policy is before else f"{policy.reason}; {reason}",
        "changed_by": "tune",
        "at": now,
    }
    return policy.model_copy(update=changes), spending


def _explain(spending: Spending, before: Decimal, after: Decimal) -> str:
    mean = spending.spent_usd / max(spending.tasks, 1)
    last = spending.fresh_usd / max(spending.fresh_tasks, 1)
    return (
        f"{spending.tasks} results since {spending.since:%Y-%m-%d %H:%M:%S} UTC cost ${mean:.3g} "
        f"each, the last {spending.fresh_tasks} ${last:.3g}, ceiling ${spending.ceiling_usd:.3g}: "
        f"allowance ${before:.3g} → ${after:.3g}"
    )

"""A change midway, and how many tasks it takes until the router has followed it.

The tasks are played twice over: a first pass as recorded, a second one changed.
"""

import enum
import statistics
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np

from streams import ids
from streams.events.envelope import Part
from streams.rig.benchmark.pool import Pool

WINDOW = 30
"""A share is one of so many tasks; half of it is the fewest that adapting can take."""

PRICE_CUT = 10
REGRESSION = 0.75


class Change(enum.StrEnum):
    """What changes midway."""

    PRICE = "price"  # the dearest model's bills fall to a tenth
    REGRESSION = "regression"  # the middle model's scores fall to three quarters
    NEWCOMER = "newcomer"  # the middle model can't be chosen before


class Adapting(Part):
    """How a change was followed: tasks after it, by order; None: that order never did.

    `shares` are the changed model's in windows of `WINDOW` tasks from the change on, mean over
    orders; `before` is its share in the last quarter before.
    """

    change: Change
    model: str
    steps: tuple[int | None, ...]
    median: float | None
    worst: int | None
    before: float
    shares: tuple[float, ...]


def changed_model(pool: Pool, change: Change) -> str:
    """Whom it concerns: of models ranked by mean cost, the dearest or the middle one.

    Ranked by the first pass alone, where there are two.
    """
    first = pool.costs[: pool.learning or None]
    ranked = np.argsort(first.mean(axis=0), kind="stable")
    at = ranked[-1] if change is Change.PRICE else ranked[len(ranked) // 2]
    return pool.models[int(at)]


def twice(pool: Pool, change: Change) -> Pool:
    """The tasks as recorded, and then once more as they are after the change.

    Args:
        pool: Rows without any that only teach.
        change: What happens between the two passes.
    """
    column = pool.models.index(changed_model(pool, change))
    scores, bills = pool.scores.copy(), [list(line) for line in pool.bills]
    if change is Change.REGRESSION:
        scores[:, column] *= REGRESSION
    if change is Change.PRICE:
        for line in bills:
            line[column] /= Decimal(PRICE_CUT)
    again = tuple(
        replace(asked, task=asked.task.model_copy(update={"task_id": _renamed(asked.task.task_id)}))
        for asked in pool.asked
    )
    later = tuple(tuple(line) for line in bills)
    return Pool(
        models=pool.models,
        asked=(*pool.asked, *again),
        scores=np.concatenate((pool.scores, scores)),
        costs=np.concatenate((pool.costs, np.array(later, dtype=np.float64))),
        bills=(*pool.bills, *later),
        learning=len(pool.asked),
        incomplete=pool.incomplete,
    )


def steps_to_adapt(chosen: Sequence[bool], at: int) -> int | None:
    """Tasks after a change until a window passes half-way from the share before to that at the end.

    Args:
        chosen: By task, whether the changed model did it.
        at: The first task after the change.

    Returns:
        The number of tasks; None where the shares before and at the end are as good as equal, or
        no window gets there. The share before is that of the last quarter before the change, the
        share at the end that of the last quarter.

    Example:
        >>> steps_to_adapt([False] * 100 + [True] * 100, 100)
        15
    """
    before, after = chosen[at - at // 4 : at], chosen[at:]
    begin = sum(before) / max(len(before), 1)
    last = after[-max(len(after) // 4, 1) :]
    end = sum(last) / max(len(last), 1)
    if abs(end - begin) < 1 / WINDOW:
        return None
    half = (begin + end) / 2
    for tasks in range(1, len(after) + 1):
        window = chosen[at + tasks - WINDOW : at + tasks]
        share = sum(window) / WINDOW
        if (share >= half) if end > begin else (share <= half):
            return tasks
    return None


def adapting(change: Change, model: str, orders: Sequence[Sequence[bool]], at: int) -> Adapting:
    """Sum up all orders.

    Args:
        change: What happened.
        model: To whom.
        orders: By order and task, whether that model did it.
        at: The first task after the change.
    """
    steps = [steps_to_adapt(chosen, at) for chosen in orders]
    known = [each for each in steps if each is not None]
    every = np.array([list(chosen) for chosen in orders], dtype=np.float64)
    begins = range(at, every.shape[1] - WINDOW + 1, WINDOW)
    return Adapting(
        change=change,
        model=model,
        steps=tuple(steps),
        median=statistics.median(known) if known else None,
        worst=max(known) if len(known) == len(steps) and known else None,
        before=float(every[:, at - at // 4 : at].mean()),
        shares=tuple(float(every[:, begin : begin + WINDOW].mean()) for begin in begins),
    )


def _renamed(task_id: str) -> str:
    return ids.derive("task", task_id, "again")

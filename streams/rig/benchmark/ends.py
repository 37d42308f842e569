"""How well it begins beside how well it ends: what was learned before the first task is worth."""

from collections.abc import Sequence

import numpy as np

from streams.events.envelope import Part
from streams.rig.benchmark.intervals import Interval, interval
from streams.rig.benchmark.stream import Step
from streams.rig.benchmark.yardsticks import Ground

TASKS = 500


class Ends(Part):
    """Mean scores over orders of the first and the last measured tasks.

    The first are not the last: `risen` is by how much the lead over a random choice of model on
    the same tasks has grown in between.
    """

    tasks: int
    first: Interval
    last: Interval
    risen: Interval


def ends(orders: Sequence[tuple[Sequence[Step], Ground]], tasks: int = TASKS) -> Ends | None:
    """Read the two ends off each order.

    Args:
        orders: Of each the measured steps, and what all models would have made of their tasks.
        tasks: So many at each end.

    Returns:
        None where there are fewer than twice as many.
    """
    if any(len(steps) < 2 * tasks for steps, _ in orders):
        return None
    first, last, risen = list[float](), list[float](), list[float]()
    for steps, ground in orders:
        scores = np.array([step.score for step in steps])
        lead = scores - ground.scores.mean(axis=1)
        first.append(float(scores[:tasks].mean()))
        last.append(float(scores[-tasks:].mean()))
        risen.append(float(lead[-tasks:].mean() - lead[:tasks].mean()))
    return Ends(tasks=tasks, first=interval(first), last=interval(last), risen=interval(risen))

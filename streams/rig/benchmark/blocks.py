"""Tasks in blocks of one category, several passes over them: is a mean score held all the way?

A block is all hard or all easy, so the mean of all tasks so far can't be held at every moment by
anybody. What could be is worked out beside it, from the means of each category.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams import ids
from streams.events.decision import Binding
from streams.events.envelope import Part
from streams.rig.benchmark.pool import Asked, Pool
from streams.rig.benchmark.stream import Ran
from streams.rig.figures import Money

FIRST, EVERY = 3000, 1000
"""The mean of all tasks so far is looked at after so many, and then after every so many more."""

NEAR = 0.01
"""How far from the target it may be."""

_HALVINGS = 30

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """How tasks are put in order.

    Args:
        target: The mean score to hold.
        size: Tasks in a block; None: whole categories.
        passes: How often all tasks are played, each time in another order.
    """

    target: float
    size: int | None = None
    passes: int = 5


class Checkpoint(Part):
    """The mean score of all tasks so far, beside what could be had of the same tasks.

    `lowest` is by always the cheapest model, `highest` by the best one of each category,
    `clairvoyant` by who knows their means and pays each debt at once.
    """

    task: int
    mean: float
    lowest: float
    highest: float
    clairvoyant: float


class Held(Part):
    """One order: how far from the target, at the worst checkpoint; None where there is none.

    `clairvoyant` is the same of who knows the means of every category and pays each debt at once,
    with the cheapest or with the best model of the category; `foresight` the least that is possible
    with them, for who knows all blocks to come as well. `variation` sums by tier what thresholds
    moved, up and down.
    """

    seed: int
    worst: float | None
    clairvoyant: float | None
    foresight: float
    checkpoints: tuple[Checkpoint, ...]
    cost_usd: Money
    bound_by_target: float
    changes: int
    variation: dict[str, float]
    variation_a_task: float


class InBlocks(Part):
    """A target held through blocks, over all orders.

    `held` counts those never further off than `NEAR`; `clairvoyant` and `could` those of which
    that is so of the clairvoyant, and with foresight.
    """

    target: float
    size: int | None
    passes: int
    held: int
    clairvoyant: int
    could: int
    orders: tuple[Held, ...]


class Reach(NamedTuple):
    """The mean scores of the cheapest and of the best model of each task's category, in order."""

    low: Floats
    high: Floats


def repeated(pool: Pool, passes: int) -> Pool:
    """The tasks once for each pass, every time as tasks of their own.

    Args:
        pool: Rows without any that only teach.
        passes: At least one.
    """
    asked = tuple(_again(one, number) for number in range(passes) for one in pool.asked)
    return replace(
        pool,
        asked=asked,
        scores=np.tile(pool.scores, (passes, 1)),
        costs=np.tile(pool.costs, (passes, 1)),
        bills=pool.bills * passes,
        categories=pool.categories * passes,
    )


def order_in_blocks(pool: Pool, seed: int, blocks: Blocks) -> list[int]:
    """An order of a repeated pool: pass by pass, blocks of one category, each shuffled.

    Args:
        pool: As `repeated` returns it.
        seed: Of tasks within their category and of blocks, anew in each pass.
        blocks: How large.
    """
    rows, order = len(pool.asked) // blocks.passes, list[int]()
    for number in range(blocks.passes):
        salt = f"blocks/{seed}/{number}"
        kinds = defaultdict[str, list[int]](list)
        for row in range(number * rows, (number + 1) * rows):
            kinds[pool.categories[row]].append(row)
        drawn: list[tuple[float, list[int]]] = []
        for kind, members in sorted(kinds.items()):
            members.sort(key=lambda row: ids.draw(salt, pool.asked[row].task.task_id, "order"))
            size = blocks.size or len(members)
            drawn += [
                (ids.draw(salt, f"{kind}/{begin}", "block"), members[begin : begin + size])
                for begin in range(0, len(members), size)
            ]
        order += [row for _, members in sorted(drawn) for row in members]
    return order


def reach_of(pool: Pool, order: Sequence[int]) -> Reach:
    """What is attainable of each task, as far as its category tells."""
    kinds, place = np.unique(np.array(pool.categories), return_inverse=True)
    counts = np.bincount(place, minlength=len(kinds))[:, None]
    sums = np.zeros((len(kinds), len(pool.models)))
    np.add.at(sums, place, pool.scores)
    means = sums / counts
    cheapest = int(pool.costs.mean(axis=0).argmin())
    at = place[np.array(order, dtype=np.intp)]
    return Reach(means[at, cheapest], means.max(axis=1)[at])


def paying_at_once(reach: Reach, target: float) -> Floats:
    """The mean scores so far of who takes the best model while scores are owed, else the cheapest."""
    scores, total = np.empty(len(reach.low)), 0.0
    for number, (low, high) in enumerate(zip(reach.low.tolist(), reach.high.tolist(), strict=True)):
        total += high if total < target * number else low
        scores[number] = total / (number + 1)
    return scores


def foresight(reach: Reach, target: float) -> float:
    """How near the target the mean can be kept at every checkpoint by who knows what comes."""
    low, high = np.cumsum(reach.low), np.cumsum(reach.high)
    near, far = 0.0, 1.0
    for _ in range(_HALVINGS):
        tried = (near + far) / 2
        near, far = (near, tried) if _reachable(low, high, target, tried) else (tried, far)
    return far


def told_in_blocks(
    pool: Pool, blocks: Blocks, orders: Sequence[tuple[int, Sequence[int], Ran]]
) -> InBlocks:
    """Sum up all orders.

    Args:
        pool: As it was played.
        blocks: In which order.
        orders: The seed, the rows in order and the run of each.
    """
    held = tuple(_held(pool, blocks, seed, order, ran) for seed, order, ran in orders)
    return InBlocks(
        target=blocks.target,
        size=blocks.size,
        passes=blocks.passes,
        held=sum(one.worst is not None and one.worst <= NEAR for one in held),
        clairvoyant=sum(one.clairvoyant is not None and one.clairvoyant <= NEAR for one in held),
        could=sum(one.foresight <= NEAR for one in held),
        orders=held,
    )


def variation(thresholds: Sequence[tuple[int, Mapping[str, float]]]) -> dict[str, float]:
    """By tier, how far its threshold moved in all, up and down.

    Example:
        >>> variation([(0, {"1": 0.5}), (9, {"1": 0.75}), (20, {"1": 0.5})])
        {'1': 0.5}
    """
    sums = dict.fromkeys(sorted({tier for _, each in thresholds for tier in each}), 0.0)
    for (_, before), (_, after) in pairwise(thresholds):
        for tier in sums:
            sums[tier] += abs(after.get(tier, 0.0) - before.get(tier, 0.0))
    return sums


def _held(pool: Pool, blocks: Blocks, seed: int, order: Sequence[int], ran: Ran) -> Held:
    steps, reach = ran.steps, reach_of(pool, order)
    scores = np.array([step.score for step in steps])
    paid = paying_at_once(reach, blocks.target)
    found = tuple(_checkpoints(scores, reach, paid))
    moved = variation(ran.thresholds)
    return Held(
        seed=seed,
        worst=max((abs(at.mean - blocks.target) for at in found), default=None),
        clairvoyant=max((abs(at.clairvoyant - blocks.target) for at in found), default=None),
        foresight=foresight(reach, blocks.target),
        checkpoints=found,
        cost_usd=sum((step.spent_usd for step in steps), Decimal(0)) / len(steps),
        bound_by_target=sum(step.bound_by == Binding.TARGET for step in steps) / len(steps),
        changes=len(ran.thresholds) - 1,
        variation=moved,
        variation_a_task=max(moved.values(), default=0.0) / len(steps),
    )


def _checkpoints(scores: Floats, reach: Reach, paid: Floats) -> Iterator[Checkpoint]:
    sums, low, high = np.cumsum(scores), np.cumsum(reach.low), np.cumsum(reach.high)
    for count in range(FIRST, len(scores) + 1, EVERY):
        yield Checkpoint(
            task=count,
            mean=float(sums[count - 1]) / count,
            lowest=float(low[count - 1]) / count,
            highest=float(high[count - 1]) / count,
            clairvoyant=float(paid[count - 1]),
        )


def _reachable(low: Floats, high: Floats, target: float, near: float) -> bool:
    """Whether some path keeps so near; between two checkpoints it gains what lies between."""
    least = most = before_low = before_high = 0.0
    for count in range(FIRST, len(low) + 1, EVERY):
        least = max(least + low[count - 1] - before_low, (target - near) * count)
        most = min(most + high[count - 1] - before_high, (target + near) * count)
        before_low, before_high = low[count - 1], high[count - 1]
        if least > most:
            return False
    return True


def _again(asked: Asked, number: int) -> Asked:
    task_id = ids.derive("task", asked.task.task_id, "pass", number)
    return replace(asked, task=asked.task.model_copy(update={"task_id": task_id}))

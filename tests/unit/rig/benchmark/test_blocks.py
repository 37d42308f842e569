"""Tasks in blocks of one category: their order, what is attainable in it, and what was held."""

from decimal import Decimal
from itertools import groupby

import numpy as np
import pytest

from streams.rig.benchmark.blocks import (
    EVERY,
    FIRST,
    Blocks,
    Reach,
    foresight,
    order_in_blocks,
    paying_at_once,
    reach_of,
    repeated,
    told_in_blocks,
    variation,
)
from streams.rig.benchmark.pool import Pool, pool_of
from streams.rig.benchmark.stream import Ran, Step
from streams.rig.recorded import Recorded, RecordedOutcome
from streams.tier0.answer import answer

COSTS = {"dear": Decimal("0.01"), "cheap": Decimal("0.001")}
SCORES = {"easy": (0.9, 0.7), "hard": (0.5, 0.1), "odd": (0.2, 0.4)}
PASSES = 3


def a_pool(tasks: int = 30) -> Pool:
    """Three categories, a third of the tasks each; the cheap model is better at one of them."""
    rows = []
    for number in range(tasks):
        category = ("easy", "hard", "odd")[number % 3]
        scores = dict(zip(COSTS, SCORES[category], strict=True))
        outcomes = {
            name: RecordedOutcome(score=scores[name], cost_usd=cost) for name, cost in COSTS.items()
        }
        rows.append(
            Recorded(
                task_id=f"r{number}",
                prompt=f"Tell me about {number}.",
                category=category,
                outcomes=outcomes,
            )
        )
    return repeated(pool_of(rows, tuple(COSTS), answer), PASSES)


POOL = a_pool()


def runs_of(order: list[int]) -> list[tuple[str, int]]:
    return [
        (kind, len(list(rows)))
        for kind, rows in groupby(order, key=lambda row: POOL.categories[row])
    ]


def test_each_pass_has_every_task_once_as_a_task_of_its_own() -> None:
    order = order_in_blocks(POOL, 1, Blocks(0.5, passes=PASSES))
    rows = len(POOL.asked) // PASSES
    passes = [order[begin : begin + rows] for begin in range(0, len(order), rows)]
    assert [sorted(row % rows for row in each) for each in passes] == [list(range(rows))] * PASSES
    assert len({asked.task.task_id for asked in POOL.asked}) == len(POOL.asked)
    assert {POOL.asked[0].task.text} == {POOL.asked[rows * n].task.text for n in range(PASSES)}
    assert len({tuple(row % rows for row in each) for each in passes}) == PASSES


def test_whole_categories_are_blocks_or_so_many_tasks_of_one() -> None:
    whole = order_in_blocks(POOL, 1, Blocks(0.5, passes=PASSES))
    assert {kind for kind, _ in runs_of(whole[:30])} == set(SCORES)
    assert [count for _, count in runs_of(whole[:30])] == [10] * 3
    small = order_in_blocks(POOL, 1, Blocks(0.5, 4, PASSES))
    for begin in range(0, 30, 10):
        assert sum(count for _, count in runs_of(small[begin : begin + 10])) == 10
    sizes = [count for _, count in runs_of(small[:30])]
    assert len(sizes) > 3
    assert all(size % 2 == 0 for size in sizes)  # of 4, 4 and 2, or several in a row


def test_an_order_depends_on_the_seed_alone() -> None:
    blocks = Blocks(0.5, 4, PASSES)
    assert order_in_blocks(POOL, 1, blocks) == order_in_blocks(POOL, 1, blocks)
    assert order_in_blocks(POOL, 1, blocks) != order_in_blocks(POOL, 2, blocks)


def test_attainable_is_from_always_the_cheapest_to_the_best_of_each_category() -> None:
    order = order_in_blocks(POOL, 1, Blocks(0.5, passes=PASSES))
    reach = reach_of(POOL, order)
    told = {
        POOL.categories[row]: (float(low), float(high))
        for row, low, high in zip(order, reach.low, reach.high, strict=True)
    }
    assert told == {
        "easy": pytest.approx((0.7, 0.9)),
        "hard": pytest.approx((0.1, 0.5)),
        "odd": pytest.approx((0.4, 0.4)),
    }


def reach(*stretches: tuple[int, float, float]) -> Reach:
    low = np.concatenate([np.full(count, low) for count, low, _ in stretches])
    high = np.concatenate([np.full(count, high) for count, _, high in stretches])
    return Reach(low, high)


def test_who_pays_at_once_is_never_off_by_more_than_a_task_where_a_mix_holds_it() -> None:
    means = paying_at_once(reach((5000, 0.2, 0.9)), 0.5)
    assert abs(means[FIRST - 1 :: EVERY] - 0.5).max() < 1 / FIRST


def test_who_does_not_know_what_comes_is_off_by_what_a_hard_block_is_short_of() -> None:
    found = reach((2600, 0.2, 0.9), (400, 0.1, 0.2), (3000, 0.2, 0.9))
    means = paying_at_once(found, 0.5)
    assert means[FIRST - 1] - 0.5 == pytest.approx(-400 * 0.3 / FIRST, abs=0.001)
    assert means[-1] == pytest.approx(0.5, abs=0.001)
    assert foresight(found, 0.5) < 0.0001


def test_foresight_is_bounded_by_what_all_tasks_so_far_can_be() -> None:
    assert foresight(reach((6000, 0.2, 0.4)), 0.5) == pytest.approx(0.1, abs=1e-6)
    found = reach((3000, 0.2, 0.4), (3000, 0.2, 0.9))
    assert foresight(found, 0.5) == pytest.approx(0.1, abs=1e-6)
    trapped = reach((3000, 0.4, 0.6), (1000, 0.7, 0.9))  # a little under, then a little over
    assert foresight(trapped, 0.45) == pytest.approx(250 / 7000, abs=1e-6)


def test_a_run_is_told_by_its_worst_checkpoint() -> None:
    pool = a_pool(1200)
    blocks = Blocks(0.5, passes=PASSES)
    order = order_in_blocks(pool, 1, blocks)
    dear = [0.0 if number < 300 else 0.5 for number in range(len(order))]
    steps = [
        Step(row, "dear", 4, score, Decimal("0.01"), 0.5, "target" if number % 2 else None)
        for number, (row, score) in enumerate(zip(order, dear, strict=True))
    ]
    ran = Ran(steps, [(0, {"1": 0.5, "4": 0.5}), (100, {"1": 0.5, "4": 0.75})])
    found = told_in_blocks(pool, blocks, [(1, order, ran)])
    (held,) = found.orders
    assert [at.task for at in held.checkpoints] == [3000]
    assert held.worst == pytest.approx(300 * 0.5 / 3000)
    assert (found.held, found.clairvoyant, found.could) == (0, 1, 1)
    assert (held.cost_usd, held.bound_by_target, held.changes) == (Decimal("0.01"), 0.5, 1)
    assert held.variation == {"1": 0.0, "4": 0.25}
    assert held.variation_a_task == pytest.approx(0.25 / 3600)
    assert held.checkpoints[0].lowest <= 0.5 <= held.checkpoints[0].highest


def test_variation_sums_up_and_down_by_tier() -> None:
    assert variation([(0, {"1": 0.5, "2": 1.0}), (9, {"1": 0.25, "2": 1.0})]) == {
        "1": 0.25,
        "2": 0.0,
    }
    assert variation([]) == {}

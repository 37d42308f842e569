"""A change midway: what it changes, and from when on it counts as followed."""

from decimal import Decimal

import pytest

from streams.rig.benchmark.change import Change, adapting, changed_model, steps_to_adapt, twice
from streams.rig.benchmark.pool import Pool, pool_of
from streams.rig.recorded import Recorded, RecordedOutcome
from streams.tier0.answer import answer

COSTS = {"large": Decimal(10), "medium": Decimal(2), "small": Decimal(1)}


def a_pool() -> Pool:
    outcomes = {name: RecordedOutcome(score=0.8, cost_usd=cost) for name, cost in COSTS.items()}
    rows = [Recorded(task_id=f"r{n}", prompt=f"Why {n}?", outcomes=outcomes) for n in range(4)]
    return pool_of(rows, tuple(COSTS), answer)


def test_the_dearest_gets_cheaper_and_the_middle_one_worse_or_new() -> None:
    pool = a_pool()
    assert changed_model(pool, Change.PRICE) == "large"
    assert changed_model(pool, Change.REGRESSION) == "medium"
    assert changed_model(pool, Change.NEWCOMER) == "medium"


def test_only_the_second_pass_is_changed_and_only_for_that_model() -> None:
    cheaper = twice(a_pool(), Change.PRICE)
    assert cheaper.learning == 4
    assert (
        cheaper.bills == (tuple(COSTS.values()),) * 4 + ((Decimal(1), Decimal(2), Decimal(1)),) * 4
    )
    assert (cheaper.scores == 0.8).all()
    worse = twice(a_pool(), Change.REGRESSION)
    assert worse.bills == (tuple(COSTS.values()),) * 8
    assert worse.scores[:4].tolist() == [[0.8] * 3] * 4
    assert worse.scores[4] == pytest.approx([0.8, 0.6, 0.8])


def test_a_task_asked_again_is_a_task_of_its_own() -> None:
    asked = twice(a_pool(), Change.PRICE).asked
    assert len({each.task.task_id for each in asked}) == 8
    assert asked[0].task.text == asked[4].task.text


def test_after_a_change_of_price_the_dearest_is_still_the_one_that_changed() -> None:
    assert changed_model(twice(a_pool(), Change.PRICE), Change.PRICE) == "large"


def test_who_follows_at_once_needs_half_a_window() -> None:
    assert steps_to_adapt([False] * 90 + [True] * 90, 90) == 15
    assert steps_to_adapt([True] * 90 + [False] * 90, 90) == 15


def test_a_late_change_of_mind_is_counted_from_the_change_on() -> None:
    assert steps_to_adapt([False] * 90 + [False] * 20 + [True] * 90, 90) == 35


def test_who_does_not_move_has_not_adapted() -> None:
    assert steps_to_adapt([True] * 180, 90) is None


def test_orders_are_summed_up_by_their_median_and_their_worst() -> None:
    orders = [[False] * 120 + [False] * late + [True] * (120 - late) for late in (0, 10, 40)]
    found = adapting(Change.NEWCOMER, "m", orders, 120)
    assert found.steps == (15, 25, 55)
    assert (found.median, found.worst, found.before) == (25, 55, 0)
    assert found.shares == pytest.approx([(30 + 20 + 0) / 90, (30 + 30 + 20) / 90, 1, 1])


def test_an_order_that_never_follows_leaves_no_worst() -> None:
    found = adapting(Change.PRICE, "m", [[False] * 60 + [True] * 60, [False] * 120], 60)
    assert (found.steps, found.median, found.worst) == ((15, None), 15, None)

import time

import numpy as np
import pytest

from streams.routing.frontier import BEYOND, Frontier, Offer, descend
from tests import chance

CHEAP, MIDDLE, DEAR = Offer(0.5, 0.0), Offer(0.8, 0.5), Offer(0.9, 1.0)


def frontier(*tasks: list[Offer], rows: int = 400) -> Frontier:
    made = Frontier(rows)
    for offers in tasks:
        made.add(offers)
    return made


def test_a_rising_price_goes_down_the_hull_and_skips_what_is_never_worth_it() -> None:
    poor = Offer(0.52, 0.5)
    best, steps = descend([CHEAP, MIDDLE, DEAR, poor])
    assert best == DEAR
    assert [(round(s.price, 9), s.cost, round(s.quality, 9)) for s in steps] == [
        (0.2, 0.5, 0.1),
        (0.6, 0.5, 0.3),
    ]


def test_of_two_that_are_equally_good_the_cheaper_is_the_best() -> None:
    best, steps = descend([Offer(0.9, 1.0), Offer(0.9, 0.2)])
    assert (best, steps) == (Offer(0.9, 0.2), [])


def test_one_model_alone_has_no_steps_and_no_price() -> None:
    curve = frontier([DEAR], [DEAR]).curve
    assert curve.holding_cost(0.1) == 0.0
    assert curve.holding_quality(0.1) == 0.0


def test_what_is_affordable_anyway_needs_no_price() -> None:
    assert frontier([CHEAP, MIDDLE, DEAR]).curve.holding_cost(1.0) == 0.0


def test_the_price_for_a_cost_is_the_first_step_that_reaches_it() -> None:
    curve = frontier([CHEAP, MIDDLE, DEAR], [CHEAP, DEAR]).curve
    assert curve.holding_cost(0.8) == pytest.approx(0.2)
    assert curve.at(0.2) == pytest.approx((0.85, 0.75))
    assert curve.holding_cost(0.3) == pytest.approx(0.4)


def test_where_no_price_is_high_enough_it_lies_beyond_every_step() -> None:
    curve = frontier([Offer(0.5, 0.2), DEAR]).curve
    assert curve.holding_cost(0.1) == pytest.approx(BEYOND * 0.5)
    assert curve.at(curve.holding_cost(0.1)) == pytest.approx((0.5, 0.2))


def test_the_price_for_a_quality_is_the_last_that_still_holds_it() -> None:
    curve = frontier([CHEAP, MIDDLE, DEAR]).curve
    assert curve.holding_quality(0.95) == 0.0
    assert curve.holding_quality(0.85) == 0.0
    assert curve.holding_quality(0.8) == pytest.approx(0.2)
    assert curve.holding_quality(0.4) == pytest.approx(BEYOND * 0.6)


def test_tasks_that_are_all_alike_hold_the_quality_and_not_less() -> None:
    curve = frontier(*[[CHEAP, DEAR]] * 10).curve
    price = curve.holding_quality(0.7)
    assert curve.at(price).quality == pytest.approx(0.9)


def test_the_oldest_task_is_forgotten() -> None:
    made = frontier([CHEAP, DEAR], [MIDDLE], [MIDDLE], rows=2)
    assert made.curve.at(0.0) == pytest.approx(MIDDLE)
    assert made.seen == 3


def test_a_task_with_more_models_than_any_before_is_remembered_whole() -> None:
    many = [Offer(0.9 - 0.01 * n * n, 10.0 - n) for n in range(9)]
    curve = frontier([CHEAP, DEAR], many).curve
    assert len(curve.prices) == 1 + 1 + 8


def a_world(tasks: int, models: int) -> list[list[Offer]]:
    return [
        [Offer(chance.share("q", t, m), 2.0**m * chance.share("c", t, m)) for m in range(models)]
        for t in range(tasks)
    ]


@pytest.mark.parametrize("wanted", [0.4, 0.7, 1.5, 3.0])
def test_solved_prices_hold_what_choosing_each_task_comes_to(wanted: float) -> None:
    world = a_world(400, 4)
    curve = frontier(*world).curve
    price = curve.holding_cost(wanted) * (1 + 1e-9)
    chosen = [max(offers, key=lambda o: o.quality - price * o.cost) for offers in world]
    cost = float(np.mean([offer.cost for offer in chosen]))
    assert cost == pytest.approx(curve.at(price).cost)
    assert wanted * 0.95 < cost <= wanted or price == 0.0


def test_a_solve_takes_far_less_than_a_decision() -> None:
    made = frontier(*a_world(400, 4))
    taken = []
    for offers in a_world(50, 4):
        made.add(offers)
        begun = time.perf_counter()
        made.curve.holding_cost(0.7)
        made.curve.holding_quality(0.6)
        taken.append(time.perf_counter() - begun)
    assert sorted(taken)[25] < 1e-3  # measured: 40 us; once in ten tasks

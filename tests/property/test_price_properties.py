from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.routing.frontier import Curve, Frontier, Offer
from streams.routing.price import PriceOfMoney, reserve_usd, unaffordable
from tests import chance
from tests.builders import a_decision, a_policy

UNIT = Decimal("1e-6")
OVER = Decimal("1.002")


def rounded(most: int) -> st.SearchStrategy[float]:
    """Numbers whose differences and ratios a float can tell."""
    return st.floats(0, most).map(lambda number: round(number, 6))


offers = st.lists(
    st.builds(Offer, rounded(1), rounded(10)),
    min_size=1,
    max_size=5,
)


def curve_of(tasks: list[list[Offer]]) -> Curve:
    """What can be had for which price, of tasks with these offers."""
    frontier = Frontier()
    for task in tasks:
        frontier.add(task)
    return frontier.curve


@settings(max_examples=60)
@given(st.lists(offers, min_size=1, max_size=30), st.floats(0, 12))
def test_a_solved_price_keeps_the_mean_cost_where_any_price_could(
    tasks: list[list[Offer]], wanted: float
) -> None:
    curve = curve_of(tasks)
    price = curve.holding_cost(wanted)
    cheapest = sum(min(offer.cost for offer in task) for task in tasks) / len(tasks)
    assert curve.at(price).cost <= max(wanted, cheapest) + 1e-9
    if price > 0 and curve.at(price).cost <= wanted:  # and none smaller does
        assert curve.at(price * (1 - 1e-12)).cost > wanted or curve.at(0.0).cost <= wanted


@settings(max_examples=60)
@given(st.lists(offers, min_size=1, max_size=30), st.floats(0, 1))
def test_a_solved_price_keeps_the_mean_quality_where_the_best_offers_do(
    tasks: list[list[Offer]], wanted: float
) -> None:
    curve = curve_of(tasks)
    price = curve.holding_quality(wanted)
    best = sum(max(offer.quality for offer in task) for task in tasks) / len(tasks)
    assert curve.at(price).quality >= min(wanted, best) - 1e-9


@settings(max_examples=60)
@given(st.lists(offers, min_size=1, max_size=20))
def test_cost_and_quality_only_fall_while_the_price_rises(tasks: list[list[Offer]]) -> None:
    curve = curve_of(tasks)
    for values in (curve.costs, curve.qualities):
        assert all(after <= before + 1e-9 for before, after in pairwise(values))
    assert curve.costs[-1] >= -1e-9


def spend(
    costs: list[dict[str, Decimal]], ceiling: Decimal, dear: int, *, bound: Decimal | None
) -> list[Decimal]:
    """What was spent after each task, the dear model always predicted to be better."""
    policy = a_policy(1, ceiling_usd=ceiling)
    expected = {"small": ceiling / 4, "large": dear * ceiling}
    bounds = {"small": None if bound is None else ceiling, "large": bound}
    money, spent = PriceOfMoney(), []
    for number, real in enumerate(costs):
        pricing = money.pricing(policy)
        assert pricing is not None
        reserves = {
            name: reserve_usd(
                expected[name],
                bounds[name],
                pricing.largest_usd.get(name),
                pricing.overrun.get(name),
            )
            for name in expected
        }
        out = unaffordable(pricing.headroom_usd, reserves)
        model = "small" if "large" in out else "large"
        decision = a_decision(
            f"t{number}",
            model=model,
            predicted_quality={"small": 0.8, "large": 0.9},
            expected_usd=expected,
            reserved_usd=reserves[model],
        )
        money.take(decision)
        money.charge(f"t{number}", model, real[model])
        spent.append(money.spent_usd)
    return spent


millionths = st.integers(0, 1000).map(lambda count: count * UNIT)


@settings(max_examples=40)
@given(st.lists(st.tuples(millionths, st.integers(0, 100)), min_size=1, max_size=120))
def test_where_bounds_are_known_spending_never_passes_the_ceiling(
    tasks: list[tuple[Decimal, int]],
) -> None:
    ceiling = 1000 * UNIT  # no call of the small model costs more, one of the large up to 100 times
    costs = [{"small": small, "large": large * ceiling} for small, large in tasks]
    spent = spend(costs, ceiling, 40, bound=100 * ceiling)
    assert all(usd <= (number + 1) * ceiling for number, usd in enumerate(spent))


@pytest.mark.parametrize("dear", [5, 40, 150])
def test_where_none_is_known_no_order_ends_more_than_two_thousandths_over(dear: int) -> None:
    ceiling = 1000 * UNIT
    for order in range(6):
        costs = []
        for number in range(800):  # long tails: one answer in some hundred costs ten times the mean
            tail = min((1 - chance.share("tail", order, number)) ** -0.45, 11.0)
            small = round(Decimal(140 * tail)) * UNIT
            costs.append({"small": small, "large": dear * 4 * small})
        spent = spend(costs, ceiling, dear, bound=None)
        assert spent[-1] <= OVER * 800 * ceiling

import math
from collections import Counter
from decimal import Decimal

import pytest

from streams.events.decision import Strategy
from streams.routing.choice import (
    EVEN_EXPLORE,
    EXPLORE,
    FLOOR,
    WEIGHTS,
    distribute,
    evenly,
    exploring,
    exploring_evenly,
    fallback,
    lift,
    pick,
    prefer,
    worth,
)
from streams.routing.registry import ModelSpec


def spec(name: str, tier: int = 2, latency_s: float = 1.0) -> ModelSpec:
    return ModelSpec(name=name, provider="p", tier=tier, latency_s=latency_s)


GOOD, CHEAP = spec("good"), spec("cheap")
QUALITY = {"good": 0.90, "cheap": 0.87}
COSTS = {"good": Decimal("0.01"), "cheap": Decimal("0.001")}


@pytest.mark.parametrize(
    ("strategy", "wins"),
    [
        (Strategy.BALANCED, "cheap"),
        (Strategy.PREFER_LOCAL, "cheap"),
        (Strategy.QUALITY_FIRST, "good"),
    ],
)
def test_the_strategy_weighs_quality_against_cost(strategy: Strategy, wins: str) -> None:
    assert prefer((GOOD, CHEAP), QUALITY, COSTS, WEIGHTS[strategy]) == wins


def test_much_better_quality_beats_a_lower_cost_when_balanced() -> None:
    poor = {"good": 0.9, "cheap": 0.6}
    assert prefer((GOOD, CHEAP), poor, COSTS, WEIGHTS[Strategy.BALANCED]) == "good"


def test_of_equals_the_faster_is_taken_then_the_first_by_name() -> None:
    even, costs = {"a": 0.9, "b": 0.9}, {"a": Decimal(1), "b": Decimal(1)}
    balanced = WEIGHTS[Strategy.BALANCED]
    assert prefer((spec("a", latency_s=2), spec("b")), even, costs, balanced) == "b"
    assert prefer((spec("b"), spec("a")), even, costs, balanced) == "a"


def test_an_unknown_cost_counts_as_the_dearest() -> None:
    even = {"good": 0.9, "cheap": 0.9}
    costs = {"good": None, "cheap": Decimal("0.001")}
    assert prefer((GOOD, CHEAP), even, costs, WEIGHTS[Strategy.BALANCED]) == "cheap"


def test_exploration_fades_with_lessons_and_where_the_rules_are_certain() -> None:
    assert exploring(0, 4, 0.7) > exploring(50, 4, 0.7) > exploring(5000, 4, 0.7)
    assert exploring(5000, 4, 0.7) == pytest.approx(EXPLORE)
    assert exploring(0, 4, 1.0) == pytest.approx(EXPLORE)
    assert exploring(0, 4, 0.0) <= 1.0
    assert exploring(50, 9, 0.7) > exploring(50, 2, 0.7)


MODELS = (spec("a", 1), spec("b", 2), spec("c", 4))
PRICES = {"a": Decimal(1), "b": Decimal(2), "c": Decimal(40)}
EVEN = dict.fromkeys("abc", 0.8)
KNOWN = dict.fromkeys("abc", 10)


def test_exploration_spends_little_on_dear_poor_and_well_known_models() -> None:
    found = distribute("b", MODELS, EVEN, PRICES, KNOWN, 0.3)
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["b"] > 0.7
    assert found["a"] > found["c"] > 0
    poor = distribute("b", MODELS, EVEN | {"a": 0.4}, PRICES, KNOWN, 0.3)
    assert poor["a"] < found["a"]
    new = distribute("b", MODELS, EVEN, PRICES, KNOWN | {"c": 0}, 0.3)
    assert new["c"] > found["c"]


def test_without_exploration_all_is_certain() -> None:
    assert distribute("c", MODELS, EVEN, PRICES, KNOWN, 0.0) == {"a": 0, "b": 0, "c": 1}


def test_free_and_unpriced_models_can_be_explored() -> None:
    costs = {"a": Decimal(0), "b": None, "c": Decimal(0)}
    found = distribute("c", MODELS, EVEN, costs, KNOWN, 0.5)
    assert all(0 < share < 1 for share in found.values())
    assert not any(math.isnan(share) for share in found.values())


def test_draws_over_the_unit_interval_give_the_distribution() -> None:
    probabilities = {"a": 0.25, "b": 0.5, "c": 0.25}
    drawn = Counter(pick(probabilities, n / 1000) for n in range(1000))
    assert drawn == {"a": 250, "b": 500, "c": 250}


def test_a_draw_beyond_rounding_falls_on_the_likeliest() -> None:
    assert pick({"a": 0.1, "b": 0.8999999}, 0.99999999) == "b"


def test_a_failed_task_goes_up_to_the_best_of_the_next_tier() -> None:
    models = (*MODELS, spec("d", 4))
    assert fallback(2, {"b"}, models, {"c": 0.8, "d": 0.9}) == (4, "d")
    assert fallback(2, {"b", "d"}, models, {"c": 0.8, "d": 0.9}) == (4, "c")
    assert fallback(0, set(), models, {}) == (1, "a")


def test_with_nothing_above_it_goes_sideways_and_then_nowhere() -> None:
    models = (*MODELS, spec("d", 4))
    assert fallback(4, {"c"}, models, {}) == (4, "d")
    assert fallback(4, {"c", "d"}, models, {}) is None
    assert fallback(2, {"b", "c", "d"}, models, {}) is None


def test_fallback_never_leads_down() -> None:
    assert fallback(3, set(), (spec("a", 1), spec("b", 2)), {}) is None


def test_a_cold_model_is_fallen_back_to_last() -> None:
    new = spec("a", 2).model_copy(update={"cold": True})
    models = (new, spec("b", 2), spec("c", 4))
    assert fallback(1, set(), models, {"a": 0.9, "b": 0.1}) == (2, "b")
    assert fallback(2, {"b"}, models, {}) == (2, "a")


def test_where_money_has_a_price_everything_is_tried_alike_and_ever_less() -> None:
    assert exploring_evenly(0, 3) == 1.0
    assert exploring_evenly(100, 3) > exploring_evenly(200, 3) > exploring_evenly(10_000, 3)
    assert exploring_evenly(10_000, 3) == pytest.approx(EVEN_EXPLORE)
    assert exploring_evenly(200, 4) > exploring_evenly(200, 2)
    assert evenly("b", MODELS, 0.3) == pytest.approx({"a": 0.1, "b": 0.8, "c": 0.1})


def test_what_lies_under_the_floor_is_lifted_at_the_expense_of_what_lies_over_it() -> None:
    found = lift({"a": 0.97, "b": 0.0295, "c": 0.0005, "d": 0.0})
    assert sum(found.values()) == pytest.approx(1.0)
    assert (found["c"], found["d"]) == (FLOOR, FLOOR)
    assert found["a"] > found["b"] > FLOOR
    even = {"a": 0.5, "b": 0.5}
    assert lift(even) == even
    assert lift({"a": 1.0}) == {"a": 1.0}
    assert lift({"a": 0.9, "b": 0.1}, floor=0.7) == pytest.approx(even)


def test_the_worth_of_a_model_is_its_quality_less_its_dollars() -> None:
    quality = {"a": 0.7, "b": 0.8, "c": 0.9}
    assert [worth(MODELS, quality, PRICES, price) for price in (0, 0.05, 1)] == ["c", "b", "a"]
    assert worth(MODELS, EVEN, PRICES, 0.0) == "a"
    assert worth(MODELS, EVEN, PRICES | {"a": None}, 0.0) == "b"

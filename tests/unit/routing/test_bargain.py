from decimal import Decimal
from typing import Any

import pytest

from streams.events.decision import Binding, Decision, Pricing
from streams.routing.choice import FLOOR
from streams.routing.decide import View, decide
from streams.routing.policy import initial_policy
from streams.routing.price import PriceOfMoney
from streams.routing.registry import ModelSpec, register
from streams.routing.story import explain
from tests.builders import AT, DIGEST, a_policy, a_task

USD = {"tiny": "0.0001", "small": "0.001", "large": "0.1"}
TIERS = {"tiny": 1, "small": 2, "large": 4}
MODELS = [
    ModelSpec(name=name, provider="p", tier=TIERS[name], typical_cost_usd=Decimal(usd))
    for name, usd in USD.items()
]
VIEW = View(register(MODELS), initial_policy(AT, ceiling_usd=Decimal("0.01")))
PROMPT = "Explain why the sky is blue."


def priced(price: float, **fields: Any) -> Pricing:
    defaults: dict[str, Any] = {"binding": Binding.CEILING, "tasks": 10_000, "headroom_usd": None}
    return Pricing(**{**defaults, "price": price, **fields})


def decided(pricing: Pricing | None, draw: float = 0.5, view: View = VIEW, **task: Any) -> Decision:
    asked = a_task(**{"prompt": PROMPT, **task})
    found = decide(
        asked, view, body_digest=DIGEST, skill=None, draw=draw, now=AT, pricing=pricing
    )  # fmt: skip
    assert isinstance(found, Decision)
    return found


def preferred(decision: Decision) -> str:
    return max(decision.probabilities, key=lambda name: decision.probabilities[name])


def test_while_money_is_worth_nothing_the_best_is_taken_and_dear_money_takes_the_cheapest() -> None:
    prices = (0.0, 1.0, 1e4)
    assert [preferred(decided(priced(price))) for price in prices] == ["large", "small", "tiny"]


def test_without_a_price_the_thresholds_decide_as_ever() -> None:
    plain = View(VIEW.registry, initial_policy(AT))
    assert decided(None).model_dump() == decided(None, view=plain).model_dump()
    assert decided(None).pricing is None
    assert decided(None).expected_usd == {}


def test_a_model_whose_reserve_is_more_than_what_is_left_is_kept_out() -> None:
    found = decided(priced(0.0, headroom_usd=Decimal("0.1")))
    assert preferred(found) == "small"
    assert found.unaffordable == ("large",)
    assert found.bound_by == Binding.CEILING
    assert set(found.probabilities) == {"tiny", "small"}
    assert set(found.predicted_quality) == set(USD)
    assert found.reserved_usd == Decimal("0.008")


def test_what_was_seen_of_a_model_is_its_reserve() -> None:
    room = {"headroom_usd": Decimal("0.3"), "largest_usd": {"large": Decimal("0.25")}}
    known = {**room, "overrun": {"large": Decimal(4)}}
    assert preferred(decided(priced(0.0, **known))) == "large"
    assert decided(priced(0.0, **room)).unaffordable == ("large",)
    tail = {**known, "largest_usd": {"large": Decimal("0.35")}}
    assert decided(priced(0.0, **tail)).unaffordable == ("large",)


def test_a_model_with_prices_reserves_its_longest_answer() -> None:
    prices = {"input_usd_per_mtok": Decimal(1), "output_usd_per_mtok": Decimal(10)}
    spec = ModelSpec(name="large", provider="p", tier=4, max_tokens=1000, **prices)
    view = View(register([*MODELS[:2], spec]), VIEW.policy)
    longest = (len(PROMPT) + 1000 * Decimal(10)) / 1_000_000
    for left, out in ((longest, False), (longest * Decimal("0.99"), True)):
        assert ("large" in decided(priced(0.0, headroom_usd=left), view=view).unaffordable) is out
    short = decided(priced(0.0, headroom_usd=longest / 2), view=view, max_output_tokens=100)
    assert short.unaffordable == ("small",)  # of which nothing but the mean is known


def test_with_nothing_left_the_cheapest_still_does_the_task() -> None:
    found = decided(priced(0.0, headroom_usd=Decimal(-1)))
    assert (found.model, found.propensity) == ("tiny", 1.0)


def test_every_affordable_model_has_its_floor_and_a_critical_task_none() -> None:
    found = decided(priced(1.0))
    assert min(found.probabilities.values()) >= FLOOR
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert found.probabilities["small"] > 0.98
    critical = decided(priced(1e4), critical=True)
    assert (critical.model, critical.propensity, critical.bound_by) == ("large", 1.0, "critical")


def test_at_first_every_affordable_model_is_tried_alike() -> None:
    found = decided(priced(1.0, tasks=0))
    assert list(found.probabilities.values()) == pytest.approx([1 / 3] * 3)


def test_a_tasks_minimum_quality_is_met_at_the_best_bargain_there_is() -> None:
    reached = decided(priced(1e4), min_quality=0.81)
    assert preferred(reached) == "small"
    assert reached.bound_by == "min_quality"
    assert preferred(decided(priced(1e4), min_quality=0.99)) == "large"


def test_the_decision_says_which_of_the_two_binds_and_what_a_dollar_had_to_bring() -> None:
    target = decided(priced(1.0, binding=Binding.TARGET))
    assert target.bound_by == "target"
    story = explain(target)
    assert "bound by the policy's target" in story
    assert "a dollar had to bring 1 of it" in story
    assert "worth its dollars most" in story
    assert decided(priced(0.0, binding=None)).bound_by is None


def test_a_priced_decision_can_be_recomputed_from_what_is_written_on_it() -> None:
    money, policy = PriceOfMoney(), VIEW.policy
    for number in range(60):
        made = decided(money.pricing(policy), draw=number * 0.618 % 1, task_id=f"t{number}")
        again = Decision.model_validate_json(made.model_dump_json())
        redone = decided(again.pricing, draw=number * 0.618 % 1, task_id=f"t{number}")
        assert redone == made == again
        money.take(made)
        assert made.model is not None
        money.charge(made.task_id, made.model, Decimal(USD[made.model]))
    assert money.spent_usd <= 60 * Decimal("0.01")


def test_an_absolute_target_is_what_thresholds_begin_with() -> None:
    policy = initial_policy(AT, target_quality=0.6)
    assert set(policy.thresholds.values()) == {0.6}
    money = PriceOfMoney()
    view = View(VIEW.registry, policy)
    for number in range(40):
        money.take(decided(money.pricing(policy), view=view, task_id=f"t{number}"))
    found = money.pricing(policy)
    assert found is not None
    assert found.binding is Binding.TARGET
    assert preferred(decided(found, view=view)) == "tiny"  # all are believed to reach 0.6
    dear = a_policy(2, target_quality=0.86, thresholds=dict.fromkeys("1234", 1.0))
    best = money.pricing(dear)
    assert best is not None
    assert preferred(decided(best, view=View(VIEW.registry, dear))) == "large"

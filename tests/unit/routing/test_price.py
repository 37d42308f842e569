from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest

from streams.events.control import Policy
from streams.events.decision import Binding, Decision
from streams.routing.price import (
    CREDIT_TASKS,
    HELD_TASKS,
    KNOWN_CALLS,
    LEAST,
    MOST,
    MOST_OVERRUN,
    MOST_OWED,
    UNSEEN_GUARD,
    PriceOfMoney,
    reserve_usd,
    unaffordable,
)
from tests.builders import a_decision, a_policy

CEILING = Decimal("0.01")
COSTS = {"small": Decimal("0.001"), "large": Decimal("0.1")}


def held(**fields: object) -> Policy:
    return a_policy(1, ceiling_usd=CEILING, **fields)


def holding(target: float) -> Policy:
    return a_policy(1, target_quality=target, thresholds=dict.fromkeys("1234", target))


def decided(
    number: int,
    model: str | None = "small",
    gain: float = 0.1,
    costs: Mapping[str, Decimal] = COSTS,
) -> Decision:
    return a_decision(
        f"t{number}",
        model=model,
        tier=0 if model is None else 2,
        predicted_quality={} if model is None else {"small": 0.8, "large": 0.8 + gain},
        expected_usd={} if model is None else dict(costs),
    )


def paid(money: PriceOfMoney, number: int, usd: str, gain: float = 0.1) -> None:
    money.take(decided(number, gain=gain))
    money.charge(f"t{number}", "small", Decimal(usd))


def test_a_policy_that_holds_neither_has_no_price() -> None:
    assert PriceOfMoney().pricing(a_policy(1)) is None


def test_before_any_task_money_is_worth_nothing_and_one_task_may_cost_the_ceiling() -> None:
    found = PriceOfMoney().pricing(held())
    assert found is not None
    assert (found.price, found.binding, found.headroom_usd) == (0.0, None, CEILING)


def test_what_was_learned_before_the_first_task_counts_as_explored() -> None:
    money, policy = PriceOfMoney(), held()
    told = money.pricing(policy, lessons=500), money.pricing(policy)
    assert [pricing.tasks for pricing in told if pricing is not None] == [500, 0]


def test_exploration_goes_on_where_few_are_judged_and_not_for_ever_where_nobody_is() -> None:
    money, policy = PriceOfMoney(), held()
    for number in range(300):
        paid(money, number, "0.01")
    found = [money.pricing(policy, lessons=lessons) for lessons in (300, 15, 0)]
    assert [pricing.tasks for pricing in found if pricing is not None] == [300, 120, 100]


def test_tasks_that_were_billed_before_a_restart_were_explored_with() -> None:
    again = PriceOfMoney().pricing(held(), lessons=100, bills=600)
    assert again is not None
    assert again.tasks == 600


def test_a_new_period_does_not_explore_anew() -> None:
    money = PriceOfMoney()
    money.pricing(held())
    for number in range(20):
        paid(money, number, "0.01")
    again = money.pricing(a_policy(2, ceiling_usd=2 * CEILING), lessons=20)
    assert again is not None
    assert again.tasks == 20


def test_the_ceilings_price_sends_as_many_tasks_to_the_dear_model_as_may_be() -> None:
    money = PriceOfMoney()
    for number in range(100):
        paid(money, number, "0.01", gain=number / 1000)
    found = money.pricing(held())
    assert found is not None
    assert found.binding is Binding.CEILING
    may = [n for n in range(100) if n / 1000 > found.price * 0.099]
    assert 0.1 * len(may) + 0.001 * (100 - len(may)) <= 100 * CEILING
    assert len(may) == 9


def test_what_is_left_may_be_spent_and_what_was_overspent_is_saved_within_bounds() -> None:
    for usd, may in (("0.01", CEILING), ("0", MOST * CEILING), ("0.05", LEAST * CEILING)):
        money = PriceOfMoney()
        money.pricing(held())
        for number in range(2 * CREDIT_TASKS):
            paid(money, number, usd)
        assert money._may_spend_usd() == may


def test_a_cost_that_is_not_known_yet_is_held_back() -> None:
    money = PriceOfMoney()
    money.pricing(held())
    money.take(decided(0).model_copy(update={"reserved_usd": Decimal("0.004")}))
    waiting = money.pricing(held())
    money.charge("t0", "small", Decimal("0.002"))
    known = money.pricing(held())
    assert waiting is not None
    assert known is not None
    assert waiting.headroom_usd == 2 * CEILING - Decimal("0.004")
    assert known.headroom_usd == 2 * CEILING - Decimal("0.002")
    assert known.largest_usd == {"small": Decimal("0.002")}


def test_of_too_many_unknown_costs_the_oldest_counts_as_expected() -> None:
    money = PriceOfMoney(rows=10)
    money.pricing(held())
    for number in range(HELD_TASKS + 3):
        money.take(decided(number))
    assert money.spent_usd == 3 * COSTS["small"]


def test_a_second_call_of_a_task_costs_once_more() -> None:
    money = PriceOfMoney()
    money.take(decided(0))
    money.charge("t0", "small", Decimal("0.002"))
    money.charge("t0", "large", Decimal("0.03"))
    assert (money.tasks, money.spent_usd) == (1, Decimal("0.032"))


def test_a_task_without_a_model_costs_nothing_and_leaves_its_share() -> None:
    money = PriceOfMoney()
    money.pricing(held())
    money.take(decided(0, model=None))
    found = money.pricing(held())
    assert found is not None
    assert found.headroom_usd == 2 * CEILING


def test_another_ceiling_begins_a_new_period() -> None:
    money = PriceOfMoney()
    money.pricing(held())
    paid(money, 0, "5")
    again = money.pricing(a_policy(2, ceiling_usd=2 * CEILING))
    assert again is not None
    assert again.headroom_usd == 2 * CEILING
    assert again.largest_usd == {"small": Decimal(5)}


def test_of_ceiling_and_target_the_greater_price_binds() -> None:
    money = PriceOfMoney()
    for number in range(100):
        paid(money, number, "0.01", gain=number / 1000)
    prices = {}
    for name, target in (("easy", 0.8), ("hard", 0.849)):
        policy = holding(target)
        money.owed = 0.0
        alone = money.pricing(policy)
        both = money.pricing(policy.model_copy(update={"ceiling_usd": CEILING, "version": 2}))
        assert alone is not None
        assert both is not None
        assert alone.binding is Binding.TARGET
        assert alone.headroom_usd is None
        prices[name] = alone.price, both.price, both.binding
    assert prices["easy"][2] is Binding.TARGET
    assert prices["hard"][2] is Binding.CEILING
    assert prices["easy"][1] == pytest.approx(prices["easy"][0])
    assert prices["hard"][1] > prices["hard"][0] > 0


def test_a_target_is_met_in_the_mean_by_the_cheapest_tasks_that_do() -> None:
    money = PriceOfMoney()
    for number in range(100):
        paid(money, number, "0.01", gain=number / 1000)
    found = money.pricing(holding(0.84))
    assert found is not None
    gains = [n / 1000 for n in range(100)]
    reached = sum(gain for gain in gains if gain > found.price * 0.099) / 100 + 0.8
    assert 0.84 <= reached < 0.841


def played(money: PriceOfMoney, policy: Policy, gains: Sequence[float]) -> list[str]:
    """Each task to the model that is worth its dollars most; each costs what it was to cost."""
    models = []
    for number, gain in enumerate(gains):
        found = money.pricing(policy)
        assert found is not None
        out = unaffordable(found.headroom_usd, COSTS if found.headroom_usd is not None else {})
        models.append("large" if gain > found.price * 0.099 and "large" not in out else "small")
        money.take(decided(number, models[-1], gain))
        money.charge(f"t{number}", models[-1], COSTS[models[-1]])
    return models


def quality(models: Sequence[str], gains: Sequence[float]) -> float:
    """Of which all was predicted."""
    return 0.8 + sum(g for g, m in zip(gains, models, strict=True) if m == "large") / len(models)


def test_tasks_all_harder_or_easier_than_the_last_are_paid_for_soon() -> None:
    hard, easy = [0.01] * 300, [0.11 + n % 7 / 1000 for n in range(300)]
    gains = easy[:100] + hard + easy
    money, target = PriceOfMoney(), 0.86
    models = played(money, holding(target), gains)
    assert quality(models[:100], gains[:100]) == pytest.approx(target, abs=0.005)
    assert quality(models[:400], gains[:400]) < target - 0.03  # nobody could
    assert models[400:500] == ["large"] * 100
    assert quality(models, gains) == pytest.approx(target, abs=0.005)


def test_a_tier_with_a_higher_threshold_owes_more_for_the_same_prediction() -> None:
    policy = holding(0.8).model_copy(update={"thresholds": {"1": 0.8, "2": 0.85}})
    money = PriceOfMoney()
    money.pricing(policy)
    for number in range(10):
        money.take(decided(number, gain=0.0))  # of tier 2, predicted 0.8
    assert money.owed == pytest.approx(0.5)


def test_what_is_owed_is_bounded_and_another_target_begins_anew() -> None:
    money = PriceOfMoney(rows=10)
    money.pricing(holding(1.0))
    for number in range(3000):
        money.take(decided(number, gain=0.0))
    assert money.owed == MOST_OWED
    money.pricing(holding(0.9))
    assert money.owed == 0.0


@pytest.mark.parametrize("ceiling", ["0.003", "0.008", "0.02", "0.05", "0.09"])
@pytest.mark.parametrize("target", [0.81, 0.83, 0.86])
def test_the_cheapest_mix_holds_the_target_or_the_best_quality_the_ceiling(
    ceiling: str, target: float
) -> None:
    gains = [n * 37 % 100 / 1000 + 0.02 for n in range(800)]
    money, policy = PriceOfMoney(), holding(target)
    both = policy.model_copy(update={"ceiling_usd": Decimal(ceiling)})
    models = played(money, both, gains)
    found = money.pricing(both)
    assert found is not None
    spent = sum(COSTS[model] for model in models) / len(models)
    dear = models.count("large") / len(models)
    best = 0.8 + sum(sorted(gains)[::-1][: models.count("large")]) / len(models)
    assert spent <= Decimal(ceiling)
    assert quality(models, gains) == pytest.approx(best, abs=0.003)  # nothing is wasted
    if found.binding is Binding.TARGET:
        assert quality(models, gains) == pytest.approx(target, abs=0.004)
    else:
        assert quality(models, gains) < target
        assert dear >= 0.9 * (float(ceiling) - 0.001) / 0.099 - 1 / 100
    alone = played(PriceOfMoney(), policy, gains)
    enough = sum(COSTS[model] for model in alone) / len(alone) < Decimal(ceiling) * Decimal("0.95")
    assert (found.binding is Binding.TARGET) == enough


def test_a_share_of_strong_calls_is_held_as_a_ceiling_on_costs_of_nought_and_one() -> None:
    policy = a_policy(1, ceiling_usd=Decimal("0.3"))
    money = PriceOfMoney()
    calls = {"small": 0, "large": 0}
    unit = {"small": Decimal(0), "large": Decimal(1)}
    for number in range(600):
        gain = (number * 37 % 100) / 100 * 0.15
        found = money.pricing(policy)
        assert found is not None
        out = unaffordable(found.headroom_usd, unit)
        model = "large" if gain > found.price and "large" not in out else "small"
        calls[model] += 1
        money.take(decided(number, model, gain, unit))
        money.charge(f"t{number}", model, unit[model])
    assert 0.27 < calls["large"] / 600 <= 0.3


def test_a_bound_is_reserved_but_never_less_than_was_seen() -> None:
    one, two, nine = Decimal(1), Decimal(2), Decimal(9)
    assert reserve_usd(one, two, None) == two
    assert reserve_usd(one, two, nine) == nine
    assert reserve_usd(None, None, nine) == nine
    assert reserve_usd(None, None, None) is None


def test_without_a_ceiling_everything_is_affordable_and_something_always_is() -> None:
    reserves = {"a": Decimal(1), "b": None}
    assert unaffordable(None, reserves) == frozenset()
    assert unaffordable(Decimal(-5), reserves) == {"b"}
    assert unaffordable(Decimal(-5), {"b": None, "c": None}) == {"c"}


def test_a_model_that_was_called_often_reserves_no_more_than_its_dearest_calls_tell() -> None:
    money = PriceOfMoney()
    money.pricing(held())
    for number in range(KNOWN_CALLS):
        seldom = money.pricing(held())
        assert seldom is not None
        assert seldom.overrun == {}
        paid(money, number, ("0.0005", "0.0061")[number % 2])
    found = money.pricing(held())
    assert found is not None
    assert found.overrun == {"small": Decimal("6.1")}
    paid(money, 99, "7")
    assert money.overrun == {"small": MOST_OVERRUN}


def test_a_known_model_reserves_the_lesser_of_its_dearest_call_and_its_worst_overrun() -> None:
    one, five, nine = Decimal(1), Decimal(5), Decimal(9)
    assert reserve_usd(one, None, nine, overrun=five) == five
    assert reserve_usd(one, None, five, overrun=nine) == five
    assert reserve_usd(five, None, five, overrun=nine) == 2 * five
    assert reserve_usd(one, None, five) == UNSEEN_GUARD

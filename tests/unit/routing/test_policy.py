from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from streams.routing.policy import (
    GAP_POWER,
    RULE_LESSONS,
    SURE,
    Placement,
    believe,
    confidence,
    initial_policy,
    nearest,
    place,
    rule_weight,
)
from streams.routing.quality import QualityView
from streams.routing.registry import ModelSpec
from streams.routing.rules import Verdict
from streams.routing.snapshot import WIDTH, Weights, checksum, pack
from tests.builders import AT, a_model_state, a_task

ONE, TWO, FOUR = (
    ModelSpec(name=name, provider="p", tier=tier) for name, tier in (("a", 1), ("b", 2), ("d", 4))
)
COSTS = {"a": Decimal(1), "b": Decimal(2), "d": Decimal(10)}
EMPTY = pack(Weights(0.0, np.zeros(WIDTH)))
CERTAIN = Verdict(1, 0.9, "formatting")


def placed(predicted: dict[str, float], *, lessons: int = 500, **how: Any) -> Placement:
    """Where three models of tiers 1, 2 and 4 lead, each judged so often."""
    quality = QualityView()
    if lessons:
        for part in ("shared", "a", "b", "d"):
            state = a_model_state(
                part, part_lessons=lessons, weights=EMPTY, checksum=checksum(EMPTY)
            )
            quality = quality.with_part(state)
    models = [model for model in (ONE, TWO, FOUR) if model.name in predicted]
    verdict = how.get("verdict", CERTAIN)
    policy = initial_policy(AT).model_copy(
        update={"thresholds": dict.fromkeys("1234", how.get("share", 0.9))}
    )
    standings = believe(predicted, models, verdict, lessons)
    task = how.get("task", a_task())
    return place(task, models, standings, COSTS, verdict, policy, quality)


def test_the_cheapest_tier_that_clears_its_bar_is_taken() -> None:
    assert placed({"a": 0.91, "b": 0.92, "d": 0.93}).tier == 1
    assert placed({"a": 0.50, "b": 0.92, "d": 0.93}).tier == 2
    assert placed({"a": 0.50, "b": 0.60, "d": 0.93}).tier == 4


def test_the_dearest_model_grants_the_cheapest_the_whole_slack() -> None:
    found = placed({"a": 0.88, "d": 0.90}, share=0.9)
    assert found.bar == pytest.approx(0.90 - 0.1 * 0.90 * 0.9**GAP_POWER)


def test_a_model_that_costs_little_more_grants_little_slack() -> None:
    assert placed({"a": 0.84, "b": 0.90}, share=0.8).tier == 1
    assert placed({"a": 0.80, "b": 0.90, "d": 0.90}, share=0.8).tier == 2


def test_a_higher_share_never_leads_to_a_cheaper_tier() -> None:
    predicted = {"a": 0.70, "b": 0.80, "d": 0.90}
    tiers = [placed(predicted, share=share).tier for share in (0.3, 0.5, 0.7, 0.9, 1.0)]
    assert tiers == sorted(tiers)
    assert tiers[0] == 1
    assert tiers[-1] == 4


def test_without_a_lesson_the_rules_decide() -> None:
    for tier in (1, 2, 4):
        verdict = Verdict(tier, 0.8, "rule")
        found = placed({"a": 0.8, "b": 0.82, "d": 0.86}, lessons=0, verdict=verdict)
        assert (found.tier, found.confidence, found.bumped) == (tier, 0.8, False)


def test_confidence_under_the_limit_bumps_one_tier() -> None:
    doubtful = Verdict(1, SURE - 0.01, "rule")
    found = placed({"a": 0.8, "b": 0.82, "d": 0.86}, lessons=0, verdict=doubtful)
    assert (found.tier, found.bumped) == (2, True)


def test_a_near_miss_is_bumped_and_the_highest_tier_never() -> None:
    quality = 0.9
    close = placed({"a": quality, "b": quality, "d": quality}, lessons=200, share=1.0)
    assert close.confidence < SURE
    assert (close.tier, close.bumped) == (2, True)
    top = placed({"d": quality}, lessons=200, share=1.0)
    assert (top.tier, top.bumped) == (4, False)


def test_a_critical_task_goes_one_tier_up() -> None:
    predicted = {"a": 0.99, "b": 0.99, "d": 0.99}
    assert placed(predicted).tier == 1
    assert placed(predicted, task=a_task(critical=True)).tier == 2


def test_a_tasks_own_minimum_is_the_bar() -> None:
    found = placed({"a": 0.7, "b": 0.8, "d": 0.9}, task=a_task(min_quality=0.75))
    assert (found.tier, found.bar) == (2, 0.75)


def test_when_no_tier_clears_the_best_predicted_is_taken() -> None:
    found = placed({"a": 0.3, "b": 0.5, "d": 0.4}, task=a_task(min_quality=0.95))
    assert (found.tier, found.bumped) == (2, False)
    assert found.confidence < 0.1


def test_a_bump_skips_tiers_that_are_predicted_to_do_worse() -> None:
    unsure = {"a": 0.9, "b": 0.6, "d": 0.91}
    assert placed(unsure, task=a_task(critical=True)).tier == 4
    assert placed({"a": 0.9, "b": 0.6, "d": 0.8}, task=a_task(critical=True)).tier == 1


def test_the_rules_hold_back_lower_tiers_less_and_less() -> None:
    verdict = Verdict(2, 0.8, "rule")
    predicted = {"a": 0.8, "b": 0.8, "d": 0.8}
    early, late = (believe(predicted, (ONE, TWO, FOUR), verdict, n).believed for n in (1, 1000))
    assert early["a"] < late["a"] < 0.8
    assert early["b"] == late["d"] == 0.8
    assert rule_weight(0) == 1.0
    assert rule_weight(RULE_LESSONS) == 0.5


def test_confidence_grows_with_margin_and_lessons() -> None:
    assert confidence(0.8, 0.8, 10) == pytest.approx(0.5)
    assert confidence(0.85, 0.8, 10) < confidence(0.85, 0.8, 100)
    assert confidence(0.75, 0.8, 10) > confidence(0.75, 0.8, 100)
    assert 0 <= confidence(0.0, 1.0, 10_000) < confidence(1.0, 0.0, 10_000) <= 1


def test_a_tier_without_a_model_leads_up_else_down() -> None:
    assert nearest(2, [1, 3, 4]) == 3
    assert nearest(3, [3]) == 3
    assert nearest(4, [1, 2]) == 2


def test_the_first_policy_is_version_zero_and_names_every_tier() -> None:
    policy = initial_policy(AT + timedelta(days=1), target=0.9)
    assert (policy.version, policy.target, sorted(policy.thresholds)) == (0, 0.9, list("1234"))

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from streams.events.decision import Decision, Refusal, RefusalReason, Strategy
from streams.routing.constraints import chars
from streams.routing.decide import View, decide
from streams.routing.features import unpack
from streams.routing.policy import initial_policy
from streams.routing.registry import ModelSpec, register
from streams.routing.rules import propose
from streams.routing.story import explain
from tests.builders import AT, DIGEST, a_task

NAMES = {"tiny": 1, "small": 2, "medium": 3, "large": 4}
REGISTRY = register(
    ModelSpec(
        name=name,
        provider="p",
        tier=tier,
        typical_cost_usd=Decimal(10) ** (tier - 6),
        capabilities=("tools",) if tier > 2 else (),
    )
    for name, tier in NAMES.items()
)
VIEW = View(REGISTRY, initial_policy(AT))
RENAME = "Rename the variable `x` to `count` in this function."


def decided(draw: float = 0.5, skill: str | None = None, **task: Any) -> Decision:
    found = decide(
        a_task(**{"prompt": RENAME, **task}),
        VIEW, body_digest=DIGEST, skill=skill, draw=draw, now=AT,
    )  # fmt: skip
    assert isinstance(found, Decision)
    return found


def refused(**task: Any) -> Refusal:
    found = decide(a_task(**task), VIEW, body_digest=DIGEST, skill=None, draw=0.5, now=AT)
    assert isinstance(found, Refusal)
    return found


def test_equal_inputs_give_equal_decisions() -> None:
    assert decided() == decided()
    assert decided(task_id="t2").decision_id != decided().decision_id


def test_before_any_lesson_the_rules_tier_is_taken() -> None:
    verdict = propose(RENAME)
    found = decided()
    assert (found.tier, found.rule, found.rule_tier) == (verdict.tier, verdict.rule, verdict.tier)
    assert found.confidence == verdict.confidence
    assert found.bound_by is None


def test_a_decision_carries_its_distribution_and_its_features() -> None:
    found = decided()
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert found.model is not None
    assert 0 < found.propensity == found.probabilities[found.model]
    assert set(found.probabilities) == set(found.predicted_quality) == set(NAMES)
    assert found.best_quality == max(found.predicted_quality.values())
    assert unpack(found.features).hashes.size > 10


def test_every_draw_leads_to_a_model_with_its_own_tier() -> None:
    found = [decided(draw=n / 200) for n in range(200)]
    assert {d.model for d in found if d.explored} | {found[100].model}
    assert all(d.model is not None and NAMES[d.model] == d.tier for d in found)
    assert any(d.explored for d in found)
    assert all(d.explored == (d.propensity < 0.5) for d in found)


def test_a_sure_skill_answers_without_a_model() -> None:
    found = decided(skill="arithmetic")
    assert (found.tier, found.model, found.skill) == (0, None, "arithmetic")
    assert found.propensity == 1.0


@pytest.mark.parametrize(
    "asks",
    [{"min_tier": 1}, {"model": "small"}, {"capabilities": ("tools",)}, {"tools": [{"type": "f"}]}],
)
def test_a_task_that_asks_for_a_model_is_not_answered_by_a_skill(asks: dict[str, Any]) -> None:
    assert decided(skill="arithmetic", **asks).tier > 0


@pytest.mark.parametrize(
    ("asks", "allowed", "bound_by"),
    [
        ({"min_tier": 3}, {"medium", "large"}, "min_tier"),
        ({"model": "large"}, {"large"}, "model"),
        ({"capabilities": ("tools",)}, {"medium", "large"}, "capabilities"),
        ({"max_tier": 2}, {"tiny", "small"}, None),
        ({"max_cost_usd": Decimal("0.001")}, {"tiny", "small", "medium"}, None),
    ],
)
def test_constraints_bound_the_models_and_the_decision_says_which(
    asks: dict[str, Any], allowed: set[str], bound_by: str | None
) -> None:
    found = decided(**asks)
    assert set(found.probabilities) == allowed
    assert found.bound_by == bound_by


def test_a_critical_task_goes_up_by_quality_alone_and_explores_nothing() -> None:
    plain, critical = decided(), decided(critical=True)
    assert critical.tier == plain.tier + 1
    assert critical.bound_by == "critical"
    assert critical.strategy is Strategy.QUALITY_FIRST
    assert critical.propensity == 1.0


def test_a_tasks_own_minimum_quality_is_the_threshold() -> None:
    assert decided(min_quality=0.5).threshold == 0.5


def test_a_passed_deadline_is_refused() -> None:
    assert refused(deadline_at=AT - timedelta(seconds=1)).reason is RefusalReason.DEADLINE
    assert decided(deadline_at=AT + timedelta(seconds=1)).tier > 0


def test_nothing_eligible_is_refused() -> None:
    found = refused(model="unheard-of")
    assert found.reason is RefusalReason.NO_MODEL
    assert "unheard-of" in found.detail
    assert refused(max_cost_usd=Decimal(0)).reason is RefusalReason.NO_MODEL
    assert refused(max_tier=0).reason is RefusalReason.NO_MODEL


def test_metadata_and_id_do_not_change_the_choice() -> None:
    one = decided(task_id="a", metadata={"outcome": 1})
    two = decided(task_id="b")
    assert (one.probabilities, one.features, one.model) == (
        two.probabilities,
        two.features,
        two.model,
    )


def test_the_story_names_the_chosen_model_however_many_are_better() -> None:
    many = {f"m{n}": 0.9 - n / 100 for n in range(9)}
    found = decided().model_copy(
        update={"model": "m8", "predicted_quality": many, "probabilities": many}
    )
    story = explain(found)
    assert "m0 0.90, m1 0.89, m2 0.88, m3 0.87, m8 0.82, …" in story
    assert "m4" not in story


def test_the_story_of_a_decision_names_what_decided() -> None:
    found = decided(min_tier=3)
    story = explain(found)
    assert 3 <= len(story.splitlines()) <= 6
    for word in (found.rule, found.model, "min_tier", "tier 3", f"{found.threshold:.2f}"):
        assert str(word) in story
    assert explain(decided(skill="arithmetic")).startswith("task t1 went to tier 0: skill arith")


def test_the_size_of_a_task_is_all_that_a_model_is_sent() -> None:
    messages = [{"role": "user", "content": "12345"}, {"role": "assistant", "content": "67"}]
    assert chars(a_task(messages=messages, context="abc")) == 10
    assert chars(a_task(prompt="1234")) == 4

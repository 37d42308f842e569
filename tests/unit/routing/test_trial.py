from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from streams.routing.decide import View
from streams.routing.policy import DEFAULT_SHARES, initial_policy
from streams.routing.quality import NEWCOMER_LESSONS, QualityView
from streams.routing.registry import ModelSpec, register
from streams.routing.snapshot import WIDTH, Weights, checksum, pack
from streams.routing.trial import (
    COLD_TASKS,
    EXPLORE_USD_SHARE,
    LEAST_LESSONS,
    SURENESS,
    bar,
    bounds,
    is_admitted,
    tries,
)
from tests.builders import AT, a_model, a_model_state, a_policy
from tests.cold import decided

POLICY = a_policy(thresholds=dict.fromkeys("1234", 0.8))
OLD = a_model("old", 2)
NEW = a_model("new", 2, cold=True)


def judged(**means: tuple[float, int]) -> QualityView:
    """What is known where each model has this mean of so many lessons."""
    view, flat = QualityView(), pack(Weights(1.4, np.zeros(WIDTH)))
    for name, (mean, lessons) in means.items():
        told = {"mean_score": mean, "weights": flat, "checksum": checksum(flat)}
        view = view.with_part(a_model_state(name, part_lessons=lessons, **told))
    return view


def test_bounds_are_those_of_wilson() -> None:
    # Newcombe 1998, table I, method 3, at 95%: 81 of 263 is 0.2553 to 0.3662. Ours are at 90%, so
    # that fewer judged tasks come to the same.
    fewer = round(263 * SURENESS**2 / 1.959964**2)
    assert bounds(81 / 263, fewer) == pytest.approx((0.2553, 0.3662), abs=1e-3)
    assert bounds(0.5, 0) == (0.0, 1.0)


def test_the_bar_is_the_tiers_share_of_the_best_rival() -> None:
    known = judged(old=(0.9, 100_000), other=(0.5, 100_000))
    rivals = [OLD, a_model("other", 3)]
    assert bar(2, rivals, POLICY, known) == pytest.approx(0.8 * 0.9, abs=1e-4)
    assert bar(2, [], POLICY, known) == pytest.approx(0.8 * 0.86)


def test_where_a_mean_score_is_held_the_bar_is_the_share_that_thresholds_begin_with() -> None:
    holding = POLICY.model_copy(update={"target_quality": 0.3, "thresholds": {"2": 0.35}})
    known = judged(old=(0.9, 100_000))
    assert bar(2, [OLD], holding, known) == pytest.approx(DEFAULT_SHARES[2] * 0.9, abs=1e-4)


def test_a_rival_of_few_lessons_is_mostly_its_tiers_prior() -> None:
    assert bar(2, [OLD], POLICY, judged(old=(1.0, 1))) < 0.8 * 0.85


def test_a_good_model_is_admitted_only_after_enough_lessons() -> None:
    for lessons, admitted in ((0, False), (LEAST_LESSONS - 1, False), (LEAST_LESSONS, True)):
        known = judged(old=(0.9, 500), new=(1.0, lessons))
        assert is_admitted(NEW, [OLD], POLICY, known) is admitted


def test_a_model_never_judged_is_not_admitted() -> None:
    assert not is_admitted(NEW, [OLD], POLICY, judged(old=(0.1, 500)))


def cost_of(chosen: str, cold: str | None) -> tuple[dict[str, float], Decimal | None]:
    costs = {"new": None if cold is None else Decimal(cold)}
    known = judged(old=(0.9, 500))
    return tries(Decimal(chosen), [NEW], costs, [OLD], POLICY, known), costs["new"]


def test_a_cheap_new_model_is_tried_on_a_bounded_share_of_the_tasks() -> None:
    assert cost_of("0.001", "0.0001")[0] == {"new": COLD_TASKS}
    assert cost_of("0", "0")[0] == {"new": COLD_TASKS}


def test_a_dear_new_model_is_tried_within_a_share_of_the_dollars() -> None:
    tried, cost = cost_of("0.001", "0.1")
    assert cost is not None
    assert tried["new"] * float(cost) == pytest.approx(EXPLORE_USD_SHARE * 0.001)


@pytest.mark.parametrize(("chosen", "cold"), [("0.001", None), ("0", "0.001")])
def test_a_new_model_of_which_the_share_is_nothing_or_unknown_is_not_tried(
    chosen: str, cold: str | None
) -> None:
    assert cost_of(chosen, cold)[0] == {}


def test_a_model_that_was_found_poor_is_hardly_tried_any_more() -> None:
    costs = {"new": Decimal("0.0001")}
    poor = judged(old=(0.9, 500), new=(0.1, 100))
    (share,) = tries(Decimal("0.001"), [NEW], costs, [OLD], POLICY, poor).values()
    assert 0 < share < COLD_TASKS / 50


def test_a_cold_model_is_believed_its_tiers_prior_however_good_the_others_are() -> None:
    known = judged(shared=(0.9, NEWCOMER_LESSONS), old=(0.9, NEWCOMER_LESSONS))
    view = View(register([OLD, NEW]), initial_policy(AT), known)
    newcomer = View(
        register([OLD, NEW.model_copy(update={"cold": False})]), initial_policy(AT), known
    )
    cold, warm = (decided(one).predicted_quality["new"] for one in (view, newcomer))
    assert cold == pytest.approx(0.82, abs=0.005)
    assert warm == pytest.approx(decided(view).predicted_quality["old"])


def test_a_spec_that_is_cold_is_never_the_choice_where_there_is_another() -> None:
    cheap = a_model("new", 1, cold=True, input_usd_per_mtok=0, output_usd_per_mtok=0)
    view = View(register([OLD, cheap]), initial_policy(AT), judged(old=(0.2, 500)))
    assert {decided(view, draw=n / 100).model for n in range(94)} == {"old"}
    tried = decided(view, draw=0.99)
    assert (tried.model, tried.explored, tried.cold, tried.tier) == ("new", True, True, 1)
    assert tried.propensity == pytest.approx(COLD_TASKS)


@pytest.mark.parametrize("task", [{"critical": True}, {"min_quality": 0.5}, {"model": "old"}])
def test_tasks_that_must_not_go_wrong_try_nothing_new(task: dict[str, Any]) -> None:
    free = a_model("new", 1, cold=True, input_usd_per_mtok=0, output_usd_per_mtok=0)
    view = View(register([OLD, free]), initial_policy(AT))
    assert "new" not in decided(view, **task).probabilities


def test_a_task_that_only_a_new_model_may_take_goes_there_and_says_so() -> None:
    view = View(register([OLD, NEW]), initial_policy(AT))
    found = decided(view, model="new")
    assert (found.model, found.cold, found.explored, found.propensity) == ("new", True, False, 1.0)


def test_new_models_do_not_move_the_bar_of_the_others() -> None:
    before = decided(View(register([OLD]), initial_policy(AT)))
    spec = ModelSpec(name="new", provider="p", tier=4, typical_cost_usd=Decimal(1), cold=True)
    after = decided(View(register([OLD, spec]), initial_policy(AT)))
    kept: dict[str, Any] = {"probabilities": {}, "predicted_quality": {}}
    assert after.model_copy(update=kept) == before.model_copy(update=kept)

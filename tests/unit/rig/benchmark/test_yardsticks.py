"""Random, length, singles, mixture and oracle on four tasks, worked out by hand."""

import numpy as np
import pytest

from streams.rig.benchmark import yardsticks
from streams.rig.benchmark.yardsticks import Ground, Pair

GROUND = Ground(
    models=("cheap", "dear"),
    scores=np.array([[1.0, 1.0], [0.0, 1.0], [0.5, 0.75], [0.5, 0.25]]),
    costs=np.array([[1.0, 10.0], [1.0, 10.0], [1.0, 10.0], [1.0, 10.0]]),
    lengths=np.array([5, 400, 30, 80]),
)
PAIR = Pair(weak=0, strong=1)


def test_each_model_alone_has_its_means() -> None:
    found = yardsticks.singles(GROUND)
    assert found["cheap"][:2] == (0.5, 1.0)
    assert found["dear"][:2] == (0.75, 10.0)


def test_random_is_the_mean_of_all() -> None:
    assert yardsticks.by_chance(GROUND)[:2] == (0.625, 5.5)


def test_the_oracle_takes_the_best_and_of_equals_the_cheapest() -> None:
    found = yardsticks.oracle(GROUND)
    assert found.quality == pytest.approx((1 + 1 + 0.75 + 0.5) / 4)
    assert found.cost_usd == pytest.approx((1 + 10 + 10 + 1) / 4)
    assert found.share == {"cheap": 0.5, "dear": 0.5}


def test_regret_is_what_the_best_model_would_have_scored_more() -> None:
    assert list(yardsticks.regrets(GROUND, np.array([1.0, 0.0, 0.5, 0.25]))) == [0, 1, 0.25, 0.25]


def test_the_mixture_spends_the_budget() -> None:
    found = yardsticks.mixture(GROUND, 5.5)
    assert found.quality == pytest.approx(0.625)
    assert found.share == {"cheap": pytest.approx(0.5), "dear": pytest.approx(0.5)}


def test_under_the_cheapest_models_cost_the_mixture_is_that_model() -> None:
    assert yardsticks.mixture(GROUND, 0.1).share == {"cheap": 1.0}


def test_length_sends_the_longest_prompts_to_the_dearer_model_while_the_budget_lasts() -> None:
    found = yardsticks.by_length(GROUND, 5.6)  # 22.4 in all: two dear calls at 9 more each
    assert found.share == {"cheap": 0.5, "dear": 0.5}
    assert found.cost_usd == pytest.approx(5.5)
    assert found.quality == pytest.approx((1 + 1 + 0.5 + 0.25) / 4)


def test_the_strong_model_is_the_better_one() -> None:
    assert yardsticks.pair_of(GROUND) == PAIR
    turned = GROUND._replace(models=("dear", "cheap"), scores=GROUND.scores[:, ::-1])
    assert yardsticks.pair_of(turned) == Pair(weak=1, strong=0)


def test_equals_and_three_models_are_no_pair() -> None:
    assert yardsticks.pair_of(GROUND._replace(scores=np.ones((4, 2)))) is None
    three = GROUND._replace(models=("a", "b", "c"), scores=np.eye(4)[:, :3])
    assert yardsticks.pair_of(three) is None


def test_curves_give_the_strong_model_as_many_tasks_as_a_share_allows() -> None:
    half = 10  # the share in the middle, 0.5
    assert yardsticks.SHARES[half] == 0.5
    assert yardsticks.length_curve(GROUND, PAIR)[half] == pytest.approx((0.5, 0.6875))
    assert yardsticks.oracle_curve(GROUND, PAIR)[half] == pytest.approx((0.5, 0.8125))
    assert yardsticks.chance_curve(GROUND, PAIR)[half] == pytest.approx((0.5, 0.625))


def test_paces_are_21_from_4_to_96_percent() -> None:
    assert len(yardsticks.SHARES) == 21
    assert (yardsticks.SHARES[0], yardsticks.SHARES[-1]) == (0.04, 0.96)
    assert yardsticks.shares(0) == ()

import math

import numpy as np
import pytest

from streams.learning.offpolicy import (
    Drawn,
    Evaluation,
    Weighed,
    crossfitted,
    estimate,
    evaluate,
    mean,
    of_arms,
    t_quantile,
    weigh,
)
from tests.chance import share

EVEN = {"cheap": 0.5, "dear": 0.5}
DEAR = {"cheap": 0.1, "dear": 0.9}


def a_draw(arm: str, reward: float, **fields: object) -> Drawn:
    plain = {"logging": EVEN, "target": DEAR, "believed": {}}
    return Drawn(arm=arm, reward=reward, **{**plain, **fields})  # type: ignore[arg-type]


def told(tasks: list[Drawn]) -> Evaluation:
    found = evaluate(tasks)
    assert found is not None
    return found


def test_each_reward_counts_as_often_as_the_other_policy_would_have_earned_it() -> None:
    found = told([a_draw("cheap", 0.4), a_draw("dear", 0.8), a_draw("dear", 1.0)])
    # Weights .1/.5, .9/.5, .9/.5: .08 + 1.44 + 1.8 over three tasks, then over a weight of 3.8.
    assert found.ips.value == pytest.approx(3.32 / 3)
    assert found.snips.value == pytest.approx(3.32 / 3.8)
    assert found.effective == pytest.approx(3.8**2 / (0.04 + 3.24 + 3.24))
    assert found.largest_weight == pytest.approx(1.8)
    assert found.logged.value == pytest.approx(2.2 / 3)


def test_what_is_believed_is_corrected_by_what_was_earned() -> None:
    belief = Weighed(
        weight=np.array([2.0, 0.5]),
        reward=np.array([1.0, 0.0]),
        modelled=np.array([0.6, 0.4]),
        expected=np.array([0.5, 0.7]),
        chosen=np.array([0, 1]),
        square=np.array([2.0, 0.125]),
        draws=np.array([1e9, 1e9]),
    )
    found = estimate(belief)
    # The first task comes to .5 + .8, the second to .7 - .2.
    assert found.dr.value == pytest.approx((1.3 + 0.5) / 2)
    assert found.gain.value == pytest.approx(0.9 - 0.5)


def test_a_policy_is_worth_what_the_log_earned_where_it_is_the_logs_own() -> None:
    tasks = [a_draw("cheap", share("r", n), target=EVEN) for n in range(40)]
    tasks += [a_draw("dear", share("s", n), target=EVEN) for n in range(40)]
    found = told(tasks)
    assert found.ips == found.logged
    assert found.snips.value == pytest.approx(found.logged.value)
    assert found.effective == pytest.approx(80)


def test_a_belief_that_is_right_leaves_nothing_to_chance() -> None:
    believed = {"cheap": 0.2, "dear": 0.6}
    tasks = [
        a_draw(arm, believed[arm], believed=believed)
        for n in range(30)
        for arm in ("cheap", "dear")
    ]
    found = told(tasks)
    assert found.dr.value == pytest.approx(0.1 * 0.2 + 0.9 * 0.6)
    assert found.dr.high == pytest.approx(found.dr.low)
    assert found.ips.high is not None
    assert found.ips.high - found.ips.value > 0.05


def test_a_belief_that_is_off_by_a_factor_is_mended_by_the_other_tasks() -> None:
    believed = {"cheap": 0.002, "dear": 0.03}
    tasks = [
        a_draw(arm, 1.5 * believed[arm], believed=believed) for _ in range(10) for arm in believed
    ]
    assert told(tasks).dr.value == pytest.approx(1.5 * (0.1 * 0.002 + 0.9 * 0.03))


def test_no_reward_tells_of_its_own_task() -> None:
    chosen = np.array([0, 1] * 10)
    reward = np.array([share("reward", n) for n in range(20)])
    believed = np.full((20, 2), math.nan)
    before = crossfitted(chosen, reward, believed)
    reward[7] += 100.0
    after = crossfitted(chosen, reward, believed)
    assert after[7].tolist() == before[7].tolist()
    assert after[8, 1] > before[8, 1]


def test_an_arm_that_was_never_tried_is_believed_to_earn_what_the_others_do() -> None:
    reward = np.array([0.4, 0.6] * 5)
    found = crossfitted(np.zeros(10, dtype=np.intp), reward, np.full((10, 2), math.nan))
    assert found[:, 1].tolist() == pytest.approx(found[:, 0].tolist())


def test_what_a_log_never_drew_is_said() -> None:
    target = {"cheap": 0.25, "dear": 0.25, "new": 0.5}
    found = told([a_draw("cheap", 1.0, target=target), a_draw("dear", 1.0, target=DEAR)])
    assert found.unsupported == pytest.approx(0.25)


def test_a_log_that_never_went_where_the_other_policy_goes_says_nothing() -> None:
    assert evaluate([a_draw("cheap", 1.0, target={"dear": 1.0})] * 9) is None
    assert evaluate([]) is None


def test_a_choice_of_probability_zero_is_no_honest_log() -> None:
    with pytest.raises(ValueError, match="'dear' was chosen with probability 0"):
        weigh([a_draw("dear", 1.0, logging={"cheap": 1.0})])


def test_a_rare_draw_that_did_not_happen_widens_the_interval() -> None:
    often = {"cheap": 0.99, "dear": 0.01}
    lucky = [a_draw("cheap", 0.5, logging=often) for _ in range(50)]
    found = told([*lucky, a_draw("cheap", 0.6, logging=often)]).ips
    assert found.high is not None
    assert found.value < 0.06
    assert found.high > 0.5


def test_one_task_has_no_interval() -> None:
    assert mean(np.array([0.5])) == (0.5, None, None)


def test_equal_numbers_have_an_interval_of_one_point() -> None:
    assert mean(np.full(20, 0.3)) == pytest.approx((0.3, 0.3, 0.3))


def test_one_reward_that_outweighs_all_widens_the_interval() -> None:
    even = np.array([0.0, 1.0] * 50)
    uneven = np.zeros(100)
    uneven[0] = 5.0 * math.sqrt(100 / 99)  # the same spread
    assert float(even.std()) == pytest.approx(float(uneven.std()), rel=0.02)

    def reach(values: np.ndarray) -> float:
        found = mean(values)
        assert found.high is not None
        return found.high - found.value

    assert reach(uneven) > 2 * reach(even)


@pytest.mark.parametrize(
    ("degrees", "point"), [(2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042)]
)
def test_students_t_is_as_in_the_tables(degrees: float, point: float) -> None:
    assert t_quantile(degrees) == pytest.approx(point, rel=0.01)


def test_intervals_cover_what_is_true_as_often_as_they_say() -> None:
    """300 logs of 400 tasks; `tests/bench/test_coverage.py` does it on recorded outcomes."""
    chance = np.random.Generator(np.random.PCG64(7))
    logging, target = np.array([0.9, 0.1]), np.array([0.2, 0.8])
    hits = dict.fromkeys(("ips", "snips", "dr"), 0)
    for _ in range(300):
        hard = chance.random(400)
        chosen = (chance.random(400) < logging[1]).astype(np.intp)
        well = 1 - hard * np.where(chosen == 1, 0.4, 0.8)
        reward = (chance.random(400) < well).astype(float)
        belief = np.stack((1 - 0.7 * hard, 1 - 0.5 * hard), axis=1)  # wrong, and of some use
        asked = np.tile(target, (400, 1))
        found = estimate(of_arms(chosen, np.tile(logging, (400, 1)), asked, reward, belief))
        truth = 0.2 * 0.6 + 0.8 * 0.8
        for name in hits:
            value = getattr(found, name)
            hits[name] += value.low <= truth <= value.high
    assert all(0.92 <= count / 300 <= 0.985 for count in hits.values()), hits

import sys
from collections.abc import Hashable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from river import checks, compose, evaluate, metrics, preprocessing

from streams.learning.ridge import Ridge, TwoStageRidge, held


def rows(count: int, width: int, seed: int = 7) -> NDArray[np.float64]:
    """Repeatable inputs in [-1, 1] from a linear congruence."""
    found, state = np.empty(count * width), seed
    for n in range(count * width):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        found[n] = state / 2**63 - 1
    return found.reshape(count, width)


def test_it_is_an_estimator_as_river_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """River's checks load scikit-learn for a dataset that no regressor is given."""
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["sklearn"].datasets = sys.modules["sklearn.datasets"]  # type: ignore[attr-defined]
    run = list(checks.yield_checks(TwoStageRidge()))
    assert len(run) > 20
    checks.check_estimator(TwoStageRidge())


def test_it_stands_in_a_river_pipeline() -> None:
    inputs = rows(200, 3)
    lessons: list[tuple[dict[Hashable, Any], Any]] = [
        ({"a": a, "b": b, "c": c}, 2 * a - b) for a, b, c in inputs.tolist()
    ]
    pipeline = compose.Pipeline(preprocessing.StandardScaler(), TwoStageRidge())
    error = evaluate.progressive_val_score(iter(lessons), pipeline, metrics.MAE())
    assert error.get() < 0.2


def test_one_stage_is_the_ridge_that_sees_all_lessons_at_once() -> None:
    inputs = rows(60, 5)
    targets = inputs @ np.array([0.5, -1.0, 0.0, 2.0, 0.1]) + 0.1 * rows(60, 1, seed=3)[:, 0]
    fit = Ridge(5, spread=0.2)
    for row, target in zip(inputs, targets, strict=True):
        fit.step(row, target - float(row @ fit.weights))
    precision = inputs.T @ inputs + np.eye(5) / 0.2
    assert fit.weights == pytest.approx(np.linalg.solve(precision, inputs.T @ targets))
    assert fit.unsure == pytest.approx(np.linalg.inv(precision))


def test_forgetting_weighs_lessons_by_their_age() -> None:
    inputs, kept = rows(30, 3), 0.9
    targets = inputs @ np.array([1.0, -1.0, 0.5])
    fit = Ridge(3, spread=1.0)
    for row, target in zip(inputs, targets, strict=True):
        fit.step(row, target - float(row @ fit.weights), forget=kept)
    weights = kept ** np.arange(29, -1, -1)
    precision = (inputs.T * weights) @ inputs + np.eye(3) * kept**30
    wanted = np.linalg.solve(precision, (inputs.T * weights) @ targets)
    assert fit.weights == pytest.approx(wanted)


def test_what_is_never_asked_about_stays_bounded_however_much_is_forgotten() -> None:
    fit = Ridge(2, spread=1.0)
    for _ in range(5_000):
        fit.step(np.array([1.0, 0.0]), 0.0, forget=0.9)
    assert np.all(np.isfinite(fit.unsure))
    assert 0 < fit.unsure.diagonal().min() <= fit.unsure.diagonal().max() <= 10


def test_an_arm_never_seen_is_predicted_by_what_arms_share() -> None:
    estimator = TwoStageRidge(width=2)
    for n in range(500):
        for arm, level in (("small", 0.2), ("large", 0.8)):
            estimator.learn(arm, np.array([1.0, n % 2]), level + 0.1 * (n % 2))
    assert estimator.predict("small", np.array([1.0, 0.0])) == pytest.approx(0.2, abs=0.05)
    assert estimator.predict("large", np.array([1.0, 1.0])) == pytest.approx(0.9, abs=0.05)
    new = estimator.predict("new", np.array([1.0, 0.0]))
    assert 0.25 < new < 0.75
    assert new == pytest.approx(float(estimator.shared.weights[0]))


def test_a_lesson_of_one_arm_teaches_the_others_less() -> None:
    estimator, inputs = TwoStageRidge(width=1), np.ones(1)
    estimator.learn("one", inputs, 0.0)
    estimator.learn("other", inputs, 0.0)
    for _ in range(5):
        estimator.learn("one", inputs, 1.0)
    one, other = estimator.predict("one", inputs), estimator.predict("other", inputs)
    assert 0 < other < one < 1


def test_names_and_vectors_are_the_same_estimator() -> None:
    named, vectors = TwoStageRidge(), TwoStageRidge(width=3)
    for n, row in enumerate(rows(80, 3)):
        arm, target = f"m{n % 2}", float(row[0] - row[2])
        named.learn_one({"c": row[2], "arm": arm, "a": row[0], "b": row[1]}, target)
        vectors.learn(arm, row, target)
    for row in rows(10, 3, seed=11):
        x = {"b": row[1], "c": row[2], "a": row[0]}
        for arm in ("m0", "m1", "never"):
            assert named.predict_one({**x, "arm": arm}) == vectors.predict(arm, row)


def test_a_name_that_comes_late_is_a_new_input() -> None:
    estimator = TwoStageRidge()
    for _ in range(50):
        estimator.learn_one({"one": 1.0}, 1.0)
    before = estimator.predict_one({"one": 1.0, "late": 1.0})
    for _ in range(50):
        estimator.learn_one({"one": 1.0, "late": 1.0}, 3.0)
        estimator.learn_one({"one": 1.0}, 1.0)
    assert before == pytest.approx(1.0, abs=0.05)
    assert estimator.predict_one({"one": 1.0}) == pytest.approx(1.0, abs=0.1)
    assert estimator.predict_one({"one": 1.0, "late": 1.0}) == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_lesson_without_a_finite_number_changes_nothing(wrong: float) -> None:
    estimator = TwoStageRidge(width=2)
    estimator.learn("m", np.ones(2), 1.0)
    before = estimator.shared.numbers().tobytes(), estimator.own("m").numbers().tobytes()
    for inputs, target in ((np.ones(2), wrong), (np.array([1.0, wrong]), 1.0)):
        with pytest.raises(ValueError, match="finite"):
            estimator.learn("m", inputs, target)
    assert (estimator.shared.numbers().tobytes(), estimator.own("m").numbers().tobytes()) == before


def test_widening_makes_the_next_lessons_count_more() -> None:
    def moved(by: float) -> float:
        estimator, inputs = TwoStageRidge(width=1), np.ones(1)
        for _ in range(300):
            estimator.learn("m", inputs, 0.9)
        estimator.own("m").widen(0, by)
        for _ in range(5):
            estimator.learn("m", inputs, 0.4)
        return 0.9 - estimator.predict("m", inputs)

    assert moved(0.0) < 0.1
    assert moved(1.0) > 0.3


def test_learning_goes_on_bit_for_bit_where_its_numbers_were_kept() -> None:
    estimator, again = TwoStageRidge(width=6), TwoStageRidge(width=6)
    lessons = [(f"m{n % 3}", row, float(row.sum())) for n, row in enumerate(rows(120, 6))]
    for lesson in lessons[:60]:
        estimator.learn(*lesson)
    again.shared.load(estimator.shared.numbers())
    for arm in ("m0", "m1", "m2"):
        again.own(arm).load(estimator.own(arm).numbers())
    for lesson in lessons[60:]:
        estimator.learn(*lesson)
        again.learn(*lesson)
    for arm in ("m0", "m1", "m2"):
        assert again.weights(arm).tobytes() == estimator.weights(arm).tobytes()
        assert again.own(arm).numbers().tobytes() == estimator.own(arm).numbers().tobytes()


def test_damaged_numbers_are_refused() -> None:
    fit = Ridge(3, spread=1.0)
    with pytest.raises(ValueError, match="9 numbers"):
        fit.load(np.zeros(8))
    with pytest.raises(ValueError, match="finite"):
        fit.load(np.full(held(3), np.nan))
    assert fit.unsure.tolist() == np.eye(3).tolist()


def test_many_lessons_leave_it_sure_and_sane() -> None:
    """Rounding must not turn a variance negative: then it would run away."""
    fit, inputs = Ridge(4, spread=1.0), rows(50, 4)
    for n in range(20_000):
        row = inputs[n % 50] * (1.0, 1e-3)[n % 2]
        fit.step(row, float(row[0]) - float(row @ fit.weights))
    assert np.linalg.eigvalsh(fit.unsure).min() > 0
    assert fit.weights == pytest.approx([1, 0, 0, 0], abs=1e-3)


def test_a_lesson_of_half_the_weight_twice_is_one_of_all_of_it() -> None:
    whole, halves = Ridge(3, spread=1.0), Ridge(3, spread=1.0)
    for inputs in rows(20, 3):
        target = float(inputs.sum())
        whole.step(inputs, target - float(inputs @ whole.weights))
        for _ in range(2):
            halves.step(inputs * 0.5**0.5, 0.5**0.5 * (target - float(inputs @ halves.weights)))
    assert halves.weights == pytest.approx(whole.weights)


def test_a_lesson_that_weighs_nothing_teaches_nothing_and_one_that_weighs_little_less() -> None:
    whole, little, none = (TwoStageRidge(width=3) for _ in range(3))
    for inputs in rows(5, 3):
        whole.learn("a", inputs, 1.0)
        little.learn("a", inputs, 1.0, weight=0.1)
        none.learn("a", inputs, 1.0, weight=0.0)
    assert not none.weights("a").any()
    probe = rows(5, 3).mean(axis=0)
    assert 0 < little.predict("a", probe) < whole.predict("a", probe)

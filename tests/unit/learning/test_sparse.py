import sys
from types import ModuleType

import numpy as np
import pytest
from river import checks, linear_model, optim

from streams.learning.sparse import (
    FIRST_SQUARE,
    LEARNING_RATE,
    FractionalLog,
    Hashed,
    Inputs,
    PlacedLogistic,
)
from streams.routing.features import extract
from streams.routing.quality import SHARED_WEIGHT, dense_inputs, hash_inputs, logit
from streams.routing.rules import Verdict
from streams.routing.snapshot import WIDTH
from tests.builders import a_text

VERDICT = Verdict(3, 0.7, "default")
EASY, HARD = (
    extract(text, VERDICT)
    for text in ("Rename the variable x to count", "Prove the spectral theorem for operators")
)
PRIOR = logit(0.82)


def test_the_weights_are_those_of_rivers_own_adagrad() -> None:
    plain = linear_model.LogisticRegression(
        optimizer=optim.AdaGrad(lr=LEARNING_RATE, eps=FIRST_SQUARE),
        loss=FractionalLog(), intercept_init=PRIOR, intercept_lr=0.0,
    )  # fmt: skip
    ours = Hashed()
    ours.reach(2)
    for n in range(60):
        features, score = (EASY, HARD)[n % 2], (n % 7) / 6
        given = ours.inputs(features, 1)
        ours.learn(given, PRIOR, score)
        inputs = dict(enumerate(dense_inputs(features).tolist()))
        hashes = (1000 + features.hashes.astype(int)).tolist()
        inputs |= dict(zip(hashes, hash_inputs(features).tolist(), strict=True))
        twice = {("shared", key): SHARED_WEIGHT * value for key, value in inputs.items()}
        twice |= {("own", key): value for key, value in inputs.items()}
        plain.learn_one(twice, score)
        wanted = plain.predict_proba_one(twice)[True]
        assert ours.predict(given, PRIOR) == pytest.approx(wanted, abs=1e-5)


def test_what_is_put_back_goes_on_bit_for_bit() -> None:
    ours, again = Hashed(), Hashed()
    ours.reach(2)
    for n in range(20):
        ours.learn(ours.inputs((EASY, HARD)[n % 2], 1), PRIOR, (n % 3) / 2)
    for part in (0, 1):
        again.load(part, ours.weights(part).astype("<f4"), ours.squares(part).copy())
    for hashed in (ours, again):
        hashed.learn(hashed.inputs(EASY, 1), PRIOR, 1.0)
    assert again.weights(1).tolist() == ours.weights(1).tolist()
    assert again.squares(0).tolist() == ours.squares(0).tolist()


def test_parts_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=str(WIDTH)):
        Hashed().load(0, np.zeros(WIDTH - 1), np.zeros(WIDTH))


def test_a_quickened_level_follows_the_next_scores_sooner() -> None:
    def after(*, quickened: bool) -> float:
        hashed = Hashed()
        hashed.reach(2)
        for n in range(300):
            hashed.learn(hashed.inputs(extract(a_text(n), VERDICT), 1), PRIOR, 0.95)
        if quickened:
            hashed.quicken(1)
        for n in range(5):
            hashed.learn(hashed.inputs(extract(a_text(n), VERDICT), 1), PRIOR, 0.3)
        return hashed.predict(hashed.inputs(extract(a_text(5), VERDICT), 1), PRIOR)

    assert after(quickened=True) < after(quickened=False)


def test_it_is_an_estimator_as_river_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """River's checks load scikit-learn for a dataset that no binary classifier is given."""
    for name in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["sklearn"].datasets = sys.modules["sklearn.datasets"]  # type: ignore[attr-defined]
    assert len(list(checks.yield_checks(PlacedLogistic()))) > 20
    checks.check_estimator(PlacedLogistic())


def test_placed_inputs_learn_what_named_ones_do() -> None:
    placed, named = PlacedLogistic(), PlacedLogistic()
    placed.reach(4)
    for n in range(40):
        values, score = [1.0, n % 2, n % 3 / 2], (n % 5) / 4
        placed.learn_one(Inputs(np.array([3, 0, 2]), np.array(values)), score)
        named.learn_one(dict(enumerate(values)), score)
    asked = [1.0, 0.0, 0.5]
    told = placed.predict_proba_one(Inputs(np.array([3, 0, 2]), np.array(asked)))  # type: ignore[no-untyped-call]
    wanted = named.predict_proba_one(dict(enumerate(asked)))  # type: ignore[no-untyped-call]
    assert told[True] == pytest.approx(wanted[True], abs=1e-5)
    assert placed.placed[1] == 0.0


def test_a_lesson_moves_the_weights_as_much_as_it_weighs() -> None:
    found = []
    for weight in (0.0, 0.2, 1.0):
        hashed = Hashed()
        hashed.reach(2)
        inputs = hashed.inputs(EASY, 1)
        hashed.learn(inputs, PRIOR, 1.0, weight)
        found.append(hashed.predict(inputs, PRIOR))
    before = 1 / (1 + np.exp(-PRIOR))
    assert before == pytest.approx(found[0])
    assert found[0] < found[1] < found[2]

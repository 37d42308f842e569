import base64
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.events.control import ModelState
from streams.routing.features import Features, extract
from streams.routing.quality import (
    DENSE,
    LEVEL_INPUT,
    NEWCOMER_LESSONS,
    PRIOR_QUALITY,
    WIDTH,
    QualityView,
    SnapshotError,
    checksum,
    logit,
    pack_weights,
    sigmoid,
    unpack_weights,
)
from streams.routing.registry import ModelSpec
from streams.routing.rules import Verdict
from tests.builders import a_model_state

SMALL, LARGE = (
    ModelSpec(name=name, provider="p", tier=tier) for name, tier in (("small", 1), ("large", 4))
)


def some_features() -> Features:
    return extract("Explain monads", Verdict(3, 0.7, "default"))


def a_state(part: str, *, prior: float = 0.0, bias: float = 0.0, **fields: Any) -> ModelState:
    """A part that adds a constant to the log-odds, or has the weights given."""
    weights = np.zeros(WIDTH)
    weights[0] = bias / LEVEL_INPUT
    packed = fields.pop("weights", pack_weights(prior, weights))
    return a_model_state(part, **{"weights": packed, "checksum": checksum(packed), **fields})


def test_before_any_lesson_each_model_has_its_tiers_prior() -> None:
    view = QualityView()
    found = view.predict(some_features(), [SMALL, LARGE])
    assert found == pytest.approx({"small": PRIOR_QUALITY[1], "large": PRIOR_QUALITY[4]})
    assert (view.version, view.lessons) == (0, 0)


def test_a_prediction_folds_prior_twice_the_shared_and_the_own_weights() -> None:
    view = QualityView()
    for state in (a_state("shared", bias=0.25), a_state("small", bias=-1.0, prior=0.75)):
        view = view.with_part(state)
    found = view.predict(some_features(), [SMALL, LARGE])
    assert found["small"] == pytest.approx(sigmoid(0.75 + 2 * 0.25 - 1.0), abs=1e-6)
    assert found["large"] == pytest.approx(sigmoid(logit(PRIOR_QUALITY[4]) + 0.5), abs=1e-6)


def test_hashed_weights_count_by_the_root_of_their_number() -> None:
    features = some_features()
    weights = np.zeros(WIDTH)
    weights[DENSE + features.hashes] = 0.5
    packed = pack_weights(0.0, weights)
    state = a_state("small", weights=packed)
    found = QualityView().with_part(state).predict(features, [SMALL])
    assert found["small"] == pytest.approx(sigmoid(0.5 * np.sqrt(len(features.hashes))), abs=1e-5)


def test_a_late_newcomer_is_believed_as_good_as_the_best() -> None:
    view = QualityView().with_part(a_state("shared", part_lessons=NEWCOMER_LESSONS))
    view = view.with_part(a_state("small", bias=-2.0))
    found = view.predict(some_features(), [SMALL, LARGE])
    assert found["large"] == found["small"] == pytest.approx(sigmoid(-2.0), abs=1e-6)


def test_the_view_knows_the_newest_version_and_all_lessons() -> None:
    view = QualityView().with_part(a_state("shared", version=7, lessons=40, part_lessons=30))
    view = view.with_part(a_state("small", version=6, lessons=38))
    assert (view.version, view.lessons) == (7, 40)
    assert view.lessons_of("shared") == 30
    assert view.lessons_of("large") == 0


def test_a_change_leaves_the_old_view_as_it_was() -> None:
    old = QualityView().with_part(a_state("small", bias=1.0))
    before = old.predict(some_features(), [SMALL])
    new = old.with_part(a_state("small", version=2, bias=-1.0))
    assert old.predict(some_features(), [SMALL]) == before
    assert new.predict(some_features(), [SMALL])["small"] < before["small"]


def test_weights_survive_packing_at_half_precision() -> None:
    weights = np.linspace(-4, 4, WIDTH)
    prior, again = unpack_weights(pack_weights(1.5, weights))
    assert prior == 1.5
    assert np.abs(again - weights).max() < 2e-3
    assert len(pack_weights(0.0, weights)) < 350 * 1024


def _packed(numbers: NDArray[Any], version: int = 1) -> str:
    return base64.b64encode(bytes([version]) + numbers.astype("<f2").tobytes()).decode()


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("*", "base64"),
        (_packed(np.zeros(1 + WIDTH), version=2), "version"),
        (_packed(np.zeros(WIDTH)), "bytes"),
        (_packed(np.full(1 + WIDTH, np.inf)), "finite"),
        (_packed(np.full(1 + WIDTH, np.nan)), "finite"),
    ],
)
def test_damaged_weights_are_refused_by_name(weights: str, says: str) -> None:
    with pytest.raises(SnapshotError, match=says):
        QualityView().with_part(a_state("small", weights=weights))


def test_a_wrong_checksum_is_refused() -> None:
    with pytest.raises(SnapshotError, match="checksum of part 'small'"):
        QualityView().with_part(a_state("small", checksum="0" * 64))

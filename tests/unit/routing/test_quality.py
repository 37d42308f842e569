import base64
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.events.control import ModelState
from streams.routing import dense
from streams.routing.edges import EDGE_INPUT, TEXTS
from streams.routing.features import Features, extract
from streams.routing.quality import (
    LEVEL_INPUT,
    NEWCOMER_LESSONS,
    PRIOR_QUALITY,
    QualityView,
    logit,
    sigmoid,
)
from streams.routing.registry import ModelSpec
from streams.routing.rules import Verdict
from streams.routing.snapshot import (
    DENSE,
    EDGELESS,
    WIDTH,
    SnapshotError,
    Weights,
    checksum,
    pack,
    unpack,
)
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
    packed = fields.pop("weights", pack(Weights(prior, weights)))
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


def test_hashes_of_text_count_by_the_root_of_their_number_and_edges_each() -> None:
    features = some_features()
    texts = features.hashes[features.hashes < TEXTS]
    edges = len(features.hashes) - len(texts)
    assert edges > 3
    for at, odds in (
        (texts, 0.5 * np.sqrt(len(texts))),
        (features.hashes[len(texts) :], 0.5 * EDGE_INPUT * edges),
    ):
        weights = np.zeros(WIDTH)
        weights[DENSE + at] = 0.5
        state = a_state("small", weights=pack(Weights(0.0, weights)))
        found = QualityView().with_part(state).predict(features, [SMALL])
        assert found["small"] == pytest.approx(sigmoid(odds), abs=1e-5)


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


def test_weights_survive_packing_the_hashed_ones_at_half_precision() -> None:
    hashed, ridge, costs = (np.linspace(-4, 4, n) for n in (WIDTH, dense.WIDTH, dense.WIDTH))
    again = unpack(pack(Weights(1.5, hashed, 0.8, -0.3, ridge, -costs, 1.25)))
    assert (again.prior, again.level, again.odds, again.ratio) == pytest.approx(
        (1.5, 0.8, -0.3, 1.25)
    )
    assert np.abs(again.hashed - hashed).max() < 2e-3
    assert again.ridge == pytest.approx(ridge)
    assert again.costs == pytest.approx(-costs)
    assert len(pack(again)) < 50_000


def test_what_the_first_version_wrote_serves_as_it_did() -> None:
    hashed = np.linspace(-1, 1, WIDTH)
    hashed[EDGELESS:] = 0.0
    written = _packed(np.concatenate(([0.75], hashed[:EDGELESS])))
    old = QualityView().with_part(a_state("small", weights=written))
    new = QualityView().with_part(a_state("small", weights=pack(Weights(0.75, hashed))))
    features = some_features()
    assert old.predict(features, [SMALL]) == new.predict(features, [SMALL])


def test_the_dense_estimate_is_level_and_weights_and_mixed_in_by_its_odds() -> None:
    features = some_features()
    row = dense.dense(features)
    shared, own = np.zeros(dense.WIDTH), np.zeros(dense.WIDTH)
    shared[0], own[3] = -0.1, 0.5
    view = QualityView()
    for name, level, ridge in (("shared", 0.0, shared), ("small", 0.7, own)):
        packed = pack(Weights(0.0, np.zeros(WIDTH), level, logit(0.25), ridge))
        view = view.with_part(a_state(name, weights=packed))
    found = view.predict(features, [SMALL, LARGE])
    by_ridge = 0.7 - 0.1 + 0.5 * float(row[3])
    assert found["small"] == pytest.approx(0.25 * 0.5 + 0.75 * by_ridge)
    prior = PRIOR_QUALITY[4]
    assert found["large"] == pytest.approx(0.25 * prior + 0.75 * (prior - 0.1))


def test_a_dense_estimate_beyond_all_bounds_is_held_to_them() -> None:
    for level, held in ((9.0, 1.0), (-9.0, 0.0)):
        view = QualityView()
        for name in ("shared", "small"):
            packed = pack(Weights(0.0, np.zeros(WIDTH), level, odds=-20.0))
            view = view.with_part(a_state(name, weights=packed))
        assert view.predict(some_features(), [SMALL])["small"] == pytest.approx(held, abs=1e-6)


def test_costs_are_the_listed_ones_before_any_bill() -> None:
    listed = {"small": Decimal("0.002"), "large": None}
    assert QualityView().costs(some_features(), [SMALL, LARGE], listed) == listed


def test_costs_are_the_listed_ones_times_what_bills_have_shown() -> None:
    costs, far = np.zeros(dense.WIDTH), np.zeros(dense.WIDTH)
    costs[0], far[0] = 0.5, 50.0
    view = QualityView()
    for name, weights, ratio in (
        ("shared", costs, 1.0),
        ("small", costs, 1.1),
        ("large", far, 1.0),
    ):
        packed = pack(Weights(0.0, np.zeros(WIDTH), costs=weights, ratio=ratio))
        view = view.with_part(a_state(name, weights=packed))
    found = view.costs(some_features(), [SMALL, LARGE], {"small": Decimal(2), "large": Decimal(1)})
    assert float(found["small"] or 0) == pytest.approx(2 * np.exp(1.0) * 1.1)
    assert float(found["large"] or 0) == pytest.approx(np.exp(2.5))


def _packed(numbers: NDArray[Any], version: int = 1) -> str:
    return base64.b64encode(bytes([version]) + numbers.astype("<f2").tobytes()).decode()


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("*", "base64"),
        (_packed(np.zeros(1 + WIDTH), version=3), "version"),
        (_packed(np.zeros(1 + WIDTH), version=2), "bytes"),
        (_packed(np.zeros(WIDTH)), "bytes"),
        (_packed(np.full(1 + EDGELESS, np.inf)), "finite"),
        (_packed(np.full(1 + EDGELESS, np.nan)), "finite"),
        (pack(Weights(0.0, np.zeros(WIDTH), level=float("nan"))), "finite"),
        (pack(Weights(0.0, np.full(WIDTH, np.nan))), "finite"),
    ],
)
def test_damaged_weights_are_refused_by_name(weights: str, says: str) -> None:
    with pytest.raises(SnapshotError, match=says):
        QualityView().with_part(a_state("small", weights=weights))


def test_a_wrong_checksum_is_refused() -> None:
    with pytest.raises(SnapshotError, match="checksum of part 'small'"):
        QualityView().with_part(a_state("small", checksum="0" * 64))

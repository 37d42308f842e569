import numpy as np
import pytest

from streams.events.control import ModelState
from streams.routing.control import fold
from streams.routing.decide import View
from streams.routing.snapshot import WIDTH, Weights, checksum, pack
from tests.builders import a_model_state, a_policy, a_registry, a_task

VIEW = View(a_registry(), a_policy(5))


def a_snapshot(version: int = 1, part: str = "small") -> ModelState:
    weights = pack(Weights(0.5, np.zeros(WIDTH)))
    return a_model_state(part, version=version, weights=weights, checksum=checksum(weights))


def test_a_newer_policy_comes_into_force() -> None:
    assert fold(VIEW, a_policy(6)).policy == a_policy(6)


def test_the_same_version_said_again_counts_and_an_older_one_does_not() -> None:
    assert fold(VIEW, a_policy(5, reason="again")).policy.reason == "again"
    assert fold(VIEW, a_policy(4)) is VIEW


def test_a_snapshot_joins_the_parts_in_force() -> None:
    view = fold(fold(VIEW, a_snapshot(3, "shared")), a_snapshot(4))
    assert set(view.quality.parts) == {"shared", "small"}
    assert (view.quality.version, view.policy, view.registry) == (4, VIEW.policy, VIEW.registry)


def test_a_damaged_snapshot_is_refused_and_the_view_stays_as_it_was() -> None:
    view = fold(VIEW, a_snapshot())
    damaged = a_snapshot(2).model_copy(update={"checksum": "0" * 64})
    with pytest.raises(ValueError, match="checksum of part 'small'"):
        fold(view, damaged)
    assert view.quality.version == 1


def test_an_event_that_steers_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="Task steers nothing"):
        fold(VIEW, a_task())

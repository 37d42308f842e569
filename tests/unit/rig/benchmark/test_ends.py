"""How well it begins beside how well it ends."""

from decimal import Decimal

import numpy as np
import pytest

from streams.rig.benchmark.ends import ends
from streams.rig.benchmark.stream import Step
from streams.rig.benchmark.yardsticks import Ground


def steps(*scores: float) -> list[Step]:
    return [Step(row, "a", 1, score, Decimal(0), None, None) for row, score in enumerate(scores)]


def ground(*easiness: float) -> Ground:
    """Two models that score alike on each task."""
    scores = np.array([[each, each] for each in easiness])
    return Ground(("a", "b"), scores, np.zeros_like(scores), np.ones(len(scores), dtype=np.intp))


def test_the_ends_are_told_apart_and_the_rise_allows_for_easier_tasks() -> None:
    scores = steps(0.5, 0.5, 0.0, 0.9, 0.9)
    found = ends([(scores, ground(0.5, 0.5, 0.5, 0.8, 0.8))], tasks=2)
    assert found is not None
    assert (found.first.mean, found.last.mean) == (0.5, 0.9)
    assert found.risen.mean == pytest.approx(0.1)


def test_fewer_tasks_than_two_ends_have_none() -> None:
    assert ends([(steps(1.0, 1.0, 1.0), ground(1.0, 1.0, 1.0))], tasks=2) is None

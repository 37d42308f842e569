"""Predicted quality per model from a numpy snapshot, and the snapshot's format.

A part is the weights that all models share, or one model's own; a prediction folds
2 x shared + own + prior. Float16 in base64: 44 KB a part.
"""

import base64
import binascii
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams import ids
from streams.events.control import ModelState
from streams.routing.features import HASHES, STRUCTURE, Features
from streams.routing.registry import RESERVED, ModelSpec

SHARED = RESERVED
SHARED_WEIGHT = 2.0
"""Weight of what all models share against what is a model's own."""

LEVEL_INPUT = 2.0
"""The constant input: large, so that a model's level is learned before its finer points."""

STRUCTURE_SCALE = 0.3 / math.sqrt(STRUCTURE)
DENSE = 1 + STRUCTURE
"""A constant, then the structure."""

WIDTH = DENSE + HASHES
"""Weights of one part."""

PRIOR_QUALITY = {1: 0.80, 2: 0.82, 3: 0.84, 4: 0.86}
"""Believed of a tier's model before anything is learned."""

NEWCOMER_LESSONS = 200
"""From so many lessons on, a model never judged is believed as good as the best that were."""

_VERSION = 1
_LIMIT = 30.0


class SnapshotError(ValueError):
    """A snapshot that must not serve: keep the last good one."""


class PartView(NamedTuple):
    """One part in force: its weights, and what it was taught by."""

    version: int
    part_lessons: int
    mean_score: float
    prior: float  # log-odds
    weights: NDArray[np.float32]


class _Stack(NamedTuple):
    """All parts folded: a column a model, the first for a model that has no part."""

    column: dict[str, int]
    prior: list[float]
    dense: NDArray[np.float32]
    hashed: NDArray[np.float32]


def logit(share: float) -> float:
    """Log-odds of a probability, bounded so that 0 and 1 stay finite."""
    held = min(max(share, 1e-6), 1 - 1e-6)
    return math.log(held / (1 - held))


def sigmoid(odds: float) -> float:
    """Probability of log-odds, bounded so that nothing overflows."""
    return 1.0 / (1.0 + math.exp(-min(max(odds, -_LIMIT), _LIMIT)))


def dense_inputs(features: Features) -> NDArray[np.float32]:
    """The `DENSE` inputs of an estimator: a constant, then structure scaled to be small."""
    inputs = np.empty(DENSE, dtype=np.float32)
    inputs[0] = LEVEL_INPUT
    np.multiply(features.structure, np.float32(STRUCTURE_SCALE), out=inputs[1:])
    return inputs


def hash_input(features: Features) -> float:
    """The value of each hashed input: one over the root of their number."""
    return 1.0 / math.sqrt(max(len(features.hashes), 1))


def pack_weights(prior: float, weights: NDArray[np.floating]) -> str:
    """Write a part's weights as text: base64 of a version, the prior's log-odds and float16s."""
    packed = np.empty(1 + WIDTH, dtype="<f2")
    packed[0] = prior
    packed[1:] = weights
    return base64.b64encode(bytes([_VERSION]) + packed.tobytes()).decode()


def unpack_weights(text: str) -> tuple[float, NDArray[np.float32]]:
    """Read what `pack_weights` wrote.

    Raises:
        SnapshotError: No base64, another version or size, or a number that is not finite.
    """
    try:
        body = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SnapshotError(f"weights are no base64: {error}") from None
    if body[:1] != bytes([_VERSION]):
        raise SnapshotError(f"weights are not of version {_VERSION}")
    if len(body) != 1 + 2 * (1 + WIDTH):
        raise SnapshotError(f"weights have {len(body)} bytes, {1 + 2 * (1 + WIDTH)} are wanted")
    numbers = np.frombuffer(body, dtype="<f2", offset=1).astype(np.float32)
    if not np.all(np.isfinite(numbers)):
        raise SnapshotError("weights are not all finite")
    return float(numbers[0]), numbers[1:]


def checksum(weights: str) -> str:
    """SHA-256 of a part's packed weights, as its record carries it."""
    return ids.digest(weights.encode())


@dataclass(frozen=True)
class QualityView:
    """What is known of quality at one moment; every change makes a new view.

    `lessons` counts all that were ever judged, `version` is that of the newest part.
    """

    parts: Mapping[str, PartView] = field(default_factory=lambda: MappingProxyType({}))
    version: int = 0
    lessons: int = 0

    def with_part(self, state: ModelState) -> "QualityView":
        """Take in one part's newest weights.

        Raises:
            SnapshotError: Checksum, size or a number is wrong; this view stays as it was.
        """
        if checksum(state.weights) != state.checksum:
            raise SnapshotError(f"checksum of part {state.part!r} is wrong")
        prior, weights = unpack_weights(state.weights)
        part = PartView(state.version, state.part_lessons, state.mean_score, prior, weights)
        return replace(
            self,
            parts=MappingProxyType({**self.parts, state.part: part}),
            version=max(self.version, state.version),
            lessons=max(self.lessons, state.lessons),
        )

    def lessons_of(self, part: str) -> int:
        """How many lessons taught a part: a model's name, or `SHARED` for all together."""
        known = self.parts.get(part)
        return known.part_lessons if known else 0

    def predict(self, features: Features, models: Iterable[ModelSpec]) -> dict[str, float]:
        """The quality that each model would reach on a task, in [0, 1].

        A model never judged has its tier's prior at first, later the best of the others; a cold
        one has to earn that.
        """
        stack = self._stack
        odds = (dense_inputs(features) @ stack.dense).tolist()
        gathered = stack.hashed.take(features.hashes, axis=0).sum(axis=0)
        value = hash_input(features)
        hashed = gathered.tolist()
        found: dict[str, float] = {}
        unknown: list[ModelSpec] = []
        for model in models:
            column = stack.column.get(model.name, 0)
            if not column:
                unknown.append(model)
                continue
            found[model.name] = sigmoid(stack.prior[column] + odds[column] + value * hashed[column])
        best = max(found.values(), default=None)
        trusted = best is not None and self.lessons_of(SHARED) >= NEWCOMER_LESSONS
        for model in unknown:
            alone = logit(PRIOR_QUALITY[model.tier]) + odds[0] + value * hashed[0]
            as_best = trusted and best is not None and not model.cold
            found[model.name] = best if as_best and best is not None else sigmoid(alone)
        return found

    @cached_property
    def _stack(self) -> _Stack:
        """Built on the first prediction and kept with the view."""
        owners = [name for name in self.parts if name != SHARED]
        dense = np.zeros((DENSE, 1 + len(owners)), dtype=np.float32)
        hashed = np.zeros((HASHES, 1 + len(owners)), dtype=np.float32)
        if SHARED in self.parts:
            shared = np.float32(SHARED_WEIGHT) * self.parts[SHARED].weights
            dense += shared[:DENSE, None]
            hashed += shared[DENSE:, None]
        for column, name in enumerate(owners, 1):
            weights = self.parts[name].weights
            dense[:, column] += weights[:DENSE]
            hashed[:, column] += weights[DENSE:]
        priors = [0.0, *(self.parts[name].prior for name in owners)]
        return _Stack({name: n for n, name in enumerate(owners, 1)}, priors, dense, hashed)

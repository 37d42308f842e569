"""Predicted quality and cost per model, from the learned parts in force.

A part is the weights that all models share, or one model's own. Two estimates of quality are
mixed: the hashed one folds 2 x shared + own + prior into log-odds, the dense one shared + own + level.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.events.control import ModelState
from streams.routing import dense, snapshot
from streams.routing.edges import EDGE_INPUT, TEXTS
from streams.routing.features import HASHES, STRUCTURE, Features
from streams.routing.registry import RESERVED, ModelSpec
from streams.routing.snapshot import DENSE, SnapshotError, Weights, checksum

SHARED = RESERVED
SHARED_WEIGHT = 2.0
"""Weight of what all models share against what is a model's own."""

LEVEL_INPUT = 2.0
"""The constant input: large, so that a model's level is learned before its finer points."""

STRUCTURE_SCALE = 0.3 / math.sqrt(STRUCTURE)
PRIOR_QUALITY = {1: 0.80, 2: 0.82, 3: 0.84, 4: 0.86}
"""Believed of a tier's model before anything is learned."""

NEWCOMER_LESSONS = 200
"""From so many lessons on, a model never judged is believed as good as the best that were."""

MOST_LOG_COST = 2.5
"""A cost is predicted to be at most 12 times, at least a 12th of what the price list expects."""

_LIMIT = 30.0
_EDGE_INPUTS = np.full(HASHES, EDGE_INPUT, dtype=np.float32)


class PartView(NamedTuple):
    """One part in force: its weights, and what it was taught by."""

    version: int
    part_lessons: int
    mean_score: float
    weights: Weights
    bills: int = 0


class _Stack(NamedTuple):
    """All parts folded: a column a model, the first for a model that has no part.

    Weights of the structure have the columns of log-odds, of quality and of the logarithm of
    cost, one after another; those of what is rectified too.
    """

    column: dict[str, int]
    judged: dict[str, int]  # the columns of models that were ever judged
    prior: list[float]
    level: list[float]
    ratio: list[float]
    share: float  # of the hashed estimate
    constant: NDArray[np.float32]
    structure: NDArray[np.float32]
    hashed: NDArray[np.float32]
    rectified: NDArray[np.float32]


class _Sums(NamedTuple):
    """What a task's features come to, by column: log-odds, quality, logarithm of cost."""

    odds: list[float]
    ridge: list[float]
    costs: list[float]


class Forecast(NamedTuple):
    """What each model would do for a task: quality in [0, 1], and dollars, None where unknown."""

    quality: dict[str, float]
    usd: dict[str, Decimal | None]


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


def hash_inputs(features: Features) -> NDArray[np.float32]:
    """The values of the hashed inputs: those of text have a norm of 1 together, each edge its own."""
    texts = int(features.hashes.searchsorted(TEXTS))
    values = _EDGE_INPUTS[: len(features.hashes)].copy()
    values[:texts] = 1.0 / math.sqrt(max(texts, 1))
    return values


def mixed(share: float, hashed: float, ridge: float) -> float:
    """Two estimates as one; the dense one, a straight line, is held to [0, 1] first."""
    return share * hashed + (1.0 - share) * min(max(ridge, 0.0), 1.0)


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
        weights = snapshot.unpack(state.weights)
        part = PartView(state.version, state.part_lessons, state.mean_score, weights, state.bills)
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

    @property
    def bills(self) -> int:
        """How many answers' costs taught what models cost."""
        return sum([part.bills for part in self.parts.values()])

    def predict(self, features: Features, models: Iterable[ModelSpec]) -> dict[str, float]:
        """The quality that each model would reach on a task, in [0, 1].

        A model never judged has its tier's prior at first, later the best of the others; a cold
        one has to earn that.
        """
        return self._qualities(self._sums(features), models)

    def costs(
        self,
        features: Features,
        models: Iterable[ModelSpec],
        listed: Mapping[str, Decimal | None],
    ) -> dict[str, Decimal | None]:
        """The dollars that each model would take for a task.

        Args:
            features: The task's.
            models: Of whom it is asked.
            listed: What the price list expects of each, in dollars; None where it has no price.

        Returns:
            Dollars by model: the listed ones times what bills have shown of such tasks; None
            where nothing is listed.
        """
        return self._dollars(self._sums(features), models, listed)

    def forecast(
        self,
        features: Features,
        models: Sequence[ModelSpec],
        listed: Mapping[str, Decimal | None],
    ) -> Forecast:
        """`predict` and `costs` in one: the features are read once."""
        sums = self._sums(features)
        return Forecast(self._qualities(sums, models), self._dollars(sums, models, listed))

    def _sums(self, features: Features) -> _Sums:
        stack, hashes = self._stack, features.hashes
        sums = features.structure.dot(stack.structure)
        sums += dense.rectified(features).dot(stack.rectified)
        sums += stack.constant
        hashed = hash_inputs(features).dot(stack.hashed.take(hashes, axis=0))
        found, columns = sums.tolist(), len(stack.prior)
        odds = [one + other for one, other in zip(found, hashed.tolist(), strict=False)]
        return _Sums(odds, found[columns : 2 * columns], found[2 * columns :])

    def _qualities(self, sums: _Sums, models: Iterable[ModelSpec]) -> dict[str, float]:
        stack = self._stack

        def believed(column: int, prior: float, level: float) -> float:
            by_hashes = sigmoid(prior + sums.odds[column])
            return mixed(stack.share, by_hashes, level + sums.ridge[column])

        found: dict[str, float] = {}
        unknown: list[ModelSpec] = []
        for model in models:
            column = stack.judged.get(model.name)
            if column is None:
                unknown.append(model)
            else:
                found[model.name] = believed(column, stack.prior[column], stack.level[column])
        if not unknown:
            return found
        best = max(found.values(), default=None)
        trusted = best is not None and self.lessons_of(SHARED) >= NEWCOMER_LESSONS
        for model in unknown:
            prior = PRIOR_QUALITY[model.tier]
            as_best = trusted and best is not None and not model.cold
            alone = best if as_best and best is not None else believed(0, logit(prior), prior)
            found[model.name] = alone
        return found

    def _dollars(
        self, sums: _Sums, models: Iterable[ModelSpec], listed: Mapping[str, Decimal | None]
    ) -> dict[str, Decimal | None]:
        stack = self._stack
        found: dict[str, Decimal | None] = {}
        for model in models:
            usd, column = listed[model.name], stack.column.get(model.name, 0)
            log = min(max(sums.costs[column], -MOST_LOG_COST), MOST_LOG_COST)
            factor = math.exp(log) * stack.ratio[column]
            if usd is not None and factor != 1.0:
                usd = Decimal(float(usd) * factor)
            found[model.name] = usd
        return found

    @cached_property
    def _stack(self) -> _Stack:
        """Built on the first prediction and kept with the view."""
        owners = [name for name in self.parts if name != SHARED]
        own = [self.parts[name].weights for name in owners]
        shared = self.parts[SHARED].weights if SHARED in self.parts else NOTHING
        hashed = _columns(SHARED_WEIGHT * shared.hashed, [w.hashed for w in own])
        ridge, costs = (
            dense.unfold(_columns(rows[0], rows[1:]))
            for rows in zip(*((w.ridge, w.costs) for w in (shared, *own)), strict=True)
        )
        column = {name: n for n, name in enumerate(owners, 1)}
        return _Stack(
            column=column,
            judged={name: n for name, n in column.items() if self.parts[name].part_lessons},
            prior=[0.0, *(w.prior for w in own)],
            level=[0.0, *(w.level for w in own)],
            ratio=[1.0, *(w.ratio for w in own)],
            share=sigmoid(shared.odds),
            constant=np.concatenate((LEVEL_INPUT * hashed[0], ridge.constant, costs.constant)),
            structure=np.concatenate(
                (STRUCTURE_SCALE * hashed[1:DENSE], ridge.structure, costs.structure), axis=1
            ),
            hashed=hashed[DENSE:],
            rectified=np.concatenate(
                (np.zeros_like(ridge.rectified), ridge.rectified, costs.rectified), axis=1
            ),
        )


NOTHING = Weights(0.0, np.zeros(DENSE + HASHES, dtype=np.float32))
"""A part that was taught nothing."""


def _columns(
    shared: NDArray[np.float32], own: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    found = np.repeat(shared.astype(np.float32)[:, None], 1 + len(own), axis=1)
    for column, weights in enumerate(own, 1):
        found[:, column] += weights
    return found

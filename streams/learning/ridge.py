"""Recursive least squares in two stages: what all arms share, then what is each one's own.

An estimator with River's interface over mappings, and the same over vectors, which is what the
learner uses. Beside `learning.sparse` the only file that knows River.
"""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

Vector = NDArray[np.floating[Any]]
Weights = NDArray[np.float64]


class Ridge:
    """One recursive least squares fit: weights, and how unsure each direction still is.

    Args:
        width: Number of inputs.
        spread: Variance believed of each weight beforehand, against a noise of 1: small holds the
            weights near 0.

    Example:
        >>> fit = Ridge(width=1, spread=1.0)
        >>> fit.step(np.ones(1), 1.0)
        >>> fit.weights.round(6).tolist(), fit.unsure.round(6).tolist()
        ([0.5], [[0.5]])
    """

    __slots__ = ("spread", "unsure", "weights")

    def __init__(self, width: int, spread: float) -> None:
        self.spread = spread
        self.weights: Weights = np.zeros(width)
        self.unsure: NDArray[np.float64] = np.eye(width) * spread

    def step(self, inputs: Vector, error: float, forget: float = 1.0) -> None:
        """Learn that `inputs` were predicted too low by `error`.

        Args:
            inputs: As many as the fit is wide.
            error: What came less what the weights (of both stages together) predicted.
            forget: What earlier lessons keep of their weight, in (0, 1]; 1 forgets nothing.
        """
        leaning = self.unsure.dot(inputs)
        gain = 1.0 / (forget + float(inputs.dot(leaning)))
        self.weights += leaning * (gain * error)
        leaning *= math.sqrt(gain)
        column = leaning[:, None]
        self.unsure -= column.dot(column.T)  # symmetric bit for bit, and half of `outer`'s 7 us
        if forget < 1.0:
            self.unsure /= forget
            self._hold()

    def widen(self, at: int, by: float) -> None:
        """Be as unsure of one weight as if its variance were greater by `by`."""
        self.unsure[at, at] += by

    def reach(self, width: int) -> None:
        """Make room for more inputs; what was learned stays."""
        known = len(self.weights)
        if width > known:
            weights, unsure = np.zeros(width), np.eye(width) * self.spread
            weights[:known] = self.weights
            unsure[:known, :known] = self.unsure
            self.weights, self.unsure = weights, unsure

    def numbers(self) -> NDArray[np.float64]:
        """Everything learned, in one row: the weights, then the upper half of `unsure`."""
        upper = self.unsure[np.triu_indices(len(self.weights))]
        return np.concatenate((self.weights, upper))

    def load(self, numbers: NDArray[np.float64]) -> None:
        """Go on where `numbers` were written, bit for bit.

        Raises:
            ValueError: They are of another width, or not all finite.
        """
        width = len(self.weights)
        if len(numbers) != held(width):
            raise ValueError(f"a ridge of {width} inputs has {held(width)} numbers")
        if not np.all(np.isfinite(numbers)):
            raise ValueError("a ridge's numbers are not all finite")
        self.weights = numbers[:width].copy()
        rows, columns = np.triu_indices(width)
        unsure = np.empty((width, width))
        unsure[rows, columns] = unsure[columns, rows] = numbers[width:]
        self.unsure = unsure

    def _hold(self) -> None:
        """Keep a direction that is never asked about from becoming boundless by forgetting."""
        most = float(self.unsure.diagonal().max())
        limit = max(self.spread, 1.0) * 10
        if most > limit:
            self.unsure *= limit / most


def held(width: int) -> int:
    """How many numbers a `Ridge` of this width keeps."""
    return width + width * (width + 1) // 2


class TwoStageRidge(base.Regressor):
    """Ridge regression whose weights are shared + own, learned one lesson at a time.

    Every lesson moves the shared weights by the error of both together, then the arm's own by
    what is left of it. An arm never seen is predicted by the shared weights alone: what is known
    of others. There is no intercept: give a constant input.

    Args:
        arm: Which input names the arm, such as a model; it is no number then. Where it is missing
            there is one arm without a name.
        shared_spread: Variance believed of a shared weight beforehand, against a noise of 1.
        own_spread: The same of an own weight; smaller, so that arms differ only as far as they
            prove it.
        width: Inputs of the vector path; names that come beyond it make it wider.

    Attributes:
        shared: The stage that all arms share.

    Source:
        Recursive least squares: Plackett, "Some theorems in least squares", Biometrika 1950. Two
        stages: the hybrid model of LinUCB, arXiv 1003.0146.

    Example:
        >>> estimator = TwoStageRidge(arm="model")
        >>> for n in range(200):
        ...     estimator.learn_one({"model": "small", "one": 1, "hard": n % 2}, 1 - n % 2)
        ...     estimator.learn_one({"model": "large", "one": 1, "hard": n % 2}, 1)
        >>> estimator.predict_one({"model": "small", "one": 1, "hard": 1}) < 0.2
        True
        >>> estimator.predict_one({"model": "large", "one": 1, "hard": 1}) > 0.8
        True
    """

    def __init__(
        self,
        arm: str = "arm",
        shared_spread: float = 1.0,
        own_spread: float = 0.05,
        width: int = 0,
    ) -> None:
        self.arm = arm
        self.shared_spread = shared_spread
        self.own_spread = own_spread
        self.width = width
        self.shared = Ridge(width, shared_spread)
        self._own: dict[Hashable, Ridge] = {}
        self._places: dict[Hashable, int] = {}

    def learn_one(self, x: Mapping[Any, Any], y: float) -> None:
        """Learn one lesson of named inputs; a name never seen before is a new input.

        Args:
            x: Numbers by name, and the arm's name under `arm`; what is missing counts as 0.
            y: What came.
        """
        # Sorted, so that the order in which a lesson names its inputs changes no bit.
        for name in sorted((n for n in x if n != self.arm and n not in self._places), key=str):
            self._places[name] = len(self._places)
        for part in (self.shared, *self._own.values()):
            part.reach(len(self._places))
        self.learn(x.get(self.arm), self._vector(x), float(y))

    def predict_one(self, x: Mapping[Any, Any]) -> float:
        """Predict from named inputs; those never learned from count as 0."""
        return self.predict(x.get(self.arm), self._vector(x))

    def learn(
        self,
        arm: Hashable,
        inputs: Vector,
        target: float,
        forget: float = 1.0,
        weight: float = 1.0,
    ) -> None:
        """Learn one lesson of a vector of inputs.

        Args:
            arm: Whose outcome it is.
            inputs: As many numbers as the estimator is wide.
            target: What came, less the arm's prior if it has one.
            forget: What earlier lessons keep of their weight in the arm's own part, in (0, 1].
            weight: What this lesson counts for, in [0, 1]: as if its noise were so much greater.

        Raises:
            ValueError: An input or the target is not finite; nothing has changed.
        """
        read = inputs.astype(np.float64)
        error = target - self.predict(arm, read)
        if not math.isfinite(error):
            raise ValueError("a lesson's inputs and target must be finite")
        own = self.own(arm)
        scale = math.sqrt(weight)
        scaled = read if scale == 1.0 else read * scale
        self.shared.step(scaled, scale * error)
        own.step(scaled, scale * (target - self._told(read, own)), forget)

    def predict(self, arm: Hashable, inputs: Vector) -> float:
        """Predict from a vector of inputs; an arm never seen by what arms share."""
        return self._told(inputs, self._own.get(arm))

    def weights(self, arm: Hashable) -> Weights:
        """The weights that predict an arm: shared + own, all that serving needs."""
        own = self._own.get(arm)
        return self.shared.weights.copy() if own is None else self.shared.weights + own.weights

    def own(self, arm: Hashable) -> Ridge:
        """An arm's own stage, from nothing if it has never been learned."""
        if arm not in self._own:
            self._own[arm] = Ridge(len(self.shared.weights), self.own_spread)
        return self._own[arm]

    def _told(self, inputs: Vector, own: Ridge | None) -> float:
        told = float(inputs.dot(self.shared.weights))
        return told if own is None else told + float(inputs.dot(own.weights))

    def _vector(self, x: Mapping[Any, Any]) -> Weights:
        inputs = np.zeros(len(self.shared.weights))
        for name, place in self._places.items():
            if name in x:
                inputs[place] = x[name]
        return inputs

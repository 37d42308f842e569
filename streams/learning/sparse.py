"""The hashed estimate: one River logistic regression over what models share and each one's own.

Beside `learning.ridge` the only file that knows River. Every input is given twice, once as shared
(valued double) and once as the model's own, so that the weights of a model are 2 x shared + own.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import linear_model, optim

from streams.routing.features import Features
from streams.routing.quality import SHARED_WEIGHT, dense_inputs, hash_inputs, logit
from streams.routing.snapshot import DENSE, EDGELESS, WIDTH

LEARNING_RATE = 0.1
FIRST_SQUARE = 0.01
"""What the sum of squared gradients starts from."""

_DENSE_AT = np.arange(DENSE)


class Inputs(NamedTuple):
    """What an estimator reads of a task: numbers, and the place of each one's weight."""

    at: NDArray[np.intp]
    values: NDArray[np.float64]


class FractionalLog(optim.losses.Log):
    """Log loss for scores between 0 and 1; River's own takes them for 0 or 1."""

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """Slope by the log-odds: prediction less score."""
        if isinstance(y_true, np.ndarray):
            return self.mean_func(y_pred) - y_true.astype(np.float64)
        return float(self.mean_func(y_pred)) - float(y_true)


class PlacedAdaGrad(optim.AdaGrad):
    """River's AdaGrad; of weights that lie in an array it steps all of a lesson at once.

    Weights and squares are held at float32 values, so that they survive being written.
    """

    def __init__(self, lr: float = LEARNING_RATE, eps: float = FIRST_SQUARE) -> None:
        super().__init__(lr=lr, eps=eps)
        self.squares = np.zeros(0, dtype=np.float32)
        self.at = np.zeros(0, dtype=np.intp)

    def _step_with_vector(self, w: Any, g: Any) -> Any:
        if not isinstance(g, np.ndarray):
            raise NotImplementedError  # River then goes by its dictionaries
        squares = (self.squares.take(self.at) + g * g).astype(np.float32)
        self.squares[self.at] = squares
        w -= self.learning_rate * g / np.sqrt(squares.astype(np.float64) + self.eps)
        return w


class PlacedLogistic(linear_model.LogisticRegression):
    """River's logistic regression that can learn from placed inputs too.

    Named inputs go River's own way. The weights of placed ones lie in an array, and River's
    `learn_one` works on those that a lesson touches: 700 inputs take it 20 us, by name 300.

    Args:
        lr: Learning rate.
        eps: What the sum of squared gradients starts from.

    Example:
        >>> estimator = PlacedLogistic()
        >>> estimator.reach(2)
        >>> inputs = Inputs(np.array([1]), np.array([1.0]))
        >>> for _ in range(500):
        ...     estimator.learn_one(inputs, 0.8)
        >>> round(estimator.predict_proba_one(inputs)[True], 1)
        0.8
    """

    _weights: Any  # River's dictionary; while placed inputs are learned from, an array

    def __init__(self, lr: float = LEARNING_RATE, eps: float = FIRST_SQUARE) -> None:
        super().__init__(optimizer=PlacedAdaGrad(lr, eps), loss=FractionalLog(), intercept_lr=0.0)
        self.lr = lr
        self.eps = eps
        self.placed = np.zeros(0, dtype=np.float32)

    @property
    def squares(self) -> NDArray[np.float32]:
        """The sums of squared gradients of the placed weights."""
        found: NDArray[np.float32] = self.optimizer.squares
        return found

    def reach(self, places: int) -> None:
        """Make room for so many placed weights."""
        more = np.zeros(max(places - len(self.placed), 0), dtype=np.float32)
        self.placed = np.concatenate((self.placed, more))
        self.optimizer.squares = np.concatenate((self.squares, more))

    @property
    def _mutable_attributes(self) -> set[str]:
        return {"lr", "eps"}

    def _enter_learn_mode(self, mask: Any = None) -> Any:
        if not isinstance(mask, Inputs):
            return super()._enter_learn_mode(mask)  # type: ignore[no-untyped-call]
        named, self._weights = self._weights, self.placed.take(mask.at).astype(np.float64)
        self.optimizer.at = mask.at
        return named

    def _exit_learn_mode(self, weights: Any) -> None:
        if isinstance(self._weights, np.ndarray):
            self.placed[self.optimizer.at] = self._weights
        super()._exit_learn_mode(weights)  # type: ignore[no-untyped-call]

    def _raw_dot_one(self, x: Any) -> float:
        if not isinstance(x, Inputs):
            return float(super()._raw_dot_one(x))
        return float(self.placed.take(x.at).dot(x.values)) + float(self.intercept)

    def _eval_gradient_one(self, x: Any, y: Any, w: float) -> tuple[Any, float]:
        if not isinstance(x, Inputs):
            found: tuple[Any, float] = super()._eval_gradient_one(x, y, w)
            return found
        odds = float(self._weights.dot(x.values)) + float(self.intercept)
        slope = w * float(self.loss.gradient(y_true=y, y_pred=odds))
        return slope * x.values, slope


class Hashed:
    """River's estimator with a place for each part's weights; part 0 is what models share."""

    def __init__(self) -> None:
        self._estimator = PlacedLogistic()
        self.reach(1)

    def reach(self, parts: int) -> None:
        """Make room for so many parts."""
        self._estimator.reach(WIDTH * parts)

    def inputs(self, features: Features, part: int) -> Inputs:
        """Every input twice: shared, valued double, and the part's own."""
        count = DENSE + len(features.hashes)
        at = np.empty(2 * count, dtype=np.intp)
        at[:DENSE] = _DENSE_AT
        np.add(features.hashes, DENSE, out=at[DENSE:count])
        np.add(at[:count], WIDTH * part, out=at[count:])
        values = np.empty(2 * count)
        own = values[count:]
        own[:DENSE] = dense_inputs(features)
        own[DENSE:] = hash_inputs(features)
        np.multiply(own, SHARED_WEIGHT, out=values[:count])
        return Inputs(at, values)

    def predict(self, inputs: Inputs, prior: float) -> float:
        """The probability that the inputs come to, added to a prior's log-odds."""
        self._estimator.intercept = prior
        told: dict[bool, float] = self._estimator.predict_proba_one(inputs)  # type: ignore[no-untyped-call]
        return float(told[True])

    def learn(self, inputs: Inputs, prior: float, score: float, weight: float = 1.0) -> None:
        """One step of AdaGrad toward a score in [0, 1], of a weight in [0, 1]."""
        self._estimator.intercept = prior
        self._estimator.learn_one(inputs, score, w=weight)

    def shared_odds(self, features: Features) -> float:
        """The log-odds that the shared weights alone add."""
        both = self.inputs(features, 1)
        half = len(both.at) // 2
        return logit(self.predict(Inputs(both.at[:half], both.values[:half]), 0.0))

    def quicken(self, part: int) -> None:
        """Let a part's level move again as at first."""
        self._estimator.squares[WIDTH * part] = 0.0

    def weights(self, part: int) -> NDArray[np.float32]:
        """The weights of one part."""
        return self._estimator.placed[WIDTH * part : WIDTH * (part + 1)]

    def squares(self, part: int) -> NDArray[np.float32]:
        """The sums of squared gradients of one part."""
        return self._estimator.squares[WIDTH * part : WIDTH * (part + 1)]

    def load(self, part: int, weights: NDArray[np.floating], squares: NDArray[np.floating]) -> None:
        """Put back what `weights` and `squares` were.

        Raises:
            ValueError: They have not `WIDTH` numbers each, nor as many as before there were edges.
        """
        count = len(weights)
        if count not in {WIDTH, EDGELESS} or len(squares) != count:
            raise ValueError(f"a part has {WIDTH} weights and as many squares")
        self.reach(part + 1)
        self.weights(part)[:count] = weights
        self.squares(part)[:count] = squares

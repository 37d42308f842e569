"""The hashed estimate: one River logistic regression over what models share and each one's own.

Beside `learning.ridge` the only file that knows River. Every input is given twice, once as shared
(valued double) and once as the model's own, so that the weights of a model are 2 x shared + own.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import linear_model, optim

from streams.routing.features import Features
from streams.routing.quality import SHARED_WEIGHT, dense_inputs, hash_input, logit
from streams.routing.snapshot import DENSE, WIDTH

LEARNING_RATE = 0.1
FIRST_SQUARE = 0.01
"""What the sum of squared gradients starts from."""

Inputs = dict[int, float]


class FractionalLog(optim.losses.Log):
    """Log loss for scores between 0 and 1; River's own takes them for 0 or 1."""

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """Slope by the log-odds: prediction less score."""
        return float(self.mean_func(y_pred)) - float(y_true)


class SparseAdaGrad(optim.AdaGrad):
    """River's AdaGrad over integer features, a lesson's features at once.

    Weights and squares are held at float32 values, so that they survive being written.
    """

    def __init__(self, lr: float, eps: float) -> None:
        super().__init__(lr=lr, eps=eps)
        self.squares = np.zeros(WIDTH, dtype=np.float32)

    def reach(self, features: int) -> None:
        """Make room for features up to this number."""
        if features > len(self.squares):
            more = np.zeros(features - len(self.squares), dtype=np.float32)
            self.squares = np.concatenate((self.squares, more))

    def _step_with_vector(self, w: Any, g: Any) -> Any:
        keys = list(g.keys())
        at = np.array(keys)
        slopes = g.to_numpy(keys)
        squares = (self.squares[at] + slopes * slopes).astype(np.float32)
        self.squares[at] = squares
        step = self.learning_rate * slopes / np.sqrt(squares.astype(np.float64) + self.eps)
        moved = (w.to_numpy(keys) - step).astype(np.float32)
        w.update(dict(zip(keys, moved.tolist(), strict=True)))
        return w


class Hashed:
    """River's estimator with a place for each part's weights; part 0 is what models share."""

    def __init__(self) -> None:
        self._optimizer = SparseAdaGrad(lr=LEARNING_RATE, eps=FIRST_SQUARE)
        self._estimator = linear_model.LogisticRegression(
            optimizer=self._optimizer, loss=FractionalLog(), intercept_lr=0.0
        )

    def reach(self, parts: int) -> None:
        """Make room for so many parts."""
        self._optimizer.reach(WIDTH * parts)

    def inputs(self, features: Features, part: int) -> Inputs:
        """Every input twice: shared, valued double, and the part's own."""
        at = np.concatenate((np.arange(DENSE), features.hashes.astype(np.int64) + DENSE))
        values = np.full(len(at), hash_input(features))
        values[:DENSE] = dense_inputs(features)
        keys = np.concatenate((at, at + WIDTH * part)).tolist()
        both = np.concatenate((SHARED_WEIGHT * values, values)).tolist()
        return dict(zip(keys, both, strict=True))

    def predict(self, inputs: Inputs, prior: float) -> float:
        """The probability that the inputs come to, added to a prior's log-odds."""
        self._estimator.intercept = prior
        return float(self._estimator.predict_proba_one(inputs)[True])

    def learn(self, inputs: Inputs, prior: float, score: float) -> None:
        """One step of AdaGrad toward a score in [0, 1]."""
        self._estimator.intercept = prior
        self._estimator.learn_one(inputs, score)

    def shared_odds(self, features: Features) -> float:
        """The log-odds that the shared weights alone add."""
        inputs = {key: value for key, value in self.inputs(features, 1).items() if key < WIDTH}
        return logit(self.predict(inputs, 0.0))

    def quicken(self, part: int) -> None:
        """Let a part's level move again as at first."""
        self._optimizer.squares[WIDTH * part] = 0.0

    def weights(self, part: int) -> NDArray[np.float64]:
        """The weights of one part."""
        keys = list(range(WIDTH * part, WIDTH * (part + 1)))
        found: NDArray[np.float64] = self._estimator._weights.to_numpy(keys)  # noqa: SLF001 (public one copies all)
        return found

    def squares(self, part: int) -> NDArray[np.float32]:
        """The sums of squared gradients of one part."""
        return self._optimizer.squares[WIDTH * part : WIDTH * (part + 1)]

    def load(self, part: int, weights: NDArray[np.floating], squares: NDArray[np.floating]) -> None:
        """Put back what `weights` and `squares` were.

        Raises:
            ValueError: They have not `WIDTH` numbers each.
        """
        if len(weights) != WIDTH or len(squares) != WIDTH:
            raise ValueError(f"a part has {WIDTH} weights and as many squares")
        self.reach(part + 1)
        self._optimizer.squares[WIDTH * part : WIDTH * (part + 1)] = squares
        keys = range(WIDTH * part, WIDTH * (part + 1))
        self._estimator._weights.update(dict(zip(keys, weights.tolist(), strict=True)))  # noqa: SLF001

"""What tasks take of each model, learned from bills: a factor on what the price list expects.

The logarithm of real over listed cost is a two-stage ridge's. Since the mean of a logarithm is too
low for a mean of dollars, what it predicts is made good by a running ratio of real to predicted.
"""

import math

import numpy as np
from numpy.typing import NDArray

from streams.learning.drift import COST
from streams.learning.ridge import Ridge, TwoStageRidge
from streams.learning.standing import Account
from streams.routing import dense
from streams.routing.quality import MOST_LOG_COST

KEPT = 0.99
"""What sums of dollars keep from one bill of a model to the next."""

MOST_RESIDUAL = 3.0
"""A logarithm further off counts as so much: no single bill may alarm."""


class Bills:
    """What bills taught so far.

    Example:
        >>> bills = Bills()
        >>> row = np.zeros(dense.WIDTH, dtype=np.float32)
        >>> row[0] = 1.0
        >>> for _ in range(50):
        ...     _ = bills.learn("small", row, cost_usd=0.02, listed_usd=0.01)
        >>> 1.9 < bills.predict("small", row, 0.01) / 0.01 < 2.1
        True
    """

    def __init__(self) -> None:
        self._ridge = TwoStageRidge(arm="model", width=dense.WIDTH)
        self._accounts: dict[str, Account] = {}

    def learn(
        self, model: str, row: dense.Inputs, cost_usd: float, listed_usd: float
    ) -> float | None:
        """Test the present prediction on a bill, then learn from it.

        Args:
            model: Whose bill it is.
            row: The task's dense inputs.
            cost_usd: What it came to, above 0.
            listed_usd: What the price list had expected, above 0.

        Returns:
            The mean logarithm of real over predicted cost of late, where it says that the model's
            cost has changed; None where it doesn't.
        """
        account = self.account(model)
        log = math.log(cost_usd / listed_usd)
        predicted = self._log(model, row)
        account.bills += 1
        residual = min(max(log - predicted, -MOST_RESIDUAL), MOST_RESIDUAL)
        off = account.watch.mean + (residual - account.watch.mean) / COST.span
        alarm = account.watch.test(COST, residual)
        if alarm:
            self._ridge.own(model).widen(0, by=1.0)
            account.real_usd = account.predicted_usd = 0.0
        account.real_usd = KEPT * account.real_usd + cost_usd
        account.predicted_usd = KEPT * account.predicted_usd + listed_usd * math.exp(predicted)
        self._ridge.learn(model, row, log)
        return off if alarm else None

    def predict(self, model: str, row: dense.Inputs, listed_usd: float) -> float:
        """The dollars that a model would take for a task."""
        return listed_usd * math.exp(self._log(model, row)) * self.account(model).ratio

    def account(self, model: str) -> Account:
        """A model's account, from nothing if there was no bill."""
        return self._accounts.setdefault(model, Account())

    def part(self, model: str | None) -> Ridge:
        """What is a model's own of the ridge, or, without a model, what all share."""
        return self._ridge.shared if model is None else self._ridge.own(model)

    def load(self, model: str | None, numbers: NDArray[np.float64], account: Account) -> None:
        """Go on where a part was written.

        Raises:
            ValueError: The numbers are damaged.
        """
        if len(numbers):
            self.part(model).load(numbers)
        if model is not None:
            self._accounts[model] = account

    def _log(self, model: str, row: dense.Inputs) -> float:
        return min(max(self._ridge.predict(model, row), -MOST_LOG_COST), MOST_LOG_COST)

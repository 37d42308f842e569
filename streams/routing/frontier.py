"""What the last tasks would cost, and how good they would be, at any price of money.

Of a task's offers the best is the one of the greatest `quality - price x cost`. While the price
rises a task steps down from its best offer to cheaper ones, each at a price of its own; between
two steps nothing changes. The steps of the last tasks, sorted, are therefore all there is to
search: what holds a mean cost or a mean quality is found exactly, without trying prices.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROWS = 400
"""How many tasks are remembered."""

BEYOND = 2.0
"""A price that makes every task go to its cheapest offer is so many times the last step's."""

_STEPS = 4  # room for so many steps a task to begin with


class Offer(NamedTuple):
    """What one model would do for a task: quality in [0, 1], cost in whatever is to be held."""

    quality: float
    cost: float


class Step(NamedTuple):
    """At `price` a task leaves an offer for a cheaper one, and loses quality for it."""

    price: float
    cost: float
    quality: float


def descend(offers: Sequence[Offer]) -> tuple[Offer, list[Step]]:
    """The best offer while money is worth nothing, and the steps down while its price rises.

    Args:
        offers: At least one.

    Returns:
        The offer of the best quality, the cheaper one on a tie; then steps in the order of their
        prices, each with what it saves and what it loses.

    Example:
        >>> descend([Offer(0.9, 1.0), Offer(0.8, 0.5), Offer(0.5, 0.0)])[1]
        [Step(price=0.2, cost=0.5, quality=0.1), Step(price=0.6, cost=0.5, quality=0.3)]
    """
    best = current = max(offers, key=lambda offer: (offer.quality, -offer.cost))
    steps: list[Step] = []
    while True:
        found: tuple[float, float, Offer] | None = None
        for offer in offers:
            if offer.cost < current.cost:
                saved = current.cost - offer.cost
                price = (current.quality - offer.quality) / saved
                if found is None or (price, offer.cost) < found[:2]:
                    found = price, offer.cost, offer
        if found is None:
            return best, steps
        price, _, offer = found
        lost = max(current.quality - offer.quality, 0.0)
        steps.append(Step(max(price, 0.0), current.cost - offer.cost, lost))
        current = offer


class Curve(NamedTuple):
    """Mean cost and quality by price: entry i holds from `prices[i]` on, until the next greater."""

    prices: NDArray[np.float64]
    costs: NDArray[np.float64]
    qualities: NDArray[np.float64]

    def at(self, price: float) -> Offer:
        """Mean quality and cost at a price."""
        last = int(np.searchsorted(self.prices, price, side="right")) - 1
        return Offer(float(self.qualities[last]), float(self.costs[last]))

    def holding_cost(self, wanted: float) -> float:
        """The smallest price at which the mean cost is at most what is wanted.

        Returns:
            0 where it is without any price; `BEYOND` the last step where no price would do.
        """
        under = np.flatnonzero(self.costs <= wanted)
        return float(self.prices[under[0]]) if under.size else self._beyond

    def holding_quality(self, wanted: float) -> float:
        """The largest price at which the mean quality is at least what is wanted.

        Of the prices between two steps, at which nothing differs, the smallest is taken.

        Returns:
            0 where not even the best offers do; `BEYOND` the last step where the cheapest do.
        """
        short = np.flatnonzero(self.qualities < wanted)
        if not short.size:
            return self._beyond
        first = int(np.searchsorted(self.prices, self.prices[short[0]], side="left"))
        return float(self.prices[max(first - 1, 0)])

    @property
    def _beyond(self) -> float:
        return BEYOND * float(self.prices[-1])


class Frontier:
    """A ring of the last tasks' steps.

    Args:
        rows: How many tasks are remembered.
    """

    def __init__(self, rows: int = ROWS) -> None:
        self.seen = 0
        self._rows = rows
        self._best = np.zeros((2, rows))
        self._steps = np.full((3, rows, _STEPS), np.inf)

    def add(self, offers: Sequence[Offer]) -> None:
        """Remember a task, and forget the oldest where there is no room.

        Args:
            offers: What each model would do; at least one.
        """
        best, steps = descend(offers)
        if len(steps) > self._steps.shape[2]:
            wider = np.full((3, self._rows, len(steps)), np.inf)
            wider[:, :, : self._steps.shape[2]] = self._steps
            self._steps = wider
        row = self.seen % self._rows
        self._best[:, row] = best
        self._steps[:, row, :] = np.inf
        if steps:
            self._steps[:, row, : len(steps)] = np.transpose(steps)
        self.seen += 1
        self.__dict__.pop("curve", None)

    @cached_property
    def curve(self) -> Curve:
        """The means over all tasks remembered; they cost and are nothing before there is one."""
        rows = min(self.seen, self._rows)
        flat = self._steps[:, :rows, :].reshape(3, -1)
        flat = flat[:, np.isfinite(flat[0])]
        prices, saved, lost = flat[:, np.argsort(flat[0], kind="stable")]
        quality, cost = self._best[:, :rows].sum(axis=1)
        return Curve(
            np.concatenate(([0.0], prices)),
            np.concatenate(([cost], cost - np.cumsum(saved))) / max(rows, 1),
            np.concatenate(([quality], quality - np.cumsum(lost))) / max(rows, 1),
        )

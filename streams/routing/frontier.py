"""What the last tasks would cost, and how good they would be, at any price of money.

Of a task's offers the best is the one of the greatest `quality - price x cost`. While the price
rises a task steps down from its best offer to cheaper ones, each at a price of its own; between
two steps nothing changes. The steps of the last tasks, sorted, are therefore all there is to
search: what holds a mean cost or a mean quality is found exactly, without trying prices.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
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
        >>> best, steps = descend([Offer(0.75, 1.0), Offer(0.5, 0.5), Offer(0.0, 0.0)])
        >>> steps
        [Step(price=0.5, cost=0.5, quality=0.25), Step(price=1.0, cost=0.5, quality=0.5)]
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
        self._held = np.zeros((rows, 2 + 3 * _STEPS))  # the best offer, then the steps

    def add(self, offers: Sequence[Offer]) -> None:
        """Remember a task, and forget the oldest where there is no room.

        Args:
            offers: What each model would do; at least one.
        """
        best, steps = descend(offers)
        row = [*best, *chain.from_iterable(steps)]
        lacking = self._held.shape[1] - len(row)
        if lacking < 0:
            more = np.full((self._rows, -lacking), np.inf)
            self._held = np.concatenate((self._held, more), axis=1)
        self._held[self.seen % self._rows] = row + [math.inf] * lacking
        self.seen += 1
        self.__dict__.pop("curve", None)

    @cached_property
    def curve(self) -> Curve:
        """The means over all tasks remembered; they cost and are nothing before there is one."""
        rows = min(self.seen, self._rows)
        flat = self._held[:rows, 2:].reshape(-1, 3)
        flat = flat[np.isfinite(flat[:, 0])]
        prices, saved, lost = flat[np.argsort(flat[:, 0], kind="stable")].T
        quality, cost = self._held[:rows, :2].sum(axis=0)
        return Curve(
            np.concatenate(([0.0], prices)),
            np.concatenate(([cost], cost - np.cumsum(saved))) / max(rows, 1),
            np.concatenate(([quality], quality - np.cumsum(lost))) / max(rows, 1),
        )

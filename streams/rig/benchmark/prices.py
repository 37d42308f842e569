"""What the router knows of prices: published and then found from its own bills, or told beforehand.

Found, no outcome but the chosen model's reaches the router: neither a score nor a cost.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from streams.money.prices import PriceList
from streams.routing.registry import ModelSpec, Registry, rank, register

PROVIDER = "recorded"

FIRST, BILLS = 3, 200
"""From so many bills on their mean is a model's typical cost; after so many it stays."""

HOPED = Decimal("0.1")
"""So much of the cheapest known cost is expected of a model of which nothing is known."""

CHARS = 400
"""A prompt of this length stands for all where published prices are compared."""

UNKNOWN = Decimal("Infinity")


class Prices(Protocol):
    """Where a run's registry comes from."""

    @property
    def registry(self) -> Registry:
        """Models, tiers and costs as they are known now."""
        ...

    def take(self, model: str, cost_usd: Decimal) -> bool:
        """Hear what a task cost; whether that changes the registry."""
        ...

    def turn(self) -> bool:
        """Hear that the tasks that only teach are done; whether that changes the registry."""
        ...


class Told:
    """A registry that is known beforehand.

    Args:
        registry: In force from the first task on.
        after: In force once the tasks that only teach are done; None: the same.
    """

    def __init__(self, registry: Registry, after: Registry | None = None) -> None:
        self._registry, self._after = registry, after

    @property
    def registry(self) -> Registry:
        """What was told."""
        return self._registry

    def take(self, model: str, cost_usd: Decimal) -> bool:  # noqa: ARG002 (it is known)
        """Nothing to be learned."""
        return False

    def turn(self) -> bool:
        """Go over to what is told then."""
        if self._after is None:
            return False
        self._registry = self._after
        return True


class Found:
    """Typical costs as published, then as the mean of a model's first bills; tiers by their rank.

    A model that is in no list and was never billed counts as far cheaper than any that is known:
    only so is it tried under a ceiling, and its first bill ends that.

    Args:
        models: Who may be chosen.
        published: Costs of a typical task by list price, where there is one; see `published`.
        newcomers: Models that come once the tasks that only teach are done.
    """

    def __init__(
        self,
        models: Sequence[str],
        published: Mapping[str, Decimal] | None = None,
        newcomers: Sequence[str] = (),
    ) -> None:
        self._bills: dict[str, list[Decimal]] = {
            model: [] for model in models if model not in newcomers
        }
        self._newcomers = newcomers
        self._published = published or {}

    @property
    def registry(self) -> Registry:
        """Models ranked by what they are known to cost."""
        known = {model: self._cost(model) for model in self._bills}
        cheapest = min((cost for cost in known.values() if cost is not None), default=None)
        hoped = None if cheapest is None else cheapest * HOPED
        return ranked({name: hoped if cost is None else cost for name, cost in known.items()})

    def take(self, model: str, cost_usd: Decimal) -> bool:
        """Count a bill while they still count."""
        bills = self._bills[model]
        if len(bills) >= BILLS:
            return False
        bills.append(cost_usd)
        return True

    def turn(self) -> bool:
        """Let the newcomers in."""
        self._bills |= {model: [] for model in self._newcomers}
        return bool(self._newcomers)

    def _cost(self, model: str) -> Decimal | None:
        bills, listed = self._bills[model], self._published.get(model)
        if bills and (listed is None or len(bills) >= FIRST):
            return sum(bills, Decimal(0)) / len(bills)
        return listed


def published(models: Sequence[str], book: PriceList, at: datetime) -> dict[str, Decimal]:
    """What a typical task would cost by list price, for the models that a list names.

    Args:
        models: Recorded names: what precedes the first `/` may be the vendor.
        book: The published prices.
        at: When.
    """
    found: dict[str, Decimal] = {}
    for model in models:
        vendor, _, name = model.partition("/")
        vendors = [vendor, *sorted(book.vendors)] if name else sorted(book.vendors)
        listed = (book.find(each, name or model, at) for each in vendors)
        for price in listed:
            if price is None:
                continue
            spec = ModelSpec(
                name=model,
                provider=PROVIDER,
                tier=1,
                input_usd_per_mtok=price.input_usd_per_mtok,
                output_usd_per_mtok=price.output_usd_per_mtok,
            )
            cost = spec.expected_cost_usd(CHARS)
            if cost:
                found[model] = cost
                break
    return found


def ranked(costs: Mapping[str, Decimal | None]) -> Registry:
    """A registry by cost alone.

    Args:
        costs: Typical dollars a task, by model; None where nobody knows.
    """
    tiers = rank({name: UNKNOWN if cost is None else cost for name, cost in costs.items()})
    return register(
        ModelSpec(name=name, provider=PROVIDER, tier=tiers[name], typical_cost_usd=cost)
        for name, cost in costs.items()
    )

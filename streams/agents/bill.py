"""What a call costs and can at most have cost: whose price applies, and who is billed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

import orjson

from streams.events.outcome import Usage
from streams.money.pricing import Price, at_most_usd, cost_usd, to_usd
from streams.providers.port import Prompt
from streams.routing.registry import ModelSpec, Registry

REGISTRY = "registry"
REPORTED = "reported"


class PriceBook(Protocol):
    """Prices that are known of the vendors' models; `money.prices.PriceList`."""

    def find(self, vendor: str, model: str, at: datetime) -> Price | None:
        """The price of a model at a moment, or None."""
        ...

    def same(self, vendor: str, one: str, other: str) -> bool:
        """Whether both names are one model's, such as an alias and its dated form."""
        ...


class NoPrices:
    """Nothing is known of any vendor."""

    def find(self, vendor: str, model: str, at: datetime) -> Price | None:
        """None."""
        del vendor, model, at
        return None

    def same(self, vendor: str, one: str, other: str) -> bool:
        """Whether the names are equal."""
        del vendor
        return one == other


class Bill(NamedTuple):
    """What a call cost, None where nobody knows, and which price list said so."""

    cost_usd: Decimal | None
    price_version: str | None


@dataclass(frozen=True, slots=True)
class Billing:
    """Prices in the order in which they apply.

    The registry's own price, else what the provider says the call cost, else the price book's of
    the day. A model that answered in place of the one that was asked is billed as itself.

    Args:
        book: Prices of the vendors' models.
        vendors: By provider, the vendor whose prices apply there; none: the book knows nothing of it.
    """

    book: PriceBook = field(default_factory=NoPrices)
    vendors: Mapping[str, str] = field(default_factory=dict)

    def redirected(self, spec: ModelSpec, answered_by: str | None) -> bool:
        """Whether another model answered than the one that was asked."""
        asked = spec.name
        if answered_by is None or answered_by == asked:
            return False
        return not self.book.same(self.vendors.get(spec.provider, ""), asked, answered_by)

    def bill(
        self,
        spec: ModelSpec,
        registry: Registry,
        usage: Usage,
        *,
        answered_by: str | None,
        at: datetime,
    ) -> Bill:
        """Price one call by the model that answered."""
        billed: ModelSpec | None = spec
        if self.redirected(spec, answered_by):
            others = (s for s in registry.models if s.provider == spec.provider)
            billed = next((s for s in others if s.name == answered_by), None)
        own = None if billed is None else own_price(billed)
        if own is not None:
            return Bill(cost_usd(usage, own), own.version)
        if usage.reported_cost_usd is not None:
            return Bill(to_usd(usage.reported_cost_usd), REPORTED)
        known = self._known(spec.provider, answered_by or spec.name, at)
        return Bill(None, None) if known is None else Bill(cost_usd(usage, known), known.version)

    def at_most_usd(self, spec: ModelSpec, prompt: Prompt, at: datetime) -> Decimal | None:
        """More than this a call can't cost; None where no price is known."""
        price = own_price(spec) or self._known(spec.provider, spec.name, at)
        if price is None or prompt.max_output_tokens is None:
            return None
        return at_most_usd(prompt_bytes(prompt), prompt.max_output_tokens, price)

    def _known(self, provider: str, model: str, at: datetime) -> Price | None:
        vendor = self.vendors.get(provider)
        return None if vendor is None else self.book.find(vendor, model, at)


def prompt_bytes(prompt: Prompt) -> int:
    """What a prompt's content comes to, in bytes: no tokenizer makes more tokens of it."""
    told = (prompt.tools, prompt.response_schema, [m.model_dump() for m in prompt.messages])
    return len(orjson.dumps(told))


def own_price(spec: ModelSpec) -> Price | None:
    """The registry's price of a model, if it has one."""
    if spec.input_usd_per_mtok is None or spec.output_usd_per_mtok is None:
        return None
    return Price(spec.input_usd_per_mtok, spec.output_usd_per_mtok, version=REGISTRY)

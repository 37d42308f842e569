"""What a call costs and can at most have cost: whose price applies, and who is billed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import orjson

from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.money.bounds import at_most_usd
from streams.money.pricing import Price, Priced, priced, registry_price
from streams.providers.port import Prompt
from streams.routing.registry import ModelSpec, Registry


class PriceBook(Protocol):
    """Prices that are known of the vendors' models; `money.prices.PriceList`."""

    def find(self, vendor: str, model: str, at: datetime) -> Price | None:
        """The price of a model at a moment, or None."""
        ...

    def same(self, vendor: str, asked: str, answered: str) -> bool:
        """Whether both names are one model's, such as an alias and its dated form."""
        ...


@dataclass(frozen=True, slots=True)
class Billing:
    """Prices in the order in which they apply.

    The registry's own price, else what the provider says the call cost, else the price book's of
    the day. A model that answered in place of the one that was asked is billed as itself.

    Args:
        book: Prices of the vendors' models; None knows none.
        vendors: By provider, the vendor whose prices apply there; of others the book knows nothing.
    """

    book: PriceBook | None = None
    vendors: Mapping[str, str] = field(default_factory=dict)

    def redirected(self, spec: ModelSpec, answered_by: str | None) -> bool:
        """Whether another model answered than the one that was asked."""
        asked = spec.at_provider
        if answered_by is None or answered_by == asked or asked.startswith(f"{answered_by}:"):
            return False  # what follows the colon is a version of it
        vendor = self.vendors.get(spec.provider, "")
        return self.book is None or not self.book.same(vendor, asked, answered_by)

    def bill(
        self,
        spec: ModelSpec,
        registry: Registry,
        usage: Usage,
        *,
        answered_by: str | None,
        at: datetime,
    ) -> Priced:
        """Price one call by the model that answered.

        Args:
            spec: The model that was asked.
            registry: All models: one of them may be who answered.
            usage: What the provider counted.
            answered_by: The model that the provider says answered, if it does.
            at: When the call was made.
        """
        billed: ModelSpec | None = spec
        name = spec.at_provider
        if answered_by is not None and self.redirected(spec, answered_by):
            others = (s for s in registry.models if s.provider == spec.provider)
            billed = next((s for s in others if s.at_provider == answered_by), None)
            name = answered_by
        own = None if billed is None else own_price(billed)
        listed = self._listed(spec.provider, name, at) if own is None else None
        return priced(usage, own, listed)

    def at_most_usd(self, spec: ModelSpec, prompt: Prompt, at: datetime) -> Decimal | None:
        """More than this a call can't cost; None where no price or no bound is known."""
        price = own_price(spec) or self._listed(spec.provider, spec.at_provider, at)
        return at_most_usd(
            prompt_bytes(prompt), prompt.max_output_tokens, price, spec.context_tokens
        )

    def _listed(self, provider: str, model: str, at: datetime) -> Price | None:
        vendor = self.vendors.get(provider)
        return None if vendor is None or self.book is None else self.book.find(vendor, model, at)


def prompt_bytes(prompt: Prompt) -> int | None:
    """What a prompt's content comes to, in bytes; None where parts of it are no text."""
    if any(isinstance(m.content, list) and _more_than_text(m.content) for m in prompt.messages):
        return None
    told = (prompt.tools, prompt.response_schema, [m.model_dump() for m in prompt.messages])
    return len(orjson.dumps(told))


def _more_than_text(parts: list[JsonObject]) -> bool:
    return any(part.get("type", "text") != "text" for part in parts)


def own_price(spec: ModelSpec) -> Price | None:
    """The registry's price of a model, if it has one."""
    return registry_price(
        spec.input_usd_per_mtok, spec.output_usd_per_mtok, spec.cached_input_usd_per_mtok
    )

"""The settings' models and what the topic `models` says of them → the registry in force."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple, Protocol

from streams.events.control import Policy
from streams.events.models import Model, ModelStatus
from streams.money.magnitude import odd_price
from streams.money.pricing import Price
from streams.routing.quality import QualityView
from streams.routing.registry import RESERVED, ModelSpec, Registry
from streams.routing.trial import is_admitted


class Host(NamedTuple):
    """A provider as this process is set up to call it.

    `vendor` is its name in the price list, `keys` name the variables whose key it may be sent:
    a record must not have any other secret of the process sent anywhere.
    """

    vendor: str
    keys: frozenset[str]


class PriceBook(Protocol):
    """What vendors publish; `money.prices.PriceList`."""

    def find(self, vendor: str, model: str, at: datetime) -> Price | None:
        """The price of a model at a moment, or None."""
        ...


class ListPriced(ModelSpec):
    """A model whose price only its vendor's list tells, dollars a million tokens."""

    listed_input: Decimal
    listed_output: Decimal

    def expected_cost_usd(self, chars: int, max_output_tokens: int | None = None) -> Decimal | None:
        """What a task of this size will likely cost, by the list."""
        return self.typically(self.listed_input, self.listed_output, chars, max_output_tokens)


class Entry(NamedTuple):
    """One model of the roster: how it stands, as what, and whether the topic says as what."""

    status: ModelStatus
    spec: ModelSpec
    told: bool


@dataclass(frozen=True)
class Roster:
    """All models that settings and topic know; every record makes a new roster.

    Args:
        base: The models of the settings.
        hosts: Providers by name; None: whatever is named can be called.
        book: What vendors publish; None knows nothing.
        at: Whose prices of the book are expected; calls are billed by those of their own day.
        records: The newest record of each model that the topic speaks of.
    """

    base: tuple[ModelSpec, ...]
    hosts: Mapping[str, Host] | None = None
    book: PriceBook | None = None
    at: datetime | None = None
    records: Mapping[str, Model] = field(default_factory=lambda: MappingProxyType({}))

    def with_record(self, record: Model) -> "Roster":
        """Take in what the topic says of one model.

        Raises:
            ValueError: This process can't use it; the roster stays as it was.
        """
        if record.name == RESERVED:
            raise ValueError(f"{RESERVED!r} is kept for what all models share")
        if record.spec is not None and record.spec.name != record.name:
            raise ValueError(f"{record.name!r} has the spec of {record.spec.name!r}")
        if record.status is ModelStatus.ENABLED:
            known = {spec.name for spec in self.base}
            if record.spec is None and record.name not in known:
                raise ValueError(f"{record.name!r} is enabled, and nobody says what it is")
            if record.spec is not None and (why_not := self.refusal(record.spec, record.at)):
                raise ValueError(f"{record.name!r}: {why_not}")
        return replace(self, records=MappingProxyType({**self.records, record.name: record}))

    def entries(self) -> Iterator[Entry]:
        """Every model that is known, the removed ones too."""
        based = {spec.name: spec for spec in self.base}
        for name in {**based, **self.records}:
            record = self.records.get(name)
            if record is None:
                yield Entry(ModelStatus.ENABLED, based[name], told=False)
            elif (spec := record.spec or based.get(name)) is not None:
                yield Entry(record.status, spec, told=record.spec is not None)

    @property
    def enabled(self) -> tuple[ModelSpec, ...]:
        """The models that may be given tasks."""
        return tuple(entry.spec for entry in self.entries() if entry.status is ModelStatus.ENABLED)

    def in_force(self, policy: Policy, quality: QualityView) -> Registry:
        """The registry that decides: a cold model that was admitted is cold no more."""
        enabled = self.enabled
        rivals = [spec for spec in enabled if not spec.cold]
        warmed = (
            spec.model_copy(update={"cold": False})
            if spec.cold and is_admitted(spec, rivals, policy, quality)
            else spec
            for spec in enabled
        )
        retired = (e.spec for e in self.entries() if e.status is not ModelStatus.ENABLED)
        return Registry(
            tuple(sorted(map(self._expected, warmed), key=lambda spec: (spec.tier, spec.name))),
            tuple(sorted(retired, key=lambda spec: (spec.tier, spec.name))),
        )

    @property
    def has_cold(self) -> bool:
        """Whether what was learned may change the registry."""
        return any(spec.cold for spec in self.enabled)

    def refusal(self, spec: ModelSpec, at: datetime) -> str | None:
        """Why this process can't use a model, the field first; None if it can.

        Args:
            spec: The model.
            at: When its prices were set.
        """
        if self.hosts is None:
            return None
        host = self.hosts.get(spec.provider)
        if host is None:
            names = ", ".join(sorted(self.hosts)) or "none"
            return f"provider: {spec.provider!r} is not set; providers that are set: {names}"
        if spec.api_key_env is not None and spec.api_key_env not in host.keys:
            names = ", ".join(sorted(host.keys)) or "none"
            return (
                f"api_key_env: the settings name no {spec.api_key_env} for {spec.provider}; "
                f"variables that they name for it: {names}"
            )
        listed = self._listed(spec, at)
        odd = odd_price(spec.input_usd_per_mtok, spec.output_usd_per_mtok, listed)
        return None if odd is None else f"price: {odd}"

    def _expected(self, spec: ModelSpec) -> ModelSpec:
        """With the list's price, where neither price nor experience says what a task costs."""
        if self.at is None or spec.expected_cost_usd(0) is not None:
            return spec
        listed = self._listed(spec, self.at)
        if listed is None:
            return spec
        return ListPriced(
            **spec.model_dump(),
            listed_input=listed.input_usd_per_mtok,
            listed_output=listed.output_usd_per_mtok,
        )

    def _listed(self, spec: ModelSpec, at: datetime) -> Price | None:
        host = None if self.hosts is None else self.hosts.get(spec.provider)
        if host is None or self.book is None:
            return None
        return self.book.find(host.vendor, spec.at_provider, at)

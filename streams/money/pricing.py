"""Usage times price: dollars. Unknown is None, never zero; money is Decimal, never float."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from streams.events.outcome import Usage

PLACES = Decimal("1e-12")
MTOK = Decimal(1_000_000)
LIMIT_USD = Decimal(1_000_000)
"""Below it: Decimal(18, 12) keeps six digits before the point."""

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Wide enough that only the last step rounds."""

STANDARD = frozenset({None, "", "default", "standard", "auto", "on_demand"})
"""Service tiers that are billed as if none were named."""


@dataclass(frozen=True, slots=True)
class Price:
    """One model's price: dollars a million tokens, and the version of the list it is from.

    A part of the input whose rate is None costs what other input does, a part of the output what
    other output does; a cached token of audio what other cached ones do. Where tokens written to a
    cache for five minutes have a rate, those for an hour have one of their own or an unknown one.

    `steps` hold for the whole call once its input is longer than a bound, the highest that is
    passed. `service_tiers` are the prices of calls that were processed otherwise (batch, flex,
    priority): one that is not among them is unknown. None: this price holds for all.
    """

    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    cached_input_usd_per_mtok: Decimal | None = None
    version: str = ""
    cache_write_5m_usd_per_mtok: Decimal | None = None
    cache_write_1h_usd_per_mtok: Decimal | None = None
    input_audio_usd_per_mtok: Decimal | None = None
    cached_audio_usd_per_mtok: Decimal | None = None
    output_audio_usd_per_mtok: Decimal | None = None
    reasoning_usd_per_mtok: Decimal | None = None
    steps: "tuple[Step, ...]" = ()
    service_tiers: "Mapping[str, Price] | None" = None

    @property
    def is_free(self) -> bool:
        """Whether no token costs anything, however many there are and however processed."""
        if self.input_usd_per_mtok or self.output_usd_per_mtok:
            return False  # which is so for nearly all, and quick to see
        return not any(rate for price in self.reachable() for rate in price.rates().values())

    def rates(self) -> "dict[str, Decimal]":
        """The rates that are known, by the component of a bill, steps and service tiers aside."""
        found = {
            "input": self.input_usd_per_mtok,
            "cached_input": self.cached_input_usd_per_mtok,
            "cache_write_5m": self.cache_write_5m_usd_per_mtok,
            "cache_write_1h": self.cache_write_1h_usd_per_mtok,
            "input_audio": self.input_audio_usd_per_mtok,
            "cached_audio": self.cached_audio_usd_per_mtok,
            "output": self.output_usd_per_mtok,
            "output_audio": self.output_audio_usd_per_mtok,
            "reasoning": self.reasoning_usd_per_mtok,
        }
        return {name: rate for name, rate in found.items() if rate is not None}

    def reachable(self, input_tokens: int | None = None) -> "Iterator[Price]":
        """This price and all that can apply instead of it to so many input tokens at most."""
        for standing in (self, *(self.service_tiers or {}).values()):
            yield standing
            for step in standing.steps:
                if input_tokens is None or input_tokens > step.above_input_tokens:
                    yield step.price


@dataclass(frozen=True, slots=True)
class Step:
    """From how long an input on another price holds for the whole call."""

    above_input_tokens: int
    price: Price


class Line(NamedTuple):
    """One line of a bill: so many tokens of a kind, at a rate, in dollars before any rounding."""

    component: str
    tokens: int
    usd_per_mtok: Decimal
    usd: Decimal


class Priced(NamedTuple):
    """A call's cost, and where it is from: `registry`, `provider` (its own figure) or a list's version."""

    cost_usd: Decimal | None
    price_version: str | None


def registry_price(
    input_usd_per_mtok: Decimal | None,
    output_usd_per_mtok: Decimal | None,
    cached_input_usd_per_mtok: Decimal | None = None,
) -> Price | None:
    """The price that the registry sets for a model, or None where it sets none.

    It holds however the provider says that it processed the call.
    """
    if input_usd_per_mtok is None or output_usd_per_mtok is None:
        return None
    return Price(input_usd_per_mtok, output_usd_per_mtok, cached_input_usd_per_mtok, "registry")


def priced(usage: Usage, own: Price | None, listed: Price | None) -> Priced:
    """What a call cost, by the first that says so: own price, provider's figure, price list.

    Args:
        usage: What the provider counted and, it may be, billed.
        own: The price that the registry sets for the model that answered.
        listed: The list's price of that model at the time of the call.

    Returns:
        The cost and its source; both None where nobody knows. With a price whose bill can't be
        told from the usage the cost is None and the version says which price it was.

    Example:
        >>> used = Usage(input_tokens=1000, output_tokens=0, reported_cost_usd=Decimal("0.02"))
        >>> priced(used, None, Price(Decimal(1), Decimal(2), version="2026-11-23"))
        Priced(cost_usd=Decimal('0.020000000000'), price_version='provider')
    """
    if own is not None:
        return Priced(cost_usd(usage, own), own.version)
    reported = to_usd(usage.reported_cost_usd)
    if reported is not None:
        return Priced(reported, "provider")
    if listed is not None:
        return Priced(cost_usd(usage, listed), listed.version)
    return Priced(None, None)


def cost_usd(usage: Usage, price: Price | None) -> Decimal | None:
    """Price one call.

    Args:
        usage: Tokens as the provider counted them; cached, written, audio and reasoning tokens are
            parts of the input and output tokens.
        price: What the tokens cost, or None where there is no price list: then the provider's
            own figure is the call's cost.

    Returns:
        Dollars to 10⁻¹², half to even; None when tokens or price are unknown.

    Example:
        >>> price = Price(Decimal("0.60"), Decimal("2.40"), version="2026-11")
        >>> cost_usd(Usage(input_tokens=1000, output_tokens=500), price)
        Decimal('0.001800000000')
        >>> cost_usd(Usage(input_tokens=1000), price) is None
        True
    """
    if price is None:
        return to_usd(usage.reported_cost_usd)
    lines = bill(usage, price)
    if lines is None:
        return None
    total = Decimal(0)
    for line in lines:
        total = EXACT.add(total, line.usd)
    return to_usd(total)


def bill(usage: Usage, price: Price) -> tuple[Line, ...] | None:
    """The lines of a call's bill, those without tokens left out.

    Returns:
        The lines, none where nothing costs anything; None where the bill can't be told: a count
        is missing, the service tier has no price, tokens were written for an hour at an unknown
        rate, or it is not said how many of the cached tokens were of audio, and that matters.

    Example:
        >>> for line in bill(
        ...     Usage(input_tokens=10, output_tokens=2, cached_input_tokens=4),
        ...     Price(Decimal(3), Decimal(15), Decimal("0.30")),
        ... ):
        ...     print(line.component, line.tokens, line.usd_per_mtok, line.usd)
        input 6 3 0.000018
        cached_input 4 0.30 0.0000012
        output 2 15 0.00003
    """
    if price.is_free:
        return ()
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    rates = _applying(price, usage.service_tier, usage.input_tokens)
    if rates is None or _untold(usage, rates):
        return None
    shares = (*_input(usage, rates), *_output(usage, rates))
    return tuple(
        Line(component, tokens, rate, EXACT.divide(EXACT.multiply(Decimal(tokens), rate), MTOK))
        for component, tokens, rate in shares
        if tokens
    )


def to_usd(amount: Decimal | None) -> Decimal | None:
    """Round an amount to what the books hold; None for one they can't hold.

    Example:
        >>> to_usd(Decimal("0.0000000000005")), to_usd(Decimal("NaN")), to_usd(Decimal(-1))
        (Decimal('0E-12'), None, None)
    """
    if amount is None or not amount.is_finite() or not 0 <= amount < LIMIT_USD:
        return None
    return EXACT.quantize(amount, PLACES)


def _applying(price: Price, service_tier: str | None, input_tokens: int) -> Price | None:
    """The rates of this call; None where its service tier has none that are known."""
    found: Price | None = price
    if service_tier not in STANDARD and price.service_tiers is not None:
        found = price.service_tiers.get(service_tier or "")
    if found is None:
        return None
    reached = [step for step in found.steps if input_tokens > step.above_input_tokens]
    return max(reached, key=lambda step: step.above_input_tokens).price if reached else found


def _untold(usage: Usage, rates: Price) -> bool:
    """Whether usage and rates leave the bill open."""
    if (
        usage.cache_write_1h_tokens
        and rates.cache_write_1h_usd_per_mtok is None
        and rates.cache_write_5m_usd_per_mtok is not None
    ):
        return True
    # How many tokens are both of audio and cached is said by nobody.
    cached_audio = _or(rates.cached_audio_usd_per_mtok, _cached_rate(rates))
    audio = _or(rates.input_audio_usd_per_mtok, rates.input_usd_per_mtok)
    apart = cached_audio - audio != _cached_rate(rates) - rates.input_usd_per_mtok
    return bool(usage.cached_input_tokens and usage.input_audio_tokens and apart)


def _input(usage: Usage, rates: Price) -> Iterator[tuple[str, int, Decimal]]:
    """Component, tokens and rate of each part of the input."""
    parts = (
        ("cached_input", usage.cached_input_tokens, rates.cached_input_usd_per_mtok),
        ("cache_write_5m", usage.cache_write_5m_tokens, rates.cache_write_5m_usd_per_mtok),
        ("cache_write_1h", usage.cache_write_1h_tokens, rates.cache_write_1h_usd_per_mtok),
        ("input_audio", usage.input_audio_tokens, rates.input_audio_usd_per_mtok),
    )
    return _divided("input", usage.input_tokens or 0, rates.input_usd_per_mtok, parts)


def _output(usage: Usage, rates: Price) -> Iterator[tuple[str, int, Decimal]]:
    """The same of the output; reasoning is told apart only where it has a rate of its own."""
    parts = (
        ("reasoning", usage.reasoning_tokens, rates.reasoning_usd_per_mtok),
        ("output_audio", usage.output_audio_tokens, rates.output_audio_usd_per_mtok),
    )
    return _divided("output", usage.output_tokens or 0, rates.output_usd_per_mtok, parts)


def _divided(
    whole: str, left: int, usual: Decimal, parts: Sequence[tuple[str, int | None, Decimal | None]]
) -> Iterator[tuple[str, int, Decimal]]:
    """What the parts leave of the whole, then the parts, which together are never more than it.

    Args:
        whole: Its component's name.
        left: Its tokens.
        usual: Its rate, and that of parts without one.
        parts: Component, tokens and rate of each.
    """
    lines = []
    for component, count, rate in parts:
        tokens = min(count or 0, left)
        left -= tokens
        lines.append((component, tokens, _or(rate, usual)))
    yield whole, left, usual
    yield from lines


def _cached_rate(rates: Price) -> Decimal:
    return _or(rates.cached_input_usd_per_mtok, rates.input_usd_per_mtok)


def _or(rate: Decimal | None, other: Decimal) -> Decimal:
    return other if rate is None else rate

"""Usage times price: dollars. Unknown is None, never zero; money is Decimal, never float."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from streams.events.outcome import Usage

PLACES = Decimal("1e-12")
MTOK = Decimal(1_000_000)
LIMIT_USD = Decimal(1_000_000)
"""Below it: Decimal(18, 12) keeps six digits before the point."""

EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Wide enough that only the last step rounds."""


@dataclass(frozen=True, slots=True)
class Price:
    """One model's price: dollars a million tokens, and the version of the list it is from.

    `cached_input_usd_per_mtok` None means that cached tokens cost what other input does.
    """

    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    cached_input_usd_per_mtok: Decimal | None = None
    version: str = ""


def cost_usd(usage: Usage, price: Price | None) -> Decimal | None:
    """Price one call.

    Args:
        usage: Tokens as the provider counted them. Cached tokens are part of the input tokens.
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
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    cached = min(usage.cached_input_tokens or 0, usage.input_tokens)
    cached_price = price.cached_input_usd_per_mtok
    if cached_price is None:
        cached_price = price.input_usd_per_mtok
    parts = (
        (usage.input_tokens - cached, price.input_usd_per_mtok),
        (cached, cached_price),
        (usage.output_tokens, price.output_usd_per_mtok),
    )
    total = Decimal(0)
    for tokens, usd_per_mtok in parts:
        total = EXACT.add(total, EXACT.multiply(Decimal(tokens), usd_per_mtok))
    return to_usd(EXACT.divide(total, MTOK))


def to_usd(amount: Decimal | None) -> Decimal | None:
    """Round an amount to what the books hold; None for one they can't hold.

    Example:
        >>> to_usd(Decimal("0.0000000000005")), to_usd(Decimal("NaN")), to_usd(Decimal(-1))
        (Decimal('0E-12'), None, None)
    """
    if amount is None or not amount.is_finite() or not 0 <= amount < LIMIT_USD:
        return None
    return EXACT.quantize(amount, PLACES)


def at_most_usd(prompt_bytes: int, max_output_tokens: int, price: Price) -> Decimal | None:
    """More than this a call can't cost: no byte of text is more than one token."""
    return cost_usd(Usage(input_tokens=prompt_bytes, output_tokens=max_output_tokens), price)

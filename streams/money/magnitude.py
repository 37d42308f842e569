"""Prices that can't be meant: by token where dollars a million tokens are asked, or by thousand."""

from decimal import Decimal

from streams.money.pricing import Price

FACTOR = Decimal(100)
"""No discount and no mark-up is as large; a mix-up of units is 10³ or 10⁶, less what prices moved."""

APART = Decimal(300)
"""Output costs up to 150 times what input does in the shipped list, and at least a third of it."""

LOWEST_USD_PER_MTOK = Decimal("0.004")
"""The cheapest model of the shipped list takes 0.005."""

HIGHEST_USD_PER_MTOK = Decimal(5000)
"""The dearest model of the shipped list takes 600."""

MTOK = "dollars a million tokens are meant"


def odd_price(
    input_usd_per_mtok: Decimal | None,
    output_usd_per_mtok: Decimal | None,
    listed: Price | None = None,
) -> str | None:
    """What is odd about a price that somebody sets, so that it is refused.

    Zero is a price: nobody bills a model on one's own machine.

    Args:
        input_usd_per_mtok: As set; None: not set.
        output_usd_per_mtok: As set; None: not set.
        listed: What the vendor publishes for the model, where that is known.

    Returns:
        What is wrong and what was likely meant, for the person who wrote it; None: nothing.

    Example:
        >>> odd_price(Decimal("0.0025"), Decimal("0.01"), Price(Decimal("2.5"), Decimal(10)))
        'input 0.0025 is 1000 times less than the published 2.5: dollars a million tokens are meant'
        >>> odd_price(Decimal("2.5"), Decimal(10))
    """
    for name, usd, published in (
        ("input", input_usd_per_mtok, None if listed is None else listed.input_usd_per_mtok),
        ("output", output_usd_per_mtok, None if listed is None else listed.output_usd_per_mtok),
    ):
        if usd:
            odd = _beside(name, usd, published) or _alone(name, usd)
            if odd is not None:
                return odd
    if input_usd_per_mtok and output_usd_per_mtok:
        return _together(input_usd_per_mtok, output_usd_per_mtok)
    return None


def _beside(name: str, usd: Decimal, published: Decimal | None) -> str | None:
    if not published:
        return None
    if usd >= published * FACTOR:
        ratio, than = usd / published, "more"
    elif published >= usd * FACTOR:
        ratio, than = published / usd, "less"
    else:
        return None
    return f"{name} {usd:f} is {ratio:.0f} times {than} than the published {published:f}: {MTOK}"


def _alone(name: str, usd: Decimal) -> str | None:
    if usd < LOWEST_USD_PER_MTOK:
        return f"{name} {usd:f} is less than any model costs: {MTOK}"
    if usd > HIGHEST_USD_PER_MTOK:
        return f"{name} {usd:f} is more than any model costs: {MTOK}"
    return None


def _together(reads: Decimal, writes: Decimal) -> str | None:
    if writes >= reads * APART or reads >= writes * APART:
        return f"input {reads:f} and output {writes:f} are not of one unit: {MTOK} in both"
    return None

"""What a call can't cost more than: told before it is made, and what a call in doubt is booked at."""

from decimal import ROUND_CEILING, Context, Decimal

from streams.money.pricing import LIMIT_USD, MTOK, PLACES, Price

OVERHEAD_TOKENS = 2048
"""What providers put around a prompt at most: a template for each message, a preamble for tools."""

OUTPUTS = frozenset({"output", "output_audio", "reasoning"})
"""Components of the output; the others are of the input."""

UPWARDS = Context(prec=60, rounding=ROUND_CEILING)


def at_most_usd(
    prompt_bytes: int | None,
    max_output_tokens: int | None,
    price: Price | None,
    context_tokens: int | None = None,
) -> Decimal | None:
    """An upper bound of what one call costs, whatever the provider will count.

    A token is at least one byte of UTF-8. The dearest rate is taken that can apply: a cache that
    is written, a step that the input may reach, a service tier that the account may be set to.

    Args:
        prompt_bytes: All that is sent, in bytes; None where it has parts that are no text, of
            which nobody can tell from here how many tokens they are.
        max_output_tokens: The bound on the answer, thoughts among it; None: the context is it.
        price: What the tokens cost; None: unknown.
        context_tokens: What the model can hold; None: unknown.

    Returns:
        Dollars, rounded up to 10⁻¹²; None where there is no bound that the books can hold.

    Example:
        >>> at_most_usd(952, 1000, Price(Decimal(1), Decimal(2)))
        Decimal('0.005000000000')
        >>> at_most_usd(952, None, Price(Decimal(1), Decimal(2))) is None
        True
    """
    if price is None:
        return None
    if price.is_free:
        return Decimal(0)
    read = context_tokens if prompt_bytes is None else prompt_bytes + OVERHEAD_TOKENS
    written = context_tokens if max_output_tokens is None else max_output_tokens
    if read is None or written is None:
        return None
    worst = max(_usd(each, read, written) for each in price.reachable(read))
    return worst if worst < LIMIT_USD else None


def _usd(price: Price, read: int, written: int) -> Decimal:
    """So many tokens, each at the dearest rate of its direction."""
    rates = price.rates()
    dearest_in = max(rate for name, rate in rates.items() if name not in OUTPUTS)
    dearest_out = max(rate for name, rate in rates.items() if name in OUTPUTS)
    total = UPWARDS.add(
        UPWARDS.multiply(Decimal(read), dearest_in), UPWARDS.multiply(Decimal(written), dearest_out)
    )
    return UPWARDS.quantize(UPWARDS.divide(total, MTOK), PLACES)

"""What OpenAI's two wire formats share: which models reason, and what a host says a call cost."""

import re
from decimal import Decimal

from streams.money.pricing import to_usd
from streams.providers.reading import at, count, usd

TICKS_PER_USD = 10_000_000_000
REASONING = re.compile(r"o\d|codex-|gpt-(?![34]|oss)\d")
"""OpenAI's own names of models that reason: o1, o3, gpt-5 and what follows, not gpt-4o or gpt-oss."""


def reasons_by_itself(model: str) -> bool:
    """Whether a model is one of OpenAI's that take neither temperature nor `max_tokens`.

    By its name, not by its host: gateways pass such names on to OpenAI.

    Example:
        >>> [reasons_by_itself(m) for m in ("o4-mini", "gpt-5.6", "gpt-4o", "gpt-oss-20b", "openai/o3")]
        [True, True, False, False, False]
    """
    return REASONING.match(model.removeprefix("ft:")) is not None


def cost_in(usage: object) -> Decimal | None:
    """What the host says the call cost, in dollars.

    OpenRouter's `cost` is its own share alone where the key of the model's maker is used; xAI counts
    ticks; Perplexity itemises.

    Source:
        https://openrouter.ai/docs/use-cases/usage-accounting; https://docs.x.ai/developers/cost-tracking.

    Example:
        >>> cost_in({"cost_in_usd_ticks": 37756000})
        Decimal('0.003775600000')
    """
    ticks = count(at(usage, "cost_in_usd_ticks"))
    if ticks is not None:
        return to_usd(Decimal(ticks) / TICKS_PER_USD)
    said = at(usage, "cost")
    cost = usd(at(said, "total_cost") if isinstance(said, dict) else said)
    upstream = usd(at(usage, "cost_details", "upstream_inference_cost"))
    if cost is not None and upstream is not None and at(usage, "is_byok") is True:
        return to_usd(cost + upstream)
    return cost

"""OpenAI's Responses wire format."""

from streams.events.outcome import Usage
from streams.providers.openai_chat import cost_in
from streams.providers.reading import as_object, at, count, service_tier


def usage_of(found: object) -> Usage:
    """Tokens and cost that a response reports; what is missing or no count is None.

    Args:
        found: What `usage` holds, or the whole response, which also tells the service tier.

    Source:
        https://platform.openai.com/docs/api-reference/responses/object.

    Example:
        >>> usage_of({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}}).cached_input_tokens
        4
    """
    usage = at(found, "usage") or as_object(found)
    before, after = at(usage, "input_tokens_details"), at(usage, "output_tokens_details")
    return Usage(
        input_tokens=count(at(usage, "input_tokens")),
        output_tokens=count(at(usage, "output_tokens")),
        cached_input_tokens=count(at(before, "cached_tokens")),
        cache_write_5m_tokens=count(at(before, "cache_write_tokens")),
        input_audio_tokens=count(at(before, "audio_tokens")),
        reasoning_tokens=count(at(after, "reasoning_tokens")),
        output_audio_tokens=count(at(after, "audio_tokens")),
        service_tier=service_tier(at(usage, "service_tier"), at(found, "service_tier")),
        reported_cost_usd=cost_in(usage),
    )

"""Anthropic's Messages wire format."""

from streams.events.outcome import Usage
from streams.providers.reading import as_object, at, count, service_tier, total


def usage_of(found: object) -> Usage:
    """Tokens that a message reports, cache reads and writes among the input.

    Anthropic counts what was read from the cache and what was written to it apart from
    `input_tokens`. Writes that no lifetime is told for lived five minutes, which is the default.

    Args:
        found: What `usage` holds, or the whole message.

    Source:
        https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance.

    Example:
        >>> usage = usage_of({"input_tokens": 3, "cache_read_input_tokens": 100, "output_tokens": 9})
        >>> usage.input_tokens, usage.cached_input_tokens
        (103, 100)
    """
    usage = at(found, "usage") or as_object(found)
    read = count(at(usage, "cache_read_input_tokens"))
    of_5m = count(at(usage, "cache_creation", "ephemeral_5m_input_tokens"))
    of_1h = count(at(usage, "cache_creation", "ephemeral_1h_input_tokens"))
    written = count(at(usage, "cache_creation_input_tokens"))
    if written is None:
        written = total(of_5m or 0, of_1h) if (of_5m, of_1h) != (None, None) else None
    return Usage(
        input_tokens=total(count(at(usage, "input_tokens")), read, written),
        output_tokens=count(at(usage, "output_tokens")),
        cached_input_tokens=read,
        cache_write_5m_tokens=None if written is None else max(0, written - (of_1h or 0)),
        cache_write_1h_tokens=of_1h,
        reasoning_tokens=count(at(usage, "output_tokens_details", "thinking_tokens")),
        service_tier=service_tier(at(usage, "speed"), at(usage, "service_tier")),
    )

"""Amazon Bedrock's usage object (Converse): for prices alone, nothing here speaks its wire."""

from streams.events.outcome import Usage
from streams.providers.reading import as_object, at, count, objects, service_tier, total


def usage_of(found: object) -> Usage:
    """Tokens that a reply reports, cache reads and writes among the input.

    Args:
        found: What `usage` holds, or the whole reply, which also tells the service tier.

    Source:
        https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html.

    Example:
        >>> usage_of({"inputTokens": 5, "cacheReadInputTokens": 90, "outputTokens": 7}).input_tokens
        95
    """
    usage = at(found, "usage") or as_object(found)
    read = count(at(usage, "cacheReadInputTokens"))
    written = count(at(usage, "cacheWriteInputTokens"))
    hours = [
        count(entry.get("inputTokens")) or 0
        for entry in objects(at(usage, "cacheDetails"))
        if entry.get("ttl") == "1h"
    ]
    of_1h = sum(hours) if hours else None
    return Usage(
        input_tokens=total(count(at(usage, "inputTokens")), read, written),
        output_tokens=count(at(usage, "outputTokens")),
        cached_input_tokens=read,
        cache_write_5m_tokens=None if written is None else max(0, written - (of_1h or 0)),
        cache_write_1h_tokens=of_1h,
        service_tier=service_tier(at(found, "serviceTier", "type")),
    )

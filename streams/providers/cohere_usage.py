"""Cohere's usage object: for prices alone, its wire is spoken through its OpenAI-compatible host."""

from streams.events.outcome import Usage
from streams.providers.reading import as_object, at, count


def usage_of(found: object) -> Usage:
    """Tokens that are billed, which are fewer than those that the model saw.

    Args:
        found: What `usage` (or, before v2, `meta`) holds, or the whole reply.

    Source:
        https://docs.cohere.com/reference/chat.

    Example:
        >>> usage_of({"billed_units": {"input_tokens": 5.0, "output_tokens": 418}}).input_tokens
        5
    """
    usage = at(found, "usage") or at(found, "meta") or as_object(found)
    billed = at(usage, "billed_units")
    return Usage(
        input_tokens=count(_whole(at(billed, "input_tokens"))),
        output_tokens=count(_whole(at(billed, "output_tokens"))),
    )


def _whole(found: object) -> object:
    """Its API writes whole numbers as fractions."""
    return int(found) if isinstance(found, float) and found.is_integer() else found

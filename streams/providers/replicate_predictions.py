"""Replicate's predictions wire format."""

from streams.events.outcome import Usage
from streams.providers.reading import as_object, at, count


def usage_of(found: object) -> Usage:
    """Tokens that a prediction reports; models that are billed by the second report none.

    Args:
        found: What `metrics` holds, or the whole prediction.

    Source:
        https://replicate.com/docs/reference/http#predictions.get.

    Example:
        >>> usage_of({"metrics": {"input_token_count": 12, "output_token_count": 40}}).input_tokens
        12
    """
    metrics = at(found, "metrics") or as_object(found)
    return Usage(
        input_tokens=count(at(metrics, "input_token_count"), at(metrics, "token_input_count")),
        output_tokens=count(at(metrics, "output_token_count"), at(metrics, "token_output_count")),
    )

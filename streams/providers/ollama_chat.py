"""Ollama's chat wire format."""

from streams.events.outcome import Usage
from streams.providers.reading import at, count


def usage_of(found: object) -> Usage:
    """Tokens that a reply, or the last line of a stream, reports.

    Args:
        found: The whole reply: its counts stand beside the message.

    Source:
        https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion.

    Example:
        >>> usage_of({"prompt_eval_count": 26, "eval_count": 298}).output_tokens
        298
    """
    return Usage(
        input_tokens=count(at(found, "prompt_eval_count")),
        output_tokens=count(at(found, "eval_count")),
    )

"""Gemini's usage object: for prices alone, its wire is spoken through its OpenAI-compatible host."""

from streams.events.outcome import Usage
from streams.providers.reading import as_object, at, count, objects, service_tier, total


def usage_of(found: object) -> Usage:
    """Tokens that a reply reports, tool prompts among the input and thoughts among the output.

    Gemini leaves a count of zero out, so that an answer without text has no `candidatesTokenCount`:
    there the total tells it.

    Args:
        found: What `usageMetadata` holds, or the whole reply.

    Source:
        https://ai.google.dev/api/generate-content#UsageMetadata.

    Example:
        >>> usage = usage_of({"promptTokenCount": 8, "candidatesTokenCount": 2, "thoughtsTokenCount": 30})
        >>> usage.output_tokens, usage.reasoning_tokens
        (32, 30)
    """
    usage = at(found, "usageMetadata") or as_object(found)
    thoughts = count(at(usage, "thoughtsTokenCount"))
    tools = count(at(usage, "toolUsePromptTokenCount"))
    inputs = total(count(at(usage, "promptTokenCount")), tools)
    answer = count(at(usage, "candidatesTokenCount"), at(usage, "responseTokenCount"))
    outputs = total(answer, thoughts)
    of_all = count(at(usage, "totalTokenCount"))
    if outputs is None and inputs is not None and of_all is not None:
        outputs = max(0, of_all - inputs)
    return Usage(
        input_tokens=inputs,
        output_tokens=outputs,
        cached_input_tokens=count(at(usage, "cachedContentTokenCount")),
        input_audio_tokens=_audio(usage, "promptTokensDetails", "toolUsePromptTokensDetails"),
        reasoning_tokens=thoughts,
        output_audio_tokens=_audio(usage, "candidatesTokensDetails", "responseTokensDetails"),
        service_tier=service_tier(at(usage, "serviceTier"), at(usage, "trafficType")),
    )


def _audio(usage: object, *lists: str) -> int | None:
    entries = [entry for name in lists for entry in objects(at(usage, name))]
    counts = [
        count(entry.get("tokenCount")) for entry in entries if entry.get("modality") == "AUDIO"
    ]
    return sum(found or 0 for found in counts) if counts else None

"""Finds the usage in what a vendor sent, whichever vendor it is: a body, an event, a whole stream."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streams.events.outcome import Usage
from streams.providers import (
    anthropic_messages,
    bedrock_usage,
    cohere_usage,
    gemini_usage,
    ollama_chat,
    openai_chat,
    openai_responses,
    replicate_predictions,
)
from streams.providers.reading import at, objects, parsed, text

AROUND = ("response", "body", "result", "message", "x_groq", "metadata", "event")
"""Keys under which events of streams and lines of batches carry the body."""

HOLDS = ("usage", "usageMetadata", "metrics", "meta")
"""Keys under which a body carries its usage."""

ANTHROPIC = (
    "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use",
    "speed",
)  # fmt: skip

SIGNS: Mapping[str, tuple[str, ...]] = {
    "gemini": ("promptTokenCount", "candidatesTokenCount", "totalTokenCount"),
    "openai_chat": ("prompt_tokens", "completion_tokens"),
    "anthropic_messages": ANTHROPIC,
    "openai_responses": ("input_tokens", "output_tokens"),
    "ollama_chat": ("prompt_eval_count", "eval_count"),
    "replicate_predictions": ("input_token_count", "token_input_count", "predict_time"),
    "bedrock": ("inputTokens", "outputTokens"),
    "cohere": ("billed_units",),
}
"""By which keys the usage of a format is known; the first that fits counts."""

READERS: Mapping[str, Callable[[object], Usage]] = {
    "gemini": gemini_usage.usage_of,
    "openai_chat": openai_chat.usage_of,
    "anthropic_messages": anthropic_messages.usage_of,
    "openai_responses": openai_responses.usage_of,
    "ollama_chat": ollama_chat.usage_of,
    "replicate_predictions": replicate_predictions.usage_of,
    "bedrock": bedrock_usage.usage_of,
    "cohere": cohere_usage.usage_of,
}

FEES = (
    ("server_tool_use", "web_search_requests"),
    ("server_tool_use", "web_fetch_requests_billed"),
    ("num_sources_used",),
    ("completion_tokens_details", "image_tokens"),
    ("output_tokens_details", "image_tokens"),
    ("completion_tokens_details", "video_tokens"),
)
"""What is billed and is neither text nor audio: tools of the vendor's, images that it made."""

COUNT = re.compile(r"(tokens|TokenCount|Tokens|_count)$")
DEPTH = 6


@dataclass(frozen=True, slots=True)
class Payload:
    """What was found: the usage as we count it, who answered, the format, what has no price here."""

    usage: Usage
    model: str | None
    format: str
    apart: tuple[str, ...] = ()


def read_payload(content: bytes) -> Payload:
    """Read the usage of a response, an event, a batch's line or a whole stream.

    Args:
        content: JSON; or server-sent events, or a JSON value a line, of which later usage
            completes and replaces earlier usage.

    Raises:
        ValueError: There is no usage, or one of its counts is no count; the message names it.

    Example:
        >>> read_payload(b'{"model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}')
        Payload(usage=Usage(input_tokens=3, output_tokens=2, ...), model='m', format='openai_chat', apart=())
    """
    bodies = [body for value in _values(content) for body in _bodies(value)]
    if not bodies:
        known = ", ".join(sorted({key for keys in SIGNS.values() for key in keys[:2]}))
        raise ValueError(f"usage: none found; it is known by one of {known}")
    name, whole = _merged(bodies)
    held = _held(whole)
    _check(held)
    usage = READERS[name](whole)
    if usage.service_tier is None and "custom_id" in whole:
        usage = usage.model_copy(update={"service_tier": "batch"})
    return Payload(
        usage=usage,
        model=next((found for body in bodies if (found := _model(body))), None),
        format=name,
        apart=tuple(_apart(held)),
    )


def _values(content: bytes) -> Iterator[object]:
    whole = parsed(content)
    if whole is not None:
        yield from whole if isinstance(whole, list) else [whole]
        return
    for line in content.splitlines():
        value = parsed(line.strip().removeprefix(b"data:").strip())
        if value is not None:
            yield value


def _bodies(value: object, depth: int = DEPTH) -> Iterator[dict[str, Any]]:
    """The objects with usage in a value, each with the texts that stand around it (model, custom_id)."""
    if not isinstance(value, dict) or not depth:
        return
    if _format_of(value) is not None:
        yield value
        return
    around = {key: told for key, told in value.items() if isinstance(told, str)}
    for key in AROUND:
        for body in _bodies(value.get(key), depth - 1):
            yield {**around, **body}


def _held(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The usage object of a body; the body itself where its counts stand in it."""
    found = next((body[key] for key in HOLDS if isinstance(body.get(key), dict)), body)
    assert isinstance(found, Mapping)  # noqa: S101 (both are)
    return found


def _format_of(body: Mapping[str, Any]) -> str | None:
    held = _held(body)
    for name, keys in SIGNS.items():
        if any(key in held for key in keys):
            return name
    return None


def _merged(bodies: Iterable[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """One body of several, with all that any of them told; the format is that of the first."""
    merged: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    name = None
    for body in bodies:
        name = name or _format_of(body)
        usage.update({k: v for k, v in _held(body).items() if v is not None})
        merged.update({k: v for k, v in body.items() if v is not None})
    holder = next((key for key in HOLDS if isinstance(merged.get(key), dict)), None)
    return str(name), {**merged, holder: usage} if holder else {**merged, **usage}


def _model(body: Mapping[str, Any]) -> str | None:
    return text(body.get("model")) or text(body.get("modelVersion"))


def _check(found: Mapping[str, Any], where: str = "") -> None:
    """Refuse a count that is none, by its path."""
    for key, value in found.items():
        if isinstance(value, dict):
            _check(value, f"{where}{key}.")
        elif COUNT.search(key) and value is not None and not _is_count(value):
            raise ValueError(f"{where}{key}: {value!r} is no count of tokens")


def _is_count(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value >= 0 and value == int(value)


def _apart(held: Mapping[str, Any]) -> Iterator[str]:
    for path in FEES:
        if at(dict(held), *path):
            yield ".".join(path)
    for key in ("candidatesTokensDetails", "responseTokensDetails"):
        for entry in objects(held.get(key)):
            if entry.get("modality") in ("IMAGE", "VIDEO") and entry.get("tokenCount"):
                yield f"{key} of {entry['modality']}"

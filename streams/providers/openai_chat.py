"""OpenAI's chat wire format: two pure functions.

Source: https://platform.openai.com/docs/api-reference/chat; `usage.cost` as OpenRouter sends it.
"""

from collections.abc import Mapping
from decimal import Decimal

import orjson

from streams.calling.attempts import Failure
from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.money.pricing import to_usd
from streams.providers.port import Failed, Prompt, Reply, Request, StreamReader
from streams.providers.reading import as_object, at, count, service_tier, text, usd

PATH = "/chat/completions"
DETAIL_CHARS = 300
OK = 200
TICKS_PER_USD = 10_000_000_000
CACHED_ELSEWHERE = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
"""Where hosts without `prompt_tokens_details` write what was read from a cache."""

STATUS_FAILURES = {
    404: Failure.WRONG_MODEL,
    408: Failure.SERVER_ERROR,
    429: Failure.RATE_LIMITED,
    502: Failure.CUT,  # a gateway lost the model: it may have answered
    503: Failure.OVERLOADED,
    504: Failure.TIMED_OUT,
    529: Failure.OVERLOADED,
}


class OpenAIChat:
    """The wire format that most hosts of models speak."""

    listing_path = "/models"
    idempotency_header: str | None = "idempotency-key"

    def authorize(self, key: str) -> Mapping[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"}

    def reader(self) -> StreamReader | None:
        """Streams are not read yet."""
        return None

    def encode(self, prompt: Prompt) -> Request:
        """Write a chat completion request.

        `max_tokens` rather than its newer name, because every compatible host knows it.
        """
        body: JsonObject = {
            "model": prompt.model,
            "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
        }
        if prompt.temperature is not None:
            body["temperature"] = prompt.temperature
        if prompt.max_output_tokens is not None:
            body["max_tokens"] = prompt.max_output_tokens
        if prompt.stop:
            body["stop"] = list(prompt.stop)
        if prompt.tools:
            body["tools"] = list(prompt.tools)
        if prompt.response_schema is not None:
            schema = {"name": "answer", "schema": prompt.response_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return Request(PATH, orjson.dumps(body))

    def decode(self, status: int, headers: Mapping[str, str], body: bytes) -> Reply | Failed:
        """Read a chat completion, or say how the call failed."""
        del headers  # nothing in them is needed yet
        try:
            found = orjson.loads(body)
        except (orjson.JSONDecodeError, RecursionError):
            found = None
        if status != OK:
            return Failed(failure_of(status), f"HTTP {status}: {_error_text(found, body)}")
        if not isinstance(found, dict):
            return Failed(Failure.GARBAGE, f"no JSON object: {_printable(body)}")
        if "error" in found and not found.get("choices"):
            return _error_with_200(found, body)
        return _completion(found)


def failure_of(status: int) -> Failure:
    """What an HTTP status other than 200 means for the call.

    Example:
        >>> failure_of(529), failure_of(400), failure_of(500)
        (<Failure.OVERLOADED: ('overloaded', True, False)>, <Failure.REFUSED: ('refused', False, False)>, <Failure.SERVER_ERROR: ('server_error', True, False)>)
    """
    other = Failure.SERVER_ERROR if status >= 500 else Failure.REFUSED  # noqa: PLR2004 (5xx)
    return STATUS_FAILURES.get(status, other)


def _completion(found: JsonObject) -> Reply | Failed:
    usage = usage_of(found)
    choices = found.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return Failed(Failure.GARBAGE, "no choices[0].message", usage)
    calls = message.get("tool_calls")
    tool_calls = tuple(c for c in calls if isinstance(c, dict)) if isinstance(calls, list) else ()
    said = _text(message.get("content"))
    finish_reason = text(choice.get("finish_reason"))
    if not said.strip() and not tool_calls:
        return Failed(Failure.EMPTY, f"no text, finish_reason {finish_reason}", usage)
    model = text(found.get("model")) or ""
    return Reply(said, model, usage, finish_reason, tool_calls)


def usage_of(found: object) -> Usage:
    """Tokens and cost that a reply reports; what is missing or no count is None.

    Compatible hosts differ: reasoning tokens stand apart from the output at some (xAI, Perplexity),
    and at Gemini's only the total tells of them; cached tokens stand beside the input at others
    (Moonshot, DeepSeek, Databricks).

    Args:
        found: What `usage` holds, or the whole reply, which also tells the service tier.

    Source:
        https://platform.openai.com/docs/api-reference/chat/object.

    Example:
        >>> usage = {"prompt_tokens": 37, "completion_tokens": 530, "total_tokens": 800}
        >>> usage_of({**usage, "completion_tokens_details": {"reasoning_tokens": 233}}).output_tokens
        763
    """
    usage = at(found, "usage") or as_object(found)
    before, after = at(usage, "prompt_tokens_details"), at(usage, "completion_tokens_details")
    reasoning = count(at(after, "reasoning_tokens"), at(usage, "reasoning_tokens"))
    return Usage(
        input_tokens=count(at(usage, "prompt_tokens")),
        output_tokens=_all_output(usage, reasoning),
        cached_input_tokens=count(
            at(before, "cached_tokens"), *(at(usage, name) for name in CACHED_ELSEWHERE)
        ),
        cache_write_5m_tokens=count(
            at(before, "cache_write_tokens"), at(usage, "cache_creation_input_tokens")
        ),
        input_audio_tokens=count(at(before, "audio_tokens")),
        reasoning_tokens=reasoning,
        output_audio_tokens=count(at(after, "audio_tokens")),
        service_tier=service_tier(at(usage, "service_tier"), at(found, "service_tier")),
        reported_cost_usd=cost_in(usage),
    )


def _all_output(usage: object, reasoning: int | None) -> int | None:
    """The output with its reasoning, wherever the host counts that."""
    outputs = count(at(usage, "completion_tokens"))
    if outputs is None:
        return None
    unseen = (count(at(usage, "total_tokens")) or 0) - (count(at(usage, "prompt_tokens")) or 0)
    unseen -= outputs
    if reasoning is None:
        return outputs + max(0, unseen)
    return outputs + reasoning if reasoning == unseen or reasoning > outputs else outputs


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


def _error_with_200(found: JsonObject, body: bytes) -> Failed:
    """Some hosts answer 200 and put the true status into the error."""
    error = found["error"]
    code = error.get("code") if isinstance(error, dict) else None
    failure = failure_of(code) if isinstance(code, int) and code >= 400 else Failure.GARBAGE  # noqa: PLR2004
    return Failed(failure, _error_text(found, body), usage_of(found))


def _error_text(found: object, body: bytes) -> str:
    error = found.get("error") if isinstance(found, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message[:DETAIL_CHARS] if isinstance(message, str) else _printable(body)


def _printable(body: bytes) -> str:
    return repr(body[:DETAIL_CHARS].decode("utf-8", "replace"))


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(
        p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str)
    )

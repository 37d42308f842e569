"""OpenAI's chat wire format, which most hosts of models speak."""

from collections.abc import Mapping

import orjson

from streams.calling.attempts import Failure
from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.events.task import Message
from streams.providers.answering import answer, finish_reason, is_number, logprobs_in, tool_call
from streams.providers.failing import OK, error_text, garbage, opened, told, unfinished
from streams.providers.lines import Events
from streams.providers.openai_shared import cost_in, reasons_by_itself
from streams.providers.port import Failed, Prompt, Reply, Request, StreamReader
from streams.providers.prompting import given, with_json_asked
from streams.providers.reading import (
    as_object,
    at,
    count,
    objects,
    service_tier,
    text,
)
from streams.providers.streaming import Streamed

PATH = "/chat/completions"
CACHED_ELSEWHERE = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
"""Where hosts without `prompt_tokens_details` write what was read from a cache."""


class OpenAIChat:
    """The wire format that most hosts of models speak.

    Source:
        https://platform.openai.com/docs/api-reference/chat.
    """

    listing_path = "/models"
    idempotency_header: str | None = "idempotency-key"

    def authorize(self, key: str) -> Mapping[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"}

    def reader(self) -> StreamReader:
        """Reads `chat.completion.chunk` events up to `[DONE]`."""
        return Streamed(Events(), _Chunks(), lambda body: self.decode(OK, {}, body))

    def encode(self, prompt: Prompt) -> Request:
        """Write a chat completion request; messages, image parts and tools are already in its form.

        `max_tokens` rather than its newer name, because every compatible host knows it; OpenAI's
        models that reason know the newer name alone, and neither temperature nor log-probabilities.
        """
        reasons = reasons_by_itself(prompt.model)
        wishes: JsonObject = {
            "temperature": None if reasons else prompt.temperature,
            "max_completion_tokens" if reasons else "max_tokens": prompt.max_output_tokens,
            "stop": list(prompt.stop) or None,
            "tools": list(prompt.tools) or None,
            "response_format": _response_format(prompt),
            "logprobs": (prompt.logprobs and not reasons) or None,
            "stream": prompt.stream or None,
            "stream_options": {"include_usage": True} if prompt.stream else None,
        }
        body = {"model": prompt.model, "messages": _messages(prompt), **given(wishes)}
        return Request(PATH, orjson.dumps(body))

    def decode(self, status: int, headers: Mapping[str, str], body: bytes) -> Reply | Failed:
        """Read a chat completion, or say how the call failed."""
        found = opened(status, headers, body)
        if isinstance(found, Failed):
            return found
        if found.get("error") and not found.get("choices"):
            return told(found, usage_of(found))
        return _completion(found)


def _response_format(prompt: Prompt) -> JsonObject | None:
    if prompt.response_schema is not None:
        schema = {"name": "answer", "schema": prompt.response_schema}
        return {"type": "json_schema", "json_schema": schema}
    return {"type": "json_object"} if prompt.json_output else None


def _messages(prompt: Prompt) -> list[JsonObject]:
    return [_message(message) for message in with_json_asked(prompt)]


def _message(message: Message) -> JsonObject:
    written: JsonObject = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = message.tool_calls
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    return written


def _completion(found: JsonObject) -> Reply | Failed:
    usage = usage_of(found)
    choice = next(iter(objects(found.get("choices"))), {})
    message = choice.get("message")
    if not isinstance(message, dict):
        return garbage("no choices[0].message", usage=usage)
    if choice.get("error"):
        return Failed(Failure.CUT, error_text(choice, b"an error without words"), usage)
    calls = (_tool_call(i, call) for i, call in enumerate(objects(message.get("tool_calls"))))
    finish = finish_reason(choice.get("finish_reason"))
    said, refusal = _text(message.get("content")), text(message.get("refusal"))
    if refusal is not None and not said:
        said, finish = refusal, "content_filter"
    logprobs = _logprobs(choice.get("logprobs"))
    return answer(said, found.get("model"), usage, finish, calls, logprobs)


def _tool_call(place: int, call: JsonObject) -> JsonObject:
    function = at(call, "function")
    return tool_call(place, call.get("id"), at(function, "name"), at(function, "arguments"))


class _Chunks:
    """The chunks of one streamed completion; of several choices the first."""

    def __init__(self) -> None:
        self.ended = False
        self._found: JsonObject = {}  # model, usage, service tier
        self._said: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, JsonObject] = {}
        self._arguments: dict[int, list[str]] = {}
        self._logprobs: list[float] = []
        self._finish: str | None = None
        self._failed: Failed | None = None

    def take(self, event: JsonObject) -> bool:
        if event.get("error"):
            self._fail(event)
            return False
        for name in ("model", "usage", "service_tier"):
            if event.get(name):
                self._found[name] = event[name]
        if at(event, "x_groq", "usage"):
            self._found["usage"] = at(event, "x_groq", "usage")
        choices = objects(event.get("choices"))
        came = [self._choose(choice) for choice in choices if not choice.get("index")]
        return any(came)

    def done(self) -> None:
        self.ended = self.ended or self._finish is not None

    def usage(self) -> Usage:
        return usage_of(self._found)

    def answer(self) -> Reply | Failed:
        if self._failed is not None:
            return self._failed
        said, finish = "".join(self._said), self._finish
        if self._refusal and not said:
            said, finish = "".join(self._refusal), "content_filter"
        calls = (
            tool_call(i, call.get("id"), call.get("name"), "".join(self._arguments[place]))
            for i, (place, call) in enumerate(sorted(self._calls.items()))
        )
        return answer(said, self._found.get("model"), self.usage(), finish, calls, self._logprobs)

    def _choose(self, choice: JsonObject) -> bool:
        if choice.get("error"):
            self._fail(choice)
            return False
        delta = as_object(choice.get("delta"))
        self._finish = finish_reason(choice.get("finish_reason")) or self._finish
        self._logprobs += _logprobs(choice.get("logprobs"))
        said, refusal = _text(delta.get("content")), text(delta.get("refusal"))
        if said:
            self._said.append(said)
        if refusal is not None:
            self._refusal.append(refusal)
        called = objects(delta.get("tool_calls"))
        for call in called:
            self._call(call)
        return bool(said or refusal or called)

    def _call(self, piece: JsonObject) -> None:
        """A piece of a tool call; hosts that send calls whole may leave the index out."""
        place = count(piece.get("index"))
        if place is None:
            new = text(piece.get("id")) is not None or not self._calls
            place = len(self._calls) if new else max(self._calls)
        call = self._calls.setdefault(place, {})
        arguments = at(piece, "function", "arguments")
        told_now = {"id": text(piece.get("id")), "name": text(at(piece, "function", "name"))}
        call.update({name: value for name, value in told_now.items() if value is not None})
        written = self._arguments.setdefault(place, [])
        if isinstance(arguments, str):
            written.append(arguments)
        elif isinstance(arguments, dict):
            written.append(orjson.dumps(arguments).decode())

    def _fail(self, found: JsonObject) -> None:
        begun = bool(self._said or self._calls or self._refusal)
        self._failed = told(found, unfinished(self.usage()), begun=begun)
        self.ended = True


def _text(content: object) -> str:
    """The text of a content that is one, or parts of which some are."""
    if isinstance(content, str):
        return content
    return "".join(text(part.get("text")) or "" for part in objects(content))


def _logprobs(found: object) -> list[float]:
    """OpenAI's form, or the older one that Together sends."""
    older = at(found, "token_logprobs")
    if isinstance(older, list):
        return [float(value) for value in older if is_number(value)]
    return logprobs_in(at(found, "content"))


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

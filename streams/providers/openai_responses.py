"""OpenAI's Responses wire format."""

from collections.abc import Mapping

import orjson

from streams.calling.attempts import Failure
from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.events.task import Message
from streams.providers.answering import answer, finish_reason, logprobs_in, tool_call
from streams.providers.failing import OK, garbage, lacks, opened, told, unfinished
from streams.providers.lines import Events
from streams.providers.openai_shared import cost_in, reasons_by_itself
from streams.providers.port import Failed, Prompt, Reply, Request, StreamReader
from streams.providers.prompting import given, parts, with_json_asked
from streams.providers.reading import as_object, at, count, objects, service_tier, text
from streams.providers.streaming import Streamed

NAME = "openai_responses"
PATH = "/responses"
LEAST_OUTPUT_TOKENS = 16
"""Below it OpenAI refuses a request."""

LOGPROBS = "message.output_text.logprobs"
PARTS_OF_AN_ANSWER = (
    "response.output_text.delta",
    "response.refusal.delta",
    "response.function_call_arguments.delta",
)
ENDS = ("response.completed", "response.incomplete")
FAILURES = ("response.failed", "response.cancelled", "error")


class OpenAIResponses:
    """OpenAI's newer wire format; nothing is stored there.

    Source:
        https://platform.openai.com/docs/api-reference/responses.
    """

    listing_path = "/models"
    idempotency_header: str | None = "idempotency-key"

    def authorize(self, key: str) -> Mapping[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"}

    def reader(self) -> StreamReader:
        """Reads events up to `response.completed` or `response.incomplete`, which hold all of it."""
        return Streamed(Events(), _Parts(), lambda body: self.decode(OK, {}, body))

    def encode(self, prompt: Prompt) -> Request | Failed:
        """Write a request; the format has no stop sequences."""
        if prompt.stop:
            return lacks(NAME, "stop sequences")
        items: list[JsonObject] = []
        for message in with_json_asked(prompt):
            written = _items(message)
            if isinstance(written, Failed):
                return written
            items += written
        reasons, most = reasons_by_itself(prompt.model), prompt.max_output_tokens
        wishes: JsonObject = {
            "temperature": None if reasons else prompt.temperature,
            "max_output_tokens": None if most is None else max(most, LEAST_OUTPUT_TOKENS),
            "tools": [_tool(tool) for tool in prompt.tools] or None,
            "text": _text_format(prompt),
            "include": [LOGPROBS] if prompt.logprobs and not reasons else None,
            "stream": prompt.stream or None,
        }
        body = {"model": prompt.model, "input": items, "store": False, **given(wishes)}
        return Request(PATH, orjson.dumps(body))

    def decode(self, status: int, headers: Mapping[str, str], body: bytes) -> Reply | Failed:
        """Read a response, or say how the call failed."""
        found = opened(status, headers, body)
        return found if isinstance(found, Failed) else _response(found)


def _text_format(prompt: Prompt) -> JsonObject | None:
    if prompt.response_schema is not None:
        schema = {"type": "json_schema", "name": "answer", "schema": prompt.response_schema}
        return {"format": {**schema, "strict": False}}  # strict knows but a part of JSON Schema
    return {"format": {"type": "json_object"}} if prompt.json_output else None


def _tool(tool: JsonObject) -> JsonObject:
    function = at(tool, "function")
    if not isinstance(function, dict):
        return tool
    return {"type": "function", "strict": False, **function}


def _items(message: Message) -> list[JsonObject] | Failed:
    """A turn as input items: a message, its tool calls, or what a tool answered."""
    if message.role == "tool":
        called = {"call_id": message.tool_call_id or "", "output": message.text}
        return [{"type": "function_call_output", **called}]
    content: list[JsonObject] = []
    for kind, said, part in parts(message):
        if kind == "text":
            content.append({"type": "input_text", "text": said})
        elif kind == "image_url" and message.role != "assistant":
            detail = text(at(part, "image_url", "detail")) or "auto"
            content.append({"type": "input_image", "image_url": said, "detail": detail})
        else:
            return lacks(NAME, f"{kind} parts of {message.role} messages")
    calls = [_called(call) for call in message.tool_calls or ()]
    if message.role == "assistant":  # what it said is no input, and passes as plain text
        return [*([{"role": "assistant", "content": message.text}] if content else ()), *calls]
    return [{"role": message.role, "content": content}]


def _called(call: JsonObject) -> JsonObject:
    name, arguments = at(call, "function", "name"), at(call, "function", "arguments")
    called = {"call_id": call.get("id"), "name": name, "arguments": arguments}
    return {"type": "function_call", **called}


def _response(found: JsonObject) -> Reply | Failed:
    usage = usage_of(found)
    status = found.get("status")
    if found.get("error") or status == "failed":
        return told(found, usage)
    if status == "cancelled":
        return Failed(Failure.CUT, "the response was cancelled", usage)
    output = found.get("output")
    if not isinstance(output, list) or status not in {"completed", "incomplete", None}:
        return garbage(f"no output, status {status}", usage=usage)
    said: list[str] = []
    refusals: list[str] = []
    calls: list[JsonObject] = []
    logprobs: list[float] = []
    for item in objects(output):
        if item.get("type") == "function_call":
            named = (item.get("call_id"), item.get("name"), item.get("arguments"))
            calls.append(tool_call(len(calls), *named))
        for part in objects(item.get("content")) if item.get("type") == "message" else ():
            said.append(text(part.get("text")) or "")
            refusals.append(text(part.get("refusal")) or "")
            logprobs += logprobs_in(part.get("logprobs"))
    ended = finish_reason(at(found, "incomplete_details", "reason"))
    finish = ended or ("tool_calls" if calls else "stop")
    if any(refusals) and not any(said):
        said, finish = refusals, "content_filter"
    return answer("".join(said), found.get("model"), usage, finish, calls, logprobs)


class _Parts:
    """The events of one streamed response; the last one repeats it whole."""

    def __init__(self) -> None:
        self.ended = False
        self._came = False
        self._response: JsonObject = {}
        self._failed: Failed | None = None

    def take(self, event: JsonObject) -> bool:
        kind = event.get("type")
        self._response = as_object(event.get("response")) or self._response
        if kind in FAILURES or (kind is None and event.get("error")):
            self._fail(event)
        self.ended = self.ended or kind in ENDS
        item = at(event, "item", "type") if kind == "response.output_item.added" else None
        came = kind in PARTS_OF_AN_ANSWER or item == "function_call"
        self._came = self._came or came
        return came

    def done(self) -> None:
        """Some hosts end with OpenAI's older mark, too."""

    def usage(self) -> Usage:
        return usage_of(self._response)

    def answer(self) -> Reply | Failed:
        return self._failed or _response(self._response)

    def _fail(self, event: JsonObject) -> None:
        said = event if at(event, "error") else {"error": event}
        found = self._response if self._response.get("error") else said
        self._failed = told(found, unfinished(self.usage()), begun=self._came)
        self.ended = True


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

"""Anthropic's Messages wire format."""

import re
from collections.abc import Mapping

import orjson

from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.events.task import Message
from streams.providers.answering import answer, finish_reason, tool_call
from streams.providers.failing import OK, garbage, lacks, opened, told, unfinished
from streams.providers.lines import Events
from streams.providers.port import Failed, Prompt, Reply, Request, StreamReader
from streams.providers.prompting import (
    given,
    inline_image,
    json_wish,
    parts,
    system_text,
    turns,
)
from streams.providers.reading import (
    as_object,
    at,
    count,
    objects,
    parsed,
    service_tier,
    text,
    total,
)
from streams.providers.streaming import Streamed

NAME = "anthropic_messages"
PATH = "/messages"
VERSION = {"anthropic-version": "2023-06-01"}
MOST_OUTPUT_TOKENS = 4096
"""Sent where a task sets no limit, since the format wants one: every model can put out as much."""

HOTTEST = 1.0
ANSWER_TOOL = "tierflow_answer"
"""The tool by which a model answers with JSON of a schema; every model that takes tools knows how."""

SAMPLED = re.compile(
    r"(?!claude-)|claude-(instant|[23])|claude-[a-z]+-4(-[0-6])?(-\d{6,}|-latest|@|$)"
)
"""Models that take a temperature: those up to 4.6, and those of others that speak this format."""


class AnthropicMessages:
    """Anthropic's wire format.

    Source:
        https://docs.anthropic.com/en/api/messages.
    """

    listing_path = "/models?limit=1000"
    idempotency_header: str | None = None

    def authorize(self, key: str) -> Mapping[str, str]:
        """The key has a header of its own."""
        return {"x-api-key": key}

    def reader(self) -> StreamReader:
        """Reads events up to `message_stop`."""
        return Streamed(Events(), _Blocks(), lambda body: self.decode(OK, {}, body))

    def encode(self, prompt: Prompt) -> Request | Failed:
        """Write a request: system messages go apart, JSON of a schema is asked for by a tool."""
        messages = _messages(prompt)
        if isinstance(messages, Failed):
            return messages
        forced = _answer_tool(prompt)
        heat = prompt.temperature
        wishes: JsonObject = {
            "system": system_text(prompt, None if forced else json_wish(prompt)),
            "temperature": min(heat, HOTTEST) if heat is not None and _is_sampled(prompt) else None,
            "stop_sequences": list(prompt.stop) or None,
            "tools": [forced] if forced else [_tool(tool) for tool in prompt.tools] or None,
            "tool_choice": {"type": "tool", "name": ANSWER_TOOL} if forced else None,
            "stream": prompt.stream or None,
        }
        most = prompt.max_output_tokens or MOST_OUTPUT_TOKENS
        body = {"model": prompt.model, "max_tokens": most, "messages": messages, **given(wishes)}
        return Request(PATH, orjson.dumps(body), VERSION)

    def decode(self, status: int, headers: Mapping[str, str], body: bytes) -> Reply | Failed:
        """Read a message, or say how the call failed."""
        found = opened(status, headers, body)
        if isinstance(found, Failed):
            return found
        if found.get("error"):
            return told(found, usage_of(found))
        content = found.get("content")
        if not isinstance(content, list):
            return garbage("no content", usage=usage_of(found))
        return _answered(objects(content), found, usage_of(found))


def _is_sampled(prompt: Prompt) -> bool:
    return SAMPLED.match(prompt.model) is not None


def _answer_tool(prompt: Prompt) -> JsonObject | None:
    """The schema as a tool that must be called; None where other tools, or no object, are asked for."""
    schema = prompt.response_schema
    if schema is None or prompt.tools or schema.get("type") != "object":
        return None
    return {"name": ANSWER_TOOL, "description": "Give the answer.", "input_schema": schema}


def _tool(tool: JsonObject) -> JsonObject:
    function = as_object(tool.get("function"))
    schema = as_object(function.get("parameters")) or {"type": "object", "properties": {}}
    named = {"name": function.get("name"), "description": function.get("description")}
    return {**given(named), "input_schema": schema}


def _messages(prompt: Prompt) -> list[JsonObject] | Failed:
    """The turns, those of one side that follow each other made one: tools answer as the user."""
    written: list[JsonObject] = []
    for message in turns(prompt):
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if isinstance(blocks, Failed):
            return blocks
        if written and written[-1]["role"] == role:
            written[-1]["content"] += blocks
        elif blocks:
            written.append({"role": role, "content": blocks})
    return written


def _blocks(message: Message) -> list[JsonObject] | Failed:
    blocks: list[JsonObject] = []
    for kind, said, _ in parts(message):
        if kind == "text":
            blocks.append({"type": "text", "text": said})
        elif kind == "image_url":
            blocks.append({"type": "image", "source": _source(said)})
        else:
            return lacks(NAME, f"{kind} parts")
    if message.role == "tool":
        answered = {"tool_use_id": message.tool_call_id or "", "content": blocks}
        return [{"type": "tool_result", **answered}]
    return blocks + [_tool_use(call) for call in message.tool_calls or ()]


def _source(url: str) -> JsonObject:
    held = inline_image(url)
    if held is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": held[0], "data": held[1]}


def _tool_use(call: JsonObject) -> JsonObject:
    arguments = parsed(text(at(call, "function", "arguments")) or "{}")
    name = at(call, "function", "name")
    return {"type": "tool_use", "id": call.get("id"), "name": name, "input": as_object(arguments)}


def _answered(blocks: list[JsonObject], found: JsonObject, usage: Usage) -> Reply | Failed:
    """The answer in a message's blocks; the tool that stands for JSON is its text."""
    said: list[str] = []
    calls: list[JsonObject] = []
    finish = finish_reason(found.get("stop_reason"))
    for block in blocks:
        kind, name, given_ = block.get("type"), block.get("name"), block.get("input")
        if kind == "text":
            said.append(text(block.get("text")) or "")
        elif kind == "tool_use" and name == ANSWER_TOOL:
            said.append(tool_call(0, None, None, given_)["function"]["arguments"])
            finish = "stop" if finish == "tool_calls" else finish
        elif kind == "tool_use":
            calls.append(tool_call(len(calls), block.get("id"), name, given_))
    return answer("".join(said), found.get("model"), usage, finish, calls)


class _Blocks:
    """The events of one streamed message."""

    def __init__(self) -> None:
        self.ended = False
        self._found: JsonObject = {}  # model, stop reason
        self._usage: JsonObject = {}
        self._blocks: dict[int, JsonObject] = {}
        self._pieces: dict[int, list[str]] = {}
        self._came = False
        self._failed: Failed | None = None

    def take(self, event: JsonObject) -> bool:
        came = False
        match event.get("type"):
            case "message_start":
                self._found["model"] = at(event, "message", "model")
                self._count(at(event, "message", "usage"))
            case "content_block_start":
                came = self._start(event)
            case "content_block_delta":
                came = self._add(event)
            case "message_delta":
                self._found |= as_object(event.get("delta"))
                self._count(event.get("usage"))
            case "message_stop":
                self.ended = True
            case "error":
                self._failed = told(event, unfinished(self.usage()), begun=self._came)
                self.ended = True
            case _:
                pass  # ping, content_block_stop, and what is yet to come
        self._came = self._came or came
        return came

    def done(self) -> None:
        """The format has an end of its own."""

    def usage(self) -> Usage:
        return usage_of(self._usage)

    def answer(self) -> Reply | Failed:
        if self._failed is not None:
            return self._failed
        blocks = [self._whole(place, block) for place, block in sorted(self._blocks.items())]
        return _answered(blocks, self._found, self.usage())

    def _count(self, usage: object) -> None:
        """Counts are of all so far: the last ones stand."""
        self._usage |= given(as_object(usage))

    def _start(self, event: JsonObject) -> bool:
        block = as_object(event.get("content_block"))
        place = count(event.get("index")) or 0
        self._blocks[place] = block
        said = text(block.get("text"))
        self._pieces[place] = [said] if said else []
        return block.get("type") == "tool_use" or said is not None

    def _add(self, event: JsonObject) -> bool:
        delta = event.get("delta")
        piece = text(at(delta, "text")) or text(at(delta, "partial_json"))
        if piece is not None:
            self._pieces.setdefault(count(event.get("index")) or 0, []).append(piece)
        return piece is not None

    def _whole(self, place: int, block: JsonObject) -> JsonObject:
        pieces = "".join(self._pieces.get(place, ()))
        if block.get("type") == "text":
            return {**block, "text": pieces}
        held = parsed(pieces) if pieces else block.get("input")
        return {**block, "input": pieces if held is None else held}


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

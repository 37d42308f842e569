"""What vendors send, written after their documentation: streams, and the replies that they hold."""

from collections.abc import Iterable
from typing import Any

import orjson

from streams.events.outcome import Usage
from streams.providers.port import Reply

CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Zürich"}'},
}


def sse(*events: object, named: bool = False, end: str = "") -> bytes:
    """Server-sent events, each with its name where the vendor writes it."""
    return b"".join(_event(event, named) for event in events) + end.encode()


def _event(event: object, named: bool) -> bytes:
    name = f"event: {event['type']}\n" if named and isinstance(event, dict) else ""
    return name.encode() + b"data: " + orjson.dumps(event) + b"\n\n"


def ndjson(*objects: object) -> bytes:
    """One JSON object a line."""
    return b"".join(orjson.dumps(o) + b"\n" for o in objects)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of an OpenAI chat stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    known = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
    return {**known, "model": "gpt-4o-2024-08-06", "choices": [choice], "usage": None}


def chat_stream(*chunks: object, usage: dict[str, Any] | None = None) -> bytes:
    """An OpenAI chat stream with its last chunk, of usage, and its end."""
    last = {"model": "gpt-4o-2024-08-06", "choices": [], "usage": usage or {}}
    return sse(*chunks, last, end="data: [DONE]\n\n")


OPENAI_CHAT = chat_stream(
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Grüß"}, logprobs={"content": [{"token": "Grüß", "logprob": -0.5}]}),
    chunk({"content": " Gott 🙏"}, logprobs={"content": [{"token": " Gott", "logprob": -0.25}]}),
    chunk({}, "stop"),
    usage={
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 0},
    },
)

OPENAI_CHAT_CALLS = chat_stream(
    chunk(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": ""},
                }
            ],
        }
    ),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Zürich"}'}}]}),
    chunk({}, "tool_calls"),
    usage={"prompt_tokens": 20, "completion_tokens": 11},
)


def response(**more: Any) -> dict[str, Any]:
    """A response of OpenAI's Responses API."""
    text: dict[str, Any] = {
        "type": "output_text",
        "text": "Grüß Gott",
        "annotations": [],
        "logprobs": [{"token": "Grüß", "logprob": -0.5}],
    }
    message: dict[str, Any] = {
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "gpt-5.6-2026-09-01",
        "service_tier": "default",
        "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, message],
        "usage": {
            "input_tokens": 9,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 70,
            "output_tokens_details": {"reasoning_tokens": 64},
            "total_tokens": 79,
        },
        **more,
    }


OPENAI_RESPONSES = sse(
    {"type": "response.created", "response": response(status="in_progress", output=[], usage=None)},
    {"type": "response.in_progress", "response": response(status="in_progress", output=[])},
    {"type": "response.output_item.added", "item": {"type": "reasoning", "summary": []}},
    {"type": "response.output_item.added", "item": {"type": "message", "content": []}},
    {"type": "response.content_part.added", "part": {"type": "output_text", "text": ""}},
    {"type": "response.output_text.delta", "delta": "Grüß"},
    {"type": "response.output_text.delta", "delta": " Gott"},
    {"type": "response.output_text.done", "text": "Grüß Gott"},
    {"type": "response.completed", "response": response()},
    named=True,
)

ANTHROPIC_USAGE = {
    "input_tokens": 25,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 100,
    "output_tokens": 1,
    "service_tier": "standard",
}


def message_start(usage: dict[str, Any] | None = None) -> dict[str, Any]:
    """How an Anthropic stream begins."""
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-3-opus-20240229",
        "stop_reason": None,
        "usage": usage or ANTHROPIC_USAGE,
    }
    return {"type": "message_start", "message": message}


def message_end(stop_reason: str, output_tokens: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """How an Anthropic stream ends."""
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    counted = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": output_tokens}}
    return counted, {"type": "message_stop"}


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The events of one block of an Anthropic stream."""
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


ANTHROPIC = sse(
    message_start(),
    {"type": "ping"},
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Let me see."},
        {"type": "signature_delta", "signature": "EqQB"},
    ),
    *block(
        1,
        {"type": "text", "text": ""},
        {"type": "text_delta", "text": "Grüß"},
        {"type": "text_delta", "text": " Gott"},
    ),
    *block(
        2,
        {"type": "tool_use", "id": "call_1", "name": "weather", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"city": "Zü'},
        {"type": "input_json_delta", "partial_json": 'rich"}'},
    ),
    *message_end("tool_use", 42),
    named=True,
)

OLLAMA_END = {
    "model": "llama3.2",
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "total_duration": 4883583458,
    "prompt_eval_count": 26,
    "eval_count": 282,
}


def ollama_line(**message: Any) -> dict[str, Any]:
    """A line of an Ollama stream before the last one."""
    known = {"model": "llama3.2", "created_at": "2026-11-23T08:52:19.385406455Z"}
    return {**known, "message": {"role": "assistant", **message}, "done": False}


OLLAMA = ndjson(
    ollama_line(content="", thinking="Hm."),
    {**ollama_line(content="Grüß"), "logprobs": [{"token": "Grüß", "logprob": -0.5}]},
    ollama_line(content=" Gott"),
    ollama_line(
        content="",
        tool_calls=[{"function": {"name": "weather", "arguments": {"city": "Zürich"}}}],
    ),
    OLLAMA_END,
)

STREAMS: dict[str, tuple[str, bytes, Reply]] = {
    "a chat": (
        "openai_chat",
        OPENAI_CHAT,
        Reply(
            "Grüß Gott 🙏",
            "gpt-4o-2024-08-06",
            Usage(input_tokens=9, output_tokens=4, cached_input_tokens=8, reasoning_tokens=0),
            "stop",
            token_logprobs=(-0.5, -0.25),
        ),
    ),
    "a chat's tool call": (
        "openai_chat",
        OPENAI_CHAT_CALLS,
        Reply(
            "",
            "gpt-4o-2024-08-06",
            Usage(input_tokens=20, output_tokens=11),
            "tool_calls",
            (CALL,),
        ),
    ),
    "a response": (
        "openai_responses",
        OPENAI_RESPONSES,
        Reply(
            "Grüß Gott",
            "gpt-5.6-2026-09-01",
            Usage(input_tokens=9, output_tokens=70, cached_input_tokens=0, reasoning_tokens=64),
            "stop",
            token_logprobs=(-0.5,),
        ),
    ),
    "a message": (
        "anthropic_messages",
        ANTHROPIC,
        Reply(
            "Grüß Gott",
            "claude-3-opus-20240229",
            Usage(
                input_tokens=125,
                output_tokens=42,
                cached_input_tokens=100,
                cache_write_5m_tokens=0,
            ),
            "tool_calls",
            (CALL,),
        ),
    ),
    "lines": (
        "ollama_chat",
        OLLAMA,
        Reply(
            "Grüß Gott",
            "llama3.2",
            Usage(input_tokens=26, output_tokens=282),
            "tool_calls",
            ({**CALL, "id": "call_0"},),
            token_logprobs=(-0.5,),
        ),
    ),
}
"""By what it is: the wire format, the whole stream, and the reply in it."""

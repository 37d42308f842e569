"""Anthropic's messages.

Source: https://docs.anthropic.com/en/api/messages, …/messages-streaming, …/errors.
"""

from collections.abc import Mapping

import orjson

from streams.events.envelope import JsonObject
from streams.rig.speech import (
    SSE,
    Asked,
    Said,
    Tool,
    a_count,
    a_dict,
    event,
    halves,
    objects,
    texts,
)

STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class AnthropicDialect:
    """`POST /v1/messages`."""

    stream_type = SSE

    def read(self, found: JsonObject, path: Mapping[str, str]) -> Asked | None:
        """Model, messages and `max_tokens` are wanted; the system prompt stands apart."""
        del path
        model, messages = found.get("model"), objects(found.get("messages"))
        most = a_count(found.get("max_tokens"))
        if not isinstance(model, str) or not messages or most is None:
            return None
        if any(m.get("role") not in ("user", "assistant") for m in messages):
            return None
        before = found.get("system")
        system = ({"role": "system", "content": before},) if before else ()
        form = a_dict(a_dict(found.get("output_config")).get("format")) or a_dict(
            found.get("output_format")
        )
        schema, chosen = form.get("schema"), a_dict(found.get("tool_choice")).get("name")
        return Asked(
            model=model,
            messages=(*system, *messages),
            stream=found.get("stream") is True,
            stop=texts(found.get("stop_sequences")),
            max_tokens=most,
            schema=schema if isinstance(schema, dict) else None,
            json_output=bool(form),
            tools=_tools(found.get("tools")),
            forced=chosen if isinstance(chosen, str) else None,
        )

    def whole(self, said: Said) -> bytes:
        """A message of one block."""
        return orjson.dumps({**_head(said), "content": _content(said), **_end(said)})

    def pieces(self, said: Said) -> list[bytes]:
        """Start, a block with its deltas, the reason of the end with the usage, stop."""
        start = {**_head(said), "content": [], "stop_reason": None, "stop_sequence": None}
        start["usage"] = {**_usage(said), "output_tokens": 1}
        told: list[JsonObject] = [{"type": "message_start", "message": start}]
        told += _block(said)
        end = _end(said)
        delta = {"stop_reason": end["stop_reason"], "stop_sequence": None}
        told.append({"type": "message_delta", "delta": delta, "usage": end["usage"]})
        told.append({"type": "message_stop"})
        return [event(one, one["type"]) for one in told]

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error with the type of its status."""
        del code
        kind = TYPES.get(status, "api_error")
        return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}})

    def error_piece(self, code: str, message: str) -> bytes:
        """The event `error`, which may come after status 200."""
        del code
        error = {"type": "overloaded_error", "message": message}
        return event({"type": "error", "error": error}, "error")


def _tools(found: object) -> tuple[Tool, ...]:
    return tuple(
        Tool(t["name"], a_dict(t.get("input_schema")))
        for t in objects(found) or ()
        if isinstance(t.get("name"), str)
    )


def _head(said: Said) -> JsonObject:
    return {
        "id": f"msg_{said.call_id}",
        "type": "message",
        "role": "assistant",
        "model": said.model,
    }


def _end(said: Said) -> JsonObject:
    return {
        "stop_reason": STOPS.get(said.finish, said.finish),
        "stop_sequence": None,
        "usage": _usage(said),
    }


def _tool_use(said: Said, arguments: JsonObject | None) -> JsonObject:
    name = f"toolu_{said.call_id[:12]}"
    return {"type": "tool_use", "id": name, "name": said.tool, "input": arguments or {}}


def _content(said: Said) -> list[JsonObject]:
    if said.tool is not None:
        return [_tool_use(said, said.arguments)]
    return [{"type": "text", "text": said.text}] if said.text else []


def _block(said: Said) -> list[JsonObject]:
    opened: JsonObject
    if said.tool is not None:
        opened = _tool_use(said, None)
        deltas = [
            {"type": "input_json_delta", "partial_json": half}
            for half in ("", *halves(said.arguments_text))
        ]
    elif said.tokens:
        opened = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": token} for token in said.tokens]
    else:
        return [{"type": "ping"}]
    return [
        {"type": "content_block_start", "index": 0, "content_block": opened},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
    ]


def _usage(said: Said) -> JsonObject:
    found: JsonObject = {}
    if said.input_tokens is not None:
        found["input_tokens"] = said.input_tokens
        found["cache_creation_input_tokens"] = 0
        found["cache_read_input_tokens"] = 0
    if said.output_tokens is not None:
        found["output_tokens"] = said.output_tokens
    return found

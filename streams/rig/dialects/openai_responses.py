"""OpenAI's Responses API.

Source: https://platform.openai.com/docs/api-reference/responses.
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
    dollars,
    event,
    halves,
    objects,
)


class OpenAIResponsesDialect:
    """`POST /v1/responses`."""

    stream_type = SSE

    def read(self, found: JsonObject, path: Mapping[str, str]) -> Asked | None:
        """Model and input are wanted."""
        del path
        model, messages = found.get("model"), _messages(found)
        if not isinstance(model, str) or messages is None:
            return None
        form = a_dict(a_dict(found.get("text")).get("format"))
        schema, chosen = form.get("schema"), a_dict(found.get("tool_choice")).get("name")
        include = found.get("include")
        return Asked(
            model=model,
            messages=messages,
            stream=found.get("stream") is True,
            max_tokens=a_count(found.get("max_output_tokens")),
            schema=schema if isinstance(schema, dict) else None,
            json_output=form.get("type") in ("json_object", "json_schema"),
            tools=_tools(found.get("tools")),
            forced=chosen if isinstance(chosen, str) else None,
            logprobs=isinstance(include, list) and "message.output_text.logprobs" in include,
        )

    def whole(self, said: Said) -> bytes:
        """A response that is complete, or cut by the tokens that it may have."""
        return orjson.dumps(_response(said))

    def pieces(self, said: Said) -> list[bytes]:
        """Created, an item with its deltas, completed."""
        head = {**_response(said), "status": "in_progress", "output": [], "usage": None}
        told: list[JsonObject] = [
            {"type": "response.created", "response": head},
            {"type": "response.in_progress", "response": head},
        ]
        told += _of_text(said) if said.tool is None else _of_tool(said)
        last = "response.incomplete" if said.finish == "length" else "response.completed"
        told.append({"type": last, "response": _response(said)})
        return [
            event({**one, "sequence_number": number}, one["type"])
            for number, one in enumerate(told)
        ]

    def error(self, status: int, code: str, message: str) -> bytes:
        """As in chat completions."""
        del status
        return orjson.dumps(
            {"error": {"message": message, "type": code, "code": code, "param": None}}
        )

    def error_piece(self, code: str, message: str) -> bytes:
        """The event `error`."""
        said = {"type": "error", "code": code, "message": message, "param": None}
        return event({**said, "sequence_number": 7}, "error")


def _messages(found: JsonObject) -> tuple[JsonObject, ...] | None:
    given = found.get("input")
    items = ({"role": "user", "content": given},) if isinstance(given, str) else objects(given)
    if items is None:
        return None
    before = found.get("instructions")
    return ({"role": "system", "content": before}, *items) if isinstance(before, str) else items


def _tools(found: object) -> tuple[Tool, ...]:
    return tuple(
        Tool(t["name"], a_dict(t.get("parameters")))
        for t in objects(found) or ()
        if t.get("type") == "function" and isinstance(t.get("name"), str)
    )


def _response(said: Said) -> JsonObject:
    cut = said.finish == "length"
    return {
        "id": f"resp_{said.call_id}",
        "object": "response",
        "created_at": int(said.at.timestamp()),
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "model": said.model,
        "output": [_item(said)],
        "usage": _usage(said),
    }


def _item(said: Said, status: str = "completed") -> JsonObject:
    if said.tool is not None:
        return {
            "type": "function_call",
            "id": f"fc_{said.call_id}",
            "call_id": f"call_{said.call_id[:12]}",
            "name": said.tool,
            "arguments": said.arguments_text,
            "status": status,
        }
    return {
        "type": "message",
        "id": f"msg_{said.call_id}",
        "role": "assistant",
        "status": status,
        "content": [_part(said)] if said.text else [],
    }


def _part(said: Said) -> JsonObject:
    part: JsonObject = {"type": "output_text", "text": said.text, "annotations": []}
    if said.logprobs is not None:
        part["logprobs"] = _logprobs(said.tokens, said.logprobs)
    return part


def _logprobs(tokens: tuple[str, ...], logprobs: tuple[float, ...]) -> list[JsonObject]:
    return [
        {"token": token, "logprob": number, "top_logprobs": []}
        for token, number in zip(tokens, logprobs, strict=True)
    ]


def _of_text(said: Said) -> list[JsonObject]:
    place = {"item_id": f"msg_{said.call_id}", "output_index": 0, "content_index": 0}
    opened = {**_item(said, "in_progress"), "content": []}
    told: list[JsonObject] = [
        {"type": "response.output_item.added", "output_index": 0, "item": opened},
        {
            "type": "response.content_part.added",
            **place,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
    ]
    for number, token in enumerate(said.tokens):
        delta: JsonObject = {"type": "response.output_text.delta", **place, "delta": token}
        if said.logprobs is not None:
            delta["logprobs"] = _logprobs((token,), said.logprobs[number : number + 1])
        told.append(delta)
    return [
        *told,
        {"type": "response.output_text.done", **place, "text": said.text},
        {"type": "response.content_part.done", **place, "part": _part(said)},
        {"type": "response.output_item.done", "output_index": 0, "item": _item(said)},
    ]


def _of_tool(said: Said) -> list[JsonObject]:
    place = {"item_id": f"fc_{said.call_id}", "output_index": 0}
    opened = {**_item(said, "in_progress"), "arguments": ""}
    deltas = [
        {"type": "response.function_call_arguments.delta", **place, "delta": half}
        for half in halves(said.arguments_text)
    ]
    return [
        {"type": "response.output_item.added", "output_index": 0, "item": opened},
        *deltas,
        {
            "type": "response.function_call_arguments.done",
            **place,
            "name": said.tool,
            "arguments": said.arguments_text,
        },
        {"type": "response.output_item.done", "output_index": 0, "item": _item(said)},
    ]


def _usage(said: Said) -> JsonObject:
    found: JsonObject = {}
    if said.input_tokens is not None:
        found["input_tokens"] = said.input_tokens
        found["input_tokens_details"] = {"cached_tokens": 0}
    if said.output_tokens is not None:
        found["output_tokens"] = said.output_tokens
        found["output_tokens_details"] = {"reasoning_tokens": 0}
    if said.cost_usd is not None:
        found["cost"] = dollars(said.cost_usd)
    return found

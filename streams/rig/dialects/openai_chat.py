"""OpenAI's chat completions, as most hosts of models speak them.

Source: https://platform.openai.com/docs/api-reference/chat; `usage.cost` as OpenRouter sends it.
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
    texts,
)

DONE = b"data: [DONE]\n\n"


class OpenAIChatDialect:
    """`POST /v1/chat/completions`."""

    stream_type = SSE

    def read(self, found: JsonObject, path: Mapping[str, str]) -> Asked | None:
        """Model and messages are wanted."""
        del path
        model, messages = found.get("model"), objects(found.get("messages"))
        if not isinstance(model, str) or messages is None:
            return None
        form = a_dict(found.get("response_format"))
        schema = a_dict(form.get("json_schema")).get("schema")
        chosen = a_dict(a_dict(found.get("tool_choice")).get("function")).get("name")
        return Asked(
            model=model,
            messages=messages,
            stream=found.get("stream") is True,
            stop=texts(found.get("stop")),
            max_tokens=a_count(found.get("max_completion_tokens"), found.get("max_tokens")),
            schema=schema if isinstance(schema, dict) else None,
            json_output=form.get("type") in ("json_object", "json_schema"),
            tools=_tools(found.get("tools")),
            forced=chosen if isinstance(chosen, str) else None,
            logprobs=found.get("logprobs") is True,
            usage_in_stream=a_dict(found.get("stream_options")).get("include_usage") is True,
        )

    def whole(self, said: Said) -> bytes:
        """A chat completion whose usage says what is recorded, and no more."""
        message: JsonObject = {"role": "assistant", "content": said.text}
        if said.tool is not None:
            message = {"role": "assistant", "content": None, "tool_calls": [_call(said)]}
        choice: JsonObject = {"index": 0, "message": message, "finish_reason": said.finish}
        if said.logprobs is not None:
            choice["logprobs"] = {"content": _logprobs(said.tokens, said.logprobs)}
        return orjson.dumps(
            {**_head(said, "chat.completion"), "choices": [choice], "usage": usage(said)}
        )

    def pieces(self, said: Said) -> list[bytes]:
        """A chunk a token, one with the reason of the end, one with the usage, `[DONE]`."""
        told = [_chunk(said, {"role": "assistant", "content": ""})]
        for number, token in enumerate(said.tokens):
            logprobs = None if said.logprobs is None else said.logprobs[number : number + 1]
            told.append(_chunk(said, {"content": token}, tokens=(token,), logprobs=logprobs))
        if said.tool is not None:
            first, second = halves(said.arguments_text)
            call = _call(said, first)
            told.append(_chunk(said, {"tool_calls": [{"index": 0, **call}]}))
            rest = {"index": 0, "function": {"arguments": second}}
            told.append(_chunk(said, {"tool_calls": [rest]}))
        told.append(_chunk(said, {}, finish=said.finish))
        if said.usage_in_stream:
            last = {**_head(said, "chat.completion.chunk"), "choices": [], "usage": usage(said)}
            told.append(event(last))
        return [*told, DONE]

    def error(self, status: int, code: str, message: str) -> bytes:
        """An error as OpenAI writes it."""
        del status
        return orjson.dumps({"error": {"message": message, "type": code, "code": code}})

    def error_piece(self, code: str, message: str) -> bytes:
        """An error within a stream, with its status, as OpenRouter sends it."""
        return event({"error": {"message": message, "type": code, "code": 529}})


def _tools(found: object) -> tuple[Tool, ...]:
    functions = (a_dict(entry.get("function")) for entry in objects(found) or ())
    return tuple(
        Tool(f["name"], a_dict(f.get("parameters")))
        for f in functions
        if isinstance(f.get("name"), str)
    )


def _head(said: Said, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{said.call_id}",
        "object": kind,
        "created": int(said.at.timestamp()),
        "model": said.model,
    }


def _call(said: Said, arguments: str | None = None) -> JsonObject:
    function = {
        "name": said.tool,
        "arguments": said.arguments_text if arguments is None else arguments,
    }
    return {"id": f"call_{said.call_id[:12]}", "type": "function", "function": function}


def _chunk(
    said: Said,
    delta: JsonObject,
    *,
    finish: str | None = None,
    tokens: tuple[str, ...] = (),
    logprobs: tuple[float, ...] | None = None,
) -> bytes:
    choice: JsonObject = {"index": 0, "delta": delta, "finish_reason": finish}
    if logprobs is not None:
        choice["logprobs"] = {"content": _logprobs(tokens, logprobs)}
    return event({**_head(said, "chat.completion.chunk"), "choices": [choice]})


def _logprobs(tokens: tuple[str, ...], logprobs: tuple[float, ...]) -> list[JsonObject]:
    return [
        {"token": token, "logprob": number, "top_logprobs": []}
        for token, number in zip(tokens, logprobs, strict=True)
    ]


def usage(said: Said) -> JsonObject:
    """What is recorded, under OpenAI's names."""
    found: JsonObject = {}
    if said.input_tokens is not None:
        found["prompt_tokens"] = said.input_tokens
    if said.output_tokens is not None:
        found["completion_tokens"] = said.output_tokens
    if said.input_tokens is not None and said.output_tokens is not None:
        found["total_tokens"] = said.input_tokens + said.output_tokens
    if said.cost_usd is not None:
        found["cost"] = dollars(said.cost_usd)
    return found

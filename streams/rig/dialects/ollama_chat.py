"""Ollama's chat.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md.
"""

from collections.abc import Mapping

import orjson

from streams.events.envelope import JsonObject
from streams.kafka.codec import stamp
from streams.rig.speech import NDJSON, Asked, Said, Tool, a_count, a_dict, objects, texts

NANOSECONDS = 1_000_000


class OllamaDialect:
    """`POST /api/chat`; it streams unless told not to."""

    stream_type = NDJSON

    def read(self, found: JsonObject, path: Mapping[str, str]) -> Asked | None:
        """Model and messages are wanted."""
        del path
        model, messages = found.get("model"), objects(found.get("messages"))
        if not isinstance(model, str) or messages is None:
            return None
        form, options = found.get("format"), a_dict(found.get("options"))
        return Asked(
            model=model,
            messages=messages,
            stream=found.get("stream") is not False,
            stop=texts(options.get("stop")),
            max_tokens=a_count(options.get("num_predict")),
            schema=form if isinstance(form, dict) else None,
            json_output=form is not None,
            tools=_tools(found.get("tools")),
            logprobs=found.get("logprobs") is True,
        )

    def whole(self, said: Said) -> bytes:
        """One object, done."""
        answer = {**_head(said), "message": _message(said, said.text), **_end(said)}
        return orjson.dumps({**answer, **_logprobs(said, 0, len(said.tokens))})

    def pieces(self, said: Said) -> list[bytes]:
        """A line a token, and one that is done and counts."""
        told = [
            {
                **_head(said),
                "message": {"role": "assistant", "content": token},
                "done": False,
                **_logprobs(said, number, number + 1),
            }
            for number, token in enumerate(said.tokens)
        ]
        if said.tool is not None:
            told.append({**_head(said), "message": _message(said, ""), "done": False})
        last = {"role": "assistant", "content": ""}
        told.append({**_head(said), "message": last, **_end(said)})
        return [orjson.dumps(one) + b"\n" for one in told]

    def error(self, status: int, code: str, message: str) -> bytes:
        """A text."""
        del status, code
        return orjson.dumps({"error": message})

    def error_piece(self, code: str, message: str) -> bytes:
        """A line that holds the error alone."""
        del code
        return orjson.dumps({"error": message}) + b"\n"


def _tools(found: object) -> tuple[Tool, ...]:
    functions = (a_dict(entry.get("function")) for entry in objects(found) or ())
    return tuple(
        Tool(f["name"], a_dict(f.get("parameters")))
        for f in functions
        if isinstance(f.get("name"), str)
    )


def _head(said: Said) -> JsonObject:
    return {"model": said.model, "created_at": stamp(said.at).decode()}


def _message(said: Said, text: str) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": text}
    if said.tool is not None:
        function = {"name": said.tool, "arguments": said.arguments or {}}
        message["tool_calls"] = [{"function": function}]
    return message


def _logprobs(said: Said, first: int, last: int) -> JsonObject:
    if said.logprobs is None:
        return {}
    found = zip(said.tokens[first:last], said.logprobs[first:last], strict=True)
    return {"logprobs": [{"token": token, "logprob": number} for token, number in found]}


def _end(said: Said) -> JsonObject:
    end: JsonObject = {
        "done": True,
        "done_reason": "length" if said.finish == "length" else "stop",
        "total_duration": NANOSECONDS,
        "load_duration": 0,
    }
    if said.input_tokens is not None:
        end["prompt_eval_count"] = said.input_tokens
    if said.output_tokens is not None:
        end["eval_count"] = said.output_tokens
    return end

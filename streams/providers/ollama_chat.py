"""Ollama's chat wire format."""

from collections.abc import Mapping

import orjson

from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.events.task import Message
from streams.providers.answering import answer, finish_reason, logprobs_in, tool_call
from streams.providers.failing import garbage, lacks, opened, told, unfinished
from streams.providers.lines import Lines
from streams.providers.port import Failed, Prompt, Reply, Request, StreamReader
from streams.providers.prompting import called_names, given, inline_image, parts
from streams.providers.reading import as_object, at, count, objects, parsed, text
from streams.providers.streaming import Streamed

NAME = "ollama_chat"
PATH = "/api/chat"


class OllamaChat:
    """The wire format of Ollama itself, which says more than its OpenAI-compatible one.

    Source:
        https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion.
    """

    listing_path = "/api/tags"
    idempotency_header: str | None = None

    def authorize(self, key: str) -> Mapping[str, str]:
        """A bearer token, which hosted Ollama wants and a local one ignores."""
        return {"authorization": f"Bearer {key}"}

    def reader(self) -> StreamReader:
        """Reads one JSON object a line, up to the one that says `done`."""
        return Streamed(Lines(), _Pieces())

    def encode(self, prompt: Prompt) -> Request | Failed:
        """Write a request; images go along as base64, never as URLs."""
        names = called_names(list(prompt.messages))
        messages: list[JsonObject] = []
        for message in prompt.messages:
            written = _message(message, names)
            if isinstance(written, Failed):
                return written
            messages.append(written)
        options: JsonObject = {
            "temperature": prompt.temperature,
            "num_predict": prompt.max_output_tokens,
            "stop": list(prompt.stop) or None,
        }
        wishes: JsonObject = {
            "options": given(options) or None,
            "format": prompt.response_schema or ("json" if prompt.json_output else None),
            "tools": list(prompt.tools) or None,
            "logprobs": prompt.logprobs or None,
        }
        asked = {"model": prompt.model, "messages": messages, "stream": prompt.stream}
        return Request(PATH, orjson.dumps({**asked, **given(wishes)}))

    def decode(self, status: int, headers: Mapping[str, str], body: bytes) -> Reply | Failed:
        """Read a reply, or say how the call failed."""
        found = opened(status, headers, body)
        if isinstance(found, Failed):
            return found
        if found.get("error"):
            return told(found, usage_of(found))
        if not isinstance(found.get("message"), dict) or found.get("done") is not True:
            return garbage("no message that is done", usage=usage_of(found))
        pieces = _Pieces()
        pieces.take(found)
        return pieces.answer()


def _message(message: Message, names: Mapping[str, str]) -> JsonObject | Failed:
    said: list[str] = []
    images: list[str] = []
    for kind, piece, _ in parts(message):
        held = inline_image(piece) if kind == "image_url" else None
        if kind == "text":
            said.append(piece)
        elif held is not None:
            images.append(held[1])
        else:
            return lacks(NAME, "images by URL" if kind == "image_url" else f"{kind} parts")
    calls = [{"function": _called(call)} for call in message.tool_calls or ()]
    wishes: JsonObject = {
        "images": images or None,
        "tool_calls": calls or None,
        "tool_name": names.get(message.tool_call_id or ""),
    }
    return {"role": message.role, "content": "\n".join(said), **given(wishes)}


def _called(call: JsonObject) -> JsonObject:
    arguments = parsed(text(at(call, "function", "arguments")) or "{}")
    return {"name": at(call, "function", "name"), "arguments": as_object(arguments)}


class _Pieces:
    """The lines of one streamed reply; a whole reply is one that is done at once."""

    def __init__(self) -> None:
        self.ended = False
        self._last: JsonObject = {}
        self._said: list[str] = []
        self._calls: list[JsonObject] = []
        self._logprobs: list[float] = []
        self._failed: Failed | None = None

    def take(self, event: JsonObject) -> bool:
        if event.get("error"):
            begun = bool(self._said or self._calls)
            self._failed, self.ended = told(event, unfinished(self.usage()), begun=begun), True
            return False
        self._last = event
        self.ended = event.get("done") is True
        said = text(at(event, "message", "content"))
        calls = objects(at(event, "message", "tool_calls"))
        self._said += [said] if said else []
        self._logprobs += logprobs_in(event.get("logprobs"))
        for call in calls:
            name, arguments = at(call, "function", "name"), at(call, "function", "arguments")
            self._calls.append(tool_call(len(self._calls), call.get("id"), name, arguments))
        return bool(said or calls)

    def done(self) -> None:
        """The format has an end of its own."""

    def usage(self) -> Usage:
        return usage_of(self._last)

    def answer(self) -> Reply | Failed:
        if self._failed is not None:
            return self._failed
        ended = finish_reason(self._last.get("done_reason"))
        finish = "tool_calls" if self._calls and ended == "stop" else ended
        said, model = "".join(self._said), self._last.get("model")
        return answer(said, model, self.usage(), finish, self._calls, self._logprobs)


def usage_of(found: object) -> Usage:
    """Tokens that a reply, or the last line of a stream, reports.

    Args:
        found: The whole reply: its counts stand beside the message.

    Source:
        https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion.

    Example:
        >>> usage_of({"prompt_eval_count": 26, "eval_count": 298}).output_tokens
        298
    """
    return Usage(
        input_tokens=count(at(found, "prompt_eval_count")),
        output_tokens=count(at(found, "eval_count")),
    )

"""What the simulator is asked and what it says, whatever the wire format."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import orjson

from streams.events.envelope import JsonObject

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask to have called; `parameters` is its JSON Schema."""

    name: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read. `messages` have role and content as OpenAI writes them.

    `forced` names the tool that must be called; `usage_in_stream` tells whether a stream shall end
    with what it used, where that is a choice.
    """

    model: str
    messages: tuple[JsonObject, ...]
    stream: bool = False
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    schema: JsonObject | None = None
    json_output: bool = False
    tools: tuple[Tool, ...] = ()
    forced: str | None = None
    logprobs: bool = False
    usage_in_stream: bool = True


@dataclass(frozen=True, slots=True)
class Said:
    """An answer. `tool` and `arguments` are a tool call; `tokens` are the text in pieces.

    `logprobs` has one number a piece, or is None where they were not asked for.
    """

    call_id: str
    model: str
    at: datetime
    tokens: tuple[str, ...]
    finish: str
    tool: str | None = None
    arguments: JsonObject | None = None
    logprobs: tuple[float, ...] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    usage_in_stream: bool = True

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.tokens)

    @property
    def arguments_text(self) -> str:
        """The tool call's arguments as JSON text."""
        return orjson.dumps(self.arguments or {}).decode()


class Dialect(Protocol):
    """One wire format as a host speaks it; written from the vendor's pages, apart from our reader."""

    stream_type: str
    """Content type of a streamed answer."""

    def read(self, found: JsonObject, path: Mapping[str, str]) -> Asked | None:
        """A request's body with what its path says; None: it is no such request."""
        ...

    def whole(self, said: Said) -> bytes:
        """The answer in one piece."""
        ...

    def pieces(self, said: Said) -> list[bytes]:
        """The answer as a stream, a piece an event, the format's own end last."""
        ...

    def error(self, status: int, code: str, message: str) -> bytes:
        """The body of a refusal."""
        ...

    def error_piece(self, code: str, message: str) -> bytes:
        """An error in the middle of a stream."""
        ...


def event(body: JsonObject, name: str | None = None) -> bytes:
    r"""One server-sent event.

    Source:
        https://html.spec.whatwg.org/multipage/server-sent-events.html.

    Example:
        >>> event({"a": 1}, "ping")
        b'event: ping\ndata: {"a":1}\n\n'
    """
    named = b"" if name is None else b"event: " + name.encode() + b"\n"
    return named + b"data: " + orjson.dumps(body) + b"\n\n"


def dollars(cost_usd: Decimal) -> orjson.Fragment:
    """Money as a JSON number, exact: no float on the way."""
    return orjson.Fragment(f"{cost_usd:f}")


def texts(found: object) -> tuple[str, ...]:
    """One text, or a list of them."""
    if isinstance(found, str):
        return (found,)
    return tuple(t for t in found if isinstance(t, str)) if isinstance(found, list) else ()


def objects(found: object) -> tuple[JsonObject, ...] | None:
    """A list of JSON objects; None: it is none."""
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        return None
    return tuple(found)


def a_count(*found: object) -> int | None:
    """The first that is a whole number above 0."""
    return next((n for n in found if type(n) is int and n > 0), None)


def a_dict(found: object) -> dict[str, Any]:
    """The object itself, an empty one for anything else."""
    return found if isinstance(found, dict) else {}


def halves(text: str) -> tuple[str, str]:
    """A text in two pieces, such as a stream brings a tool call's arguments."""
    middle = len(text) // 2
    return text[:middle], text[middle:]

"""An answer in the words of the port, whichever format it came in."""

import math
from collections.abc import Iterable, Sequence
from typing import TypeGuard

import orjson

from streams.calling.attempts import Failure
from streams.events.envelope import JsonObject, has_controls
from streams.events.outcome import Usage
from streams.providers.port import Failed, Reply
from streams.providers.reading import at, objects, text

NAME_CHARS = 128
WORD_CHARS = 64
FINISH_REASONS = {
    "completed": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "stop_sequence": "stop",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "model_length": "length",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""What vendors call the end of an answer, as OpenAI's chat API calls it."""


def finish_reason(said: object) -> str | None:
    """Why the answer ended: `stop`, `length`, `tool_calls`, `content_filter`, else as it was said.

    Example:
        >>> finish_reason("end_turn"), finish_reason("pause_turn"), finish_reason(None)
        ('stop', 'pause_turn', None)
    """
    word = text(said)
    return None if word is None else FINISH_REASONS.get(word, word[:WORD_CHARS])


def answer(
    said: str,
    model: object,
    usage: Usage,
    finish: str | None,
    tool_calls: Iterable[JsonObject] = (),
    token_logprobs: Sequence[float] | None = None,
) -> Reply | Failed:
    """A reply; an empty one is a failed call whose usage is known."""
    calls = tuple(tool_calls)
    if not said.strip() and not calls:
        return Failed(Failure.EMPTY, f"no text, finish_reason {finish}", usage)
    logprobs = tuple(token_logprobs) if token_logprobs else None
    return Reply(said, _name(model), usage, finish, calls, logprobs)


def _name(model: object) -> str:
    """The model that answered, if what was said can be a name in the books."""
    name = text(model) or ""
    return "" if has_controls(name) or len(name) > NAME_CHARS else name


def tool_call(place: int, call_id: object, name: object, arguments: object) -> JsonObject:
    """A tool call as OpenAI writes it.

    Args:
        place: Its place among the answer's calls, which names it where the vendor gives no id.
        call_id: The vendor's id, if any.
        name: The function's.
        arguments: JSON text, or an object that becomes one.

    Example:
        >>> tool_call(0, None, "add", {"a": 1})["function"]
        {'name': 'add', 'arguments': '{"a":1}'}
    """
    written = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
    function = {"name": text(name) or "", "arguments": written or "{}"}
    return {"id": text(call_id) or f"call_{place}", "type": "function", "function": function}


def logprobs_in(entries: object) -> list[float]:
    """The log-probabilities of a list of tokens; what is no number is left out."""
    found = [at(entry, "logprob") for entry in objects(entries)]
    return [float(value) for value in found if is_number(value)]


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

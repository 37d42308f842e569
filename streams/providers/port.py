"""What a provider of models is asked and what it answers; the wire format is apart from HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streams.calling.attempts import Failure
from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.events.task import Message, Task

CALL_ID_HEADER = "x-tierflow-call-id"
"""The HTTP header that names the call wherever a provider logs it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one call asks of one model. `call_id` names the call wherever it is logged."""

    call_id: str
    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_output_tokens: int | None = None
    response_schema: JsonObject | None = None
    tools: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer. `model` is the one that the provider says answered.

    `finish_reason` is the provider's word, such as `stop` or `length`; `text` is empty only where
    there are tool calls.
    """

    text: str
    model: str
    usage: Usage
    finish_reason: str | None = None
    tool_calls: tuple[JsonObject, ...] = ()
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A call without an answer. `usage` is what the provider counted all the same, if it did."""

    failure: Failure
    detail: str
    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0


class Provider(Protocol):
    """Who runs models."""

    async def call(self, prompt: Prompt, *, timeout_s: float) -> Reply | Failed:
        """Make one call, once: no retry, and no exception but cancellation."""
        ...


class WireFormat(Protocol):
    """How one family of APIs writes prompts and answers; pure, so that it is tested as values."""

    def encode(self, prompt: Prompt) -> tuple[str, bytes]:
        """The path below the base URL, and the request's body."""
        ...

    def decode(self, status: int, headers: Mapping[str, str], body: bytes) -> Reply | Failed:
        """What a response means."""
        ...


def prompt_for(task: Task, *, model: str, call_id: str) -> Prompt:
    """Ask a task of a model. The context goes before it as a system message of its own.

    Example:
        >>> task = Task(task_id="t1", prompt="2 + 2?", context="Be short.")
        >>> [m.role for m in prompt_for(task, model="m", call_id="c").messages]
        ['system', 'user']
    """
    asked = task.messages or [Message(content=task.prompt or "")]
    before = [] if task.context is None else [Message(role="system", content=task.context)]
    return Prompt(
        call_id=call_id,
        model=model,
        messages=(*before, *asked),
        temperature=task.temperature,
        max_output_tokens=task.max_output_tokens,
        response_schema=task.response_schema,
        tools=tuple(task.tools or ()),
    )

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

CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long the parts of a call may take, in seconds; None: no shorter than the whole.

    `first_token_s` and `between_tokens_s` are watched where the answer is streamed; a model that is
    being loaded may take `cold_start_s` longer for its first token.
    """

    total_s: float
    connect_s: float = CONNECT_TIMEOUT_S
    first_token_s: float | None = None
    between_tokens_s: float | None = None
    cold_start_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one call asks of one model. `call_id` names the call wherever it is logged.

    `model` is its name at the provider. `tools` and `messages` are as OpenAI's chat API writes
    them; `api_key_env` names the variable of a key of the model's own.
    """

    call_id: str
    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    response_schema: JsonObject | None = None
    json_output: bool = False
    tools: tuple[JsonObject, ...] = ()
    logprobs: bool = False
    stream: bool = False
    api_key_env: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer. `model` is the one that the provider says answered; empty: it said none.

    `finish_reason` is `stop`, `length`, `tool_calls` or `content_filter`, else the provider's own
    word; `text` is empty only where there are tool calls, which are as OpenAI writes them.
    `token_logprobs` are the natural logarithms of the probabilities of the answer's tokens.
    """

    text: str
    model: str
    usage: Usage
    finish_reason: str | None = None
    tool_calls: tuple[JsonObject, ...] = ()
    token_logprobs: tuple[float, ...] | None = None
    latency_s: float = 0.0
    first_token_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A call without an answer. `usage` is what the provider counted all the same, if it did.

    `retry_after_s` is how long the provider asks to be left alone.
    """

    failure: Failure
    detail: str
    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0
    retry_after_s: float | None = None


class Provider(Protocol):
    """Who runs models."""

    async def call(self, prompt: Prompt, deadlines: Deadlines) -> Reply | Failed:
        """Make one call, once: no retry, and no exception but cancellation."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: a POST of `body` to `path` below the base URL, with headers of the format's own."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending:
    """The answer is still being made: ask again with a GET of `path`, after `after_s` seconds.

    A POST to `cancel_path` calls it off, so that what nobody waits for is not billed further.
    """

    path: str
    after_s: float
    cancel_path: str | None = None


class StreamReader(Protocol):
    """Reads one streamed answer, piece by piece."""

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes of a response with status 200.

        Returns:
            Whether any part of the answer itself (text, tool call) came with them.
        """
        ...

    def end(self) -> Reply | Failed:
        """What came in all, once the response has ended; without the format's own end it was cut."""
        ...


class WireFormat(Protocol):
    """How one family of APIs writes prompts and answers; pure, so that it is tested as values."""

    listing_path: str
    """Where a GET lists the models."""

    idempotency_header: str | None
    """The header by which a repeated request is known as such; None where there is none."""

    def authorize(self, key: str) -> Mapping[str, str]:
        """The headers that carry the key."""
        ...

    def encode(self, prompt: Prompt) -> Request | Failed:
        """Write the request, or say by name what the format can't carry."""
        ...

    def decode(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> Reply | Failed | Pending:
        """What a whole response means; header names are in small letters."""
        ...

    def reader(self) -> StreamReader | None:
        """Reads one streamed answer; None where the format is never streamed."""
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
        stop=tuple(task.stop or ()),
        response_schema=task.response_schema,
        json_output=task.json_output,
        tools=tuple(task.tools or ()),
    )

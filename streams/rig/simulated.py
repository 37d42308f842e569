"""What a simulated call takes, says and costs: pure functions of the call and what is recorded."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

import orjson

from streams import ids
from streams.events.envelope import JsonObject
from streams.money.pricing import to_usd
from streams.rig.faults import SALT
from streams.rig.invented import instance_of
from streams.rig.recorded import RecordedOutcome, prompt_key, user_text
from streams.rig.speech import Asked, Said, Tool

WAIT_S = 0.2
TOKEN_S = 0.01
SPREAD = 0.25
UNRECORDED_OUTPUT_TOKENS = 200
CHARS_A_TOKEN = 4
TOKEN = re.compile(r"\S+\s*")
WORD = re.compile(r"[\w-]+")


def task_key(messages: Sequence[JsonObject], known: Collection[str]) -> str:
    """The key of the recorded task that is asked, also where other turns surround it."""
    keys = [prompt_key(user_text(messages)), *(prompt_key(user_text([m])) for m in messages)]
    return next((key for key in keys if key in known), keys[0])


def unrecorded(text: str) -> RecordedOutcome:
    """What a prompt takes that nobody recorded: tokens by its length, its cost unknown."""
    tokens = len(text) // CHARS_A_TOKEN
    return RecordedOutcome(
        score=0, input_tokens=tokens, output_tokens=UNRECORDED_OUTPUT_TOKENS, cost_usd=None
    )


def latency_s(output_tokens: int | None, call_id: str) -> float:
    """How long a call takes at speed 1: 0.2 s and 10 ms an output token, spread by a quarter.

    Args:
        output_tokens: As recorded; None counts as 200.
        call_id: What the spread is drawn from; its mean is 1.
    """
    tokens = UNRECORDED_OUTPUT_TOKENS if output_tokens is None else output_tokens
    spread = 1 - SPREAD + 2 * SPREAD * ids.draw(SALT, call_id, "latency")
    return (WAIT_S + TOKEN_S * tokens) * spread


def answer_text(model: str, task_key: str) -> str:
    """What the model says to the task: always the same, another for every model and task.

    Example:
        >>> answer_text("tiny-1", "k")
        'Simulated answer of tiny-1 to task 8254c329a92850f6.'
    """
    return f"Simulated answer of {model} to task {ids.digest(task_key.encode())[:16]}."


def said_of(
    asked: Asked, key: str, outcome: RecordedOutcome, *, call_id: str, at: datetime
) -> Said:
    """What the model says to a request: text, JSON or a tool call, always the same.

    JSON is made up from the schema where one is given. A tool is called where the request forces it
    or the user names it. A stop sequence and `max_tokens` end the text as they should.

    Args:
        asked: The request.
        key: The task's key.
        outcome: What is recorded of the model on the task.
        call_id: Names the answer.
        at: When.
    """
    said = Said(
        call_id=call_id,
        model=asked.model,
        at=at,
        tokens=(),
        finish="stop",
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
        cost_usd=to_usd(outcome.cost_usd),
        usage_in_stream=asked.usage_in_stream,
    )
    tool = _called(asked)
    if tool is not None:
        arguments = instance_of(tool.parameters)
        arguments = arguments if isinstance(arguments, dict) else {}
        return replace(said, finish="tool_calls", tool=tool.name, arguments=arguments)
    text = answer_text(asked.model, key)
    if asked.json_output:
        made = {"answer": text} if asked.schema is None else instance_of(asked.schema, text)
        text = orjson.dumps(made).decode()
    for stop in asked.stop:
        text = text.partition(stop)[0] if stop else text
    tokens = tuple(TOKEN.findall(text))
    if asked.max_tokens is not None and len(tokens) > asked.max_tokens:
        most = min(asked.max_tokens, outcome.output_tokens or asked.max_tokens)
        tokens = tokens[: asked.max_tokens]
        said = replace(said, finish="length", output_tokens=most)
    sure = logprobs(asked.model, key, outcome.score, len(tokens)) if asked.logprobs else None
    return replace(said, tokens=tokens, logprobs=sure)


def _called(asked: Asked) -> Tool | None:
    """The tool that the request forces, or that the user names."""
    if asked.forced is not None:
        return next((tool for tool in asked.tools if tool.name == asked.forced), None)
    words = set(WORD.findall(user_text(asked.messages))) if asked.tools else set()
    return next((tool for tool in asked.tools if tool.name in words), None)


def logprobs(model: str, key: str, score: float, count: int) -> tuple[float, ...]:
    """Natural logarithms of how sure a model is of its tokens: surer, on the whole, where it is right.

    Args:
        model: Who answers.
        key: The task's key.
        score: What the model scored on the task, in [0, 1].
        count: How many tokens.

    Example:
        >>> sum(logprobs("m", "k", 1.0, 9)) > sum(logprobs("m", "k", 0.0, 9))
        True
    """
    leaning = 0.15 * (ids.draw(SALT, f"{model} {key}", "leaning") - 0.5)
    sure = (
        0.5 + 0.4 * score + leaning + 0.04 * (ids.draw(SALT, f"{model} {key} {n}", "token") - 0.5)
        for n in range(count)
    )
    return tuple(round(math.log(p), 6) for p in sure)

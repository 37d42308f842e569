"""What a simulated call takes, says and costs: pure functions of the call and what is recorded."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

import orjson

from streams import ids
from streams.events.envelope import JsonObject
from streams.rig.faults import SALT
from streams.rig.recorded import RecordedOutcome, prompt_key, user_text

WAIT_S = 0.2
TOKEN_S = 0.01
SPREAD = 0.25
UNRECORDED_OUTPUT_TOKENS = 200
CHARS_A_TOKEN = 4


def read_request(body: bytes) -> tuple[str, list[JsonObject]] | None:
    """Model and messages of a chat completion request, or None if it is none."""
    try:
        found = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("model"), str):
        return None
    messages = found.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        return None
    return found["model"], messages


def task_key(messages: Sequence[JsonObject], known: Collection[str]) -> str:
    """The key of the recorded task that is asked, also where other turns surround it."""
    keys = [prompt_key(user_text(messages)), *(prompt_key(user_text([m])) for m in messages)]
    return next((key for key in keys if key in known), keys[0])


def error_body(code: str, message: str) -> bytes:
    """An error as OpenAI writes it."""
    return orjson.dumps({"error": {"message": message, "type": code, "code": code}})


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


def completion(
    *,
    call_id: str,
    model: str,
    text: str,
    at: datetime,
    outcome: RecordedOutcome,
    cost_usd: Decimal | None,
) -> bytes:
    """A chat completion whose usage says what is recorded, and no more."""
    usage: JsonObject = {}
    if outcome.input_tokens is not None:
        usage["prompt_tokens"] = outcome.input_tokens
    if outcome.output_tokens is not None:
        usage["completion_tokens"] = outcome.output_tokens
    if outcome.input_tokens is not None and outcome.output_tokens is not None:
        usage["total_tokens"] = outcome.input_tokens + outcome.output_tokens
    if cost_usd is not None:
        usage["cost"] = orjson.Fragment(f"{cost_usd:f}")  # exact: no float on the way
    message = {"role": "assistant", "content": text}
    return orjson.dumps(
        {
            "id": f"chatcmpl-{call_id}",
            "object": "chat.completion",
            "created": int(at.timestamp()),
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
    )

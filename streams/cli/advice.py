"""What to do next, in words: for every reason that a task can fail with, and for what people see."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from streams.events.decision import RefusalReason

if TYPE_CHECKING:
    from decimal import Decimal

    from streams.events.outcome import Result

REASONS: Mapping[RefusalReason, tuple[str, str]] = {
    RefusalReason.NO_MODEL: (
        "no model may take it",
        "loosen what the task asks for, or register a model that meets it ([[models.tierN]])",
    ),
    RefusalReason.DEADLINE: (
        "its deadline had passed",
        "send it again with a later deadline_at; `tierflow status` shows whether workers lag",
    ),
    RefusalReason.BUDGET: (
        "its budget is used up",
        "raise the budget, or wait until it is renewed",
    ),
    RefusalReason.EXHAUSTED: (
        "every model that may take it failed",
        "`tierflow explain {id}` shows each attempt, `tierflow doctor` tries keys and endpoints",
    ),
    RefusalReason.INVALID_TASK: (
        "it is no valid task",
        "mend the field that is named, and send it again",
    ),
    RefusalReason.TOO_LARGE: (
        "it is too large",
        "shorten it, or raise limits.max_task_bytes and restart the workers",
    ),
    RefusalReason.TASK_ID_REUSED: (
        "another task was sent under its id",
        "send it under an id of its own; the first task's result stands",
    ),
    RefusalReason.REPLY_TO_DENIED: (
        "its reply_to is not allowed",
        "name a topic of the allow-list, or have it added there",
    ),
    RefusalReason.IN_DOUBT: (
        "nobody knows whether a call was answered",
        "`tierflow explain {id}` shows the call; `tierflow settle` books what the provider billed for it",
    ),
    RefusalReason.INTERNAL: (
        "a bug in tierflow",
        "the worker's log and the dead letters have the details; send the task again when mended",
    ),
}
"""Why a task failed, and what to do about it."""


def why_failed(result: "Result") -> tuple[str, str]:
    """What a failed result means, and what to do.

    Args:
        result: A failed one.
    """
    error = result.error
    if error is None:
        return "no reason was given", f"`tierflow explain {shlex.quote(result.task_id)}`"
    known = {reason.value: told for reason, told in REASONS.items()}
    words, advice = known.get(error.reason, (error.reason, "`tierflow explain {id}`"))
    said = f"{words} ({error.reason}): {error.detail.removeprefix(words).lstrip('; ')}"
    return said, advice.replace("{id}", shlex.quote(result.task_id))


def after_a_result(task_id: str) -> str:
    """What to type once a task is done."""
    name = shlex.quote(task_id)
    return (
        f"next: `tierflow explain {name}` tells why it went there; "
        f"`tierflow feedback {name} 1` says that it was done well"
    )


def no_result(task_id: str, seconds: float) -> str:
    """What to do where a result did not come."""
    return (
        f"no result of {task_id} within {seconds:g} s. Is a worker running? `tierflow status` shows "
        f"workers and lag, `tierflow explain {shlex.quote(task_id)}` how far the task has come; "
        "`--timeout S` waits longer"
    )


def dollars_of(cost: "Decimal | None") -> str:
    """Money for people, every digit of it.

    Example:
        >>> from decimal import Decimal
        >>> dollars_of(Decimal("0.000400000000")), dollars_of(None)
        ('$0.0004', 'unknown cost')
    """
    return "unknown cost" if cost is None else f"${cost.normalize():f}"


def seconds_of(value: float | None) -> str:
    """A duration for people.

    Example:
        >>> seconds_of(0.0123), seconds_of(2.5), seconds_of(None)
        ('12 ms', '2.50 s', 'unknown')
    """
    if value is None:
        return "unknown"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"

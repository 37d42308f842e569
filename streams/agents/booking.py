"""A call's entries in ledger and trail: when it is intended, and when it has ended."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from streams.calling.attempts import Failure
from streams.events.decision import Assignment
from streams.events.outcome import Attempt, Call, CallState
from streams.events.task import Task
from streams.providers.port import Failed, Reply
from streams.routing.registry import ModelSpec

ANSWER_BYTES = 700_000
"""Longest answer that is carried: with its task and trail it fits into a record."""

NOTHING_DUE = Decimal(0)


def intended(
    assignment: Assignment,
    spec: ModelSpec,
    call_id: str,
    now: datetime,
    timeout_s: float,
    at_most_usd: Decimal | None,
) -> Call:
    """The intent of the next call."""
    decision = assignment.decision
    return Call(
        call_id=call_id,
        task_id=assignment.task_id,
        decision_id="" if decision is None else decision.decision_id,
        tenant=assignment.tenant,
        tier=spec.tier,
        model=spec.name,
        provider=spec.provider,
        state=CallState.INTENDED,
        at_most_usd=at_most_usd,
        intended_at=now,
        deadline_at=now + timedelta(seconds=timeout_s),
    )


def left_s(task: Task, now: datetime) -> float:
    """Seconds until a task's deadline; infinite where it has none."""
    return math.inf if task.deadline_at is None else (task.deadline_at - now).total_seconds()


def ended(
    call: Call, answered: Reply | Failed, cost: Decimal | None, by: str | None, now: datetime
) -> Call:
    """The outcome of a call."""
    if isinstance(answered, Reply):
        state, failure = CallState.COMPLETED, None
    else:
        counted = answered.failure in (Failure.CHECK_FAILED, Failure.UNSURE)
        doubt = answered.failure.may_be_billed and cost is None and not counted
        state = CallState.IN_DOUBT if doubt else CallState.FAILED
        failure = answered.failure.label
        cost = cost if answered.failure.may_be_billed else NOTHING_DUE
    return call.model_copy(
        update={
            "state": state, "failure": failure, "answered_by": by, "usage": answered.usage,
            "cost_usd": cost, "latency_s": answered.latency_s, "ended_at": now,
        }
    )  # fmt: skip


def attempt_of(call: Call, outcome: str, detail: str | None) -> Attempt:
    """One entry of the trail."""
    return Attempt(
        tier=call.tier,
        model=call.model,
        call_id=call.call_id,
        outcome=outcome,
        detail=detail,
        cost_usd=call.cost_usd,
        latency_s=call.latency_s or 0.0,
    )


def carried(answered: Reply | Failed) -> Reply | Failed:
    """An answer that no record could carry is a failed call, paid for all the same."""
    if isinstance(answered, Failed):
        return answered
    size = len(answered.text.encode("utf-8", "replace")) + len(str(answered.tool_calls))
    if size <= ANSWER_BYTES:
        return answered
    detail = f"an answer of {size} bytes; at most {ANSWER_BYTES} are carried"
    return Failed(Failure.GARBAGE, detail, answered.usage, answered.latency_s)


def total(trail: Sequence[Attempt]) -> Decimal | None:
    """What a trail cost; None as soon as one attempt's price is unknown."""
    costs = [attempt.cost_usd for attempt in trail]
    known = [cost for cost in costs if cost is not None]
    return sum(known, NOTHING_DUE) if len(known) == len(costs) else None

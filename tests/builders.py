"""Valid events with plain defaults: a test names only what its story is about.

a_task(prompt="Rename x to y", max_tier=2)
a_record("tasks", b"not json", key=b"k")
a_record("decisions", a_decision(tier=3), partition=2, offset=7)
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from streams import ids
from streams.agents.outcome import Record
from streams.calling.attempts import Failure
from streams.events.control import ModelState, Policy
from streams.events.decision import Assignment, Decision, Refusal, RefusalReason
from streams.events.envelope import Envelope, Event
from streams.events.feedback import LATENCY_BOUNDS_S, Alert, Feedback, Lesson, Performance, Score
from streams.events.models import Model, ModelStatus
from streams.events.outcome import Attempt, Call, CallState, Cost, Result, Usage
from streams.events.task import Task
from streams.kafka import codec
from streams.providers.port import Failed, Reply
from streams.routing.registry import ModelSpec, Registry, register
from tests.fakes import START

AT = START
"""When everything built here happened, unless told otherwise."""

DIGEST = ids.digest(b"body")
"""The digest of no particular body."""


def a_task(task_id: str = "t1", **fields: Any) -> Task:
    """A task with a prompt; `messages=` takes the prompt's place."""
    asks = {} if "messages" in fields else {"prompt": "Explain why the sky is blue."}
    return Task(**{"task_id": task_id, **asks, **fields})


def a_decision(task_id: str = "t1", **fields: Any) -> Decision:
    """Tier 2, model `small`, chosen without exploring; `model=None, tier=0` for a tier-0 one."""
    model = fields.get("model", "small")
    defaults = {
        "task_id": task_id,
        "decision_id": ids.derive("decision", task_id, DIGEST, 0),
        "tenant": "default",
        "tier": 2,
        "model": model,
        "confidence": 0.9,
        "rule": "default",
        "rule_tier": 3,
        "rule_confidence": 0.6,
        "probabilities": {model: 1.0} if model else {},
        "predicted_quality": {model: 0.85} if model else {},
        "best_quality": 0.9 if model else None,
        "threshold": 0.8,
        "bound_by": None,
        "strategy": "balanced",
        "model_state_version": 0,
        "policy_version": 0,
        "explored": False,
        "features": "",
        "decided_at": AT,
    }
    return Decision(**{**defaults, **fields})


def an_assignment(task_id: str = "t1", **fields: Any) -> Assignment:
    """A decided task on its way to its tier; tier and model are the decision's unless given."""
    task = fields.get("task", a_task(task_id))
    decision = fields.get("decision", a_decision(task_id))
    defaults = {
        "task_id": task_id,
        "tier": decision.tier if decision else 0,
        "model": decision.model if decision else None,
        "body_digest": ids.digest(codec.encode(task)) if task else DIGEST,
        "accepted_at": AT,
        "task": task,
        "decision": decision,
    }
    return Assignment(**{**defaults, **fields})


def a_refused_assignment(
    reason: str = RefusalReason.INVALID_TASK, task_id: str = "t1", **fields: Any
) -> Assignment:
    """A task id with a refusal, as tier 0 gets it where there is no decision."""
    refusal = Refusal(reason=RefusalReason(reason), detail="prompt: Field required")
    empty = {"task": None, "decision": None, "refusal": refusal}
    return an_assignment(task_id, **{**empty, **fields})


def an_attempt(**fields: Any) -> Attempt:
    """A first try at tier 2 that failed with `overloaded`, unbilled."""
    defaults = {"tier": 2, "model": "small", "call_id": "call-1", "outcome": "overloaded"}
    return Attempt(**{**defaults, **fields})


def a_result(task_id: str = "t1", **fields: Any) -> Result:
    """A completed result of tier 2 for a hundredth of a cent, 1.5 s after its task."""
    defaults = {
        "task_id": task_id,
        "status": "completed",
        "output": "Because of Rayleigh scattering.",
        "tier": 2,
        "model": "small",
        "usage": Usage(input_tokens=20, output_tokens=100),
        "cost_usd": Decimal("0.0001"),
        "latency_s": 1.5,
        "waiting_s": 0.1,
        "finish_reason": "stop",
        "decision_id": ids.derive("decision", task_id, DIGEST, 0),
        "body_digest": DIGEST,
        "accepted_at": AT,
        "completed_at": AT + timedelta(seconds=1.5),
    }
    return Result(**{**defaults, **fields})


def a_call(call_id: str = "call-1", **fields: Any) -> Call:
    """A completed call of 1.2 s; with `state=CallState.INTENDED` only the intent."""
    known = {
        "state": CallState.COMPLETED,
        "usage": Usage(input_tokens=20, output_tokens=100),
        "cost_usd": Decimal("0.0001"),
        "latency_s": 1.2,
        "ended_at": AT + timedelta(seconds=1.2),
    }
    defaults = {
        "call_id": call_id,
        "task_id": "t1",
        "decision_id": "decision-1",
        "tenant": "default",
        "tier": 2,
        "model": "small",
        "provider": "simulator",
        "intended_at": AT,
        "deadline_at": AT + timedelta(seconds=60),
    }
    told = {} if fields.get("state") == CallState.INTENDED else known
    return Call(**{**defaults, **told, **fields})


def a_cost(call_id: str = "call-1", **fields: Any) -> Cost:
    """A confirmed hundredth of a cent; `cost_usd=None` is an unknown price."""
    defaults = {
        "call_id": call_id,
        "task_id": "t1",
        "decision_id": "decision-1",
        "tenant": "default",
        "tier": 2,
        "model": "small",
        "provider": "simulator",
        "usage": Usage(input_tokens=20, output_tokens=100),
        "cost_usd": Decimal("0.0001"),
        "price_version": "p1",
        "standing": "confirmed",
        "incurred_at": AT,
    }
    return Cost(**{**defaults, **fields})


def a_feedback(task_id: str = "t1", score: float = 0.9, **fields: Any) -> Feedback:
    """What a user says of a task; a score out of range is a ValidationError: send bytes then."""
    return Feedback(**{"task_id": task_id, "score": score, **fields})


def a_score(task_id: str = "t1", score: float = 0.9, **fields: Any) -> Score:
    """Checked feedback; its id is that of the feedback with the same source and name."""
    source, name = fields.get("source", "user"), fields.get("name", "")
    defaults = {
        "feedback_id": ids.derive("feedback", task_id, source, name),
        "task_id": task_id,
        "score": score,
        "source": source,
        "name": name,
        "comment": None,
        "at": AT,
    }
    return Score(**{**defaults, **fields})


_WORDS = [
    "rivers",
    "old",
    "seven",
    "paint",
    "bridge",
    "quickly",
    "salt",
    "glass",
    "north",
    "under",
    "wool",
    "engine",
]


def a_text(n: int) -> str:
    """A prompt of three words; neighbours have little in common."""
    return " ".join(_WORDS[n * step // 3 % 12] for step in (1, 7, 17))


def a_lesson(task_id: str = "t1", score: float = 0.9, **fields: Any) -> Lesson:
    """What a score and `a_decision()` of the same task come to."""
    defaults = {
        "lesson_id": ids.derive("lesson", task_id, "user", ""),
        "task_id": task_id,
        "decision_id": ids.derive("decision", task_id, DIGEST, 0),
        "tier": 2,
        "model": "small",
        "features": "",
        "score": score,
        "source": "user",
        "propensity": 1.0,
        "predicted_quality": 0.85,
        "best_quality": 0.9,
        "explored": False,
        "decided_at": AT,
        "scored_at": AT + timedelta(seconds=5),
    }
    return Lesson(**{**defaults, **fields})


def a_performance(**fields: Any) -> Performance:
    """One cell: ten completed results of tier 2, 1.5 s each, for a tenth of a cent in all."""
    completed = fields.get("completed", 10)
    cell = next(i for i, bound in enumerate(LATENCY_BOUNDS_S) if bound >= 1.5)
    counts = tuple(completed if i == cell else 0 for i in range(len(LATENCY_BOUNDS_S) + 1))
    defaults = {
        "tier": 2,
        "model": "small",
        "bucket_at": AT,
        "bucket_s": 10.0,
        "partition": 0,
        "completed": completed,
        "failed": 0,
        "cost_usd": Decimal("0.001"),
        "unpriced": 0,
        "latency_sum_s": 1.5 * completed,
        "latency_counts": counts,
    }
    return Performance(**{**defaults, **fields})


def a_policy(version: int = 1, **fields: Any) -> Policy:
    """A threshold of 0.8 for each of the tiers 1 to 4."""
    defaults = {
        "version": version,
        "thresholds": {str(tier): 0.8 for tier in range(1, 5)},
        "target": 0.9,
        "reason": "initial",
        "changed_by": "tests",
        "at": AT,
    }
    return Policy(**{**defaults, **fields})


def a_model_state(part: str = "shared", **fields: Any) -> ModelState:
    """A snapshot's record with empty weights."""
    defaults = {
        "part": part,
        "version": 1,
        "lessons": 10,
        "part_lessons": 10,
        "weights": "",
        "mean_score": 0.9,
        "checksum": ids.digest(b""),
        "at": AT,
    }
    return ModelState(**{**defaults, **fields})


def an_alert(**fields: Any) -> Alert:
    """A price that nobody knows."""
    defaults = {"kind": "unknown_price", "detail": "small has no price", "subject": "small"}
    return Alert(**{**defaults, "at": AT, **fields})


def a_model(name: str = "small", tier: int = 2, **fields: Any) -> ModelSpec:
    """A model of the provider `scripted`: 1 dollar a million tokens in, 5 out."""
    priced = {"input_usd_per_mtok": Decimal(1), "output_usd_per_mtok": Decimal(5)}
    return ModelSpec(**{"name": name, "provider": "scripted", "tier": tier, **priced, **fields})


def a_change(name: str = "small", status: str = "enabled", **fields: Any) -> Model:
    """What an operator says of a model; without `spec=` it is as the settings have it."""
    told = {"spec": None, "changed_by": "tests", "at": AT, **fields}
    return Model(name=name, status=ModelStatus(status), **told)


def a_registry(*models: ModelSpec) -> Registry:
    """One model a tier, `tiny, small, medium, large`, each ten times the price of the one below."""
    names = ("tiny", "small", "medium", "large")
    prices = (Decimal(10) ** n / 10 for n in range(len(names)))
    ladder = (
        a_model(name, tier, input_usd_per_mtok=price, output_usd_per_mtok=5 * price)
        for tier, (name, price) in enumerate(zip(names, prices, strict=True), 1)
    )
    return register(models or ladder)


def a_reply(text: str = "done", **fields: Any) -> Reply:
    """What `small` answers, for 20 tokens in and 100 out."""
    usage = Usage(input_tokens=20, output_tokens=100)
    return Reply(**{"text": text, "model": "small", "usage": usage, **fields})


def a_failure(failure: Failure = Failure.OVERLOADED, **fields: Any) -> Failed:
    """A call without an answer; nothing was counted."""
    return Failed(**{"failure": failure, "detail": f"it was {failure.label}", **fields})


def a_record(
    topic: str,
    value: Event | bytes | None,
    *,
    key: str | bytes | None = None,
    partition: int = 0,
    offset: int = 0,
    headers: Iterable[tuple[str, bytes]] | None = None,
    at: datetime = AT,
) -> Record:
    """A record as a handler sees it.

    Args:
        topic: Short name of the topology, such as `tasks`.
        value: An event, encoded with its CloudEvents headers, or raw bytes without any.
        key: Its key; an event's is its task id unless given.
        partition: Where it lies.
        offset: Its place there; `ce_id` is derived from topic, partition and offset.
        headers: Take the place of the event's own.
        at: The broker's timestamp.
    """
    known: Iterable[tuple[str, bytes]] = ()
    if isinstance(value, Event):
        key = getattr(value, "task_id", None) if key is None else key
        event_id = ids.derive("event", topic, partition, offset)
        known = codec.headers(Envelope(id=event_id, type=value.TYPE, source="tests", time=at))
        value = codec.encode(value)
    return Record(
        topic=topic,
        partition=partition,
        offset=offset,
        key=key.encode() if isinstance(key, str) else key,
        value=value,
        headers=tuple(known if headers is None else headers),
        at=at,
    )

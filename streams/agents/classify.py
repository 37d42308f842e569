"""admitted → decisions + tier-n: each task gets its tier and model, once.

The decision is confirmed in the table `decided` before it is published. A redelivery, and a
repeat with the same body, publish it again; another body under the same id is refused.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from streams import ids
from streams.agents.judgement import unfit
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Put, Record, Send, State
from streams.clock import Clock
from streams.events.decision import Assignment, Decision, Refusal, RefusalReason
from streams.events.task import Task
from streams.kafka import codec
from streams.kafka.codec import redrive_of, redriven
from streams.routing import features, rules
from streams.routing.cascade import NEVER, Cascading
from streams.routing.decide import View, decide
from streams.routing.price import PriceOfMoney
from streams.routing.quality import SHARED
from streams.tier0.answer import Answering, answer
from streams.topology import DECIDED, DECISIONS, TIERS


class Decided(State):
    """What was decided for a task; the decision is kept without its features, they follow."""

    body_digest: str
    redrive: int
    decision: Decision | None = None
    refusal: Refusal | None = None


def classify(
    view: Callable[[], View],
    decided: Mapping[str, Decided],
    clock: Clock,
    salt: str,
    reply_topics: Collection[str] = (),
    answer: Answering = answer,
    cascading: Callable[[Task], Cascading] = lambda _: NEVER,
    money: PriceOfMoney | None = None,
) -> Bound:
    """Decide tasks.

    Args:
        view: The registry, policy and quality snapshot in force.
        decided: Decisions of the last hour by task id.
        clock: Time.
        salt: The deployment's secret, from which draws are derived.
        reply_topics: Topics that may have a copy of a result, by full name.
        answer: The tier-0 skills.
        cascading: Whether a cheaper model is asked first.
        money: What this process has predicted and spent; None: nothing yet.
    """
    purse = money or PriceOfMoney()

    async def handle(record: Record) -> Outcome:
        task = codec.decode(Task, record.value)
        if isinstance(task, codec.Rejected):
            return Bury(task.reason, task.detail)
        body, redrive = ids.digest(record.value or b""), redrive_of(record)
        known = decided.get(task.task_id)
        if known is None or redrive > known.redrive:
            return _decide(record, task, body, redrive)
        if known.body_digest != body:
            detail = "another task was sent under this id; its result stands"
            refusal = Refusal(reason=RefusalReason.TASK_ID_REUSED, detail=detail)
            reused = _assign(record, task, body, redrive, reply_topics, refusal)
            return Emit((reused,), label="reused")
        return Emit(_sends(record, task, known, reply_topics), label="repeated")

    def _decide(record: Record, task: Task, body: str, redrive: int) -> Outcome:
        claimed = answer(task.text) if task.messages is None and task.context is None else None
        seen = view()
        made = _denied(task, reply_topics) or decide(
            task,
            seen,
            skill=None if claimed is None else claimed.skill,
            draw=ids.draw(salt, task.task_id, f"choice/{redrive}"),
            now=clock.now(),
            body_digest=body,
            redrive=redrive,
            cascading=cascading(task),
            pricing=purse.pricing(seen.policy, seen.quality.lessons_of(SHARED), seen.quality.bills),
        )
        if isinstance(made, Decision) and seen.policy.holds_money:
            _book(purse, made)
        known = _remember(made, body, redrive, clock.now())
        sends = _sends(record, task, known, reply_topics, made)
        label = "refused" if isinstance(made, Refusal) else "decided"
        return Emit(sends, (Put(DECIDED.name, task.task_id, known),), label)

    return Bound(handle)


def _book(money: PriceOfMoney, made: Decision) -> None:
    """Count a decision with what it is expected to cost: nobody tells this stage the bill."""
    money.take(made)
    expected = made.expected_usd.get(made.model or "")
    if made.model is not None and expected is not None:
        money.charge(made.task_id, made.model, expected)


def _denied(task: Task, reply_topics: Collection[str]) -> Refusal | None:
    """The refusal of a task whose answer may not go where it should, or that none could answer."""
    if task.reply_to is not None and task.reply_to not in reply_topics:
        detail = f"topic {task.reply_to!r} is not one of limits.reply_topics"
        return Refusal(reason=RefusalReason.REPLY_TO_DENIED, detail=detail)
    because = unfit(task)
    if because is not None:
        return Refusal(reason=RefusalReason.INVALID_TASK, detail=because)
    return None


def _remember(made: Decision | Refusal, body: str, redrive: int, now: datetime) -> Decided:
    if isinstance(made, Refusal):
        return Decided(at=now, body_digest=body, redrive=redrive, refusal=made)
    slim = made.model_copy(update={"features": ""})
    return Decided(at=now, body_digest=body, redrive=redrive, decision=slim)


def _sends(
    record: Record,
    task: Task,
    known: Decided,
    reply_topics: Collection[str],
    made: Decision | Refusal | None = None,
) -> tuple[Send, ...]:
    """The decision and its assignment; the same ones for every repeat."""
    body, redrive, slim = known.body_digest, known.redrive, known.decision
    if slim is None:
        made = known.refusal or Refusal(reason=RefusalReason.INTERNAL, detail="no decision")
        return (_assign(record, task, body, redrive, reply_topics, made),)
    decision = made if isinstance(made, Decision) else _whole(slim, task)
    told = Send(
        DECISIONS.name, task.task_id, decision, decision.decision_id,
        cause=record.header("ce_id"), headers=redriven(redrive),
    )  # fmt: skip
    return told, _assign(record, task, body, redrive, reply_topics, slim)


def _whole(decision: Decision, task: Task) -> Decision:
    if decision.model is None:  # tier 0 was decided without features
        return decision
    packed = features.pack(features.extract(task.text, rules.propose(task.text)))
    return decision.model_copy(update={"features": packed})


def _assign(
    record: Record,
    task: Task,
    body: str,
    redrive: int,
    reply_topics: Collection[str],
    made: Decision | Refusal,
) -> Send:
    """The assignment; a decision is given without its features."""
    decision = made if isinstance(made, Decision) else None
    tier, model = _whom(decision)
    assignment = Assignment(
        task_id=task.task_id,
        tenant=task.tenant,
        tier=tier,
        model=model,
        body_digest=body,
        redrive=redrive,
        accepted_at=_accepted_at(record),
        task=task,
        decision=decision,
        refusal=made if isinstance(made, Refusal) else None,
        metadata=task.metadata,
        reply_to=task.reply_to if task.reply_to in reply_topics else None,
    )
    name = ids.derive("assignment", task.task_id, body, redrive, tier)
    cause = record.header("ce_id") if decision is None else decision.decision_id
    return Send(
        TIERS[tier].name, task.task_id, assignment, name, cause=cause, headers=redriven(redrive)
    )


def _whom(decision: Decision | None) -> tuple[int, str | None]:
    """Tier and model that are asked first of all."""
    if decision is None:
        return 0, None
    if decision.asked_first_tier is not None:
        return decision.asked_first_tier, decision.asked_first
    return decision.tier, decision.model


def _accepted_at(record: Record) -> datetime:
    """When the task was published: the time of the cause, which admit passed on."""
    text = record.header("ce_time")
    try:
        return datetime.fromisoformat(text) if text else record.at
    except ValueError:
        return record.at

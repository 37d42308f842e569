"""tier-n → results, calls, costs, or tier-(n+1): one task is run, or passed on.

    intent confirmed → call → outcome confirmed → result and cost confirmed → settled

A restart that finds an outcome publishes it again and makes no call; one that finds an intent
alone waits until its deadline, books it in doubt and calls again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from streams import ids
from streams.agents.outcome import Bury, Emit, Outcome, Put, Record, Send
from streams.calling import ledger
from streams.calling.attempts import Failure
from streams.calling.ledger import Found, Work
from streams.clock import Clock
from streams.events.decision import Assignment, RefusalReason
from streams.events.feedback import Alert
from streams.events.outcome import Attempt, Call, CallState, Cost, Result, ResultError, Usage
from streams.events.task import Task
from streams.kafka import codec
from streams.kafka.codec import redrive_of, redriven
from streams.money.pricing import Price, cost_usd
from streams.providers.port import Deadlines, Failed, Provider, Reply, prompt_for
from streams.routing.choice import fallback
from streams.routing.constraints import hindrances, spent
from streams.routing.registry import ModelSpec, Registry
from streams.tier0.answer import Answering, answer
from streams.topology import ALERTS, CALLS, COSTS, RESULTS, TIERS

ATTEMPTS = 8
"""Longest trail of a task: tiers rise, so it is reached only by repeated crashes."""

ANSWER_BYTES = 700_000
"""Longest answer that is carried: with its task and trail it fits into a record."""

NOTHING_DUE = Decimal(0)
REPEATED = "repeated"


class Ledger(Protocol):
    """Makes durable before acting: the only writer of the table and the topic `calls`."""

    async def confirm(self, record: Record, sends: Sequence[Send], puts: Sequence[Put]) -> None:
        """Table first, then topic; returns when both are confirmed."""
        ...


@dataclass(frozen=True, slots=True)
class TierPorts:
    """What a tier is given.

    Args:
        registry: Which models there are.
        calls: What is known of tasks in this tier, by result id.
        ledger: Confirms intents and outcomes.
        providers: By name; who runs the models.
        clock: Time.
        longest_call_s: No call is waited for longer.
        told: Models whose unknown price this process has raised an alert about.
        answer: The tier-0 skills.
    """

    registry: Callable[[], Registry]
    calls: Mapping[str, Work]
    ledger: Ledger
    providers: Mapping[str, Provider]
    clock: Clock
    longest_call_s: float
    told: set[str]
    answer: Answering = answer


def tier(number: int, ports: TierPorts) -> Callable[[Record], Awaitable[Outcome]]:
    """Bind one tier.

    Args:
        number: 0 … 4; tier 0 answers by skill, without a model.
        ports: What it needs.
    """

    async def handle(record: Record) -> Outcome:
        assignment = codec.decode(Assignment, record.value)
        if isinstance(assignment, codec.Rejected):
            return Bury(assignment.reason, assignment.detail)
        if (redrive := redrive_of(record)) > assignment.redrive:  # the assignment itself was buried
            assignment = assignment.model_copy(update={"redrive": redrive})
        run = _Run(number, ports, record, assignment)
        if assignment.refusal is not None or assignment.task is None:
            return run.refused()
        known = ports.calls.get(run.name)
        if known is not None and ledger.found(known) is Found.CONCLUDED:
            return run.conclude(known, label=REPEATED)
        if known is not None:
            await run.doubt(known)
        return await run.work(assignment.task)

    return handle


class _Run:
    """One task in one tier: a script over the pure rooms."""

    def __init__(
        self, number: int, ports: TierPorts, record: Record, assignment: Assignment
    ) -> None:
        self.number, self.ports = number, ports
        self.record, self.assignment = record, assignment
        self.name = ledger.result_id(assignment.task_id, assignment.body_digest, assignment.redrive)
        self.trail: tuple[Attempt, ...] = assignment.trail
        self.costs: tuple[Cost, ...] = ()

    def refused(self) -> Outcome:
        """A refusal becomes the failed result."""
        refusal = self.assignment.refusal
        reason = RefusalReason.INTERNAL if refusal is None else refusal.reason
        detail = "an assignment without a task" if refusal is None else refusal.detail
        result = self.failed(reason, detail)
        return Emit((self.result_send(result),), label="refused")

    async def doubt(self, known: Work) -> None:
        """An open intent: wait until it can't be answered, then book it in doubt.

        Of a call that ended the public ledger is told again: a crash may have come between.
        """
        self.trail, self.costs = known.trail, known.costs
        if known.call is None:
            return
        if known.call.state is not CallState.INTENDED:
            await self.ports.ledger.confirm(self.record, (self._call_send(known.call),), ())
            return
        clock = self.ports.clock
        await clock.sleep(ledger.remaining_s(known.call, clock.now()))
        call, attempt, cost = ledger.in_doubt(known.call, clock.now(), "in_doubt")
        await self.remember(call, (*self.trail, attempt), (*self.costs, cost))

    async def work(self, task: Task) -> Outcome:
        """Try this tier's models until one answers, or pass the task on."""
        if self.number == 0 and not task.overdue(self.ports.clock.now()):
            return self.answered(task) or await self.moved_on(task)
        model: str | None = self.assignment.model
        while model is not None and len(self.trail) < ATTEMPTS:
            now = self.ports.clock.now()
            if task.overdue(now) or model in self.hindered(task):
                break
            result = await self.call(task, model, now)
            if result is not None:
                return self.conclude(result, label="completed")
            following = self.following(task)
            if following is None or following[0] != self.number:
                break
            model = following[1]
        return await self.moved_on(task)

    def answered(self, task: Task) -> Outcome | None:
        """A skill's answer: no call, no cost."""
        found = self.ports.answer(task.text)
        if found is None:
            return None
        attempt = Attempt(
            tier=0, model=None, call_id=None, outcome="completed", detail=found.skill,
            cost_usd=NOTHING_DUE,
        )  # fmt: skip
        self.trail = (*self.trail, attempt)
        result = self.result(status="completed", output=found.output, finish_reason="stop")
        return Emit((self.result_send(result),), label="completed")

    async def call(self, task: Task, model: str, now: datetime) -> Work | None:
        """One call: announced, made, booked. The concluded work, or None if it failed."""
        spec = self.ports.registry().by_name.get(model)
        if spec is None:
            self.trail = (*self.trail, self.attempt(model, None, "wrong_model", "not registered"))
            return None
        provider = self.ports.providers[spec.provider]
        timeout_s = self._timeout_s(task, now)
        call = self.intended(model, spec.provider, now, timeout_s)
        await self.remember(call, self.trail, self.costs)
        prompt = prompt_for(task, model=model, call_id=call.call_id)
        answered = carried(await provider.call(prompt, Deadlines(timeout_s)))
        ended = self.ports.clock.now()
        price = price_of(spec)
        call = self.ended(call, answered, cost_usd(answered.usage, price), ended)
        billed = isinstance(answered, Reply) or answered.failure.may_be_billed
        if billed:
            version = None if price is None else price.version
            self.costs = (*self.costs, ledger.cost_of(call, price_version=version, at=ended))
        detail = answered.detail if isinstance(answered, Failed) else None
        attempt = self.attempt(model, call, call.failure or "completed", detail)
        trail = (*self.trail, attempt)
        if isinstance(answered, Failed):
            await self.remember(call, trail, self.costs)
            return None
        self.trail = trail
        result = self.result(
            status="completed", output=answered.text, model=model, usage=answered.usage,
            finish_reason=answered.finish_reason, tool_calls=list(answered.tool_calls) or None,
        )  # fmt: skip
        return await self.remember(call, trail, self.costs, result=result)

    async def moved_on(self, task: Task) -> Outcome:
        """The next tier gets the task, or it failed with the whole trail."""
        if task.overdue(self.ports.clock.now()):
            return await self.concluded(self.failed(RefusalReason.DEADLINE, "past deadline_at"))
        following = self.following(task) if len(self.trail) < ATTEMPTS else None
        if following is None or following[0] == self.number:
            return await self.concluded(self.failed(RefusalReason.EXHAUSTED, self.dead_end(task)))
        above, model = following
        passed = self.assignment.model_copy(
            update={"tier": above, "model": model, "trail": self.trail}
        )
        work = Work(at=self.ports.clock.now(), trail=self.trail, costs=self.costs, passed_on=passed)
        await self.ports.ledger.confirm(self.record, (), (Put("calls", self.name, work),))
        return self.conclude(work, label="passed_on")

    async def concluded(self, result: Result) -> Outcome:
        """The tier's last word is a failed result."""
        work = Work(at=self.ports.clock.now(), trail=self.trail, costs=self.costs, result=result)
        await self.ports.ledger.confirm(self.record, (), (Put("calls", self.name, work),))
        return self.conclude(work, label="failed")

    def conclude(self, work: Work, label: str) -> Outcome:
        """What concluded work publishes, the same however often."""
        sends = [self._cost_send(cost) for cost in work.costs]
        if label == REPEATED and work.call is not None:
            sends.append(self._call_send(work.call))
        sends += [self._alert_send(cost) for cost in work.costs if self._unpriced(cost)]
        if work.result is not None:
            sends.append(self.result_send(work.result))
        elif work.passed_on is not None:
            passed = work.passed_on
            key = (passed.task_id, passed.body_digest, passed.redrive, passed.tier)
            name = ids.derive("assignment", *key)
            headers = redriven(passed.redrive)
            topic = TIERS[passed.tier].name
            sends.append(
                Send(topic, passed.task_id, passed, name, cause=self.cause, headers=headers)
            )
        return Emit(tuple(sends), label=label)

    async def remember(
        self, call: Call, trail: tuple[Attempt, ...], costs: tuple[Cost, ...],
        *, result: Result | None = None,
    ) -> Work:  # fmt: skip
        """Confirm what is known of the task, in the table and in the public ledger."""
        now = self.ports.clock.now()
        work = Work(at=now, call=call, trail=trail, costs=costs, result=result)
        await self.ports.ledger.confirm(
            self.record, (self._call_send(call),), (Put("calls", self.name, work),)
        )
        self.trail, self.costs = trail, costs
        return work

    def following(self, task: Task) -> tuple[int, str] | None:
        """Who tries next."""
        decision = self.assignment.decision
        tried = {attempt.model for attempt in self.trail if attempt.model is not None}
        quality = {} if decision is None else decision.predicted_quality
        hindered = self.hindered(task)
        models = [spec for spec in self.ports.registry().models if spec.name not in hindered]
        return fallback(self.number, tried, models, quality)

    def hindered(self, task: Task) -> dict[str, str]:
        """Who may not take the task now; earlier attempts have used up part of what it may cost."""
        registry = self.ports.registry()
        return hindrances(task, registry, spent(task, registry, self.trail))

    def dead_end(self, task: Task) -> str:
        """Why nobody is left to try, for people."""
        last = self.trail[-1].outcome if self.trail else "no model"
        if task.model is not None:
            return f"model {task.model!r} was asked for and is not replaced; it failed: {last}"
        detail = f"every model that may take it failed; the last one: {last}"
        if "max_cost_usd" in self.hindered(task).values():
            detail += "; others are beyond max_cost_usd, of which failed attempts count too"
        return detail

    def intended(self, model: str, provider: str, now: datetime, timeout_s: float) -> Call:
        """The intent of the next call."""
        decision = self.assignment.decision
        return Call(
            call_id=ledger.call_id(self.name, len(self.trail), self._assigned()),
            task_id=self.assignment.task_id,
            decision_id="" if decision is None else decision.decision_id,
            tenant=self.assignment.tenant,
            tier=self.number,
            model=model,
            provider=provider,
            state=CallState.INTENDED,
            intended_at=now,
            deadline_at=now + timedelta(seconds=timeout_s),
        )

    def ended(
        self, call: Call, answered: Reply | Failed, cost: Decimal | None, now: datetime
    ) -> Call:
        """The outcome of a call."""
        if isinstance(answered, Reply):
            state, failure = CallState.COMPLETED, None
        else:
            doubt = answered.failure.may_be_billed and cost is None
            state = CallState.IN_DOUBT if doubt else CallState.FAILED
            failure = answered.failure.label
            cost = cost if answered.failure.may_be_billed else NOTHING_DUE
        return call.model_copy(
            update={
                "state": state, "failure": failure, "usage": answered.usage, "cost_usd": cost,
                "latency_s": answered.latency_s, "ended_at": now,
            }
        )  # fmt: skip

    def attempt(self, model: str, call: Call | None, outcome: str, detail: str | None) -> Attempt:
        """One entry of the trail."""
        return Attempt(
            tier=self.number,
            model=model,
            call_id=None if call is None else call.call_id,
            outcome=outcome,
            detail=detail,
            cost_usd=NOTHING_DUE if call is None else call.cost_usd,
            latency_s=0.0 if call is None else call.latency_s or 0.0,
        )

    def failed(self, reason: RefusalReason, detail: str) -> Result:
        """A failed result."""
        return self.result(status="failed", error=ResultError(reason=reason.value, detail=detail))

    def result(self, **fields: object) -> Result:
        """A result with all that the assignment and the trail say."""
        now = self.ports.clock.now()
        assignment = self.assignment
        decision = assignment.decision
        latency_s = max(0.0, (now - assignment.accepted_at).total_seconds())
        calls_s = sum(attempt.latency_s for attempt in self.trail)
        return Result.model_validate(
            {
                "task_id": assignment.task_id,
                "tier": None if assignment.refusal else self.number,
                "attempts": self.trail,
                "usage": Usage(),
                "cost_usd": total(self.trail),
                "latency_s": latency_s,
                "waiting_s": max(0.0, latency_s - calls_s),
                "decision_id": None if decision is None else decision.decision_id,
                "tenant": assignment.tenant,
                "metadata": assignment.metadata,
                "body_digest": assignment.body_digest,
                "redrive": assignment.redrive,
                "accepted_at": assignment.accepted_at,
                "completed_at": now,
                **fields,
            }
        )

    @property
    def cause(self) -> str | None:
        """The id of the assignment's event."""
        return self.record.header("ce_id")

    def result_send(self, result: Result) -> Send:
        """The result's one id, on its task's key; a copy goes to where the task asked for one."""
        return Send(
            RESULTS.name, result.task_id, result, self.name, cause=self.cause,
            headers=redriven(result.redrive), copy_to=self.assignment.reply_to,
        )  # fmt: skip

    def _call_send(self, call: Call) -> Send:
        name = ids.derive("call-event", call.call_id, call.state.value)
        partition = self.record.partition
        return Send(CALLS.name, call.call_id, call, name, cause=self.cause, partition=partition)

    def _cost_send(self, cost: Cost) -> Send:
        name = ids.derive("cost", cost.call_id)
        partition = self.record.partition
        return Send(COSTS.name, cost.call_id, cost, name, cause=cost.call_id, partition=partition)

    def _unpriced(self, cost: Cost) -> bool:
        """Whether a confirmed call has no price, and nobody was told yet."""
        unknown = cost.cost_usd is None and cost.standing == "confirmed"
        return unknown and cost.model not in self.ports.told

    def _alert_send(self, cost: Cost) -> Send:
        self.ports.told.add(cost.model)
        detail = f"calls of {cost.model} have no price: set its prices in the registry"
        at = self.ports.clock.now()
        alert = Alert(kind="unknown_price", detail=detail, subject=cost.model, at=at)
        name = ids.derive("alert", alert.kind, cost.model, at.date().isoformat())
        return Send(ALERTS.name, alert.kind, alert, name, cause=cost.call_id)

    def _assigned(self) -> str:
        record = self.record
        return f"{record.topic}/{record.partition}/{record.offset}"

    def _timeout_s(self, task: Task, now: datetime) -> float:
        longest_s = self.ports.longest_call_s
        if task.deadline_at is None:
            return longest_s
        return min(longest_s, (task.deadline_at - now).total_seconds())


def carried(answered: Reply | Failed) -> Reply | Failed:
    """An answer that no record could carry is a failed call, paid for all the same."""
    if isinstance(answered, Failed):
        return answered
    size = len(answered.text.encode("utf-8", "replace")) + len(str(answered.tool_calls))
    if size <= ANSWER_BYTES:
        return answered
    detail = f"an answer of {size} bytes; at most {ANSWER_BYTES} are carried"
    return Failed(Failure.GARBAGE, detail, answered.usage, answered.latency_s)


def price_of(spec: ModelSpec) -> Price | None:
    """A model's price list, or None: then the provider's own figure is the call's cost."""
    if spec.input_usd_per_mtok is None or spec.output_usd_per_mtok is None:
        return None
    return Price(spec.input_usd_per_mtok, spec.output_usd_per_mtok, version="registry")


def total(trail: Sequence[Attempt]) -> Decimal | None:
    """What a trail cost; None as soon as one attempt's price is unknown."""
    costs = [attempt.cost_usd for attempt in trail]
    known = [cost for cost in costs if cost is not None]
    return sum(known, NOTHING_DUE) if len(known) == len(costs) else None

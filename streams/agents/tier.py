"""tier-n → results, calls, costs, scores, or tier-(n+1): one task is run, or passed on.

    intent confirmed → call → outcome confirmed → result and cost confirmed → settled

A restart that finds an outcome publishes it again and makes no call; one that finds an intent
alone waits until its deadline, books it in doubt, and then asks again, parks or fails the task, as
the tier is set. A call that failed is followed by the same model where that is safe, another model
of the tier, the next tier, and the failed result.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from streams import ids
from streams.agents.announce import Announcer, redirected, score_of, unknown_price
from streams.agents.bill import Billing
from streams.agents.booking import (
    NOTHING_DUE,
    attempt_of,
    carried,
    ended,
    intended,
    left_s,
    total,
)
from streams.agents.course import Course
from streams.agents.doors import Admitted, Doors
from streams.agents.judgement import Checking, Verdict
from streams.agents.outcome import Bury, Emit, Outcome, Put, Record, Send
from streams.calling import ledger
from streams.calling.attempts import Failure, are_enough, backoff_s, retry_in_s
from streams.calling.cascade import SURE, trusted
from streams.calling.ledger import Found, InDoubt, Work
from streams.clock import Clock
from streams.events.decision import Assignment, RefusalReason
from streams.events.envelope import Reason
from streams.events.feedback import Score
from streams.events.outcome import Attempt, Call, CallState, Cost, Result, ResultError, Usage
from streams.events.task import Task
from streams.kafka import codec
from streams.kafka.codec import redrive_of
from streams.providers.port import Deadlines, Failed, Prompt, Provider, Reply, prompt_for
from streams.routing.cascade import LOGPROBS
from streams.routing.constraints import chars
from streams.routing.registry import ModelSpec, Registry, tokens
from streams.tier0.answer import Answering, answer


def unchecked(task: Task, reply: Reply) -> Verdict:
    """Every answer passes as it is."""
    del task
    return Verdict(reply.text)


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
        doors: Lets tasks to models.
        longest_call_s: No call is waited for longer.
        told: What this process has raised an alert about.
        news: What has changed of models' breakers, holds and warmth since it was last asked.
        in_doubt: What becomes of a task whose call's outcome nobody knows.
        cascade_bar: How sure a cheap model asked first must be.
        billing: Prices.
        check: Checks and repairs answers.
        answer: The tier-0 skills.
    """

    registry: Callable[[], Registry]
    calls: Mapping[str, Work]
    ledger: Ledger
    providers: Mapping[str, Provider]
    clock: Clock
    doors: Doors
    longest_call_s: float
    told: set[str]
    news: Callable[[], tuple[Send, ...]] = tuple
    in_doubt: InDoubt = InDoubt.RECALL
    cascade_bar: float = SURE
    billing: Billing = field(default_factory=Billing)
    check: Checking = unchecked
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
        if known is not None and await run.doubted(known) and ports.in_doubt is not InDoubt.RECALL:
            return await run.given_up(parked=ports.in_doubt is InDoubt.PARK)
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
        self.says = Announcer(record, self.name, assignment.reply_to)
        self.trail: tuple[Attempt, ...] = assignment.trail
        self.costs: tuple[Cost, ...] = ()
        self.scores: tuple[Score, ...] = ()
        self.news: tuple[Send, ...] = ()
        self.waited_s = 0.0

    def refused(self) -> Outcome:
        """A refusal becomes the failed result."""
        refusal = self.assignment.refusal
        reason = RefusalReason.INTERNAL if refusal is None else refusal.reason
        detail = "an assignment without a task" if refusal is None else refusal.detail
        result = self.failed(reason, detail)
        return Emit((self.says.result(result),), label="refused")

    async def doubted(self, known: Work) -> bool:
        """Take up what is known; an open intent waits until it can't be answered, and is booked.

        Of a call that ended the public ledger is told again: a crash may have come between.

        Returns:
            Whether the outcome of the last call is unknown.
        """
        self.trail, self.costs, self.scores = known.trail, known.costs, known.scores
        if known.call is None:
            return False
        if known.call.state is not CallState.INTENDED:
            await self.ports.ledger.confirm(self.record, (self.says.call(known.call),), ())
            return self.trail[-1:] != () and self.trail[-1].outcome == ledger.IN_DOUBT
        await self.pause(ledger.remaining_s(known.call, self.ports.clock.now()))
        call, attempt, cost = ledger.in_doubt(known.call, self.ports.clock.now())
        self.trail, self.costs = (*self.trail, attempt), (*self.costs, cost)
        await self.remember(call)
        return True

    async def work(self, task: Task) -> Outcome:
        """Try this tier's models until one answers, or pass the task on."""
        if self.number == 0 and not task.overdue(self.ports.clock.now()):
            return self.answered(task) or await self.moved_on(task, self.course(task).following())
        step = self.first(task)
        while step is not None and step[0] == self.number and not self.over(task):
            admitted = await self.admitted(task, step[1])
            if admitted is None:
                step = self.course(task).above()
                break
            try:
                if self.over(task):  # the deadline has passed at the doors
                    break
                made = await self.attempt(task, admitted)
            finally:
                self.ports.doors.left(admitted.ticket)
            if isinstance(made, Work):
                return self.conclude(made, label="completed")
            step = await self.after(task, admitted.spec, made)
        return await self.moved_on(task, step)

    def first(self, task: Task) -> tuple[int, str] | None:
        """Whom the assignment names, if that one may be asked and has not failed yet."""
        model = self.assignment.model
        failed = any(a.model == model and a.outcome != ledger.IN_DOUBT for a in self.trail)
        course = self.course(task)
        if model is None or failed or model in course.hindered:
            return course.following()
        return self.number, model

    def course(self, task: Task) -> Course:
        """Who may be asked from here on."""
        return Course(
            self.number,
            self.ports.registry(),
            task,
            self.assignment.decision,
            self.trail,
            again=self.ports.in_doubt is InDoubt.RECALL,
        )

    def over(self, task: Task) -> bool:
        """Whether no further call may be made."""
        return self.spent or task.overdue(self.ports.clock.now())

    @property
    def spent(self) -> bool:
        """Whether the trail is as long as one may be."""
        return are_enough(attempt.outcome for attempt in self.trail)

    async def admitted(self, task: Task, model: str) -> Admitted | None:
        """The model that is asked now, once it may be: the one that is meant, else another here."""
        course = self.course(task)
        candidates = course.here(model)
        if not candidates:
            return None
        asked = tokens(chars(task))
        most = max(min(s.max_tokens, task.max_output_tokens or s.max_tokens) for s in candidates)
        above = course.above() is not None
        until_s = left_s(task, self.ports.clock.now())
        began_s = self.ports.clock.monotonic_s()

        def here() -> list[ModelSpec]:
            """The candidates anew where the registry has changed; nothing else does meanwhile."""
            nonlocal course, candidates
            if self.ports.registry() is not course.registry:
                course = self.course(task)
                candidates = course.here(model)
            return candidates

        admitted = await self.ports.doors.admitted(
            here, asked + most, until_s, above=above, waited_s=self.waited_s
        )
        self.waited_s += self.ports.clock.monotonic_s() - began_s
        return admitted

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
        return Emit((self.says.result(result),), label="completed")

    async def attempt(self, task: Task, admitted: Admitted) -> Work | Failed:
        """One call: announced, made, checked, booked. The concluded work, or how it failed."""
        spec, ticket, cold_s = admitted
        ports, now = self.ports, self.ports.clock.now()
        prompt = self.prompt(task, spec)
        timeout_s = min(ports.longest_call_s, left_s(task, now))
        at_most_usd = ports.billing.at_most_usd(spec, prompt, now)
        call = intended(self.assignment, spec, prompt.call_id, now, timeout_s, at_most_usd)
        await self.remember(call)
        provider = ports.providers[spec.provider]
        ports.doors.sent(ticket)
        said = carried(await provider.call(prompt, Deadlines(timeout_s, cold_start_s=cold_s)))
        ports.doors.settled(ticket, said)
        self.news = ports.news()
        answered = said if isinstance(said, Failed) else self.judged(task, call, said)
        by = said.model or None if isinstance(said, Reply) else None
        call = self.booked(call, spec, answered, by)
        if isinstance(answered, Failed):
            await self.remember(call)
            return answered
        result = self.result(
            status="completed", output=answered.text, model=spec.name, usage=answered.usage,
            finish_reason=answered.finish_reason, tool_calls=list(answered.tool_calls) or None,
        )  # fmt: skip
        return await self.remember(call, result=result)

    def prompt(self, task: Task, spec: ModelSpec) -> Prompt:
        """What this attempt asks; it says how long the answer may be, so that its cost is bounded."""
        call_id = ledger.call_id(self.name, len(self.trail), self._assigned())
        prompt = prompt_for(task, model=spec.at_provider, call_id=call_id)
        return replace(
            prompt,
            max_output_tokens=min(spec.max_tokens, prompt.max_output_tokens or spec.max_tokens),
            logprobs=self.is_first(spec.name) and LOGPROBS in spec.capabilities,
            api_key_env=spec.api_key_env,
        )

    def judged(self, task: Task, call: Call, reply: Reply) -> Reply | Failed:
        """The answer as it is given on; or a failed call, if it is not what was asked for.

        The verdict is a score: the router learns from it without anybody grading.
        """
        if reply.tool_calls and not reply.text:
            return reply
        verdict = self.ports.check(task, reply)
        at = self.ports.clock.now()
        passed = verdict.because is None
        if verdict.telling or not passed:
            score = score_of(call, passed=passed, because=verdict.because, at=at)
            self.scores = (*self.scores, score)
        if verdict.because is not None:
            return Failed(Failure.CHECK_FAILED, verdict.because, reply.usage, reply.latency_s)
        if self.is_first(call.model) and not trusted(
            reply.token_logprobs, checked=verdict.telling, bar=self.ports.cascade_bar
        ):
            return Failed(Failure.UNSURE, "not sure enough", reply.usage, reply.latency_s)
        return replace(reply, text=verdict.text)

    def is_first(self, model: str) -> bool:
        """Whether a cascade asks this model before the one that was decided for."""
        decision = self.assignment.decision
        return decision is not None and decision.asked_first == model

    def booked(self, call: Call, spec: ModelSpec, answered: Reply | Failed, by: str | None) -> Call:
        """The outcome of a call, priced; it joins the trail and, if it was billed, the costs."""
        ended_at = self.ports.clock.now()
        bill = self.ports.billing.bill(
            spec, self.ports.registry(), answered.usage, answered_by=by, at=call.intended_at
        )
        call = ended(call, answered, bill.cost_usd, by, ended_at)
        if isinstance(answered, Reply) or answered.failure.may_be_billed:
            cost = ledger.cost_of(call, price_version=bill.price_version, at=ended_at)
            self.costs = (*self.costs, cost)
        detail = answered.detail if isinstance(answered, Failed) else None
        self.trail = (*self.trail, attempt_of(call, call.failure or "completed", detail))
        return call

    async def after(self, task: Task, spec: ModelSpec, failed: Failed) -> tuple[int, str] | None:
        """Who is asked next: the same again after a while, another of the tier, the next tier."""
        course, limited = self.course(task), failed.failure is Failure.RATE_LIMITED
        wait_s = retry_in_s(
            failed.failure,
            tries=course.refusals(spec.name) if limited else course.tries(spec.name),
            told_s=failed.retry_after_s,
            left_s=left_s(task, self.ports.clock.now()),
            draw=(draw := ids.draw(self.name, str(len(self.trail)), "backoff")),
        )
        if wait_s is not None:
            await self.pause(wait_s)
            return self.number, spec.name
        step = course.following(up=failed.failure is Failure.CHECK_FAILED)
        asked = 0 if step is None else course.tries(step[1]) + course.refusals(step[1])
        if asked:  # nobody is left who has not failed
            await self.pause(backoff_s(asked, draw))
        return step

    async def moved_on(self, task: Task, step: tuple[int, str] | None) -> Outcome:
        """The next tier gets the task, or it failed with the whole trail."""
        now = self.ports.clock.now()
        if task.overdue(now):
            return await self.ended(self.failed(RefusalReason.DEADLINE, "past deadline_at"))
        if step is None or step[0] == self.number or self.spent:
            return await self.ended(
                self.failed(RefusalReason.EXHAUSTED, self.course(task).dead_end())
            )
        above, model = step
        passed = self.assignment.model_copy(
            update={"tier": above, "model": model, "trail": self.trail}
        )
        return self.conclude(await self.keep(passed_on=passed), label="passed_on")

    async def given_up(self, *, parked: bool) -> Outcome:
        """A call's outcome is unknown, and the tier does not ask again."""
        detail = "a call was on its way when its worker died; what came of it is not known"
        if parked:
            detail += "; `tierflow dlq redrive` asks again"
        return await self.ended(self.failed(RefusalReason.IN_DOUBT, detail), parked=parked)

    async def ended(self, result: Result, *, parked: bool = False) -> Outcome:
        """The tier's last word is a failed result."""
        return self.conclude(await self.keep(result=result, parked=parked), label="failed")

    def conclude(self, work: Work, label: str) -> Outcome:
        """What concluded work publishes, the same however often."""
        says = self.says
        sends = [says.cost(cost) for cost in work.costs]
        sends += [says.score(score) for score in work.scores]
        if work.call is not None:
            sends.append(says.call(work.call))
        for cost in work.costs:
            sends += self.alerts(cost)
        sends += self.news
        if work.result is not None:
            sends.append(says.result(work.result))
        elif work.passed_on is not None:
            sends.append(says.passed_on(work.passed_on))
        if work.parked and work.result is not None and work.result.error is not None:
            return Bury(Reason.IN_DOUBT, work.result.error.detail, tuple(sends))
        return Emit(tuple(sends), label=label)

    async def remember(self, call: Call, *, result: Result | None = None) -> Work:
        """Confirm what is known of the task and its last call, in table and public ledger.

        The last word is told to the ledger with the result.
        """
        work = Work(
            at=self.ports.clock.now(), call=call, trail=self.trail, costs=self.costs,
            scores=self.scores, result=result,
        )  # fmt: skip
        sends = () if result is not None else (self.says.call(call), *self.news)
        await self.ports.ledger.confirm(self.record, sends, (Put("calls", self.name, work),))
        if sends:
            self.news = ()
        return work

    async def keep(
        self, *, result: Result | None = None, passed_on: Assignment | None = None,
        parked: bool = False,
    ) -> Work:  # fmt: skip
        """Confirm the tier's last word in the table."""
        work = Work(
            at=self.ports.clock.now(), trail=self.trail, costs=self.costs, scores=self.scores,
            result=result, passed_on=passed_on, parked=parked,
        )  # fmt: skip
        await self.ports.ledger.confirm(self.record, (), (Put("calls", self.name, work),))
        return work

    async def pause(self, seconds: float) -> None:
        """Let others work meanwhile."""
        if seconds > 0:
            await self.ports.doors.pause(seconds)

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

    def alerts(self, cost: Cost) -> list[Send]:
        """What a person should know of a call's cost, once a process."""
        ports, at = self.ports, self.ports.clock.now()
        spec = ports.registry().by_name.get(cost.model)
        due = []
        if cost.cost_usd is None and cost.standing == "confirmed":
            due.append(unknown_price(cost, at))
        if spec is not None and ports.billing.redirected(spec, cost.answered_by):
            due.append(redirected(cost, at))
        fresh = [alert for alert in due if f"{alert.kind} {alert.subject}" not in ports.told]
        ports.told.update(f"{alert.kind} {alert.subject}" for alert in fresh)
        return [self.says.alert(alert, cost.call_id) for alert in fresh]

    def _assigned(self) -> str:
        record = self.record
        return f"{record.topic}/{record.partition}/{record.offset}"

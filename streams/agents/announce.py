"""What a tier publishes about one task: its result, its calls and what they cost, scores, alerts.

Every publication has an id derived from its cause: said twice, it is the same.
"""

from dataclasses import dataclass
from datetime import datetime

from streams import ids
from streams.agents.outcome import Record, Send
from streams.events.decision import Assignment
from streams.events.feedback import Alert, Score
from streams.events.outcome import Call, Cost, Result
from streams.kafka.codec import redriven
from streams.topology import ALERTS, CALLS, COSTS, RESULTS, SCORES, TIERS

VALIDATOR = "validator"


@dataclass(frozen=True, slots=True)
class Announcer:
    """Speaks about the task of one assignment.

    Args:
        record: Where the assignment was read.
        name: The id of the task's result.
        reply_to: A topic that gets a copy of the result.
    """

    record: Record
    name: str
    reply_to: str | None

    @property
    def cause(self) -> str | None:
        """The id of the assignment's event."""
        return self.record.header("ce_id")

    def result(self, result: Result) -> Send:
        """The result's one id, on its task's key; a copy goes to where the task asked for one."""
        return Send(
            RESULTS.name, result.task_id, result, self.name, cause=self.cause,
            headers=redriven(result.redrive), copy_to=self.reply_to,
        )  # fmt: skip

    def passed_on(self, passed: Assignment) -> Send:
        """The assignment of the next tier."""
        key = (passed.task_id, passed.body_digest, passed.redrive, passed.tier)
        return Send(
            TIERS[passed.tier].name, passed.task_id, passed, ids.derive("assignment", *key),
            cause=self.cause, headers=redriven(passed.redrive),
        )  # fmt: skip

    def call(self, call: Call) -> Send:
        """What is known of a call, on its task's partition."""
        name = ids.derive("call-event", call.call_id, call.state.value)
        return Send(
            CALLS.name, call.call_id, call, name, cause=self.cause, partition=self.record.partition
        )

    def cost(self, cost: Cost) -> Send:
        """What a call cost, on its task's partition."""
        name = ids.derive("cost", cost.call_id)
        return Send(
            COSTS.name, cost.call_id, cost, name, cause=cost.call_id,
            partition=self.record.partition,
        )  # fmt: skip

    def score(self, score: Score) -> Send:
        """What a check said of an answer."""
        name = ids.derive("score", score.feedback_id, repr(score.score))
        return Send(SCORES.name, score.task_id, score, name, cause=self.cause)

    def alert(self, alert: Alert, cause: str) -> Send:
        """Something a person should know, once a day."""
        name = ids.derive("alert", alert.kind, alert.subject, alert.at.date().isoformat())
        return Send(ALERTS.name, alert.kind, alert, name, cause=cause)


def score_of(call: Call, *, passed: bool, because: str | None, at: datetime) -> Score:
    """What a check's verdict on a call's answer teaches."""
    name = f"check of {call.model}"
    return Score(
        feedback_id=ids.derive("feedback", call.task_id, VALIDATOR, name, call.decision_id),
        task_id=call.task_id,
        score=1.0 if passed else 0.0,
        source=VALIDATOR,
        name=name,
        comment=because,
        tier=call.tier,
        model=call.model,
        at=at,
    )


def unknown_price(cost: Cost, at: datetime) -> Alert:
    """Calls were confirmed that nobody can price."""
    billed = cost.answered_by or cost.model
    detail = f"calls of {billed} have no price: set its prices in the registry"
    return Alert(kind="unknown_price", detail=detail, subject=billed, at=at)


def redirected(cost: Cost, at: datetime) -> Alert:
    """Another model answered, and was billed, than the one that was asked."""
    detail = f"{cost.provider} answered for {cost.model} with {cost.answered_by}, billed as such"
    subject = f"{cost.model} > {cost.answered_by}"
    return Alert(kind="redirected_model", detail=detail, subject=subject, at=at)

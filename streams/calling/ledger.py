"""Life of a task's work in one tier: intended → concluded, and what a restart finds of it.

nothing known ─► begin
concluded     ─► publish the same again, make no call
intended      ─► wait until the call's deadline, book it in doubt, then recall, park or fail
"""

import enum
from datetime import datetime

from streams import ids
from streams.events.decision import Assignment
from streams.events.envelope import State
from streams.events.feedback import Score
from streams.events.outcome import Attempt, Call, CallState, Cost, Result


class Work(State):
    """What a tier knows of one task: its last call, what its calls cost, how it ended.

    `call` is open while its state is `intended`. `result` or `passed_on` is set once the work is
    concluded; `costs` are the calls made in this tier, `trail` every attempt of the task so far,
    `scores` what checks said of the answers. `parked` says that the task waits in the dead letters.
    """

    call: Call | None = None
    trail: tuple[Attempt, ...] = ()
    costs: tuple[Cost, ...] = ()
    scores: tuple[Score, ...] = ()
    parked: bool = False
    result: Result | None = None
    passed_on: Assignment | None = None

    @property
    def concluded(self) -> bool:
        """Whether the tier's last word is known."""
        return self.result is not None or self.passed_on is not None


IN_DOUBT = "in_doubt"
"""The outcome of an attempt that nobody knows the outcome of."""


class InDoubt(enum.StrEnum):
    """What becomes of a task whose call nobody knows the outcome of."""

    RECALL = "recall"  # it is asked again: a second bill is better than no answer
    PARK = "park"  # it waits in the dead letters until somebody sends it again
    FAIL = "fail"  # it failed


class Found(enum.Enum):
    """What a tier finds when it is handed a task."""

    NOTHING = "nothing"
    OPEN = "open"
    CONCLUDED = "concluded"


def found(work: Work | None) -> Found:
    """Say what is known of a task."""
    if work is None:
        return Found.NOTHING
    return Found.CONCLUDED if work.concluded else Found.OPEN


def result_id(task_id: str, body_digest: str, redrive: int) -> str:
    """The one id of a task's result: the same for every repeat, another for a redrive."""
    return ids.derive("result", task_id, body_digest, redrive)


def call_id(of_result: str, attempt: int, assigned: str) -> str:
    """The id of the nth attempt at a task, counted from 0 over all tiers.

    Args:
        of_result: The id of the task's result.
        attempt: How many were made before.
        assigned: Where the assignment lies in its topic. A task that is sent again after all has
            forgotten it is done again, and its calls cost money of their own.
    """
    return ids.derive("call", of_result, attempt, assigned)


def remaining_s(call: Call, now: datetime) -> float:
    """Seconds until an open call can't be answered any more; 0 when it is past."""
    return max(0.0, (call.deadline_at - now).total_seconds())


def in_doubt(call: Call, now: datetime) -> tuple[Call, Attempt, Cost]:
    """Book a call whose outcome nobody knows: it may have been billed, its price is unknown."""
    doubted = call.model_copy(
        update={"state": CallState.IN_DOUBT, "failure": IN_DOUBT, "ended_at": now}
    )
    attempt = Attempt(tier=call.tier, model=call.model, call_id=call.call_id, outcome=IN_DOUBT)
    return doubted, attempt, cost_of(doubted, price_version=None, at=now)


def cost_of(call: Call, *, price_version: str | None, at: datetime) -> Cost:
    """The cost event of a call that ended."""
    return Cost(
        call_id=call.call_id,
        task_id=call.task_id,
        decision_id=call.decision_id,
        tenant=call.tenant,
        tier=call.tier,
        model=call.model,
        provider=call.provider,
        answered_by=call.answered_by,
        usage=call.usage,
        cost_usd=call.cost_usd,
        at_most_usd=call.at_most_usd if call.state is CallState.IN_DOUBT else None,
        price_version=price_version,
        standing="in_doubt" if call.state is CallState.IN_DOUBT else "confirmed",
        incurred_at=at,
    )

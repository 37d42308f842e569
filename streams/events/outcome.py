"""Results, ledger entries and priced calls: what came of a task and what it cost."""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from streams.events.envelope import Event, Id, JsonObject, Label, Part, Tier

Usd = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=12)]
"""Money, in dollars, to 10⁻¹² (Decimal(18, 12) in the tables)."""

Count = Annotated[int, Field(ge=0)]


class Usage(Part):
    """Tokens of one call as the provider counted them; None where it said nothing.

    `input_tokens` and `output_tokens` are all of them. Parts of the input: those read from a cache,
    those written to one for five minutes and for an hour, those of audio. Parts of the output:
    those of reasoning, those of audio. `service_tier` is `batch`, `flex` or `priority` where the
    provider says that the call was billed so.
    """

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cached_input_tokens: Count | None = None
    cache_write_5m_tokens: Count | None = None
    cache_write_1h_tokens: Count | None = None
    input_audio_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    output_audio_tokens: Count | None = None
    service_tier: Label | None = None
    reported_cost_usd: Usd | None = None  # what the provider itself says the call cost


class Attempt(Part):
    """One try in the chain: which model, and how it ended (`completed` or a failure's name)."""

    tier: Tier
    model: Label | None
    call_id: str | None
    outcome: str
    detail: str | None = None
    cost_usd: Usd | None = None
    latency_s: float = 0.0


class CallState(enum.StrEnum):
    """Life of a call: announced, then known or in doubt."""

    INTENDED = "intended"
    COMPLETED = "completed"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"


class Call(Event):
    """One HTTP request to a model in the public ledger: first the intent, then the outcome."""

    TYPE: ClassVar[str] = "tierflow.call.v1"

    call_id: str
    task_id: Id
    decision_id: str
    tenant: Label
    tier: Tier
    model: Label
    provider: Label
    state: CallState
    answered_by: Label | None = None  # the model that the provider says answered
    failure: str | None = None
    usage: Usage = Usage()
    cost_usd: Usd | None = None
    latency_s: float | None = None
    at_most_usd: Usd | None = None  # more it can't have cost; None: nobody can say
    intended_at: datetime
    deadline_at: datetime
    ended_at: datetime | None = None


class Cost(Event):
    """One priced call. An unknown price is None, never zero.

    `answered_by` is the model that the provider says answered, and the one that is billed.
    `at_most_usd` bounds what a call in doubt can have cost; `settled_at` says when the doubt ended.
    """

    TYPE: ClassVar[str] = "tierflow.cost.v1"

    call_id: str
    task_id: Id
    decision_id: str
    tenant: Label
    tier: Tier
    model: Label
    provider: Label
    answered_by: Label | None = None
    usage: Usage
    cost_usd: Usd | None
    at_most_usd: Usd | None = None
    price_version: str | None
    standing: Literal["confirmed", "in_doubt"]
    incurred_at: datetime
    settled_at: datetime | None = None


class ResultError(Part):
    """Why a task failed: `reason` from the closed list `RefusalReason`, `detail` for people."""

    reason: str
    detail: str


class Result(Event):
    """The terminal result of a task. Its event id is the same however often it is repeated.

    `latency_s` counts from the moment the task was published to the result; `waiting_s` is the
    part of it that was not a model's answer.
    """

    TYPE: ClassVar[str] = "tierflow.result.v1"

    task_id: Id
    status: Literal["completed", "failed"]
    output: str | None = None
    error: ResultError | None = None
    tier: Tier | None = None
    model: Label | None = None
    attempts: tuple[Attempt, ...] = ()
    usage: Usage = Usage()
    cost_usd: Usd | None = None
    reference_cost_usd: Usd | None = None
    latency_s: float | None = None
    waiting_s: float | None = None
    finish_reason: str | None = None
    tool_calls: list[JsonObject] | None = None
    decision_id: str | None = None
    tenant: Label = "default"
    metadata: JsonObject | None = None
    body_digest: str = ""
    redrive: int = 0
    accepted_at: datetime | None = None
    completed_at: datetime

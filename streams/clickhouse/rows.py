"""Event → row, pure: one function and one row type a stored table.

The fields of a row type are the table's columns, in their order; the last five say where the row
came from and, in `row_version`, which of several rows of one identity counts: the greatest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from streams import topology
from streams.clickhouse.values import count, counted, json, known_usd, moment, usd, version
from streams.events.control import Policy
from streams.events.decision import Decision, Pricing
from streams.events.envelope import Event
from streams.events.feedback import Performance, Score
from streams.events.outcome import Call, CallState, Cost, Result

CALL_RANKS = {
    CallState.INTENDED: 0,
    CallState.IN_DOUBT: 1,
    CallState.FAILED: 2,
    CallState.COMPLETED: 2,
}
COST_RANKS = {"in_doubt": 0, "confirmed": 1}
SETTLED_RANK = 2


class Place(NamedTuple):
    """Where an event was read: full topic name, partition, offset, and its CloudEvents id."""

    topic: str
    partition: int
    offset: int
    event_id: str


class ResultRow(NamedTuple):
    """One row of `results_store`."""

    task_id: str
    body_digest: str
    redrive: int
    tenant: str
    status: str
    tier: int | None
    model: str | None
    decision_id: str | None
    output: str | None
    error_reason: str | None
    error_detail: str | None
    finish_reason: str | None
    tool_calls: str | None
    metadata: str | None
    attempt_tiers: list[int]
    attempt_models: list[str | None]
    attempt_call_ids: list[str | None]
    attempt_outcomes: list[str]
    attempt_details: list[str | None]
    attempt_costs_usd: list[Decimal | None]
    attempt_latencies_s: list[float]
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    cost_usd: Decimal | None
    reference_cost_usd: Decimal | None
    latency_s: float | None
    waiting_s: float | None
    accepted_at: datetime | None
    completed_at: datetime
    topic: str
    partition: int
    offset: int
    event_id: str
    row_version: int


class CallRow(NamedTuple):
    """One row of `calls_store`."""

    call_id: str
    task_id: str
    decision_id: str
    tenant: str
    tier: int
    model: str
    provider: str
    answered_by: str | None
    state: str
    failure: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    cache_write_5m_tokens: int | None
    cache_write_1h_tokens: int | None
    input_audio_tokens: int | None
    reasoning_tokens: int | None
    output_audio_tokens: int | None
    service_tier: str | None
    reported_cost_usd: Decimal | None
    cost_usd: Decimal | None
    at_most_usd: Decimal | None
    latency_s: float | None
    intended_at: datetime
    deadline_at: datetime
    ended_at: datetime | None
    topic: str
    partition: int
    offset: int
    event_id: str
    row_version: int


class CostRow(NamedTuple):
    """One row of `costs_store`."""

    call_id: str
    task_id: str
    decision_id: str
    tenant: str
    tier: int
    model: str
    provider: str
    answered_by: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    cache_write_5m_tokens: int | None
    cache_write_1h_tokens: int | None
    input_audio_tokens: int | None
    reasoning_tokens: int | None
    output_audio_tokens: int | None
    service_tier: str | None
    reported_cost_usd: Decimal | None
    cost_usd: Decimal | None
    at_most_usd: Decimal | None
    price_version: str | None
    standing: str
    incurred_at: datetime
    settled_at: datetime | None
    topic: str
    partition: int
    offset: int
    event_id: str
    row_version: int


class DecisionRow(NamedTuple):
    """One row of `decisions_store`; the features stay on the topic."""

    decision_id: str
    task_id: str
    tenant: str
    tier: int
    model: str | None
    confidence: float
    rule: str
    rule_tier: int
    rule_confidence: float
    probabilities: dict[str, float]
    propensity: float
    predicted_quality: dict[str, float]
    best_quality: float | None
    threshold: float
    bound_by: str | None
    strategy: str
    price: float | None
    binding: str | None
    priced_tasks: int | None
    headroom_usd: Decimal | None
    largest_usd: dict[str, Decimal]
    overrun: dict[str, Decimal]
    expected_usd: dict[str, Decimal | None]
    unaffordable: tuple[str, ...]
    reserved_usd: Decimal | None
    listed_usd: Decimal | None
    model_state_version: int
    policy_version: int
    explored: bool
    unavailable: tuple[str, ...]
    warming: dict[str, float]
    cold: bool
    skill: str | None
    asked_first: str | None
    asked_first_tier: int | None
    decided_at: datetime
    topic: str
    partition: int
    offset: int
    event_id: str
    row_version: int


class FeedbackRow(NamedTuple):
    """One row of `feedback_store`."""

    feedback_id: str
    task_id: str
    score: float
    source: str
    name: str
    comment: str | None
    tier: int | None
    model: str | None
    at: datetime
    topic: str
    partition: int
    offset: int
    event_id: str
    row_version: int


class PolicyRow(NamedTuple):
    """One row of `policy_store`."""

    version: int
    thresholds: dict[str, float]
    target: float
    target_quality: float | None
    ceiling_usd: Decimal | None
    allowance_usd: Decimal | None
    strategy: str
    reason: str
    changed_by: str
    at: datetime
    topic: str
    partition: int
    offset: int
    event_id: str
    row_version: int


class PerformanceRow(NamedTuple):
    """One row of `performance_store`; `model` is empty for tier 0, as a key can't be NULL."""

    tier: int
    model: str
    bucket_at: datetime
    bucket_s: float
    cell_partition: int
    completed: int
    failed: int
    cost_usd: Decimal
    unpriced: int
    latency_sum_s: float
    latency_counts: list[int]
    topic: str
    partition: int
    offset: int
    event_id: str
    row_version: int


Row = ResultRow | CallRow | CostRow | DecisionRow | FeedbackRow | PolicyRow | PerformanceRow


def result_row(event: Result, place: Place) -> ResultRow:
    """A task's result; of several for one body the last redrive counts, then the latest."""
    return ResultRow(
        event.task_id,
        event.body_digest,
        event.redrive,
        event.tenant,
        event.status,
        event.tier,
        event.model,
        event.decision_id,
        event.output,
        None if event.error is None else event.error.reason,
        None if event.error is None else event.error.detail,
        event.finish_reason,
        None if event.tool_calls is None else json(event.tool_calls),
        None if event.metadata is None else json(event.metadata),
        [attempt.tier for attempt in event.attempts],
        [attempt.model for attempt in event.attempts],
        [attempt.call_id for attempt in event.attempts],
        [attempt.outcome for attempt in event.attempts],
        [attempt.detail for attempt in event.attempts],
        [usd(attempt.cost_usd) for attempt in event.attempts],
        [attempt.latency_s for attempt in event.attempts],
        count(event.usage.input_tokens),
        count(event.usage.output_tokens),
        count(event.usage.cached_input_tokens),
        usd(event.cost_usd),
        usd(event.reference_cost_usd),
        event.latency_s,
        event.waiting_s,
        event.accepted_at and moment(event.accepted_at),
        moment(event.completed_at),
        *place,
        version(event.completed_at, event.redrive),
    )


def call_row(event: Call, place: Place) -> CallRow:
    """A ledger entry; what is known of a call counts over a doubt, a doubt over the intent."""
    return CallRow(
        event.call_id,
        event.task_id,
        event.decision_id,
        event.tenant,
        event.tier,
        event.model,
        event.provider,
        event.answered_by,
        event.state,
        event.failure,
        *counted(event.usage),
        usd(event.cost_usd),
        usd(event.at_most_usd),
        event.latency_s,
        moment(event.intended_at),
        moment(event.deadline_at),
        event.ended_at and moment(event.ended_at),
        *place,
        version(event.ended_at or event.intended_at, CALL_RANKS[event.state]),
    )


def cost_row(event: Cost, place: Place) -> CostRow:
    """A priced call. Settled counts over confirmed, confirmed over in doubt, the later over the earlier.

    An unknown price stays None.
    """
    rank = COST_RANKS[event.standing] if event.settled_at is None else SETTLED_RANK
    return CostRow(
        event.call_id,
        event.task_id,
        event.decision_id,
        event.tenant,
        event.tier,
        event.model,
        event.provider,
        event.answered_by,
        *counted(event.usage),
        usd(event.cost_usd),
        usd(event.at_most_usd),
        event.price_version,
        event.standing,
        moment(event.incurred_at),
        event.settled_at and moment(event.settled_at),
        *place,
        version(event.settled_at or event.incurred_at, rank),
    )


def decision_row(event: Decision, place: Place) -> DecisionRow:
    """Where a task was sent, and why."""
    return DecisionRow(
        event.decision_id,
        event.task_id,
        event.tenant,
        event.tier,
        event.model,
        event.confidence,
        event.rule,
        event.rule_tier,
        event.rule_confidence,
        event.probabilities,
        event.propensity,
        event.predicted_quality,
        event.best_quality,
        event.threshold,
        event.bound_by,
        event.strategy,
        *_priced(event.pricing),
        {model: usd(cost) for model, cost in event.expected_usd.items()},
        event.unaffordable,
        usd(event.reserved_usd),
        usd(event.listed_usd),
        event.model_state_version,
        event.policy_version,
        event.explored,
        event.unavailable,
        event.warming,
        event.cold,
        event.skill,
        event.asked_first,
        event.asked_first_tier,
        moment(event.decided_at),
        *place,
        version(event.decided_at),
    )


_Priced = tuple[
    float | None, str | None, int | None, Decimal | None, dict[str, Decimal], dict[str, Decimal]
]


def _priced(pricing: Pricing | None) -> _Priced:
    """What money was worth, in the order of the columns."""
    if pricing is None:
        return None, None, None, None, {}, {}
    return (
        pricing.price,
        pricing.binding,
        pricing.tasks,
        pricing.headroom_usd,
        {model: known_usd(cost) for model, cost in pricing.largest_usd.items()},
        pricing.overrun,
    )


def feedback_row(event: Score, place: Place) -> FeedbackRow:
    """A checked score. The latest by its own time counts, since a redelivery brings back old ones."""
    return FeedbackRow(
        event.feedback_id,
        event.task_id,
        event.score,
        event.source,
        event.name,
        event.comment,
        event.tier,
        event.model,
        moment(event.at),
        *place,
        version(event.at),
    )


def policy_row(event: Policy, place: Place) -> PolicyRow:
    """One version of thresholds and strategy."""
    return PolicyRow(
        event.version,
        event.thresholds,
        event.target,
        event.target_quality,
        usd(event.ceiling_usd),
        usd(event.allowance_usd),
        event.strategy,
        event.reason,
        event.changed_by,
        moment(event.at),
        *place,
        version(event.at),
    )


def performance_row(event: Performance, place: Place) -> PerformanceRow:
    """One cumulative cell: it only grows, so the one that counted most results is the newest."""
    return PerformanceRow(
        event.tier,
        event.model or "",
        moment(event.bucket_at),
        event.bucket_s,
        event.partition,
        event.completed,
        event.failed,
        known_usd(event.cost_usd),
        event.unpriced,
        event.latency_sum_s,
        list(event.latency_counts),
        *place,
        event.completed + event.failed,
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A stored table: which topic fills it, and how an event becomes its row."""

    name: str
    row: type[Row]
    build: Callable[[Any, Place], Row]

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, in order."""
        return self.row._fields


TABLES: Mapping[type[Event], Table] = {
    Result: Table("results_store", ResultRow, result_row),
    Call: Table("calls_store", CallRow, call_row),
    Cost: Table("costs_store", CostRow, cost_row),
    Decision: Table("decisions_store", DecisionRow, decision_row),
    Score: Table("feedback_store", FeedbackRow, feedback_row),
    Policy: Table("policy_store", PolicyRow, policy_row),
    Performance: Table("performance_store", PerformanceRow, performance_row),
}
"""By the event that a topic carries; `topology.SUNK` has no other."""


def table_of(topic: topology.Topic) -> Table:
    """The table that a topic fills.

    Raises:
        KeyError: The topic is not one of `topology.SUNK`.
    """
    if topic.event is None:
        raise KeyError(topic.name)
    return TABLES[topic.event]

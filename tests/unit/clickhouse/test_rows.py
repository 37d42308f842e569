"""Every event of the books as its row, written out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from streams import topology
from streams.clickhouse import rows, values
from streams.clickhouse.rows import Place
from streams.clickhouse.story import BUILDERS
from streams.events.decision import Binding, Pricing
from streams.events.outcome import CallState, ResultError, Usage
from tests.builders import (
    AT,
    DIGEST,
    a_call,
    a_cost,
    a_decision,
    a_performance,
    a_policy,
    a_result,
    a_score,
    an_attempt,
)

PLACE = Place("tierflow.results.v1", 3, 17, "result-1")
PLACED = {"topic": "tierflow.results.v1", "partition": 3, "offset": 17, "event_id": "result-1"}
BILLED = Usage(
    input_tokens=900, output_tokens=100, cached_input_tokens=300, cache_write_5m_tokens=200,
    cache_write_1h_tokens=50, input_audio_tokens=7, reasoning_tokens=60, output_audio_tokens=3,
    service_tier="batch", reported_cost_usd=Decimal("0.0002"),
)  # fmt: skip
PRICING = Pricing(
    price=12.5, binding=Binding.CEILING, tasks=40, headroom_usd=Decimal("-0.25"),
    largest_usd={"small": Decimal("0.5")}, overrun={"small": Decimal(3)},
)  # fmt: skip
AT_MS = (AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_a_result_becomes_its_row() -> None:
    event = a_result(
        attempts=(
            an_attempt(),
            an_attempt(tier=3, model="medium", call_id="call-2", outcome="completed",
                       cost_usd=Decimal("0.0001"), latency_s=1.4),
        ),
        metadata={"ticket": "é 7"},
        tool_calls=[{"name": "look"}],
        redrive=2,
    )  # fmt: skip
    assert rows.result_row(event, PLACE)._asdict() == {
        "task_id": "t1",
        "body_digest": DIGEST,
        "redrive": 2,
        "tenant": "default",
        "status": "completed",
        "tier": 2,
        "model": "small",
        "decision_id": event.decision_id,
        "output": "Because of Rayleigh scattering.",
        "error_reason": None,
        "error_detail": None,
        "finish_reason": "stop",
        "tool_calls": '[{"name":"look"}]',
        "metadata": '{"ticket":"é 7"}',
        "attempt_tiers": [2, 3],
        "attempt_models": ["small", "medium"],
        "attempt_call_ids": ["call-1", "call-2"],
        "attempt_outcomes": ["overloaded", "completed"],
        "attempt_details": [None, None],
        "attempt_costs_usd": [None, Decimal("0.0001")],
        "attempt_latencies_s": [0.0, 1.4],
        "input_tokens": 20,
        "output_tokens": 100,
        "cached_input_tokens": None,
        "cost_usd": Decimal("0.0001"),
        "reference_cost_usd": None,
        "latency_s": 1.5,
        "waiting_s": 0.1,
        "accepted_at": AT,
        "completed_at": AT + timedelta(seconds=1.5),
        **PLACED,
        "row_version": (2 << 48) + AT_MS + 1500,
    }


def test_a_failed_result_says_why() -> None:
    event = a_result(
        status="failed", output=None, tier=None, model=None, cost_usd=None, accepted_at=None,
        error=ResultError(reason="deadline", detail="too late"),
    )  # fmt: skip
    row = rows.result_row(event, PLACE)
    assert (row.status, row.error_reason, row.error_detail) == ("failed", "deadline", "too late")
    assert (row.tier, row.model, row.cost_usd, row.accepted_at) == (None, None, None, None)


def test_a_call_becomes_its_row() -> None:
    event = a_call(usage=BILLED, answered_by="small-2026-11-01", at_most_usd=Decimal("0.01"))
    assert rows.call_row(event, PLACE)._asdict() == {
        "call_id": "call-1",
        "task_id": "t1",
        "decision_id": "decision-1",
        "tenant": "default",
        "tier": 2,
        "model": "small",
        "provider": "simulator",
        "answered_by": "small-2026-11-01",
        "state": "completed",
        "failure": None,
        "input_tokens": 900,
        "output_tokens": 100,
        "cached_input_tokens": 300,
        "cache_write_5m_tokens": 200,
        "cache_write_1h_tokens": 50,
        "input_audio_tokens": 7,
        "reasoning_tokens": 60,
        "output_audio_tokens": 3,
        "service_tier": "batch",
        "reported_cost_usd": Decimal("0.0002"),
        "cost_usd": Decimal("0.0001"),
        "at_most_usd": Decimal("0.01"),
        "latency_s": 1.2,
        "intended_at": AT,
        "deadline_at": AT + timedelta(seconds=60),
        "ended_at": AT + timedelta(seconds=1.2),
        **PLACED,
        "row_version": (2 << 48) + AT_MS + 1200,
    }


def test_a_known_outcome_counts_over_a_doubt_and_a_doubt_over_the_intent() -> None:
    later = AT + timedelta(days=400)
    intended = rows.call_row(a_call(state=CallState.INTENDED, intended_at=later), PLACE)
    doubted = rows.call_row(a_call(state=CallState.IN_DOUBT), PLACE)
    known = [rows.call_row(a_call(state=s), PLACE) for s in (CallState.FAILED, CallState.COMPLETED)]
    assert intended.row_version < doubted.row_version
    assert all(doubted.row_version < row.row_version for row in known)


def test_a_cost_becomes_its_row() -> None:
    event = a_cost(
        cost_usd=None, price_version=None, usage=BILLED, answered_by="small-2026-11-01",
        settled_at=AT + timedelta(days=1),
    )  # fmt: skip
    assert rows.cost_row(event, PLACE)._asdict() == {
        "call_id": "call-1",
        "task_id": "t1",
        "decision_id": "decision-1",
        "tenant": "default",
        "tier": 2,
        "model": "small",
        "provider": "simulator",
        "answered_by": "small-2026-11-01",
        "input_tokens": 900,
        "output_tokens": 100,
        "cached_input_tokens": 300,
        "cache_write_5m_tokens": 200,
        "cache_write_1h_tokens": 50,
        "input_audio_tokens": 7,
        "reasoning_tokens": 60,
        "output_audio_tokens": 3,
        "service_tier": "batch",
        "reported_cost_usd": Decimal("0.0002"),
        "cost_usd": None,
        "at_most_usd": None,
        "price_version": None,
        "standing": "confirmed",
        "incurred_at": AT,
        "settled_at": AT + timedelta(days=1),
        **PLACED,
        "row_version": (2 << 48) + AT_MS + 86_400_000,
    }


def test_a_confirmed_cost_counts_over_one_in_doubt() -> None:
    doubted = rows.cost_row(a_cost(standing="in_doubt", incurred_at=AT + timedelta(days=1)), PLACE)
    assert doubted.row_version < rows.cost_row(a_cost(), PLACE).row_version


def test_a_settled_cost_counts_over_all_that_was_booked_and_the_last_settlement_over_others() -> (
    None
):
    booked = [
        rows.cost_row(a_cost(standing=standing, incurred_at=AT + timedelta(days=9)), PLACE)
        for standing in ("in_doubt", "confirmed")
    ]
    settled = [rows.cost_row(a_cost(settled_at=AT + timedelta(days=day)), PLACE) for day in (1, 2)]
    assert all(row.row_version < settled[0].row_version for row in booked)
    assert settled[0].row_version < settled[1].row_version


def test_a_decision_becomes_its_row() -> None:
    event = a_decision(
        probabilities={"small": 0.97, "tiny": 0.03}, bound_by="budget", unavailable=("medium",),
        warming={"tiny": 8.0}, cold=True, asked_first="tiny", asked_first_tier=1,
        pricing=PRICING, expected_usd={"small": Decimal("0.002"), "tiny": None},
        unaffordable=("medium",), reserved_usd=Decimal("0.004"), listed_usd=Decimal("0.001"),
    )  # fmt: skip
    assert rows.decision_row(event, PLACE)._asdict() == {
        "decision_id": event.decision_id,
        "task_id": "t1",
        "tenant": "default",
        "tier": 2,
        "model": "small",
        "confidence": 0.9,
        "rule": "default",
        "rule_tier": 3,
        "rule_confidence": 0.6,
        "probabilities": {"small": 0.97, "tiny": 0.03},
        "propensity": 0.97,
        "predicted_quality": {"small": 0.85},
        "best_quality": 0.9,
        "threshold": 0.8,
        "bound_by": "budget",
        "strategy": "balanced",
        "price": 12.5,
        "binding": "ceiling",
        "priced_tasks": 40,
        "headroom_usd": Decimal("-0.25"),
        "largest_usd": {"small": Decimal("0.5")},
        "overrun": {"small": Decimal(3)},
        "expected_usd": {"small": Decimal("0.002"), "tiny": None},
        "unaffordable": ("medium",),
        "reserved_usd": Decimal("0.004"),
        "listed_usd": Decimal("0.001"),
        "model_state_version": 0,
        "policy_version": 0,
        "explored": False,
        "unavailable": ("medium",),
        "warming": {"tiny": 8.0},
        "cold": True,
        "skill": None,
        "asked_first": "tiny",
        "asked_first_tier": 1,
        "decided_at": AT,
        **PLACED,
        "row_version": AT_MS,
    }


def test_where_money_has_no_price_its_columns_are_empty() -> None:
    row = rows.decision_row(a_decision(), PLACE)
    assert (row.price, row.binding, row.priced_tasks, row.headroom_usd) == (None,) * 4
    assert (row.largest_usd, row.expected_usd, row.unaffordable) == ({}, {}, ())


def test_a_score_becomes_a_row_of_feedback() -> None:
    event = a_score(score=0.25, comment="wrong", name="hint", tier=2, model="small")
    assert rows.feedback_row(event, PLACE)._asdict() == {
        "feedback_id": event.feedback_id,
        "task_id": "t1",
        "score": 0.25,
        "source": "user",
        "name": "hint",
        "comment": "wrong",
        "tier": 2,
        "model": "small",
        "at": AT,
        **PLACED,
        "row_version": AT_MS,
    }


def test_the_later_score_counts_even_when_the_earlier_one_is_redelivered_behind_it() -> None:
    redelivered = rows.feedback_row(a_score(at=AT), PLACE._replace(offset=99))
    correction = rows.feedback_row(a_score(at=AT + timedelta(seconds=1)), PLACE)
    assert redelivered.row_version < correction.row_version


def test_a_policy_change_becomes_its_row() -> None:
    money = {"ceiling_usd": Decimal("0.001"), "allowance_usd": Decimal("0.0009")}
    assert rows.policy_row(a_policy(4, target_quality=0.85, **money), PLACE)._asdict() == {
        "version": 4,
        "thresholds": {"1": 0.8, "2": 0.8, "3": 0.8, "4": 0.8},
        "target": 0.9,
        "target_quality": 0.85,
        **money,
        "strategy": "balanced",
        "reason": "initial",
        "changed_by": "tests",
        "at": AT,
        **PLACED,
        "row_version": AT_MS,
    }


def test_a_performance_cell_becomes_its_row() -> None:
    event = a_performance(model=None, tier=0, failed=2, partition=5)
    assert rows.performance_row(event, PLACE)._asdict() == {
        "tier": 0,
        "model": "",
        "bucket_at": AT,
        "bucket_s": 10.0,
        "cell_partition": 5,
        "completed": 10,
        "failed": 2,
        "cost_usd": Decimal("0.001"),
        "unpriced": 0,
        "latency_sum_s": 15.0,
        "latency_counts": list(event.latency_counts),
        **PLACED,
        "row_version": 12,
    }


@pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_a_time_that_no_column_holds_is_moved_to_the_edge(at: datetime) -> None:
    row = rows.feedback_row(a_score(at=at), PLACE)
    assert row.at in (values.EARLIEST, values.LATEST)
    assert 0 <= row.row_version < 1 << 64


def test_a_count_of_tokens_that_no_column_holds_is_unknown() -> None:
    row = rows.cost_row(a_cost(usage=Usage(input_tokens=1 << 70, output_tokens=7)), PLACE)
    assert (row.input_tokens, row.output_tokens) == (None, 7)


def test_money_that_does_not_fit_is_refused_rather_than_cut() -> None:
    with pytest.raises(OverflowError, match="1000000 dollars"):
        rows.performance_row(a_performance(cost_usd=Decimal(1_000_000)), PLACE)


def test_every_topic_of_the_sink_has_a_table_and_no_two_share_one() -> None:
    names = [rows.table_of(topic).name for topic in topology.SUNK]
    assert len(set(names)) == len(topology.SUNK) == len(rows.TABLES)


def test_a_topic_that_is_not_sunk_has_no_table() -> None:
    with pytest.raises(KeyError):
        rows.table_of(topology.DEAD_LETTERS)


def test_calls_and_costs_are_recalled_from_their_rows_as_they_were_told() -> None:
    most, who = Decimal("0.01"), "small-2026-11-01"
    call = a_call(usage=BILLED, answered_by=who, at_most_usd=most)
    cost = a_cost(usage=BILLED, answered_by=who, at_most_usd=most, settled_at=AT)
    assert BUILDERS["calls"](seen(rows.call_row(call, PLACE)._asdict())) == call
    assert BUILDERS["costs"](seen(rows.cost_row(cost, PLACE)._asdict())) == cost


def seen(row: dict[str, Any]) -> dict[str, Any]:
    """What the view shows of a row."""
    return {name: value for name, value in row.items() if name != "row_version"}

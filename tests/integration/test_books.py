"""What is stored, what is seen of it, and the questions that are asked of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from clickhouse_connect.driver.client import Client

from streams.calling.settling import settled
from streams.clickhouse import read
from streams.clickhouse.doubts import call_of, cost_of, open_doubts
from streams.clickhouse.insert import Store, Stored
from streams.clickhouse.rows import table_of
from streams.clickhouse.story import log
from streams.clickhouse.values import EARLIEST, LATEST
from streams.events.decision import Binding, Pricing
from streams.events.envelope import Event
from streams.events.feedback import Score
from streams.events.outcome import Result, Usage
from streams.learning.history import History
from streams.topology import SUNK
from tests.books import count, store
from tests.builders import (
    AT,
    a_call,
    a_cost,
    a_decision,
    a_performance,
    a_policy,
    a_result,
    a_score,
    an_attempt,
)

pytestmark = pytest.mark.clickhouse

PRICING = Pricing(
    price=12.5, binding=Binding.CEILING, tasks=40, headroom_usd=Decimal("-0.25"),
    largest_usd={"small": Decimal("0.5")}, overrun={"small": Decimal(3)},
)  # fmt: skip

EVENTS: tuple[Event, ...] = (
    a_result(attempts=(an_attempt(), an_attempt(outcome="completed"))),
    a_call(),
    a_cost(),
    a_decision(),
    a_score(),
    a_policy(),
    a_performance(),
)


def test_every_event_of_the_books_is_stored_and_seen_by_its_plain_name(client: Client) -> None:
    store(client, *EVENTS)
    views = ("results", "calls", "costs", "decisions", "feedback", "policy", "performance")
    for view in views:
        assert count(client, view) == 1, view
    result = next(iter(client.query("SELECT * FROM results").named_results()))
    assert result["task_id"] == "t1"
    assert result["cost_usd"] == Decimal("0.0001")
    assert result["completed_at"] == AT + timedelta(seconds=1.5)
    assert (result["attempts"], result["attempt_outcomes"]) == (2, ["overloaded", "completed"])
    assert "row_version" not in result


def test_a_repeat_at_another_offset_is_seen_once(client: Client) -> None:
    store(client, *EVENTS)
    store(client, *EVENTS, first=500)
    for topic in SUNK:
        table = table_of(topic)
        assert count(client, table.name) == 2
        plain = table.name.removesuffix("_store")
        assert count(client, plain) == 1, plain


def test_a_repeat_in_another_month_is_seen_once(client: Client) -> None:
    later = AT + timedelta(days=70)
    store(client, a_result(), a_result(redrive=1, completed_at=later))
    assert client.query("SELECT redrive, completed_at FROM results").result_rows == [(1, later)]


def test_a_settled_cost_is_seen_instead_of_the_doubt_whatever_came_last(client: Client) -> None:
    settled = a_cost(
        cost_usd=Decimal("0.004"), at_most_usd=Decimal("0.01"), settled_at=AT + timedelta(days=2),
        usage=Usage(input_tokens=900, output_tokens=5, cache_write_1h_tokens=800),
    )  # fmt: skip
    doubt = a_cost(
        standing="in_doubt", cost_usd=Decimal("0.01"), incurred_at=AT + timedelta(days=9)
    )
    store(client, doubt, settled, doubt)
    asked = "SELECT cost_usd, standing, settled_at, at_most_usd, cache_write_1h_tokens FROM costs"
    assert client.query(asked).result_rows == [
        (Decimal("0.004"), "confirmed", AT + timedelta(days=2), Decimal("0.01"), 800)
    ]


def test_the_last_redrive_of_a_task_is_its_result_whatever_its_body(client: Client) -> None:
    refused = a_result("t1", status="failed", body_digest="raw", completed_at=AT + timedelta(1))
    store(client, refused, a_result("t1", redrive=1), a_result("t1", redrive=1))
    store(client, a_result("t2", body_digest="1"), a_result("t2", body_digest="2"), first=300)
    shown = client.query(
        "SELECT task_id, status, redrive FROM results ORDER BY task_id"
    ).result_rows
    assert shown == [("t1", "completed", 1), ("t2", "completed", 0), ("t2", "completed", 0)]
    late = a_result("t1", status="failed", redrive=2, body_digest="raw")
    store(client, late, first=500)
    asked = client.query("SELECT status, redrive FROM results WHERE task_id = 't1'").result_rows
    assert asked == [("failed", 2)]


def test_the_same_block_again_adds_nothing(client: Client) -> None:
    store(client, a_cost())
    store(client, a_cost())
    assert count(client, "costs_store") == 1


def test_the_last_score_counts_and_a_redelivered_older_one_changes_nothing(client: Client) -> None:
    first, second = a_score(score=0.1), a_score(score=0.9, at=AT + timedelta(seconds=1))
    store(client, first, second, first)
    assert client.query("SELECT score FROM feedback").result_rows == [(0.9,)]


def test_a_cell_is_replaced_by_the_one_that_counts_more(client: Client) -> None:
    cells = [a_performance(completed=n) for n in (3, 10, 7)]
    store(client, *cells, a_performance(model=None, tier=0))
    assert client.query(
        "SELECT tier, model, completed FROM performance ORDER BY tier"
    ).result_rows == [(0, None, 10), (2, "small", 10)]


def test_unknown_prices_are_null_and_money_is_exact(client: Client) -> None:
    tiny = [a_cost(f"call-{n}", cost_usd=Decimal("0.000000000001")) for n in range(100)]
    store(client, a_cost("free", cost_usd=None), *tiny)
    assert client.query("SELECT cost_usd FROM costs WHERE call_id = 'free'").first_row == (None,)
    assert client.query("SELECT sum(cost_usd) FROM costs").first_row == (Decimal("1E-10"),)


def test_doubts_are_those_that_nobody_settled_and_the_last_settlement_counts(
    client: Client,
) -> None:
    doubts = {
        name: a_cost(
            name, cost_usd=None, standing="in_doubt", price_version=None, usage=Usage(),
            at_most_usd=Decimal("0.002"), incurred_at=AT - timedelta(minutes=order),
        )
        for order, name in enumerate(("open", "settled", "confirmed", "older"))
    }  # fmt: skip
    first = settled(doubts["settled"], Decimal("0.0010"), at=AT)
    last = settled(first, Decimal("0.0015"), at=AT - timedelta(days=1), answered_by="small-2")
    known = a_cost("confirmed", standing="confirmed")
    store(client, last, *doubts.values(), first, known, a_call("settled"))
    assert open_doubts(client) == [doubts["older"], doubts["open"]]
    assert cost_of(client, "settled") == last
    assert cost_of(client, "confirmed") == known
    assert cost_of(client, "unheard") is None
    assert call_of(client, "settled") == a_call("settled")
    assert call_of(client, "open") is None
    of_doubts = "SELECT sum(cost_usd) FROM costs WHERE settled_at IS NOT NULL"
    assert client.query(of_doubts).first_row == (Decimal("0.0015"),)


def test_the_store_knows_the_last_record_of_each_partition(client: Client) -> None:
    store(client, a_score("a"), a_score("b"), a_score("c"), first=40)
    shelf = Store(lambda: client)
    name = "tierflow.scores.v1"
    table = table_of(next(topic for topic in SUNK if topic.name == "scores"))
    assert shelf.last_stored(table, name) == {1: Stored(42, "e42")}
    assert shelf.last_stored(table, "other.scores.v1") == {}


# the questions


def test_every_question_is_answered_by_empty_books(client: Client) -> None:
    answers = {name: read.ask(client, name) for name in read.names()}
    assert {name for name, rows in answers.items() if rows} == {"totals", "fallback"}
    assert answers["totals"][0]["tasks"] == 0
    assert answers["totals"][0]["low_tier_share"] is None


def test_the_log_of_a_span_of_time_comes_back_as_events(client: Client) -> None:
    money = {
        "pricing": PRICING, "expected_usd": {"small": Decimal("0.002"), "tiny": None},
        "unaffordable": ("medium",), "reserved_usd": Decimal("0.004"),
        "listed_usd": Decimal("0.001"),
    }  # fmt: skip
    decided = a_decision("a", **money), a_decision("b", decided_at=AT + timedelta(hours=2))
    others = a_decision("c", tenant="acme")
    store(client, *decided, others, a_result("a"), a_result("b"), a_result("c"), a_score("a", 0.5))
    hour = {"since": AT - timedelta(hours=1), "until": AT + timedelta(hours=1)}
    found = list(log(client, **hour, tenant="default"))
    assert found[0] == decided[0]
    assert [event.task_id for event in found if isinstance(event, Result)] == ["a"]
    assert [event.score for event in found if isinstance(event, Score)] == [0.5]
    assert len(list(log(client, since=EARLIEST, until=LATEST, tenant=""))) == 7
    (told,) = History.of(found).tasks()
    assert (told.score, told.cost_usd) == (0.5, 0.0001)


def test_what_was_asked_of_money_is_a_policy_s(client: Client) -> None:
    store(client, a_policy(1, target_quality=0.85, ceiling_usd=Decimal("0.001")), a_policy(2))
    asked = "SELECT target_quality, ceiling_usd, allowance_usd FROM policy ORDER BY version"
    assert client.query(asked).result_rows == [
        (0.85, Decimal("0.001"), None),
        (None, None, None),
    ]


def test_the_questions_add_up(client: Client) -> None:
    failed, done = an_attempt(), an_attempt(outcome="completed", tier=3, model="medium")
    store(
        client,
        a_result("a", reference_cost_usd=Decimal("0.01"), attempts=(done,)),
        a_result("b", tier=3, model="medium", attempts=(failed, done), cost_usd=Decimal("0.002"),
                 reference_cost_usd=Decimal("0.01")),
        a_result("c", tier=0, model=None, cost_usd=Decimal(0), tenant="acme"),
        a_result("d", status="failed", tier=None, model=None, cost_usd=None, attempts=(failed,)),
        a_cost("call-1"),
        a_cost("call-2", standing="in_doubt"),
        a_cost("call-3", cost_usd=None),
        a_policy(1),
        a_policy(2, thresholds={"1": 0.7}, reason="quality above target"),
        a_score("a", 0.5),
    )  # fmt: skip
    (totals,) = read.ask(client, "totals")
    assert totals == {
        "tasks": 4,
        "completed": 3,
        "failed": 1,
        "cost_usd": Decimal("0.0021"),
        "unpriced": 1,
        "reference_cost_usd": Decimal("0.02"),
        "tier_mix": {"0": 1, "2": 1, "3": 1},
        "low_tier_share": 0.5,
    }
    assert read.ask(client, "fallback") == [{"tasks": 2, "completed": 1}]
    tasks = {row["task_id"]: row for row in read.ask(client, "tasks")}
    assert {name: row["attempts"] for name, row in tasks.items()} == {
        "a": 1,
        "b": 2,
        "c": 0,
        "d": 1,
    }
    assert tasks["d"]["cost_usd"] is None
    saved = read.ask(client, "savings_by_tenant")
    assert [(row["tenant"], row["saved_usd"]) for row in saved] == [("default", Decimal("0.0179"))]
    assert saved[0]["saved_share"] == pytest.approx(0.895)
    (spent,) = read.ask(client, "spend_by_model")
    assert (spent["calls"], spent["unpriced"]) == (3, 1)
    assert (spent["confirmed_usd"], spent["in_doubt_usd"]) == (Decimal("0.0001"), Decimal("0.0001"))
    changes = read.ask(client, "policy_changes")
    assert [row["version"] for row in changes] == [1, 2]
    assert changes[1]["thresholds"] == {"1": 0.7}
    (judged,) = read.ask(client, "feedback_by_tier")
    assert (judged["tier"], judged["scores"], judged["mean_score"]) == (2, 1, 0.5)


def test_a_validator_s_score_counts_for_the_model_whose_answer_it_checked(client: Client) -> None:
    store(
        client,
        a_result("a", tier=3, model="medium"),
        a_score("a", 0.9),
        a_score("a", 0.0, source="validator", name="call-1", tier=2, model="small"),
    )
    judged = read.ask(client, "feedback_by_tier")
    assert [(row["tier"], row["model"], row["mean_score"]) for row in judged] == [
        (2, "small", 0.0),
        (3, "medium", 0.9),
    ]


def test_a_question_can_be_asked_of_a_tenant_and_a_time(client: Client) -> None:
    store(client, a_result("a"), a_result("b", tenant="acme", completed_at=AT + timedelta(days=3)))
    assert read.ask(client, "totals", tenant="acme")[0]["tasks"] == 1
    assert read.ask(client, "totals", until=AT + timedelta(days=1))[0]["tasks"] == 1
    since = datetime(2200, 1, 1, tzinfo=UTC)
    assert read.ask(client, "totals", since=since)[0]["tasks"] == 0

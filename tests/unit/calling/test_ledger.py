from datetime import timedelta
from decimal import Decimal

import pytest

from streams.calling import ledger
from streams.calling.ledger import Found, Work
from streams.events.outcome import Call, CallState
from tests.builders import AT, a_call, a_result, an_assignment


def test_nothing_is_known_of_a_task_that_was_never_worked_on() -> None:
    assert ledger.found(None) is Found.NOTHING


@pytest.mark.parametrize("call", [None, a_call(state=CallState.INTENDED)])
def test_work_without_a_last_word_is_open(call: Call | None) -> None:
    assert ledger.found(Work(at=AT, call=call)) is Found.OPEN


def test_a_result_or_a_task_passed_on_is_the_last_word() -> None:
    assert ledger.found(Work(at=AT, result=a_result())) is Found.CONCLUDED
    assert ledger.found(Work(at=AT, passed_on=an_assignment(tier=3))) is Found.CONCLUDED


def test_a_result_has_one_id_for_a_task_a_body_and_a_redrive() -> None:
    named = ledger.result_id("t1", "body", 0)
    assert named == ledger.result_id("t1", "body", 0)
    others = {
        ledger.result_id("t2", "body", 0),
        ledger.result_id("t1", "other", 0),
        ledger.result_id("t1", "body", 1),
    }
    assert len({named, *others}) == 4


def test_every_attempt_has_a_call_id_of_its_own() -> None:
    ids = {
        ledger.call_id(r, n, at)
        for r in ("r1", "r2")
        for n in range(3)
        for at in ("t/0/1", "t/0/9")
    }
    assert len(ids) == 12


def test_an_open_call_is_waited_for_until_its_deadline_and_no_longer() -> None:
    call = a_call(deadline_at=AT + timedelta(seconds=60))
    assert ledger.remaining_s(call, AT + timedelta(seconds=45)) == 15
    assert ledger.remaining_s(call, AT + timedelta(seconds=60)) == 0
    assert ledger.remaining_s(call, AT + timedelta(seconds=90)) == 0


def test_a_call_in_doubt_may_have_cost_something_that_nobody_knows() -> None:
    now = AT + timedelta(seconds=60)
    call, attempt, cost = ledger.in_doubt(a_call(state=CallState.INTENDED), now)
    assert (call.state, call.failure, call.ended_at) == (CallState.IN_DOUBT, "in_doubt", now)
    assert (attempt.call_id, attempt.outcome, attempt.cost_usd) == ("call-1", "in_doubt", None)
    assert (cost.standing, cost.cost_usd, cost.incurred_at) == ("in_doubt", None, now)


def test_a_cost_names_its_call_and_the_price_list() -> None:
    call = a_call(cost_usd=Decimal("0.0002"), tenant="acme")
    cost = ledger.cost_of(call, price_version="p7", at=AT)
    assert (cost.call_id, cost.task_id, cost.tenant) == (call.call_id, call.task_id, "acme")
    assert (cost.cost_usd, cost.price_version, cost.standing) == (
        Decimal("0.0002"),
        "p7",
        "confirmed",
    )
    assert cost.usage == call.usage


def test_work_survives_being_kept() -> None:
    work = Work(at=AT, call=a_call(), result=a_result(), passed_on=an_assignment())
    assert Work.model_validate(work.model_dump(mode="json")) == work

from datetime import timedelta
from decimal import Decimal

import pytest

from streams.events.feedback import Feedback
from streams.learning.history import History
from tests.builders import (
    AT,
    a_decision,
    a_model_state,
    a_result,
    a_score,
    a_task,
    an_assignment,
)

LATER = AT + timedelta(minutes=1)


def test_what_is_told_of_a_task_comes_together_in_any_order() -> None:
    events = [a_score("t1", 0.25), a_result("t1"), a_task("t1"), a_decision("t1")]
    for order in (events, events[::-1]):
        (told,) = History.of([*order, *order]).tasks()
        assert (told.decision, told.task) == (a_decision("t1"), a_task("t1"))
        assert (told.score, told.cost_usd) == (0.25, 0.0001)


def test_an_assignment_brings_its_task_and_its_decision() -> None:
    (told,) = History.of([an_assignment("t1")]).tasks()
    assert told.task == a_task("t1")
    assert (told.score, told.cost_usd) == (None, None)


def test_each_feedback_has_the_last_word_once_and_all_count_alike() -> None:
    first = a_score("t1", 0.0, at=AT)
    last = a_score("t1", 0.5, at=LATER)
    other = Feedback(task_id="t1", score=1.0, source="test", at=AT)
    for order in ([first, last, other], [last, other, first]):
        (told,) = History.of([a_decision("t1"), *order]).tasks()
        assert told.score == pytest.approx(0.75)


def test_a_score_of_an_answer_that_nobody_saw_says_nothing_of_the_result() -> None:
    refused = a_score("t1", 0.0, source="validator", tier=1, model="tiny")
    assert History.of([a_decision("t1"), a_result("t1"), refused]).tasks()[0].score is None
    of_the_answer = a_score("t1", 0.8, tier=2, model="small")
    (told,) = History.of([a_decision("t1"), a_result("t1"), refused, of_the_answer]).tasks()
    assert told.score == 0.8


def test_a_failed_task_was_worth_nothing() -> None:
    failed = a_result("t1", status="failed", output=None)
    (told,) = History.of([a_decision("t1"), failed]).tasks()
    assert told.score == 0.0


def test_scores_belong_to_the_last_decision_of_a_task() -> None:
    again = a_decision("t1", decision_id="again", decided_at=LATER)
    first, last = History.of([again, a_decision("t1"), a_score("t1", 0.5)]).tasks()
    assert (first.score, last.score, last.decision.decision_id) == (None, 0.5, "again")


def test_an_unknown_cost_is_not_zero() -> None:
    (told,) = History.of([a_decision("t1"), a_result("t1", cost_usd=None)]).tasks()
    assert told.cost_usd is None
    (told,) = History.of([a_decision("t1"), a_result("t1", cost_usd=Decimal(0))]).tasks()
    assert told.cost_usd == 0.0


def test_of_a_learned_part_the_newest_counts() -> None:
    old, new = a_model_state("small", version=1), a_model_state("small", version=2)
    for order in ([old, new], [new, old]):
        assert History.of(order).parts == {"small": new}

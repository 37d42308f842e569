"""A result of the chosen model is a lesson about cost, at once and without anyone's feedback."""

from decimal import Decimal
from typing import Any

import pytest

from streams.events.outcome import Result
from streams.learning.joining import Half, Step, join_decision, join_result, join_score
from tests.builders import AT, a_decision, a_result, a_score, an_attempt

LISTED, COST = Decimal("0.002"), Decimal("0.003")


def answered(model: str = "small", cost_usd: Decimal | None = COST, **fields: Any) -> Result:
    failed = an_attempt(model="small", cost_usd=Decimal("0.5"))
    attempts = (failed, an_attempt(model=model, outcome="completed", cost_usd=cost_usd))
    return a_result(model=model, attempts=attempts, cost_usd=None, **fields)


def decided(**fields: Any) -> Half:
    return join_decision(Half(), a_decision(listed_usd=LISTED, features="packed", **fields), 0).half


def test_what_the_answer_took_is_a_lesson_and_nothing_is_kept() -> None:
    half = decided()
    joined = join_result(half, answered())
    (lesson,) = joined.lessons
    assert (joined.step, joined.half is half) == (Step.BILLED, True)
    assert (lesson.cost_usd, lesson.listed_usd) == (COST, LISTED)
    assert (lesson.score, lesson.source) == (None, None)
    assert (lesson.model, lesson.features, lesson.scored_at) == (
        "small",
        "packed",
        answered().completed_at,
    )


def test_a_repeated_result_makes_the_same_lesson() -> None:
    half = decided()
    assert join_result(half, answered()).lessons == join_result(half, answered()).lessons


def test_a_result_read_before_its_decision_waits_and_makes_the_same_lesson() -> None:
    early = join_result(Half(), answered())
    assert early.lessons == ()
    decision = a_decision(listed_usd=LISTED, features="packed")
    after = join_decision(early.half, decision, 0)
    assert after.lessons == join_result(decided(), answered()).lessons
    assert join_decision(after.half, decision, 0).lessons == after.lessons
    assert join_decision(after.half, decision, 5).lessons == ()
    assert join_result(early.half, answered()).half is early.half


@pytest.mark.parametrize(
    ("half", "result"),
    [
        (decided(), answered(model="medium")),
        (decided(), answered(cost_usd=None)),
        (decided(), answered(cost_usd=Decimal(0))),
        (decided(), answered(status="failed")),
        (decided(), answered(decision_id="decision-of-before")),
        (join_decision(Half(), a_decision(), 0).half, answered()),
    ],
)
def test_what_tells_nothing_of_the_chosen_models_cost_is_no_lesson(
    half: Half, result: Result
) -> None:
    assert join_result(half, result).lessons == ()


def test_a_score_teaches_no_cost() -> None:
    (lesson,) = join_score(decided(), a_score(), 1, AT).lessons
    assert (lesson.cost_usd, lesson.listed_usd) == (None, None)

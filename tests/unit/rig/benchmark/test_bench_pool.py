"""Rows as a benchmark plays them: which, of which models, in which order."""

from decimal import Decimal

import pytest

from streams.rig.benchmark.pool import names_of, order_of, pool_of, split
from streams.rig.recorded import Recorded, RecordedError, RecordedOutcome
from streams.tier0.answer import answer

MODELS = ("acme/large", "small")


def a_row(name: str, prompt: str, models: tuple[str, ...] = MODELS, **fields: object) -> Recorded:
    outcomes = {
        model: RecordedOutcome(score=0.5, cost_usd=Decimal(number + 1))
        for number, model in enumerate(models)
    }
    return Recorded(task_id=name, prompt=prompt, outcomes=outcomes, **fields)


ROWS = [a_row(f"r{number}", f"Why {number}?") for number in range(30)]


def test_models_are_named_in_full_or_by_what_follows_their_last_slash() -> None:
    assert names_of(("large", "small"), ROWS) == MODELS
    assert names_of(("acme/large",), ROWS) == ("acme/large",)
    assert names_of((), ROWS) == MODELS


def test_a_name_of_no_model_or_of_two_is_refused_with_words() -> None:
    with pytest.raises(RecordedError, match="none of acme/large, small"):
        names_of(("medium",), ROWS)
    twice = [a_row("a", "Why?", ("acme/large", "other/large"))]
    with pytest.raises(RecordedError, match="several: acme/large, other/large"):
        names_of(("large",), twice)


def test_a_row_without_an_outcome_or_a_cost_of_some_model_is_left_out_and_counted() -> None:
    unpriced = {name: RecordedOutcome(score=1.0) for name in MODELS}
    rows = [
        *ROWS,
        a_row("half", "Why?", ("small",)),
        ROWS[0].model_copy(update={"outcomes": unpriced}),
    ]
    pool = pool_of(rows, MODELS, answer)
    assert (len(pool.asked), pool.incomplete) == (30, 2)


def test_one_model_is_nothing_to_choose_from() -> None:
    with pytest.raises(RecordedError, match="two models"):
        pool_of(ROWS, ("small",), answer)


def test_a_task_is_named_after_its_prompt_and_not_after_its_row() -> None:
    one = pool_of([a_row("a", "Why?"), a_row("b", "Why?")], MODELS, answer)
    other = pool_of([a_row("x", "Why?"), a_row("y", "Why?")], MODELS, answer)
    assert [asked.task for asked in one.asked] == [asked.task for asked in other.asked]
    assert one.asked[0].task.task_id != one.asked[1].task.task_id


def test_orders_differ_by_seed_and_follow_prompts_not_places() -> None:
    pool, turned = pool_of(ROWS, MODELS, answer), pool_of(ROWS[::-1], MODELS, answer)
    first = [pool.asked[row].own_id for row in order_of(pool, 1)]
    assert first == [turned.asked[row].own_id for row in order_of(turned, 1)]
    assert first != [pool.asked[row].own_id for row in order_of(pool, 2)]
    assert sorted(first) == sorted(row.task_id for row in ROWS)


def test_rows_to_learn_from_come_first() -> None:
    pool = pool_of(ROWS[10:], MODELS, answer, learning=ROWS[:10])
    order = order_of(pool, 3)
    assert sorted(order[:10]) == list(range(10))
    assert (split(order, 10, 0.0), split(order, 10, 0.5)) == (10, 20)


def test_skills_answer_where_the_file_says_what_is_expected() -> None:
    sums = a_row("s", "What is 2 + 3?")
    assert pool_of([sums], MODELS, answer).asked[0].skill is None
    expecting = sums.model_copy(update={"expected": "5"})
    known, unknown = pool_of([expecting, sums], MODELS, answer).asked
    assert (known.skill, known.skill_score) == ("arithmetic", 1.0)
    assert (unknown.skill, unknown.skill_score) == ("arithmetic", None)

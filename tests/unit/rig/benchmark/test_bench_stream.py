"""One run through the agents' own code: what reaches the router, and when."""

from decimal import Decimal
from functools import cache

import pytest

from streams.rig.benchmark.pool import SKILLED, Pool, order_of, pool_of
from streams.rig.benchmark.prices import Found, Prices, Told, ranked
from streams.rig.benchmark.stream import Ran, Stream, Terms
from streams.rig.recorded import Recorded, RecordedOutcome
from streams.rig.simulation import BEGIN
from streams.routing.policy import initial_policy
from streams.tier0.answer import answer

POLICY = initial_policy(BEGIN)
MODELS = ("dear", "cheap")
COSTS = {"dear": Decimal("0.01"), "cheap": Decimal("0.0001")}
HARD = "Prove that the series converges, step {} of the argument."
EASY = "Rename the variable x{} to total."


def a_pool(tasks: int = 300) -> Pool:
    """Hard tasks that only the dear model does well, easy ones that both do."""
    rows = []
    for number in range(tasks):
        hard = number % 2 == 0
        scores = {"dear": 1.0, "cheap": 0.0 if hard else 1.0}
        rows.append(
            Recorded(
                task_id=f"r{number}",
                prompt=(HARD if hard else EASY).format(number),
                outcomes={
                    name: RecordedOutcome(score=scores[name], cost_usd=COSTS[name])
                    for name in MODELS
                },
            )
        )
    return pool_of(rows, MODELS, answer)


POOL = a_pool()
ORDER = order_of(POOL, 1)


def a_run(prices: Prices | None = None, **terms: object) -> Ran:
    known = prices or Told(ranked(COSTS))
    played = Terms(**{"policy": POLICY, **terms})  # type: ignore[arg-type]
    return Stream(POOL, known, played, "salt").run(ORDER)


@cache
def plain_run() -> Ran:
    return a_run()


def test_hard_tasks_come_to_go_to_the_dear_model_and_easy_ones_to_the_cheap_one() -> None:
    late = plain_run().steps[150:]
    right = sum((step.model == "dear") == (step.row % 2 == 0) for step in late)
    assert right > 0.9 * len(late)
    assert sum(step.score for step in late) > 0.9 * len(late)


def test_a_run_is_the_same_whenever_it_is_repeated() -> None:
    assert a_run().steps == plain_run().steps


def test_prices_found_from_bills_lead_there_too() -> None:
    ran = a_run(Found(MODELS))
    assert sum(step.score for step in ran.steps[150:]) > 0.9 * 150


def test_every_score_teaches_once_and_a_share_of_them_if_fewer_are_graded() -> None:
    assert len(plain_run().lesson_us) == len(ORDER)
    assert 0.2 * len(ORDER) < len(a_run(graded=0.3).lesson_us) < 0.4 * len(ORDER)


def test_a_score_that_comes_late_teaches_late() -> None:
    late = a_run(delay=100)
    assert len(late.lesson_us) == len(ORDER) - 100
    assert late.steps[:10] == plain_run().steps[:10]


def test_a_ceiling_is_held_whatever_the_order() -> None:
    ceiling = Decimal("0.002")
    policy = POLICY.model_copy(update={"ceiling_usd": ceiling})
    for seed in (1, 2):
        stream = Stream(POOL, Told(ranked(COSTS)), Terms(policy=policy), f"salt/{seed}")
        steps = stream.run(order_of(POOL, seed), 100).steps[100:]
        assert sum(step.spent_usd for step in steps) <= ceiling * len(steps) * Decimal("1.002")


def test_a_period_that_begins_has_no_room_for_a_dear_call_and_one_that_goes_on_has() -> None:
    """A dear call takes what five tasks may cost."""
    policy = POLICY.model_copy(update={"ceiling_usd": Decimal("0.002")})
    first = {}
    for renews in (True, False):
        terms = Terms(policy=policy, renews=renews)
        steps = Stream(POOL, Told(ranked(COSTS)), terms, "salt").run(ORDER, 200).steps
        first[renews] = sum(step.model == "dear" for step in steps[200:204])
    assert first[True] == 0 < first[False]


def test_a_target_is_held_through_blocks_that_are_all_hard_or_all_easy() -> None:
    policy = initial_policy(BEGIN, target_quality=0.75)
    blocks = [row for half in (0, 1) for row in range(half, len(ORDER), 2)]
    stream = Stream(POOL, Told(ranked(COSTS)), Terms(policy=policy, bucket_s=1.25), "salt")
    ran = stream.run(blocks)
    hard, easy = ran.steps[: len(ORDER) // 2], ran.steps[len(ORDER) // 2 :]
    dear = sum(step.model == "dear" for step in hard[50:]) / len(hard[50:])
    assert 0.6 < dear < 0.9  # hard ones only as often as the target needs
    assert sum(step.score for step in ran.steps[: len(hard)]) / len(hard) == pytest.approx(
        0.75, abs=0.05
    )
    assert sum(step.model == "dear" for step in easy[20:]) < 0.3 * len(easy[20:])
    assert {step.bound_by for step in ran.steps} == {"target"}
    assert len(ran.thresholds) > 2


def test_other_bills_change_what_is_spent_in_the_run_and_not_what_is_told() -> None:
    policy = POLICY.model_copy(update={"ceiling_usd": Decimal("0.25")})
    bills = [(Decimal(1), Decimal(0))] * len(ORDER)
    told = Told(ranked({"dear": Decimal(1), "cheap": Decimal(0)}))
    steps = Stream(POOL, told, Terms(policy=policy), "salt", bills).run(ORDER).steps
    dear = sum(step.model == "dear" for step in steps)
    assert 0.15 < dear / len(steps) <= 0.2505
    assert {step.spent_usd for step in steps} == set(COSTS.values())


def test_the_tuner_moves_thresholds_and_each_change_is_kept() -> None:
    thresholds = plain_run().thresholds
    assert thresholds[0] == (0, POLICY.thresholds)
    assert len(thresholds) > 1
    assert thresholds[-1][1] != POLICY.thresholds


def test_what_a_skill_answers_costs_nothing_and_is_judged_by_what_is_expected() -> None:
    outcomes = {name: RecordedOutcome(score=1.0, cost_usd=COSTS[name]) for name in MODELS}
    rows = [
        Recorded(task_id="a", prompt="What is 2 + 3?", expected="5", outcomes=outcomes),
        Recorded(task_id="b", prompt="What is 2 + 4?", expected="7", outcomes=outcomes),
    ]
    pool = pool_of(rows, MODELS, answer)
    steps = Stream(pool, Told(ranked(COSTS)), Terms(policy=POLICY), "salt").run([0, 1]).steps
    assert [(step.model, step.tier, step.score) for step in steps] == [
        (SKILLED, 0, 1.0),
        (SKILLED, 0, 0.0),
    ]
    assert {step.spent_usd for step in steps} == {0}


def test_a_snapshots_size_is_that_of_its_record() -> None:
    assert 10_000 < plain_run().snapshot_bytes < 350_000


def test_what_is_known_beforehand_is_not_played_and_the_first_task_is_done_well() -> None:
    stream = Stream(POOL, Told(ranked(COSTS)), Terms(policy=POLICY, known=True), "salt")
    ran = stream.run(ORDER, 150)
    assert [step.row for step in ran.steps] == ORDER[150:]
    first = ran.steps[:50]
    right = sum((step.model == "dear") == (step.row % 2 == 0) for step in first)
    assert right > 0.9 * len(first)


def test_with_a_price_of_money_what_is_known_beforehand_need_not_be_explored() -> None:
    policy = POLICY.model_copy(update={"ceiling_usd": Decimal("0.006")})
    stream = Stream(POOL, Told(ranked(COSTS)), Terms(policy=policy, known=True), "salt")
    first = stream.run(ORDER, 200).steps[:50]
    assert sum((step.model == "dear") == (step.row % 2 == 0) for step in first) > 40

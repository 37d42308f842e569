"""What an attack plays, and what is read off it."""

from decimal import Decimal

import pytest

from streams.rig.benchmark.attack import (
    ATTACKER,
    OTHERS,
    Attack,
    Besieging,
    Siege,
    besiege,
    shared_out,
    stuffed,
    tasks_of,
    top_of,
)
from streams.rig.benchmark.pool import Pool, pool_of
from streams.rig.benchmark.prices import Found
from streams.rig.benchmark.stream import Terms
from streams.rig.recorded import Recorded, RecordedOutcome
from streams.rig.simulation import BEGIN
from streams.routing.policy import initial_policy
from streams.tier0.answer import answer
from tests.chance import share

COSTS = {"small": Decimal("0.0001"), "large": Decimal("0.0019"), "other": Decimal("0.002")}


def a_pool(tasks: int = 120) -> Pool:
    rows = []
    for n in range(tasks):
        hard = n % 3 == 0
        well = {"small": float(not hard), "large": 1.0, "other": float(share("other", n) < 0.9)}
        outcomes = {
            name: RecordedOutcome(score=well[name], cost_usd=cost) for name, cost in COSTS.items()
        }
        prompt = f"Prove theorem {n} of topology" if hard else f"Say hello to guest {n}"
        rows.append(Recorded(task_id=f"r{n}", prompt=prompt, outcomes=outcomes))
    return pool_of(rows, tuple(COSTS), answer)


def besieged(attack: Attack, *, jobs: int = 1) -> Siege:
    pool = a_pool()
    wanted = Besieging(
        attack, Terms(initial_policy(BEGIN)), lambda: Found(pool.models), seeds=2, stuffed=100
    )
    told: list[int] = []
    siege = besiege(pool, wanted, told.append, jobs=jobs)
    assert told[-1] == tasks_of(pool, wanted)
    return siege


def test_models_of_about_one_price_are_one_top() -> None:
    assert top_of(a_pool()) == {"large", "other"}


def test_half_of_all_tasks_are_the_attacker_s_where_it_inverts() -> None:
    tenants = [asked.task.tenant for asked in shared_out(a_pool(400), Attack.INVERTED).asked]
    assert tenants.count(ATTACKER) == pytest.approx(200, abs=40)
    assert set(tenants) == {ATTACKER, *OTHERS}
    stuffing = shared_out(a_pool(), Attack.STUFFED).asked
    assert {asked.task.tenant for asked in stuffing} == set(OTHERS)


def test_stuffed_tasks_say_one_word_and_are_worth_what_a_row_is() -> None:
    pool = a_pool(6)
    more = stuffed(pool, 14)
    assert len(more.asked) == len(more.bills) == len(more.scores) == 20
    assert len({asked.task.task_id for asked in more.asked}) == 20
    assert more.scores[6 + 7].tolist() == pool.scores[1].tolist()
    words = more.asked[10].task.text.split()
    assert set(words[:-1]) == {"architecture"}
    assert len(words) > 20


def test_the_others_have_the_same_tasks_with_and_without_the_attack() -> None:
    siege = besieged(Attack.LYING)
    assert siege.tasks == 220
    assert siege.attacker_share == pytest.approx(100 / 220)
    assert siege.top == ("large", "other")
    assert [order.seed for order in siege.orders] == [1, 2]
    moved = [100 * (order.attacked.top - order.without.top) for order in siege.orders]
    assert siege.moved_points.mean == pytest.approx(sum(moved) / 2)
    assert siege.furthest_points == pytest.approx(max(map(abs, moved)))
    assert f"{ATTACKER}/user" in siege.weights


def test_two_jobs_find_what_one_does() -> None:
    assert besieged(Attack.INVERTED, jobs=2) == besieged(Attack.INVERTED)

from datetime import timedelta
from decimal import Decimal

from streams.learning.allowance import LEAST, MOST, Spending, allow, next_allowance
from streams.learning.windows import Cell
from tests.builders import AT, a_policy

CEILING = Decimal("0.001")
POLICY = a_policy(4, ceiling_usd=CEILING)


def billed(usd: str, completed: int = 100, **fields: int) -> Cell:
    return Cell(completed=completed, cost_usd=Decimal(usd), **fields)


def test_bills_over_the_ceiling_lower_the_allowance_and_the_change_says_why() -> None:
    policy, spending = allow(POLICY, POLICY, None, billed("0.2"), AT)
    assert spending is not None
    assert (spending.tasks, spending.spent_usd) == (100, Decimal("0.2"))
    assert policy.allowance_usd is not None
    assert CEILING / 2 <= policy.allowance_usd < CEILING
    assert (policy.version, policy.changed_by) == (5, "tune")
    assert "100 results since" in policy.reason
    assert "ceiling $0.001: allowance $0.001 → $0.0005" in policy.reason


def test_bills_that_are_a_constant_times_what_was_expected_are_brought_to_the_ceiling() -> None:
    for bias in (Decimal("0.4"), Decimal("1.6"), Decimal(3)):
        policy, spending = allow(POLICY, POLICY, None, Cell(), AT)
        for window in range(200):
            usd = 30 * bias * (policy.allowance_usd or CEILING)
            at = AT + timedelta(minutes=window)
            policy, spending = allow(policy, policy, spending, billed(f"{usd:f}", 30), at)
        assert spending is not None
        mean = spending.spent_usd / spending.tasks
        assert abs(mean / CEILING - 1) < Decimal("0.03")


def test_too_few_bills_conclude_nothing_and_are_gathered() -> None:
    policy, spending = allow(POLICY, POLICY, None, billed("0.1", 20), AT)
    assert policy is POLICY
    policy, spending = allow(POLICY, POLICY, spending, billed("0.1", 20), AT)
    assert spending is not None
    assert spending.fresh_tasks == 0
    assert policy.version == 5


def test_results_without_a_known_price_count_for_nothing() -> None:
    spending = Spending(ceiling_usd=CEILING, since=AT).with_cell(billed("0.1", 100, unpriced=40))
    assert spending.tasks == 60


def test_the_allowance_stays_within_its_bounds_and_rests_inside_the_dead_band() -> None:
    begun = Spending(ceiling_usd=CEILING, since=AT)
    ruin, gift = begun.with_cell(billed("100")), begun.with_cell(billed("0"))
    assert next_allowance(LEAST * CEILING, ruin) == LEAST * CEILING
    assert next_allowance(MOST * CEILING, gift) == MOST * CEILING
    assert next_allowance(CEILING, begun.with_cell(billed("0.1"))) == CEILING


def test_one_version_tells_of_thresholds_and_allowance_together() -> None:
    moved = POLICY.model_copy(update={"version": 5, "reason": "tier 1: moved"})
    policy, _ = allow(moved, POLICY, None, billed("0.2"), AT)
    assert policy.version == 5
    assert policy.reason.startswith("tier 1: moved; 100 results")


def test_without_a_ceiling_nothing_is_counted_and_another_one_begins_anew() -> None:
    plain = a_policy(4)
    assert allow(plain, plain, None, billed("9"), AT) == (plain, None)
    _, spending = allow(POLICY, POLICY, None, billed("0.1"), AT)
    other = a_policy(4, ceiling_usd=2 * CEILING)
    _, anew = allow(other, other, spending, billed("0.2"), AT)
    assert anew is not None
    assert (anew.tasks, anew.ceiling_usd) == (100, 2 * CEILING)

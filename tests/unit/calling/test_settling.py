"""How a doubt ends: the figure counts, a confirmed cost is never touched, a repeat is known."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from streams.calling.settling import (
    SETTLED,
    Standing,
    is_beyond,
    settled,
    settlement_id,
    standing,
)
from streams.clickhouse.rows import Place, cost_row
from streams.events.outcome import Cost, Usage
from tests.builders import AT, a_cost

LATER = AT + timedelta(days=1)
PLACE = Place("tierflow.costs.v1", 1, 7, "e7")


def a_doubt(**fields: Any) -> Cost:
    """A call in doubt that can have cost two thousandths at most."""
    told = {"cost_usd": None, "standing": "in_doubt", "at_most_usd": Decimal("0.002")}
    return a_cost(**{**told, "price_version": None, "usage": Usage(), **fields})


def test_a_settled_doubt_says_what_it_cost_where_that_is_from_and_keeps_its_bound() -> None:
    doubt = a_doubt()
    found = settled(doubt, Decimal("0.0005"), at=LATER)
    assert (found.cost_usd, found.standing) == (Decimal("0.0005"), "confirmed")
    assert (found.price_version, found.settled_at) == (SETTLED, LATER)
    assert (found.at_most_usd, found.incurred_at) == (doubt.at_most_usd, AT)
    assert standing(doubt) is Standing.OPEN
    assert standing(found) is Standing.SETTLED


def test_what_the_vendor_counted_is_kept_with_the_figure() -> None:
    usage = Usage(input_tokens=7, output_tokens=9)
    found = settled(
        a_doubt(), Decimal(1), at=LATER, price_version="p", usage=usage, answered_by="small-2"
    )
    assert (found.usage, found.answered_by, found.price_version) == (usage, "small-2", "p")
    again = settled(found, Decimal(2), at=LATER)
    assert (again.usage, again.answered_by, again.price_version) == (usage, "small-2", SETTLED)


def test_a_cost_that_a_worker_confirmed_is_not_settled() -> None:
    assert standing(a_cost()) is Standing.CONFIRMED
    with pytest.raises(ValueError, match="call-1 is not in doubt"):
        settled(a_cost(), Decimal(1), at=LATER)


def test_the_later_settlement_counts_also_where_its_clock_is_behind() -> None:
    first = settled(a_doubt(), Decimal(1), at=LATER)
    second = settled(first, Decimal(2), at=LATER - timedelta(hours=1))
    versions = [cost_row(cost, PLACE).row_version for cost in (a_doubt(), a_cost(), first, second)]
    assert versions == sorted(set(versions))


@pytest.mark.parametrize(
    ("bound", "figure", "beyond"),
    [("0.002", "0.002", False), ("0.002", "0.002000000001", True), (None, "900000", False)],
)
def test_a_figure_above_the_bound_is_beyond_it(
    bound: str | None, figure: str, beyond: bool
) -> None:
    doubt = a_doubt(at_most_usd=None if bound is None else Decimal(bound))
    assert is_beyond(doubt, Decimal(figure)) is beyond


def test_the_same_figure_in_place_of_the_same_one_has_the_same_id() -> None:
    doubt = a_doubt()
    one, other = Decimal("0.0010"), Decimal("0.001000000000")
    assert settlement_id(doubt, one) == settlement_id(doubt, other)
    assert settlement_id(doubt, one) != settlement_id(doubt, Decimal("0.002"))
    assert settlement_id(doubt, one) != settlement_id(a_doubt(call_id="call-2"), one)
    back = settled(settled(doubt, one, at=LATER), Decimal("0.002"), at=LATER)
    assert settlement_id(back, one) != settlement_id(doubt, one)

from decimal import Decimal

import pytest

from streams.events.outcome import Usage
from streams.money.pricing import Price, cost_usd, to_usd

PRICE = Price(Decimal("3.00"), Decimal("15.00"), Decimal("0.30"), version="2026-11")


def test_input_and_output_tokens_have_their_own_price() -> None:
    usage = Usage(input_tokens=1_000, output_tokens=200)
    assert cost_usd(usage, PRICE) == Decimal("0.006")


def test_cached_tokens_are_part_of_the_input_and_cheaper() -> None:
    usage = Usage(input_tokens=1_000, output_tokens=0, cached_input_tokens=900)
    assert cost_usd(usage, PRICE) == Decimal("0.00057")


def test_cached_tokens_cost_what_input_does_where_the_list_has_no_price_for_them() -> None:
    usage = Usage(input_tokens=1_000, output_tokens=0, cached_input_tokens=900)
    assert cost_usd(usage, Price(Decimal(3), Decimal(15))) == Decimal("0.003")


def test_more_cached_tokens_than_input_never_make_a_call_cheaper_than_all_cached() -> None:
    usage = Usage(input_tokens=10, output_tokens=0, cached_input_tokens=1_000)
    assert cost_usd(usage, PRICE) == Decimal("0.000003")


@pytest.mark.parametrize(
    "usage", [Usage(), Usage(input_tokens=5), Usage(output_tokens=5), Usage(cached_input_tokens=5)]
)
def test_unknown_tokens_make_an_unknown_cost(usage: Usage) -> None:
    assert cost_usd(usage, PRICE) is None


def test_without_a_price_list_the_cost_is_what_the_provider_reports() -> None:
    usage = Usage(input_tokens=5, output_tokens=5, reported_cost_usd=Decimal("0.0000307"))
    assert cost_usd(usage, None) == Decimal("0.0000307")
    assert cost_usd(Usage(input_tokens=5, output_tokens=5), None) is None


def test_a_price_list_goes_before_what_the_provider_reports() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=0, reported_cost_usd=Decimal(9))
    assert cost_usd(usage, PRICE) == Decimal(3)


def test_a_free_model_costs_nothing_which_is_not_unknown() -> None:
    free = Price(Decimal(0), Decimal(0))
    assert cost_usd(Usage(input_tokens=5, output_tokens=5), free) == Decimal(0)


def test_a_cost_has_twelve_places_rounded_half_to_even() -> None:
    price = Price(Decimal("0.0000005"), Decimal(0))
    halves = [cost_usd(Usage(input_tokens=n, output_tokens=0), price) for n in (1, 3)]
    assert halves == [Decimal(0), Decimal("0.000000000002")]
    assert all(cost is not None and cost.as_tuple().exponent == -12 for cost in halves)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-0.01", "1000000"])
def test_an_amount_that_the_books_cannot_hold_is_unknown(amount: str) -> None:
    assert to_usd(Decimal(amount)) is None

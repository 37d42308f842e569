from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from streams.events.outcome import Usage
from streams.money.pricing import Price, cost_usd

tokens = st.integers(min_value=0, max_value=10_000_000)
rates = st.decimals(min_value=0, max_value=200, places=6)
prices = st.builds(Price, rates, rates, st.none() | rates)
MOST_ROUNDED = Decimal("0.000000000001")


@given(tokens, tokens, tokens, prices)
def test_a_cost_is_a_decimal_of_the_books_and_its_usage_holds_it(
    input_tokens: int, output_tokens: int, cached: int, price: Price
) -> None:
    usage = Usage(
        input_tokens=input_tokens, output_tokens=output_tokens, cached_input_tokens=cached
    )
    cost = cost_usd(usage, price)
    assert type(cost) is Decimal
    assert cost.as_tuple().exponent == -12
    assert usage.model_copy(update={"reported_cost_usd": cost}).reported_cost_usd == cost
    assert Usage(reported_cost_usd=cost).reported_cost_usd == cost


@given(tokens, tokens, tokens, tokens, prices)
def test_two_calls_cost_what_one_call_of_both_would(
    one_in: int, one_out: int, two_in: int, two_out: int, price: Price
) -> None:
    one = cost_usd(Usage(input_tokens=one_in, output_tokens=one_out), price)
    two = cost_usd(Usage(input_tokens=two_in, output_tokens=two_out), price)
    both = cost_usd(Usage(input_tokens=one_in + two_in, output_tokens=one_out + two_out), price)
    assert one is not None
    assert two is not None
    assert both is not None
    assert abs(one + two - both) <= MOST_ROUNDED


@given(tokens, tokens, tokens, prices)
def test_more_tokens_never_cost_less(
    input_tokens: int, output_tokens: int, more: int, price: Price
) -> None:
    less = cost_usd(Usage(input_tokens=input_tokens, output_tokens=output_tokens), price)
    dearer = (
        cost_usd(Usage(input_tokens=input_tokens + more, output_tokens=output_tokens), price),
        cost_usd(Usage(input_tokens=input_tokens, output_tokens=output_tokens + more), price),
    )
    assert less is not None
    assert all(cost is not None and cost >= less for cost in dearer)

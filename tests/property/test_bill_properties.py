"""Whatever is counted and priced: bills add up, grow with what is used, and stay within bounds."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.events.outcome import Usage
from streams.money.bounds import OVERHEAD_TOKENS, at_most_usd
from streams.money.pricing import Price, Step, bill, cost_usd, priced, to_usd

COUNT = st.integers(0, 3_000_000)
RATE = st.decimals(0, 200, places=6)
MAYBE = st.none() | RATE
TIER = st.sampled_from([None, "default", "batch", "priority", "unheard-of"])


@st.composite
def flats(draw: st.DrawFn, version: str = "v") -> Price:
    """Rates of one standing."""
    return Price(
        draw(RATE), draw(RATE), draw(MAYBE), version, draw(MAYBE), draw(MAYBE), draw(MAYBE),
        draw(MAYBE), draw(MAYBE), draw(MAYBE),
    )  # fmt: skip


@st.composite
def stepped(draw: st.DrawFn) -> Price:
    """With up to two steps, which may be cheaper as well."""
    bounds = draw(st.lists(st.integers(1, 2_000_000), max_size=2, unique=True))
    steps = tuple(Step(bound, draw(flats())) for bound in sorted(bounds))
    return replace(draw(flats()), steps=steps)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """With up to two steps and two service tiers, each with its own steps."""
    tiers = st.dictionaries(st.sampled_from(["batch", "priority"]), stepped(), max_size=2)
    return replace(draw(stepped()), service_tiers=draw(st.none() | tiers))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Parts that fit into the whole, or don't."""
    part = st.none() | COUNT
    return Usage(
        input_tokens=draw(COUNT), output_tokens=draw(COUNT), cached_input_tokens=draw(part),
        cache_write_5m_tokens=draw(part), cache_write_1h_tokens=draw(part),
        input_audio_tokens=draw(part), reasoning_tokens=draw(part),
        output_audio_tokens=draw(part), service_tier=draw(TIER),
    )  # fmt: skip


@settings(max_examples=60)
@given(usages(), prices())
def test_the_parts_of_a_bill_are_all_tokens_and_sum_to_the_total(
    usage: Usage, price: Price
) -> None:
    lines, total = bill(usage, price), cost_usd(usage, price)
    if lines is None:
        assert total is None
        return
    assert to_usd(sum((line.usd for line in lines), Decimal(0))) == total
    if lines:
        assert usage.input_tokens is not None
        assert usage.output_tokens is not None
        assert sum(line.tokens for line in lines) == usage.input_tokens + usage.output_tokens
        assert all(line.usd == line.tokens * line.usd_per_mtok / 1_000_000 for line in lines)


@settings(max_examples=60)
@given(usages(), flats(), st.integers(0, 500_000), st.integers(0, 500_000))
def test_more_tokens_never_cost_less(usage: Usage, price: Price, read: int, written: int) -> None:
    assert usage.input_tokens is not None
    assert usage.output_tokens is not None
    more = usage.model_copy(
        update={
            "input_tokens": usage.input_tokens + read,
            "output_tokens": usage.output_tokens + written,
        }
    )
    one, other = cost_usd(usage, price), cost_usd(more, price)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one <= other


@settings(max_examples=60)
@given(usages(), prices(), st.integers(0, 100_000), st.integers(0, 100_000))
def test_no_call_costs_more_than_was_foreseen(
    usage: Usage, price: Price, spare: int, sparer: int
) -> None:
    assert usage.input_tokens is not None
    assert usage.output_tokens is not None
    size = max(0, usage.input_tokens - OVERHEAD_TOKENS) + spare
    cost = cost_usd(usage, price)
    foreseen = at_most_usd(size, usage.output_tokens + sparer, price)
    assert foreseen is not None
    if cost is not None:
        assert cost <= foreseen
    context = max(usage.input_tokens, usage.output_tokens)
    unbounded = at_most_usd(None, None, price, context_tokens=context)
    assert unbounded is not None
    if cost is not None:
        assert cost <= unbounded


@settings(max_examples=60)
@given(usages(), prices())
def test_what_nobody_knows_stays_unknown(usage: Usage, price: Price) -> None:
    assert priced(usage, None, None) == (None, None)
    assert at_most_usd(1, 1, None) is None
    if price.is_free:
        return
    for count in ("input_tokens", "output_tokens"):
        assert cost_usd(usage.model_copy(update={count: None}), price) is None
    assert at_most_usd(None, 1, price) is None
    assert at_most_usd(1, None, price) is None
    strange = usage.model_copy(update={"service_tier": "unheard-of"})
    assert (cost_usd(strange, price) is None) >= (price.service_tiers is not None)

"""What a run knows of prices: lists, then bills, then nothing new."""

from datetime import UTC, datetime
from decimal import Decimal

from streams.money.prices import shipped
from streams.rig.benchmark.prices import BILLS, Found, Told, published, ranked

AT = datetime(2026, 11, 1, tzinfo=UTC)


def costs(found: Found) -> dict[str, Decimal | None]:
    return {spec.name: spec.typical_cost_usd for spec in found.registry.models}


def test_without_list_or_bill_nothing_is_known() -> None:
    assert costs(Found(("a", "b"))) == {"a": None, "b": None}


def test_a_model_never_billed_is_hoped_to_be_cheap_so_that_it_is_tried() -> None:
    found = Found(("a", "b", "c"))
    assert found.take("b", Decimal(3))
    assert costs(found) == {"a": Decimal("0.3"), "b": 3, "c": Decimal("0.3")}
    assert found.take("a", Decimal(30))
    assert costs(found) == {"a": 30, "b": 3, "c": Decimal("0.3")}


def test_a_few_bills_replace_the_list_and_tiers_follow() -> None:
    found = Found(("a", "b"), {"a": Decimal(1), "b": Decimal(2)})
    assert [spec.name for spec in found.registry.models] == ["a", "b"]
    for bill in (8, 10, 12):
        found.take("a", Decimal(bill))
    assert costs(found) == {"a": 10, "b": 2}
    assert [(spec.name, spec.tier) for spec in found.registry.models] == [("b", 1), ("a", 3)]


def test_after_enough_bills_a_cost_stays() -> None:
    found = Found(("a",))
    for _ in range(BILLS):
        assert found.take("a", Decimal(1))
    assert not found.take("a", Decimal(100))
    assert costs(found) == {"a": 1}


def test_what_was_told_is_not_changed_by_bills() -> None:
    registry = ranked({"a": Decimal(1), "b": Decimal(2)})
    told = Told(registry)
    assert not told.take("a", Decimal(9))
    assert told.registry is registry


def test_published_prices_are_found_by_vendor_and_name() -> None:
    found = published(("anthropic/claude-opus-4-5", "gpt-4o", "no-such-model-7"), shipped(), AT)
    assert set(found) == {"anthropic/claude-opus-4-5", "gpt-4o"}
    assert found["anthropic/claude-opus-4-5"] > found["gpt-4o"] > 0

import tomllib
from decimal import Decimal

import pytest

from streams.routing.registry import ModelSpec, parse, rank, register, write_toml

TABLES = {
    "models": {
        "tier1": [{"name": "tiny", "provider": "local"}],
        "tier3": [
            {
                "name": "b",
                "provider": "p",
                "input_usd_per_mtok": Decimal("0.50"),
                "output_usd_per_mtok": Decimal("1.5"),
                "capabilities": ["tools", "json"],
            },
            {"name": "a", "provider": 'p"\\q', "typical_cost_usd": Decimal("0.0000003")},
        ],
    }
}


def test_models_are_ordered_by_tier_and_name() -> None:
    registry = parse(TABLES)
    assert [model.name for model in registry.models] == ["tiny", "a", "b"]
    assert [model.name for model in registry.in_tier(3)] == ["a", "b"]
    assert registry.in_tier(2) == ()
    assert registry.by_name["b"].capabilities == ("tools", "json")


def test_a_registry_written_as_toml_is_read_back_equal() -> None:
    registry = parse(TABLES)
    assert parse(tomllib.loads(write_toml(registry), parse_float=Decimal)) == registry


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({}, "models: a table"),
        ({"models": {}}, "at least one"),
        ({"models": {"tier5": []}}, r"models\.tier5"),
        ({"models": {"tier1": {"name": "x"}}}, r"\[\[models\.tier1\]\]"),
        ({"models": {"tier1": [3]}}, r"models\.tier1\[0\]: a table"),
        ({"models": {"tier1": [{"name": "x"}]}}, r"models\.tier1\[0\]\.provider"),
        (
            {"models": {"tier1": [{"name": "x", "provider": "p", "price": 1}]}},
            r"models\.tier1\[0\]\.price: unknown",
        ),
        (
            {"models": {"tier2": [{"name": "x", "provider": "p", "input_usd_per_mtok": -1}]}},
            r"tier2\[0\]\.input_usd_per_mtok",
        ),
        (
            {"models": {f"tier{n}": [{"name": "x", "provider": "p"}] for n in (1, 2)}},
            "'x' is named more than once",
        ),
        ({"models": {"tier1": [{"name": "shared", "provider": "p"}]}}, "'shared' is kept"),
    ],
)
def test_a_wrong_table_is_refused_naming_the_field(tables: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(tables)


def test_recorded_models_are_ranked_into_tiers_by_mean_cost_ties_by_name() -> None:
    costs = {name: Decimal(cost) for name, cost in (("d", 9), ("b", 1), ("a", 1), ("c", 2))}
    assert rank(costs) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert rank({"x": Decimal(1), "y": Decimal(2)}) == {"x": 1, "y": 3}
    assert list(rank({str(n): Decimal(n) for n in range(9)}).values()) == [
        1,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
    ]


def test_an_expected_cost_comes_from_prices_then_from_experience_or_is_unknown() -> None:
    priced = ModelSpec(
        name="m", provider="p", tier=1, input_usd_per_mtok=Decimal(10),
        output_usd_per_mtok=Decimal(30), typical_cost_usd=Decimal(7),
    )  # fmt: skip
    assert priced.expected_cost_usd(400) == Decimal("0.007")
    assert priced.expected_cost_usd(400, max_output_tokens=10) == Decimal("0.0013")
    known = ModelSpec(name="m", provider="p", tier=1, typical_cost_usd=Decimal(7))
    assert known.expected_cost_usd(400) == Decimal(7)
    assert ModelSpec(name="m", provider="p", tier=1).expected_cost_usd(400) is None


def test_a_registry_is_equal_whatever_the_order_it_was_given_in() -> None:
    models = parse(TABLES).models
    assert register(reversed(models)) == register(models)

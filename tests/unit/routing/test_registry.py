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


WHOLE = {
    "name": "m",
    "provider": "p",
    "served_as": "m-2026-11-01",
    "api_key_env": "TEAM_KEY",
    "input_usd_per_mtok": Decimal("0.15"),
    "output_usd_per_mtok": Decimal("0.60"),
    "cached_input_usd_per_mtok": Decimal("0.075"),
    "typical_cost_usd": Decimal("0.0002"),
    "max_tokens": 16384,
    "capabilities": ["vision", "tools"],
    "context_tokens": 200_000,
    "latency_s": 1.4,
    "cold_start_s": 12.5,
    "idle_s": 120.0,
    "requests_per_minute": 500,
    "tokens_per_minute": 200_000,
    "cold": True,
}


def test_every_field_is_read_from_toml_and_written_again() -> None:
    registry = parse({"models": {"tier2": [WHOLE]}})
    assert set(WHOLE) == set(ModelSpec.model_fields) - {"tier"}
    assert parse(tomllib.loads(write_toml(registry), parse_float=Decimal)) == registry
    assert registry.by_name["m"].cold
    assert registry.by_name["m"].at_provider == "m-2026-11-01"


def test_one_price_for_a_thousand_tokens_counts_in_both_directions() -> None:
    text = '[[models.tier1]]\nname = "m"\nprovider = "p"\ncost_per_1k = 0.0002\n'
    (spec,) = parse(tomllib.loads(text)).models
    assert (spec.input_usd_per_mtok, spec.output_usd_per_mtok) == (Decimal("0.2"), Decimal("0.2"))
    again = tomllib.loads(write_toml(register([spec])), parse_float=Decimal)
    assert parse(again).models == (spec,)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"cost_per_1k": -1}, r"tier1\[0\]\.cost_per_1k: .*greater than or equal to 0"),
        ({"cost_per_1k": "cheap"}, r"tier1\[0\]\.cost_per_1k: .*decimal"),
        (
            {"cost_per_1k": 1, "output_usd_per_mtok": 1},
            r"cost_per_1k: set it or output_usd_per_mtok, not both",
        ),
        ({"api_key_env": "MY KEY"}, r"tier1\[0\]\.api_key_env"),
        ({"idle_s": 0}, r"tier1\[0\]\.idle_s"),
        ({"requests_per_minute": 0}, r"tier1\[0\]\.requests_per_minute"),
        ({"cold": "perhaps"}, r"tier1\[0\]\.cold"),
        ({"price": 1}, r"\.price: unknown; known are .*cost_per_1k"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse({"models": {"tier1": [{"name": "m", "provider": "p", **fields}]}})


def test_what_is_at_its_default_is_not_written() -> None:
    plain = write_toml(register([ModelSpec(name="m", provider="p", tier=1)]))
    assert "cold" not in plain
    assert "idle_s" not in plain

"""The sample registry is one: settings take it, and every model has a provider and a price."""

import tomllib
from decimal import Decimal
from pathlib import Path

from streams.providers.wires import WIRES
from streams.routing.registry import TIERS, parse, write_toml
from streams.sources import load
from streams.startup import starting_view
from tests.builders import AT

SAMPLE = Path(__file__).resolve().parents[2] / "infra" / "models" / "sample.toml"
ASKED_FOR = {
    "phi-2": ("local", 1),
    "codellama-7b": ("ollama", 2),
    "mistral-7b": ("together", 2),
    "mixtral-8x7b": ("together", 3),
    "claude-3-opus": ("anthropic", 4),
    "gpt-4-turbo": ("openai", 4),
}


def test_settings_take_the_sample_and_its_models_can_be_called() -> None:
    settings = load(SAMPLE, environ={})
    registry = starting_view(settings, AT).registry
    assert {tier for tier in TIERS if registry.in_tier(tier)} == set(TIERS)
    assert {spec.provider for spec in registry.models} == set(settings.providers)
    assert {provider.wire for provider in settings.providers.values()} <= WIRES.keys()


def test_the_models_that_people_look_for_are_there_and_newer_ones_beside_them() -> None:
    models = starting_view(load(SAMPLE, environ={}), AT).registry.by_name
    for name, where in ASKED_FOR.items():
        assert (models[name].provider, models[name].tier) == where
        assert any(
            other.tier == models[name].tier
            for other in models.values()
            if other.name not in ASKED_FOR
        )


def test_what_every_model_costs_is_known() -> None:
    for spec in starting_view(load(SAMPLE, environ={}), AT).registry.models:
        cost = spec.expected_cost_usd(4000)
        assert cost is not None, spec.name
        assert (cost == 0) == (spec.provider in ("local", "ollama")), spec.name


def test_the_sample_survives_being_written() -> None:
    registry = parse(tomllib.loads(SAMPLE.read_text(encoding="utf-8"), parse_float=Decimal))
    assert parse(tomllib.loads(write_toml(registry), parse_float=Decimal)) == registry

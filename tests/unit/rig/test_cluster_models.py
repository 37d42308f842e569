import sys
from decimal import Decimal
from pathlib import Path

import pytest

from streams.rig.cluster import PROVIDER, command, registry_of
from streams.rig.recorded import Recorded, RecordedOutcome


def a_row(task_id: str, **costs: float | None) -> Recorded:
    outcomes = {
        name: RecordedOutcome(score=1, output_tokens=100, cost_usd=cost and Decimal(str(cost)))
        for name, cost in costs.items()
    }
    return Recorded(task_id=task_id, prompt="2 + 2?", outcomes=outcomes)


def test_recorded_models_are_ranked_by_their_mean_cost() -> None:
    rows = [a_row("r1", dear=4, cheap=0.001, mid=2, low=0.5), a_row("r2", dear=6, cheap=0.002)]
    registry = registry_of(rows, None)
    assert [(m.name, m.tier) for m in registry.models] == [
        ("cheap", 1),
        ("low", 2),
        ("mid", 3),
        ("dear", 4),
    ]
    assert registry.by_name["cheap"].typical_cost_usd == Decimal("0.001500000000")
    assert {spec.provider for spec in registry.models} == {PROVIDER}


def test_a_recorded_models_latency_is_that_of_its_typical_answer() -> None:
    assert registry_of([a_row("r1", m=1)], None).by_name["m"].latency_s == 1.2


def test_a_model_without_recorded_costs_is_left_out() -> None:
    registry = registry_of([a_row("r1", known=1, unknown=None)], None)
    assert [spec.name for spec in registry.models] == ["known"]


def test_without_any_recorded_cost_a_registry_has_to_be_given() -> None:
    with pytest.raises(ValueError, match="--models FILE"):
        registry_of([a_row("r1", m=None)], None)


def test_a_models_file_says_tiers_and_prices_and_the_simulator_runs_all(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text('[[models.tier3]]\nname = "m"\nprovider = "acme"\ninput_usd_per_mtok = 1\n')
    (spec,) = registry_of([a_row("r1", other=1)], file).models
    assert (spec.name, spec.tier, spec.provider) == ("m", 3, PROVIDER)
    assert spec.input_usd_per_mtok == 1


def test_a_command_runs_with_this_interpreter() -> None:
    assert command("worker", "--roles", "join") == [
        sys.executable, "-m", "streams", "worker", "--roles", "join",
    ]  # fmt: skip

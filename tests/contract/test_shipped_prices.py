"""The shipped price list is what `make prices` makes, and says what its source says."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import orjson
from genai_prices.data import providers
from genai_prices.types import ClauseEquals, ClauseOr, ModelInfo, ModelPrice, TieredPrices

from streams.money import prices as prices_module
from streams.money.magnitude import odd_price
from streams.money.prices import shipped

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = Path(prices_module.__file__).with_name("prices.json")
TIMES = (datetime(2025, 6, 1, 5, tzinfo=UTC), datetime(2026, 11, 19, 12, tzinfo=UTC))

SUPPLEMENTED = {
    "claude-sonnet-4-0", "o3", "deepseek-chat", "deepseek-reasoner", "deepseek-v4-pro",
    "deepseek-v4-flash", "deepseek-flash", "gpt-4o-audio-preview",
}  # fmt: skip
"""Where infra/prices.toml says more than the source."""


def test_the_shipped_list_is_what_make_prices_makes(tmp_path: Path) -> None:
    made = tmp_path / "prices.json"
    command = [sys.executable, "infra/prices.py", shipped().version, str(made)]
    subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603 (our own script)
    assert made.read_bytes() == SHIPPED.read_bytes(), "run `make prices` and look at the difference"


def test_it_is_dated_names_its_source_and_is_small() -> None:
    datetime.strptime(shipped().version, "%Y-%m-%d").replace(tzinfo=UTC)
    assert "genai-prices" in shipped().source
    assert "MIT License" in shipped().source
    assert SHIPPED.stat().st_size < 400_000


def test_standard_rates_are_those_of_the_source() -> None:
    compared = 0
    for provider in providers:
        for model in provider.models if provider.id in shipped().vendors else ():
            for at in TIMES:
                name = exact_name(model)
                if name is not None and model.id not in SUPPLEMENTED:
                    compared += compare(provider.id, name, model.get_prices(at), at)
    assert compared > 2000


def compare(vendor: str, name: str, told: ModelPrice, at: datetime) -> int:
    found = shipped().find(vendor, name, at)
    if found is None:
        return 0
    assert found.input_usd_per_mtok == base(told.input_mtok), (vendor, name)
    assert found.output_usd_per_mtok == base(told.output_mtok), (vendor, name)
    assert found.cached_input_usd_per_mtok == base(told.cache_read_mtok), (vendor, name)
    assert found.cache_write_1h_usd_per_mtok == base(told.cache_write_1h_mtok), (vendor, name)
    steps = told.input_mtok.tiers if isinstance(told.input_mtok, TieredPrices) else []
    ours = {step.above_input_tokens: step.price.input_usd_per_mtok for step in found.steps}
    assert all(ours[step.start] == step.price for step in steps), (vendor, name)
    return 1


def base(price: Decimal | TieredPrices | None) -> Decimal | None:
    return price.base if isinstance(price, TieredPrices) else price


def exact_name(model: ModelInfo) -> str | None:
    """A name that means this model alone."""
    rules = model.match.or_ if isinstance(model.match, ClauseOr) else [model.match]
    return next((rule.equals for rule in rules if isinstance(rule, ClauseEquals)), None)


def test_no_published_price_looks_odd() -> None:
    for vendor, told in orjson.loads(SHIPPED.read_bytes())["vendors"].items():
        for model in told["models"]:
            for window in model.get("prices", ()):
                rates = [window.get(name) for name in ("input", "output")]
                first = [rate[0] if isinstance(rate, list) else rate for rate in rates]
                read, written = (None if usd is None else Decimal(usd) for usd in first)
                assert odd_price(read, written) is None, (vendor, model["id"])

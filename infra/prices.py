"""Makes the shipped price list from the package genai-prices and the supplements in prices.toml.

python infra/prices.py DATE FILE    write the list, dated DATE, to FILE
"""

import sys
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from genai_prices.data import providers
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
)

HERE = Path(__file__).resolve().parent

VENDORS = (
    "openai", "anthropic", "google", "together", "mistral", "groq", "deepseek", "fireworks",
    "openrouter", "x-ai", "cohere", "azure", "aws",
)  # fmt: skip

RATES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_5m_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cached_audio",
    "output_audio_mtok": "output_audio",
    "output_reasoning_mtok": "reasoning",
}
"""Their names in the source and in the list."""

FEES = ("web_searches_kcount", "storage_searches_kcount", "social_searches_kcount")
"""Billed for tools of the vendor's own, which no call of ours asks for."""

OUTPUTS = ("output", "output_audio", "reasoning")
CLAUSES = {
    "ClauseEquals": ("is", "equals"),
    "ClauseStartsWith": ("starts", "starts_with"),
    "ClauseEndsWith": ("ends", "ends_with"),
    "ClauseContains": ("has", "contains"),
    "ClauseRegex": ("regex", "regex"),
}
Rates = dict[str, Any]


def plain(amount: Decimal) -> str:
    """As people write it, and exact.

    Example: Decimal("1E+1") is "10", Decimal("0.50") is "0.5".
    """
    return f"{amount.normalize():f}"


def tokens_alone(price: ModelPrice) -> bool:
    """Whether usage in tokens of text and audio is all that is needed for the bill."""
    paid = {key: value for key, value in price.__dict__.items() if value is not None}
    same = ("input_image_mtok", "input_video_mtok")
    return all(
        key in RATES or key in FEES or (key in same and value == price.input_mtok)
        for key, value in paid.items()
    )


def rates(price: ModelPrice) -> Rates:
    """Rates by name: dollars, or [dollars, above so many input tokens, dollars then, ...]."""
    found: Rates = {}
    for key, name in RATES.items():
        value = getattr(price, key, None)
        if isinstance(value, TieredPrices):
            steps = (part for tier in value.tiers for part in (tier.start, plain(tier.price)))
            found[name] = [plain(value.base), *steps]
        elif value is not None:
            found[name] = plain(value)
    return found


def when(constraint: object) -> Rates:
    """From which day, or between which times of day (UTC), something holds."""
    if constraint is None:
        return {}
    if isinstance(constraint, StartDateConstraint):
        return {"from": constraint.start_date.isoformat()}
    times = (constraint.start_time, constraint.end_time)  # type: ignore[attr-defined]
    if any(time.tzinfo not in (None, UTC) for time in times):
        raise ValueError(f"{constraint}: a time that is not in UTC")
    return {"hours": [f"{time:%H:%M}" for time in times]}


def clauses(match: Any) -> list[Any]:
    """Rules of which one must fit: [kind, text], or ["all", rules]."""
    kind = type(match).__name__
    if kind == "ClauseOr":
        return [rule for part in match.or_ for rule in clauses(part)]
    if kind == "ClauseAnd":
        return [["all", [clauses(part) for part in match.and_]]]
    name, field = CLAUSES[kind]
    text = getattr(match, field)
    return [[name, text if name == "regex" else text.lower()]]


def processing(variant: PriceVariant) -> str | None:
    """How a call was processed that has rates of its own; None for what no usage tells."""
    if len(variant.when) != 1:
        return None
    ((key, value),) = variant.when.items()
    return value if key in ("processing", "service_tier", "speed") and value != "default" else None


def windows(prices: ModelPrice | list[ConditionalPrice]) -> list[Rates]:
    """Standard rates, the later of those that hold counting."""
    if isinstance(prices, ModelPrice):
        return [rates(prices)]
    return [{**when(each.constraint), **rates(each.prices)} for each in prices]


def model(info: ModelInfo) -> Rates:
    """One model of the list; without prices where tokens alone don't make its bill."""
    prices = info.prices
    all_prices = [prices] if isinstance(prices, ModelPrice) else [each.prices for each in prices]
    found: Rates = {"id": info.id, "match": clauses(info.match)}
    if not all(tokens_alone(each) for each in all_prices):
        return found
    found["prices"] = windows(prices)
    tiers: dict[str, list[Rates]] = {}
    for variant in info.price_variants or ():
        name = processing(variant)
        if name is not None and tokens_alone(variant.prices):
            entry = {**when(variant.constraint), **rates(variant.prices)}
            tiers.setdefault(name, []).append(entry)
    return {**found, "service_tiers": tiers} if tiers else found


def supplement(vendors: dict[str, Any], added: Mapping[str, Any]) -> None:
    """Put in what the source lacks; an entry that fits nothing is an error."""
    for entry in reversed(added["model"]):
        vendor = vendors.setdefault(entry["vendor"], {"models": []})
        vendor["models"].insert(0, _own(entry))
    for entry in added["share"]:
        told = {key: value for key, value in entry.items() if key != "vendor"}
        vendors[entry["vendor"]].setdefault("shares", []).append(told)
    changes = {"rate": _rate, "step": _step, "peak": _peak, "window": _window}
    for kind, change in changes.items():
        for entry in added[kind]:
            for name in entry.get("models", [entry.get("model")]):
                models = vendors[entry["vendor"]]["models"]
                change(next(found for found in models if found["id"] == name), entry)
    for entry in added["earlier"]:
        _earlier(vendors[entry["vendor"]]["models"], entry)


def _own(entry: Mapping[str, Any]) -> dict[str, Any]:
    match = [[kind, text] for kind in ("is", "starts", "has") for text in entry.get(kind, ())]
    rates = {"id": entry["id"], "match": match, "prices": [entry["rates"]]}
    return {**rates, "source": entry["source"]}


def _earlier(models: Iterable[dict[str, Any]], entry: Mapping[str, Any]) -> None:
    """Let what the source knows from a day on hold from an earlier one."""
    windows = [
        window
        for found in models
        for window in found.get("service_tiers", {}).get(entry["service_tier"], ())
        if "from" in window
    ]
    for window in windows:
        window["from"] = min(window["from"], entry["from"].isoformat())


def _rate(found: dict[str, Any], entry: Mapping[str, Any]) -> None:
    """Set single rates, in one window or in all."""
    windows = found["prices"][entry["window"] :][:1] if "window" in entry else found["prices"]
    for window in windows:
        window.update({key: rate for key, rate in entry.items() if key in RATES.values()})


def _peak(found: dict[str, Any], entry: Mapping[str, Any]) -> None:
    """Say on which days of the week, and from which day on, times of the day matter."""
    for window in found["prices"]:
        if "hours" in window:
            window["days"] = entry["days"]
            window["from"] = entry["models"][found["id"]].isoformat()


def _window(found: dict[str, Any], entry: Mapping[str, Any]) -> None:
    found["prices"].append({"from": entry["from"].isoformat(), **entry["rates"]})


def _step(found: dict[str, Any], entry: Mapping[str, Any]) -> None:
    """Add a window from which on the last standard rates have one step more."""
    window: Rates = {"from": entry["from"].isoformat()}
    for name, rate in found["prices"][-1].items():
        if name not in RATES.values() or not isinstance(rate, str):
            raise ValueError(f"{entry['model']}: the source tells more by now; take this out")
        factor = entry["output_factor" if name in OUTPUTS else "input_factor"]
        window[name] = [rate, entry["above"], plain(Decimal(rate) * Decimal(factor))]
    found["prices"].append(window)


def build(day: str, source: Iterable[Provider], added: Mapping[str, Any]) -> dict[str, Any]:
    """The whole list."""
    by_id = {provider.id: provider for provider in source}
    vendors: dict[str, Any] = {}
    for name in VENDORS:
        provider = by_id[name]
        vendors[name] = {"models": [model(info) for info in provider.models]}
        then = [other for other in provider.fallback_model_providers or () if other in VENDORS]
        if then:
            vendors[name]["then"] = then
    supplement(vendors, added)
    for name, others in added["names"].items():
        vendors[name]["names"] = others
    return {
        "version": day,
        "source": f"genai-prices {version('genai-prices')}, https://github.com/pydantic/genai-prices, "
        "MIT License, Copyright (c) Pydantic Services Inc. 2025 to present; "
        "supplements with their sources: infra/prices.toml",
        "vendors": vendors,
    }


def text_of(built: Mapping[str, Any]) -> bytes:
    """The list as JSON, a model a line, so that a change can be read."""
    lines = [
        b'{"version":%s,"source":%s,"vendors":{' % (dump(built["version"]), dump(built["source"]))
    ]
    for n, (name, vendor) in enumerate(sorted(built["vendors"].items())):
        comma = b"," if n else b""
        head = dump({key: value for key, value in vendor.items() if key != "models"})[1:-1]
        lines.append(b'%s%s:{%s%s"models":[' % (comma, dump(name), head, b"," if head else b""))
        lines.append(b",\n".join(dump(each) for each in vendor["models"]))
        lines.append(b"]}")
    return b"\n".join([*lines, b"}}\n"])


def dump(value: object) -> bytes:
    """Compact JSON; days as text."""
    return orjson.dumps(value)


def main(day: str, *files: str) -> int:
    """Write the list; returns the exit code."""
    added = tomllib.loads((HERE / "prices.toml").read_text(encoding="utf-8"))
    text = text_of(build(date.fromisoformat(day).isoformat(), providers, added))
    for file in files:
        Path(file).write_bytes(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""What vendors publish: the dated list that the wheel carries, looked up by vendor, model and time."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import orjson

from streams.money.pricing import EXACT, Price, Step

REMEMBERED = 4096
"""Names of models whose place in the list is kept; whoever answers chooses them."""

COMPACT_DAY = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=[-:]|$)")
DAY = re.compile(r"[-@](20\d{2})-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$")
VERSION = re.compile(r"(:[0-9a-f]{40,64}|:latest)$")
FOLDER = re.compile(r"^models/")

FITS: Mapping[str, Callable[[str, str], bool]] = {
    "is": lambda name, text: name == text,
    "starts": lambda name, text: name.startswith(text),
    "ends": lambda name, text: name.endswith(text),
    "has": lambda name, text: text in name,
    "regex": lambda name, text: re.search(text, name) is not None,
}

Rates = Mapping[str, Any]
_RATES = (
    "input", "output", "cached_input", "cache_write_5m", "cache_write_1h", "input_audio",
    "cached_audio", "output_audio", "reasoning",
)  # fmt: skip


class PriceList:
    """Prices by vendor and model, each from a day on or at times of the day.

    What it is made of is one JSON document, written by `infra/prices.py`: for every vendor its
    other names, the vendors whose models it sells too, shares of the standard rates, and models in
    the order in which their rules are tried.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.version: str = document["version"]
        self.source: str = document["source"]
        self._vendors: Mapping[str, Any] = document["vendors"]
        self._names = {
            name: vendor
            for vendor, told in self._vendors.items()
            for name in (vendor, *told.get("names", ()))
        }
        self._entry = lru_cache(REMEMBERED)(self._look_up)
        self._price = lru_cache(REMEMBERED)(self._resolve)

    @property
    def vendors(self) -> frozenset[str]:
        """Every name under which a vendor is known, in small letters."""
        return frozenset(self._names)

    def find(self, vendor: str, model: str, at: datetime) -> Price | None:
        """A model's price at a moment.

        Args:
            vendor: One of `vendors`; case does not matter.
            model: Its name as the vendor's API takes it or answers with it, dated or not.
            at: When the call was made.

        Returns:
            The price, with its steps and service tiers; None where the list has none.

        Example:
            >>> at = datetime(2026, 11, 1, tzinfo=UTC)
            >>> shipped().find("anthropic", "claude-opus-4-5-20251101", at).input_usd_per_mtok
            Decimal('5')
            >>> shipped().find("anthropic", "no-such-model", at) is None
            True
        """
        found = self._entry(vendor.lower(), model.lower())
        if found is None or "prices" not in found[1]:
            return None
        home, entry = found
        moment = at.astimezone(UTC)
        holding = tuple(
            (name, tuple(n for n, window in enumerate(listed) if _holds(window, moment)))
            for name, listed in _listed(entry)
        )
        shares = tuple(
            n
            for n, share in enumerate(self._vendors[home].get("shares", ()))
            if _holds(share, moment)
        )
        return self._price(vendor.lower(), model.lower(), holding, shares)

    def same(self, vendor: str, asked: str, answered: str) -> bool:
        """Whether two names mean one model: a dated name and the one without a date, say.

        Example:
            >>> shipped().same("openai", "gpt-4o", "gpt-4o-2024-08-06")
            True
            >>> shipped().same("openai", "gpt-4o", "gpt-4o-mini")
            False
        """
        one, other = asked.lower(), answered.lower()
        found = self._entry(vendor.lower(), one), self._entry(vendor.lower(), other)
        if found[0] is None or found[1] is None or not _is_narrow(found[0][1]):
            return _undated(one) == _undated(other)
        return found[0][1] is found[1][1]

    def _look_up(self, vendor: str, model: str) -> tuple[str, Rates] | None:
        """The vendor whose list has the model, and its entry there."""
        home = self._names.get(vendor)
        if home is None:
            return None
        for name in _spellings(model):
            for seller in (home, *self._vendors[home].get("then", ())):
                for entry in self._vendors[seller]["models"]:
                    if _matches(entry["match"], name):
                        return seller, entry
        return None

    def _resolve(
        self,
        vendor: str,
        model: str,
        holding: tuple[tuple[str | None, tuple[int, ...]], ...],
        shares: tuple[int, ...],
    ) -> Price | None:
        """The price by what holds: places of windows by service tier, and of shares."""
        found = self._entry(vendor, model)
        if found is None:
            return None
        home, entry = found
        at = dict(holding)
        rates = entry["prices"][(at.pop(None) or (0,))[-1]]
        tiers: dict[str, Rates] = {}
        for n in shares:
            share = self._vendors[home]["shares"][n]
            if any(model.startswith(start) for start in share.get("models", ("",))):
                tiers.setdefault(share["service_tier"], _shared(rates, share))
        for name, windows in at.items():
            if name is not None and windows:
                listed = entry["service_tiers"][name]
                own = {k: v for n in reversed(windows) for k, v in listed[n].items()}
                tiers[name] = {**rates, **own}
        standard = _price(rates, self.version)
        if standard is None:
            return None
        priced = {name: _price(tier, self.version) for name, tier in tiers.items()}
        return replace(
            standard,
            service_tiers={name: price for name, price in priced.items() if price is not None},
        )


@cache
def shipped() -> PriceList:
    """The list in this package."""
    return PriceList(orjson.loads(files("streams.money").joinpath("prices.json").read_bytes()))


def _listed(entry: Rates) -> Iterator[tuple[str | None, Sequence[Rates]]]:
    yield None, entry["prices"]
    yield from entry.get("service_tiers", {}).items()


def _holds(window: Rates, at: datetime) -> bool:
    """Whether a window is open: from a day on, on days of the week, between two times of day, UTC."""
    if "from" in window and at.date() < date.fromisoformat(window["from"]):
        return False
    if at.isoweekday() not in window.get("days", range(1, 8)):
        return False
    if "hours" not in window:
        return True
    start, end = map(time.fromisoformat, window["hours"])
    now = at.time()
    return start <= now < end if start <= end else now >= start or now < end


def _matches(rules: Sequence[Any], name: str) -> bool:
    return any(_fits(kind, told, name) for kind, told in rules)


def _fits(kind: str, told: Any, name: str) -> bool:
    if kind == "all":
        return all(_matches(rules, name) for rules in told)
    return FITS[kind](name, told)


def _spellings(model: str) -> Iterator[str]:
    """A name as it is, with its date written out, without folder and version."""
    yield model
    bare = VERSION.sub("", FOLDER.sub("", model))
    for other in (COMPACT_DAY.sub(r"-\1-\2-\3", model), bare):
        if other != model:
            yield other


def _undated(model: str) -> str:
    return DAY.sub("", VERSION.sub("", FOLDER.sub("", model)))


def _is_narrow(entry: Rates) -> bool:
    """Whether an entry's rules mean one model, not all of a vendor."""
    return ["has", ""] not in entry["match"]


def _shared(rates: Rates, share: Rates) -> Rates:
    """The standard rates, those that the share is of times the share."""
    part = Decimal(share["share"])
    only = share.get("rates", _RATES)
    return {name: _times(rate, part) if name in only else rate for name, rate in rates.items()}


def _times(rate: Any, part: Decimal) -> Any:
    if isinstance(rate, str):
        return str(EXACT.multiply(Decimal(rate), part))
    return [each if isinstance(each, int) else _times(each, part) for each in rate]


def _price(rates: Rates, version: str) -> Price | None:
    """Rates as a price; None where input or output has none."""
    known = {name: rates[name] for name in _RATES if name in rates}
    if "input" not in known or "output" not in known:
        return None
    bounds = sorted({n for rate in known.values() for n in rate if isinstance(n, int)})
    return replace(
        _flat(known, -1, version),
        steps=tuple(Step(bound, _flat(known, bound, version)) for bound in bounds),
    )


def _flat(rates: Rates, bound: int, version: str) -> Price:
    """The rates of an input longer than a bound."""
    found = {name: Decimal(_rate_above(rate, bound)) for name, rate in rates.items()}
    return Price(
        found["input"],
        found["output"],
        found.get("cached_input"),
        version,
        found.get("cache_write_5m"),
        found.get("cache_write_1h"),
        found.get("input_audio"),
        found.get("cached_audio"),
        found.get("output_audio"),
        found.get("reasoning"),
    )


def _rate_above(rate: Any, bound: int) -> str:
    """Of [dollars, above so many tokens, dollars then, ...] those beyond the bound."""
    if isinstance(rate, str):
        return rate
    found: str = rate[0]
    for above, then in zip(rate[1::2], rate[2::2], strict=True):
        found = then if above <= bound else found
    return found

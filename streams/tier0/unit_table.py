"""Units of measure by word and symbol, with their legal definitions as exact fractions."""

import re
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit: `kind` of quantity, and how many base units it is, from `zero` on."""

    kind: str
    factor: Fraction
    zero: Fraction = Fraction(0)


_ROWS = (
    # kind, base units in one, words (any case), symbols (as written)
    ("length", "0.000000001", "nanometer/s nanometre/s", "nm"),
    ("length", "0.000001", "micrometer/s micrometre/s micron/s", "µm μm um"),
    ("length", "0.001", "millimeter/s millimetre/s", "mm"),
    ("length", "0.01", "centimeter/s centimetre/s", "cm"),
    ("length", "0.1", "decimeter/s decimetre/s", "dm"),
    ("length", "1", "meter/s metre/s", "m"),
    ("length", "1000", "kilometer/s kilometre/s", "km"),
    ("length", "0.0254", "inch/es", "in"),
    ("length", "0.3048", "foot feet", "ft"),
    ("length", "0.9144", "yard/s", "yd yds"),
    ("length", "1609.344", "mile/s", "mi"),
    ("length", "1852", "nautical_mile/s", "nmi"),
    ("mass", "0.000001", "microgram/s", "µg μg mcg"),
    ("mass", "0.001", "milligram/s", "mg"),
    ("mass", "1", "gram/s", "g"),
    ("mass", "1000", "kilogram/s kilo/s", "kg kgs"),
    ("mass", "1000000", "tonne/s metric_ton/s", ""),
    ("mass", "28.349523125", "ounce/s", "oz"),
    ("mass", "453.59237", "pound/s", "lb lbs"),
    ("mass", "6350.29318", "stone", ""),
    ("volume", "0.001", "milliliter/s millilitre/s cubic_centimeter/s", "ml mL"),
    ("volume", "0.01", "centiliter/s centilitre/s", "cl cL"),
    ("volume", "0.1", "deciliter/s decilitre/s", "dl dL"),
    ("volume", "1", "liter/s litre/s", "l L"),
    ("volume", "1000", "cubic_meter/s cubic_metre/s", "m³ m^3 m3"),
    ("us volume", "3.785411784", "gallon/s us_gallon/s", "gal"),
    ("us volume", "0.946352946", "quart/s us_quart/s", "qt"),
    ("us volume", "0.473176473", "pint/s us_pint/s", "pt"),
    ("us volume", "0.2365882365", "cup/s us_cup/s", ""),
    ("us volume", "0.0295735295625", "fluid_ounce/s us_fluid_ounce/s", "fl_oz"),
    ("us volume", "0.01478676478125", "tablespoon/s", "tbsp"),
    ("us volume", "0.00492892159375", "teaspoon/s", "tsp"),
    ("volume", "4.54609", "imperial_gallon/s uk_gallon/s", ""),
    ("volume", "0.56826125", "imperial_pint/s uk_pint/s", ""),
    ("speed", "1", "meter/s_per_second metre/s_per_second", "m/s"),
    ("speed", "1000/3600", "kilometer/s_per_hour kilometre/s_per_hour", "km/h kph kmh"),
    ("speed", "0.44704", "mile/s_per_hour", "mph mi/h"),
    ("speed", "0.3048", "foot_per_second feet_per_second", "ft/s fps"),
    ("speed", "1852/3600", "knot/s", "kn kt"),
    ("time", "0.000000001", "nanosecond/s", "ns"),
    ("time", "0.000001", "microsecond/s", "µs μs us"),
    ("time", "0.001", "millisecond/s", "ms"),
    ("time", "1", "second/s", "s sec secs"),
    ("time", "60", "minute/s", "min mins"),
    ("time", "3600", "hour/s", "h hr hrs"),
    ("time", "86400", "day/s", ""),
    ("time", "604800", "week/s", ""),
    ("data", "1", "bit/s", ""),
    ("data", "8", "byte/s", "B"),
)
_PREFIXES = (("k", "kilo"), ("M", "mega"), ("G", "giga"), ("T", "tera"), ("P", "peta"))
_ZERO_CELSIUS = Fraction("273.15")
_TEMPERATURES = (
    (Fraction(1), _ZERO_CELSIUS, "celsius centigrade", "C °C c"),
    (Fraction(5, 9), _ZERO_CELSIUS - 32 * Fraction(5, 9), "fahrenheit", "F °F f"),
    (Fraction(1), Fraction(0), "kelvin kelvins", "K"),
)


def _spelled(words: str) -> list[str]:
    """`inch/es` is two words, `mile/s_per_hour` two phrases, without and with the plural."""
    names = []
    for word in words.split():
        stem, plural, rest = re.fullmatch(r"([^/]*)(?:/(e?s))?(.*)", word).groups("")  # type: ignore[union-attr]
        names += [f"{stem}{rest}", f"{stem}{plural}{rest}"]
    return [name.replace("_", " ") for name in names]


def _tables() -> tuple[dict[str, Unit], dict[str, Unit]]:
    """All units by word (lower case) and by symbol (exact case)."""
    words: dict[str, Unit] = {}
    symbols: dict[str, Unit] = {}
    for kind, factor, spelled, signs in _ROWS:
        unit = Unit(kind, Fraction(*map(Fraction, factor.split("/"))))
        words |= dict.fromkeys(_spelled(spelled), unit)
        symbols |= dict.fromkeys((sign.replace("_", " ") for sign in signs.split()), unit)
    for power, (sign, name) in enumerate(_PREFIXES, start=1):
        for of, short, bits in (("byte", "B", 8), ("bit", "bit", 1)):
            si = Unit(f"data{power}", Fraction(bits * 1000**power))
            iec = Unit("data", Fraction(bits * 1024**power))
            words |= dict.fromkeys((f"{name}{of}", f"{name}{of}s"), si)
            words |= dict.fromkeys((f"{name[:2]}bi{of}", f"{name[:2]}bi{of}s"), iec)
            symbols |= {f"{sign}{short}": si, f"{sign.upper()}i{short}": iec}
    for scale, zero, spelled, signs in _TEMPERATURES:
        unit = Unit("temperature", scale, zero)
        words |= {
            f"{before}{word}": unit for word in spelled.split() for before in ("", "degrees ")
        }
        symbols |= dict.fromkeys(signs.split(), unit)
    return words, symbols


_WORDS, _SYMBOLS = _tables()
_SHOUTED = re.compile(r"[KCM]M|KGS?|MG|LBS?|OZ|FT|[MK]PH|ML|KM/H|Km|Kg|Lbs?|Ft|Mph|Ml")


def known_unit(name: str) -> Unit | None:
    """Know a unit by its symbol or word; some symbols are also known when shouted."""
    known = _SYMBOLS.get(name) or _WORDS.get(name.lower())
    if known is None and _SHOUTED.fullmatch(name):
        known = _SYMBOLS.get(name.lower())
    return known

"""Units of measure: "Convert 5 miles to km", "How many feet are in a mile?", "100°F in Celsius".

Length, mass, volume, temperature, speed, time, data. Exact fractions, legal definitions.

Answer: the number, a space, the target unit as the prompt wrote it: `8.04672 kilometers`, `8.04672
km`. The number is exact where six decimals hold it. Otherwise it has four decimals, or, below 1,
six significant digits, halves away from zero, trailing zeros dropped: `37.7778 °C`, `0.453592 kg`.
Where the prompt names a number of decimals it has exactly so many.

Gallon, quart, pint, cup, fluid ounce and spoons are those of the US, and not answered beside the
British spelling "litre". Not answered either: tons (which?), months and years, negative
quantities other than temperatures, kilobytes against megabytes and the like (1000 or 1024? only
`KiB`-style units, the same prefix in bits and bytes, or bytes against bits are beyond doubt).
"""

import re
from fractions import Fraction
from typing import NamedTuple

from streams.tier0.asking import bare, one_line
from streams.tier0.numbers import NUMBER, decimals, read, split_rounding, write, write_short

MAX_CHARS = 200
EXACT_DECIMALS = 6
ROUNDED_DECIMALS = 4
SIGNIFICANT = 6
_SMALLEST = Fraction(1, 10**9)
_LARGEST = 10**18


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
_SHOUTED = frozenset(
    "KM CM MM KG KGS MG LB LBS OZ FT MPH KPH ML Km Kg Lb Lbs Ft Mph Ml KM/H".split()
)

_GATE = re.compile(r"[0-9]| an? | one ")
_SIGNED = rf"-?{NUMBER}|an?|one"
_PART = re.compile(rf"({_SIGNED})(?: |-|(?=[^\s0-9.,]))([^0-9]+?)(?=,? and [0-9]|,? [0-9]|\Z)")
_NEXT = re.compile(r",? (?:and )?")
_FORWARD = tuple(
    re.compile(
        r"(?:(?:convert|change|express|write)(?: from)? |what is |what['’]s |how much is "
        r"|how (?:long|tall|far|heavy|fast|hot|cold|warm|big) is )?(?P<quantity>[-0-9ao].*?)"
        rf" (?:{between}) (?P<target>(?:\? )?[^0-9?]+)",
        re.IGNORECASE,
    )
    for between in ("to|into|=|equals", "in|as")  # "3 in to cm" is parted at "to"
)
_BACKWARD = re.compile(
    r"how many (?P<target>[^0-9]+?) (?:(?:are )?(?:there )?in|is|are|equals?|make(?: up)?"
    r"|does|do|=) (?P<quantity>[-0-9ao].*?)(?: (?:equal|have|contain|make))?",
    re.IGNORECASE,
)


def convert_units(text: str) -> str | None:
    """Convert the quantity that the prompt names into the unit that it asks for.

    Returns:
        Number and unit; None where quantity, unit or request leave a doubt.

    Example:
        >>> convert_units("How many kilometers is 5 miles?")
        '8.04672 kilometers'
    """
    if len(text) > MAX_CHARS or not _GATE.search(text):
        return None
    asked, places = split_rounding(one_line(bare(text)).rstrip("?. "))
    found = (
        _BACKWARD.fullmatch(asked) or _FORWARD[0].fullmatch(asked) or _FORWARD[1].fullmatch(asked)
    )
    if found is None:
        return None
    wanted = found["target"].removeprefix("? ").strip()
    target = _unit(wanted)
    source = _quantity(found["quantity"])
    if target is None or source is None or not _comparable(source, target, asked):
        return None
    value = (source.factor - target.zero) / target.factor
    written = _written(value) if places is None else write(value, places)
    return None if written is None else f"{written} {wanted}"


def _unit(name: str) -> Unit | None:
    """Know a unit by its symbol or word; some symbols are also known when shouted."""
    known = _SYMBOLS.get(name) or _WORDS.get(name.lower())
    if known is None and name in _SHOUTED:
        known = _SYMBOLS.get(name.lower())
    return known


def _quantity(text: str) -> Unit | None:
    """Sum up `5 feet 10 inches`: as a unit, so that kind and amount stay together."""
    total: Unit | None = None
    at = 0
    while part := _PART.match(text, at):
        unit = _unit(part[2].strip())
        amount = _amount(part[1])
        if unit is None or amount is None:
            return None
        if total and (total.kind != unit.kind or unit.zero or amount < 0):
            return None
        base = amount * unit.factor + unit.zero
        total = Unit(unit.kind, base + (total.factor if total else 0), unit.zero)
        at = part.end()
        if at == len(text):
            return total if base >= 0 else None  # below absolute zero, or a negative length
        gap = _NEXT.match(text, at)
        at = gap.end() if gap else at
    return None


def _amount(text: str) -> Fraction | None:
    if text.lower() in ("a", "an", "one"):
        return Fraction(1)
    value = read(text.removeprefix("-"))
    return -value if value is not None and text.startswith("-") else value


def _comparable(source: Unit, target: Unit, asked: str) -> bool:
    kinds = {source.kind, target.kind}
    if "us volume" in kinds and "litre" in asked.lower():
        return False  # a British gallon is another one
    if len(kinds) == 1:
        return True
    if kinds == {"volume", "us volume"}:
        return True
    # a prefix of 1000 against a binary one or plain bits is told apart; against bytes it is not
    return all(k.startswith("data") for k in kinds) and "data" in kinds and "ib" in asked.lower()


def _written(value: Fraction) -> str | None:
    if value and not _SMALLEST <= abs(value) < _LARGEST:
        return None
    exact = decimals(value)
    if exact is not None and exact <= EXACT_DECIMALS:
        return write_short(value, exact)
    if abs(value) >= 1:
        return write_short(value, ROUNDED_DECIMALS)
    places = SIGNIFICANT
    while abs(value) * 10 ** (places - SIGNIFICANT + 1) < 1:
        places += 1
    return write_short(value, places)

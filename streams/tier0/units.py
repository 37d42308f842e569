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

from streams.tier0.asking import bare, one_line
from streams.tier0.numbers import NUMBER, decimals, read, split_rounding, write, write_short
from streams.tier0.unit_table import Unit, known_unit

MAX_CHARS = 200
EXACT_DECIMALS = 6
ROUNDED_DECIMALS = 4
SIGNIFICANT = 6
_SMALLEST = Fraction(1, 10**9)
_LARGEST = 10**18


_GATE = re.compile(r"[0-9]| an? | one ")
_SIGNED = rf"-?{NUMBER}|an?|one"
_PART = re.compile(rf"({_SIGNED})(?: |-|(?=[^\s0-9.,]))([^0-9]+?)(?=,? and [0-9]|,? [0-9]|\Z)")
_NEXT = re.compile(r",? (?:and )?")
_FORWARD = tuple(
    re.compile(
        r"(?:(?:convert|change|express|write)(?: from)? |what is |what['\u2019]s |how much is "
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
    target = known_unit(wanted)
    source = _quantity(found["quantity"])
    if target is None or source is None or not _comparable(source, target, asked):
        return None
    value = (source.factor - target.zero) / target.factor
    written = _written(value) if places is None else write(value, places)
    return None if written is None else f"{written} {wanted}"


def _quantity(text: str) -> Unit | None:
    """Sum up `5 feet 10 inches`: as a unit, so that kind and amount stay together."""
    total: Unit | None = None
    at = 0
    while part := _PART.match(text, at):
        unit = known_unit(part[2].strip())
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

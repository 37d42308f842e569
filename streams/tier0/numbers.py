"""Numbers as people write them, exactly: digits ⇄ Fraction, and how to round.

`1,234.5` is read in the English way. A number is written without thousands separators and, unless
a number of decimals was asked for, without trailing zeros. Halves are rounded away from zero.
"""

import re
from fractions import Fraction

NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,6}|[0-9]{1,30})(?:\.[0-9]{1,30})?(?![0-9,.]*[0-9])"
"""An unsigned number: plain or with thousands separators, at most 30 digits on either side."""

_ROUNDING = re.compile(
    r"(?:,? and)?,? (?:round(?:ed)?(?: it| the (?:result|answer))? )?to "
    r"(?:the nearest (whole number|integer|tenth|hundredth|thousandth)"
    r"|([0-9]|one|two|three|four) decimals?(?: places?| points?| digits?)?)\Z",
    re.IGNORECASE,
)
_PLACES = {
    "whole number": 0, "integer": 0, "tenth": 1, "hundredth": 2, "thousandth": 3,
    "one": 1, "two": 2, "three": 3, "four": 4,
}  # fmt: skip
_NUMBER = re.compile(NUMBER)


def read(text: str) -> Fraction | None:
    """Read an unsigned number; None for anything else, such as `1,23` or `1.2.3`."""
    return Fraction(text.replace(",", "")) if _NUMBER.fullmatch(text) else None


def split_rounding(text: str) -> tuple[str, int | None]:
    """Part a request from the rounding that it asks for at its end.

    Returns:
        The request without it, and the number of decimals wanted, None where none is named.

    Example:
        >>> split_rounding("10 / 3 rounded to 2 decimal places")
        ('10 / 3', 2)
    """
    found = _ROUNDING.search(text)
    if found is None:
        return text, None
    named = (found[1] or found[2]).lower()
    return text[: found.start()], _PLACES[named] if named in _PLACES else int(named)


def decimals(value: Fraction) -> int | None:
    """How many decimals write this value exactly; None where no number of them does."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def write(value: Fraction, places: int) -> str:
    """Write a value with exactly so many decimals, halves rounded away from zero.

    Example:
        >>> write(Fraction(1, 8), 2), write(Fraction(-5, 2), 0)
        ('0.13', '-3')
    """
    scaled = int(abs(value) * 10**places + Fraction(1, 2))
    digits = str(scaled).rjust(places + 1, "0")
    whole, part = (digits[:-places], digits[-places:]) if places else (digits, "")
    sign = "-" if value < 0 and scaled else ""
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"


def write_short(value: Fraction, places: int) -> str:
    """Write a value with at most so many decimals, trailing zeros dropped."""
    written = write(value, places)
    return written.rstrip("0").rstrip(".") if "." in written else written

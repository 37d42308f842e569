"""Number bases: "Convert 255 to binary", "What is 0xff in decimal?", "Convert 777 from octal to hex".

Answer: the digits alone, without a prefix; letters small, unless the prompt's own digits are capitals.

In doubt, and so not answered: negative numbers and fractions, digits 0 and 1 alone whose base is not
said (ten or two?), a target of the same base, more than 100 digits, a number of bits to fill.
"""

import re

from streams.tier0.asking import bare, one_line

MAX_CHARS = 200
_DIGITS = 100

_NAMES = {"binary": 2, "octal": 8, "decimal": 10, "denary": 10, "hexadecimal": 16, "hex": 16}
_BASE = r"(?P<{0}>binary|octal|decimal|denary|hexadecimal|hex|base[- ](?:3[0-6]|[12][0-9]|[2-9]))(?: (?:number|notation|form|value|format|representation))?"
_NUMBER = r"[`'\"]?(?P<number>(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[0-9A-Za-z]+))[`'\"]?"
_REQUEST = re.compile(
    rf"(?:(?:convert|change|express|write|translate|turn)(?: the)?(?: {_BASE.format('before')})?(?: number| value)? {_NUMBER}"
    rf"(?:,? (?:(?:from|in) )?\(?{_BASE.format('after')}\)?)?,? (?:to|into|in|as) (?:a |its )?{_BASE.format('target')}(?: equivalent)?"
    rf"|(?:what is|what['\u2019]s)(?: the)?(?: {_BASE.format('before2')})?(?: number| value)? {_NUMBER.replace('number>', 'number2>')} (?:in|as) {_BASE.format('target2')})",
    re.IGNORECASE,
)
_PREFIXES = {"0x": 16, "0b": 2, "0o": 8}
_FIGURES = "0123456789abcdefghijklmnopqrstuvwxyz"


def change_base(text: str) -> str | None:
    """Write the number that the prompt names in the base that it asks for.

    Returns:
        The digits; None where number, base or request leave a doubt.

    Example:
        >>> change_base("Convert 255 to binary")
        '11111111'
        >>> change_base("What is 0xFF in decimal?")
        '255'
    """
    if len(text) > MAX_CHARS:
        return None
    head = text.lower()
    if not any(word in head for word in ("binary", "octal", "decimal", "denary", "hex", "base")):
        return None
    found = _REQUEST.fullmatch(one_line(bare(text)).rstrip("?. "))
    if found is None:
        return None
    written = found["number"] or found["number2"]
    said = {_base(name) for name in (found["before"], found["after"], found["before2"]) if name}
    source = _source(written, said)
    target = _base(found["target"] or found["target2"])
    if source is None or source == target or len(written) > _DIGITS:
        return None
    figures = written[2:] if written[:2].lower() in _PREFIXES and said != {36} else written
    try:
        value = int(figures, source)
    except ValueError:
        return None
    digits = _written(value, target)
    return digits.upper() if figures.upper() == figures and figures.lower() != figures else digits


def _base(name: str) -> int:
    lower = name.lower()
    return _NAMES[lower] if lower in _NAMES else int(lower[5:])


def _source(written: str, said: set[int]) -> int | None:
    """The base that a number is in; None where nothing tells."""
    prefixed = _PREFIXES.get(written[:2].lower())
    if len(said) > 1 or (prefixed and said and said != {prefixed}):
        return None
    if said:
        return min(said)
    if prefixed:
        return prefixed
    if not written.isdigit() or (
        len(written) > 1 and (written[0] == "0" or set(written) <= {"0", "1"})
    ):
        return None
    return 10


def _written(value: int, base: int) -> str:
    digits = ""
    while value:
        value, digit = divmod(value, base)
        digits = _FIGURES[digit] + digits
    return digits or "0"

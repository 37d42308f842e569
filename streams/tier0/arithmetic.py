"""Exact sums: "What is 17 * 23?", "Calculate 3.5 + 2", "What's 12% of 250?".

Fractions throughout, so 0.1 + 0.2 is 0.3. Operators `+ - * / // % **`, their
typographic forms, `^`, `x`, words (plus, times, divided by, squared, …), parentheses, `N% of M`,
sum, product, square root.

Answer: the number alone, no separators, no trailing zeros (`5.5`, `391`). Where the prompt names a
number of decimals ("to 2 decimal places"), exactly so many, halves away from zero. Without one, a
quotient that does not end, or needs more than 12 decimals, is not answered.

In doubt, and so not answered: `-2 ** 2` and `2 ** 3 ** 2`, `//` and `%` of negative numbers, a root
that is not whole, `9/11`, `24/7`, `4x4`, `555-1234` behind "what is" (a name as likely as a sum),
dates, leading zeros, currency, and any number beyond 100 digits.
"""

import re
from fractions import Fraction

from streams.tier0.asking import bare, one_line
from streams.tier0.expression import DoubtError, evaluate
from streams.tier0.numbers import NUMBER, decimals, split_rounding, write, write_short

MAX_CHARS = 300
MAX_DECIMALS = 12

_GATE = re.compile(
    r"\s*(?:(?:what['\u2019]?s|what|is|how|much|calculate|compute|evaluate|work|out|solve|does|do|the|value"
    r"|result|answer|of|to|for|from|expression|following|sum|product|quotient|add|multiply|divide"
    r"|subtract|remainder|when|if|square|cube|root|please|kindly|just|can|could|would|will|you|get"
    r"|help|me|tell|i|i['\u2019]d|need|want|like|hi|hello|hey|there)\b[\s,.!:]*)*[-(√0-9]",
    re.IGNORECASE,
)
"""Only words that ask for a sum may stand before its first sign: most prompts end here."""
_ASK = re.compile(
    r"(?:(?P<what>what is|what['\u2019]?s)|how much is|calculate|compute|evaluate|work out|solve"
    r"|what does|what do you get (?:for|from))(?: the (?:value|result|answer) (?:of|to|for))?"
    r"(?: the (?:following )?expression)?(?: the following)?:? ",
    re.IGNORECASE,
)
_NUMBER_ONLY = re.compile(
    r"[.?!]? (?:reply with|answer with|respond with|return|give|output)(?: me)? (?:only|just) "
    r"(?:the|a) (?:number|value|numeric value)[.!]?\Z",
    re.IGNORECASE,
)
_END = re.compile(r" ?(?:equals?(?: to)?)? ?(?:=)? ?\??[.]?\Z")
_N = rf"(-?{NUMBER})"
_FORMS = tuple(
    (re.compile(pattern, re.IGNORECASE), written)
    for pattern, written in (
        (rf"{_N} ?(?:%|percent) of {_N}", "({0}) * ({1}) / 100"),
        (rf"(?:the )?sum of {_N} and {_N}", "({0}) + ({1})"),
        (rf"(?:the )?sum of {_N}, {_N},? and {_N}", "({0}) + ({1}) + ({2})"),
        (rf"(?:the )?product of {_N} and {_N}", "({0}) * ({1})"),
        (rf"(?:the )?quotient of {_N} and {_N}", "({0}) / ({1})"),
        (rf"add {_N} (?:and|to) {_N}", "({0}) + ({1})"),
        (rf"multiply {_N} (?:by|and|with) {_N}", "({0}) * ({1})"),
        (rf"divide {_N} by {_N}", "({0}) / ({1})"),
        (rf"subtract {_N} from {_N}", "({1}) - ({0})"),
        (rf"(?:the )?remainder (?:when|if) {_N} is divided by {_N}", "({0}) % ({1})"),
        (rf"(?:the )?square of {_N}", "({0}) ** 2"),
        (rf"(?:the )?cube of {_N}", "({0}) ** 3"),
        (rf"(?:the )?square root of {_N}", "√({0})"),
    )
)
_WORDS = {
    " plus ": "+", " minus ": "-", " times ": "*", " multiplied by ": "*", " divided by ": "/",
    " to the power of ": "**", " raised to the power of ": "**", " squared": "**2",
    " cubed": "**3", " mod ": "%", " modulo ": "%", "\u00d7": "*", "\u00b7": "*", "\u00f7": "/", "\u2212": "-",
    "^": "**",
}  # fmt: skip
_WORD = re.compile("|".join(map(re.escape, sorted(_WORDS, key=len, reverse=True))), re.IGNORECASE)
_CROSS = re.compile(r"(?<=[0-9)]) ?[xX] ?(?=[0-9(-])")
_NO_SUM = re.compile(
    r"(?<![0-9.])0[0-9]|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}|[0-9)]% "
)
_NAME_LIKE = re.compile(r"[0-9]+(?:[-/xX\u2013][0-9]+)+")


def calculate(text: str) -> str | None:
    """Work out the sum that the prompt asks for.

    Returns:
        The exact value, or the value rounded as asked; None where there is any doubt.

    Example:
        >>> calculate("What is (1 + 2) * 3.5?")
        '10.5'
        >>> calculate("Calculate 10 / 3 to 2 decimal places")
        '3.33'
    """
    if len(text) > MAX_CHARS or not _GATE.match(text):
        return None
    asked = _NUMBER_ONLY.sub("", one_line(bare(text)))
    ask = _ASK.match(asked)
    stripped, places = split_rounding(_END.sub("", asked[ask.end() :] if ask else asked))
    expression = _END.sub("", stripped)
    plain = places is None and (ask is None or ask["what"] is not None)
    if plain and _NAME_LIKE.fullmatch(expression):
        return None
    if ask is None and _CROSS.search(expression):
        return None
    try:
        return _written(evaluate(_symbols(expression)), places)
    except DoubtError:
        return None


def _written(value: Fraction, places: int | None) -> str:
    if places is not None:
        return write(value, places)
    exact = decimals(value)
    if exact is None or exact > MAX_DECIMALS:
        raise DoubtError
    return write_short(value, exact)


def _symbols(expression: str) -> str:
    """Turn words and typographic signs into operators."""
    for form, written in _FORMS:
        if found := form.fullmatch(expression):
            return written.format(*found.groups())
    if _NO_SUM.search(expression):
        raise DoubtError
    return _CROSS.sub("*", _WORD.sub(lambda found: _WORDS[found[0].lower()], expression))

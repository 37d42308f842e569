"""An arithmetic expression → its exact value, or a doubt; work and size are bounded."""

import operator
import re
from collections.abc import Callable
from fractions import Fraction
from math import isqrt

from streams.tier0.numbers import NUMBER, read

MAX_BITS = 332
"""About 100 digits, numerator and denominator each."""
MAX_DEPTH = 20

_TOKEN = re.compile(rf" *({NUMBER}|\*\*|//|[-+*/%()√])")
_OPERATOR = re.compile(r"[-+*/%√]")


class DoubtError(ValueError):
    """No expression of ours: broken, too large, or read in more than one way."""


def evaluate(expression: str) -> Fraction:
    """Work out an expression in the order of arithmetic.

    Raises:
        DoubtError: It is none, has no operator, is too large or is read in more than one way.

    Example:
        >>> evaluate("2 + 3 * 4")
        Fraction(14, 1)
    """
    tokens: list[str] = []
    at = 0
    while found := _TOKEN.match(expression, at):
        tokens.append(found[1])
        at = found.end()
    if expression[at:].strip() or not _OPERATOR.search("".join(tokens)):
        raise DoubtError
    value, end = _sum([*tokens, ""], 0, 0)
    if end != len(tokens):
        raise DoubtError
    return value


def _sum(tokens: list[str], at: int, depth: int) -> tuple[Fraction, int]:
    value, at = _product(tokens, at, depth)
    while tokens[at] in ("+", "-"):
        sign = tokens[at]
        right, at = _product(tokens, at + 1, depth)
        value = _bounded(value + right if sign == "+" else value - right)
    return value, at


def _product(tokens: list[str], at: int, depth: int) -> tuple[Fraction, int]:
    value, at = _power(tokens, at, depth)
    while tokens[at] in _PRODUCTS:
        apply = _PRODUCTS[tokens[at]]
        right, at = _power(tokens, at + 1, depth)
        value = _bounded(apply(value, right))
    return value, at


def _power(tokens: list[str], at: int, depth: int) -> tuple[Fraction, int]:
    negative = tokens[at] == "-"
    value, at = _atom(tokens, at + negative, depth)
    if tokens[at] != "**":
        return (-value if negative else value), at
    minus = tokens[at + 1] == "-"
    exponent, at = _atom(tokens, at + 1 + minus, depth)
    if negative or tokens[at] == "**":  # read in two ways
        raise DoubtError
    return _raised(value, -exponent if minus else exponent), at


def _atom(tokens: list[str], at: int, depth: int) -> tuple[Fraction, int]:
    first = tokens[at]
    if depth > MAX_DEPTH:
        raise DoubtError
    if first == "√":
        value, at = _atom(tokens, at + 1, depth + 1)
        return _root(value), at
    if first == "(":
        value, at = _sum(tokens, at + 1, depth + 1)
        if tokens[at] != ")":
            raise DoubtError
        return value, at + 1
    number = read(first)
    if number is None:
        raise DoubtError
    return number, at + 1


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise DoubtError
    return value


def _raised(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or (base == 0 and exponent <= 0):
        raise DoubtError
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent.numerator) * bits > 2 * MAX_BITS:
        raise DoubtError
    return _bounded(Fraction(base**exponent.numerator))


def _root(value: Fraction) -> Fraction:
    if value < 0:
        raise DoubtError
    root = Fraction(isqrt(value.numerator), isqrt(value.denominator))
    if root * root != value:
        raise DoubtError
    return root


def _divided(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise DoubtError
    return left / right


def _natural(apply: Callable[[Fraction, Fraction], Fraction | int]) -> Callable[..., Fraction]:
    """Languages differ on negative operands of `//` and `%`: only the others are beyond doubt."""

    def checked(left: Fraction, right: Fraction) -> Fraction:
        if left < 0 or right <= 0:
            raise DoubtError
        return Fraction(apply(left, right))

    return checked


_PRODUCTS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "*": operator.mul,
    "/": _divided,
    "//": _natural(operator.floordiv),
    "%": _natural(operator.mod),
}

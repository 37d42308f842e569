"""Tier-0 tasks on numbers, with the one right answer: units, arithmetic, dates."""

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

from infra.rig.chance import number, pick
from infra.rig.wording import Exact

LINEAR = (
    ("miles", "km", "1.609344", (3, 5, 12, 26, 100)),
    ("inches", "cm", "2.54", (4, 12, 27, 55)),
    ("feet", "m", "0.3048", (6, 10, 30, 250)),
    ("pounds", "kg", "0.45359237", (100, 200, 1000)),
    ("km", "m", "1000", (3, "2.5", 42)),
    ("kg", "g", "1000", (2, "0.75", 13)),
    ("hours", "minutes", "60", (3, "1.5", 36)),
    ("minutes", "seconds", "60", (7, 45, 90)),
    ("days", "hours", "24", (3, 10)),
    ("cm", "mm", "10", (12, "8.4")),
    ("m", "cm", "100", ("1.82", 9)),
    ("liters", "ml", "1000", ("1.5", 4)),
    ("yards", "m", "0.9144", (100, 5)),
    ("weeks", "days", "7", (6, 52)),
    ("tonnes", "kg", "1000", (3, "1.2")),
)
CONVERT = (
    "Convert {0} {1} to {2}", "convert {0} {1} to {2}", "Convert {0} {1} into {2}.",
    "What is {0} {1} in {2}?", "How many {2} are in {0} {1}?", "How many {2} is {0} {1}?", "{0} {1} in {2}",
)  # fmt: skip
DEGREES = (
    ("Celsius", "Fahrenheit", (0, 20, 37, 100, 180)),
    ("Fahrenheit", "Celsius", (32, 50, 68, 77, 212)),
)


def plain(value: Fraction) -> str:
    """A number as people write it: all its digits, no trailing zeros.

    Raises:
        ValueError: It has no end, so nobody could write all of it.
    """
    for places in range(13):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = f"{abs(scaled.numerator):0{places + 1}d}"
            sign = "-" if value < 0 else ""
            whole, rest = digits[: len(digits) - places], digits[len(digits) - places :]
            return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"
    raise ValueError(f"{value} has no end in decimals")


def unit_tasks() -> Iterator[Exact]:
    """45 conversions whose result is exact."""
    pairs = [
        (str(amount), source, target, plain(Fraction(amount) * Fraction(factor)))
        for source, target, factor, amounts in LINEAR
        for amount in amounts
    ]
    chosen = sorted(pairs, key=lambda pair: (pair[0] == "1", pairs.index(pair) * 7 % len(pairs)))
    for amount, source, target, result in chosen[:35]:
        asked = pick(CONVERT, f"{amount} {source}", "how").format(amount, source, target)
        yield Exact("tier0/units", asked, f"{result} {target}")
    for source, target, degrees in DEGREES:
        for n, given in enumerate(degrees):
            to_fahrenheit = target == "Fahrenheit"
            exact = Fraction(given * 9, 5) + 32 if to_fahrenheit else Fraction((given - 32) * 5, 9)
            if n % 2:
                asked, unit = f"Convert {given} degrees {source} to {target}", target
            else:
                asked, unit = f"What is {given} °{source[0]} in °{target[0]}?", f"°{target[0]}"
            yield Exact("tier0/units", asked, f"{plain(exact)} {unit}")


ASK = (
    "What is {0}?", "Calculate {0}", "Compute {0}.", "calculate {0}", "{0} = ?", "What's {0}?",
    "Evaluate {0}", "How much is {0}?",
)  # fmt: skip


def arithmetic_tasks() -> Iterator[Exact]:
    """46 calculations with an exact result."""
    for n in range(46):
        expression, value = _expression(n)
        yield Exact("tier0/arithmetic", ASK[n % len(ASK)].format(expression), plain(value))


def _expression(n: int) -> tuple[str, Fraction]:
    thing = f"arithmetic {n}"
    a, b, c = (number(12, 98, thing, name) for name in "abc")
    big = number(1000, 99999, thing, "big")
    shapes = (
        (f"{a} * {b}", Fraction(a * b)),
        (f"{big} + {a * b}", Fraction(big + a * b)),
        (f"({a} + {b}) * {c}", Fraction((a + b) * c)),
        (f"{a * b} / {a}", Fraction(b)),
        (f"{big} - {a}.{b}", Fraction(big) - Fraction(f"{a}.{b}")),
        (f"{a}.5 * {b}", Fraction(f"{a}.5") * b),
        (f"{a} + {b} * {c} - {a * 2}", Fraction(a + b * c - a * 2)),
        (f"{b}% of {big}", Fraction(b, 100) * big),
        (f"{a} - {b + 90}", Fraction(a - b - 90)),
        (f"{big} / 8", Fraction(big, 8)),
        (f"2^{a % 20 + 4}", Fraction(2 ** (a % 20 + 4))),
    )
    return shapes[n % len(shapes)]


BETWEEN = (
    "How many days between {0} and {1}?", "How many days are there between {0} and {1}?",
    "Number of days from {0} to {1}", "How many days from {0} to {1}?",
)  # fmt: skip
LATER = (
    "What date is {1} days after {0}?", "What is the date {1} days after {0}?", "Add {1} days to {0}",
    "{0} plus {1} days",
)  # fmt: skip
EARLIER = ("What date is {1} days before {0}?", "Subtract {1} days from {0}", "{0} minus {1} days")
WEEKDAY = (
    "What day of the week is {0}?",
    "What weekday was {0}?",
    "Which day of the week was {0}?",
)


def date_tasks() -> Iterator[Exact]:
    """36 tasks: 12 distances, 8 dates later, 6 earlier, 10 weekdays."""
    for n, ways in enumerate([BETWEEN] * 12 + [LATER] * 8 + [EARLIER] * 6 + [WEEKDAY] * 10):
        thing = f"date {n}"
        start = date(2023, 1, 1) + timedelta(days=number(0, 1300, thing, "start"))
        days = number(3, 400, thing, "days")
        span = timedelta(days=days)
        given, answer = {
            BETWEEN: (start + span, f"{days} days"),
            LATER: (days, f"{start + span}"),
            EARLIER: (days, f"{start - span}"),
            WEEKDAY: ("", f"{start:%A}"),
        }[ways]
        yield Exact("tier0/dates", pick(ways, thing, "how").format(start, given), answer)

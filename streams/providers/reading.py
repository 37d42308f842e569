"""Reads what a vendor wrote without trusting it: what isn't there, or isn't what it should be, is None."""

from decimal import Decimal, InvalidOperation

import orjson

from streams.events.envelope import JsonObject
from streams.money.pricing import to_usd

LARGEST_COUNT = 1 << 53
"""More tokens than any call has; what is larger is no count."""

BILLED_APART = ("batch", "flex", "priority", "fast")
"""Service tiers that have prices of their own."""


def parsed(body: bytes | str) -> object:
    """What a JSON text holds; None where it is none."""
    try:
        return orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        return None


def at(found: object, *path: str) -> object:
    """What lies at a path of keys; None where there is nothing.

    Example:
        >>> at({"a": {"b": 7}}, "a", "b"), at({"a": 3}, "a", "b")
        (7, None)
    """
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def as_object(found: object) -> JsonObject:
    """The object itself; an empty one for anything else."""
    return found if isinstance(found, dict) else {}


def objects(found: object) -> list[JsonObject]:
    """The objects of a list, whatever else is in it."""
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def text(found: object) -> str | None:
    """A text; one that isn't empty."""
    return found if isinstance(found, str) and found else None


def count(*found: object) -> int | None:
    """The first that is a whole number from 0 up.

    Example:
        >>> count(None, "7", 3), count(True), count(-1)
        (3, None, None)
    """
    for value in found:
        if type(value) is int and 0 <= value <= LARGEST_COUNT:
            return value
    return None


def total(first: int | None, *more: int | None) -> int | None:
    """A count with what comes on top of it; unknown without the first.

    Example:
        >>> total(3, None, 4), total(None, 4)
        (7, None)
    """
    return None if first is None else first + sum(part or 0 for part in more)


def usd(found: object) -> Decimal | None:
    """Dollars, to 10⁻¹²."""
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        return to_usd(Decimal(str(found)))  # the shortest text of a float is what was written
    except InvalidOperation:
        return None


def service_tier(*found: object) -> str | None:
    """The first service tier with prices of its own that a vendor says it billed.

    Example:
        >>> service_tier("default", "flex"), service_tier("ON_DEMAND_PRIORITY"), service_tier("auto")
        ('flex', 'priority', None)
    """
    words = (value.lower().rpartition("_")[2] for value in found if isinstance(value, str))
    return next((word for word in words if word in BILLED_APART), None)

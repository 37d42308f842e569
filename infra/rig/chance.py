"""Chance that is the same on every machine: draws hashed from what they are for."""

import math
from collections.abc import Sequence
from typing import TypeVar

from streams.ids import draw

T = TypeVar("T")

SEED = "tierflow-sample-1"


def share(thing: str, purpose: str) -> float:
    """A number in [0, 1) that belongs to this thing and purpose."""
    return draw(SEED, thing, purpose)


def pick(options: Sequence[T], thing: str, purpose: str) -> T:
    """One of the options, each as likely as the others."""
    return options[int(share(thing, purpose) * len(options))]


def number(low: int, high: int, thing: str, purpose: str) -> int:
    """A whole number from `low` to `high`, both included."""
    return low + int(share(thing, purpose) * (high - low + 1))


def bell(thing: str, purpose: str) -> float:
    """A draw from the standard normal distribution (Box and Muller)."""
    radius = math.sqrt(-2 * math.log(1 - share(thing, f"{purpose} radius")))
    return radius * math.cos(2 * math.pi * share(thing, f"{purpose} angle"))

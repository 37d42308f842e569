"""Made-up material that is the same at every run: everything is picked by a hash of its name."""

from collections.abc import Sequence
from typing import TypeVar

from streams import ids

T = TypeVar("T")
SALT = "chance"


def share(*cause: object) -> float:
    """A number in [0, 1)."""
    return ids.draw(SALT, "/".join(map(str, cause)), "made up")


def pick(choices: Sequence[T], *cause: object) -> T:
    """One of some things."""
    return choices[int(share(*cause) * len(choices))]


def number(low: int, high: int, *cause: object) -> int:
    """A whole number, both ends included."""
    return low + int(share(*cause) * (high - low + 1))


def some(choices: Sequence[T], count: int, *cause: object) -> list[T]:
    """Several different things, in some order."""
    ranked = sorted(range(len(choices)), key=lambda n: share(*cause, "rank", n))
    return [choices[n] for n in ranked[:count]]

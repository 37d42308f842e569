"""Text → JSON value, where every reader reads the same: strict, without a key twice, not too deep."""

import re
from typing import Any

import orjson

from streams.checking.mending import DEPTH, BrokenError

_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?', re.DOTALL)


class RepeatedKeyError(ValueError):
    """An object that has a key twice: readers differ about which value counts."""


def strict(text: str) -> Any:
    """Read JSON as RFC 8259 has it.

    Raises:
        BrokenError: It is none, or nested over DEPTH deep.
        RepeatedKeyError: An object has a key twice.

    Example:
        >>> strict('{"a": [1, null]}')
        {'a': [1, None]}
    """
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, orjson.JSONDecodeError) else ""
        raise BrokenError(f"no JSON{where}") from None
    members = _members(value)
    if members and len(list(filter(None, _STRINGS.findall(text)))) > members:
        raise RepeatedKeyError("an object has a key twice")
    return value


def _members(value: Any) -> int:
    """How many members all objects have together."""
    members, level = 0, [value]
    for _ in range(DEPTH):
        inner: list[Any] = []
        for held in level:
            if isinstance(held, dict):
                members += len(held)
                inner += held.values()
            elif isinstance(held, list):
                inner += held
        level = [held for held in inner if isinstance(held, dict | list)]
        if not level:
            return members
    raise BrokenError(f"nested over {DEPTH} deep")

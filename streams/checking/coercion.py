"""A number, true, false or null that was written as a string, where the schema leaves nothing else.

`"12"` becomes 12 only where the schema refuses the string, the string is exactly one JSON scalar, and the
whole answer is valid with it. The other way round nothing is done: a number for a text has lost its
leading zeros already.
"""

import re
from collections.abc import Iterable

import orjson
from jsonschema.exceptions import ValidationError

_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?|true|false|null")
_TOKEN = re.compile(r'[{}\[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}\[\],:"]+', re.DOTALL)
_RULES = frozenset(["type", "anyOf", "oneOf", "enum", "const"])
SCALAR_CHARS = 32

Path = tuple[str | int, ...]


def unquoted(text: str, errors: Iterable[ValidationError]) -> str | None:
    """Take the quotes from strings that a schema refuses and that are scalars.

    Args:
        text: JSON.
        errors: All that the schema has against its value.

    Returns:
        The JSON without these quotes, to be checked again; None where an error is of another kind.
    """
    wanted: dict[Path, str] = {}
    for error in errors:
        held = error.instance
        if error.validator not in _RULES or not isinstance(held, str):
            return None
        if len(held) > SCALAR_CHARS or not _SCALAR.fullmatch(held):
            return None
        wanted[tuple(error.absolute_path)] = held
    out, at = [], 0
    for path, begin, end in _strings(text):
        if path in wanted:
            out += [text[at:begin], wanted[path]]
            at = end
    return "".join((*out, text[at:]))


def _strings(text: str) -> Iterable[tuple[Path, int, int]]:
    """Where each string that is a value stands in a JSON text: path, begin, end."""
    path: list[str | int] = []
    is_key = False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "{[":
            path.append("" if mark == "{" else 0)
            is_key = mark == "{"
        elif mark in "}]":
            path.pop()
        elif mark == ",":
            here = path[-1]
            is_key = isinstance(here, str)
            path[-1] = here if isinstance(here, str) else here + 1
        elif mark == ":":
            is_key = False
        elif mark.startswith('"'):
            if is_key:
                path[-1] = _unescaped(mark)
            else:
                yield tuple(path), token.start(), token.end()


def _unescaped(literal: str) -> str:
    return str(orjson.loads(literal)) if "\\" in literal else literal[1:-1]

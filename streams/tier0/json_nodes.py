"""JSON as it was written: text ⇄ nodes whose scalars keep every digit and escape.

Also what the other formats are read into and written from, so that a conversion is a pair.
"""

import re
from typing import TypeAlias

import orjson

Node: TypeAlias = "str | list[Node] | tuple[tuple[str, Node], ...]"
"""A scalar as written in JSON, an array, or an object's members, keys in their quotes."""

MAX_DEPTH = 100
MAX_TOKENS = 4_000
"""More would take longer than a skill may."""

_TOKEN = re.compile(
    r'[ \t\r\n]*([{}\[\],:]|"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"'
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
)


class BrokenError(ValueError):
    """A document that is broken, too large, or that could be read in more than one way."""


def quoted(text: str) -> str:
    """Write a string as JSON.

    Raises:
        BrokenError: It holds half of a surrogate pair.
    """
    try:
        return orjson.dumps(text).decode()
    except TypeError:
        raise BrokenError from None


def unquoted(literal: str) -> str:
    """Read a JSON string.

    Raises:
        BrokenError: It escapes half of a surrogate pair.
    """
    try:
        return str(orjson.loads(literal))
    except orjson.JSONDecodeError:
        raise BrokenError from None


def parse(text: str) -> Node:
    """Read one JSON document.

    Raises:
        BrokenError: It is no JSON, or it exceeds MAX_DEPTH or MAX_TOKENS.
    """
    tokens: list[str] = []
    at = 0
    while found := _TOKEN.match(text, at):
        tokens.append(found[1])
        if len(tokens) > MAX_TOKENS:
            raise BrokenError
        at = found.end()
    if text[at:].strip(" \t\r\n"):
        raise BrokenError
    tokens.append("")  # so that a payload that breaks off is met as a wrong token
    node, end = _value(tokens, 0, 0)
    if end != len(tokens) - 1:
        raise BrokenError
    return node


def _value(tokens: list[str], at: int, depth: int) -> tuple[Node, int]:
    first = tokens[at]
    if depth > MAX_DEPTH or first in ("", "]", "}", ",", ":"):
        raise BrokenError
    if first == "[":
        return _array(tokens, at + 1, depth)
    if first == "{":
        return _object(tokens, at + 1, depth)
    return first, at + 1


def _array(tokens: list[str], at: int, depth: int) -> tuple[Node, int]:
    items: list[Node] = []
    if tokens[at] == "]":
        return items, at + 1
    while True:
        item, at = _value(tokens, at, depth + 1)
        items.append(item)
        if tokens[at] == "]":
            return items, at + 1
        at = _past(",", tokens, at)


def _object(tokens: list[str], at: int, depth: int) -> tuple[Node, int]:
    members: list[tuple[str, Node]] = []
    if tokens[at] == "}":
        return (), at + 1
    while True:
        key = tokens[at]
        if not key.startswith('"'):
            raise BrokenError
        value, at = _value(tokens, _past(":", tokens, at + 1), depth + 1)
        members.append((key, value))
        if tokens[at] == "}":
            return tuple(members), at + 1
        at = _past(",", tokens, at)


def _past(mark: str, tokens: list[str], at: int) -> int:
    if tokens[at] != mark:
        raise BrokenError
    return at + 1


def sorted_keys(node: Node) -> Node:
    """Sort members by key at every depth.

    Raises:
        BrokenError: Escapes or repeated keys leave a doubt about the order.
    """
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return [sorted_keys(item) for item in node]
    keys = [key for key, _ in node]
    if len(set(keys)) < len(keys) or any("\\" in key for key in keys):
        raise BrokenError
    return tuple((key, sorted_keys(value)) for key, value in sorted(node, key=lambda m: m[0][1:-1]))


def lay(node: Node, line: str, indent: str, colon: str) -> str:
    """Write a node; `line` is the line end with the indent in force, empty when minifying."""
    written: list[str] = []
    _write(node, line, indent, colon, written)
    return "".join(written)


def _write(node: Node, line: str, indent: str, colon: str, written: list[str]) -> None:
    if isinstance(node, str):
        written.append(node)
        return
    opens, closes = "[]" if isinstance(node, list) else "{}"
    written.append(opens)
    inner = gap = line + indent
    members = [("", item) for item in node] if isinstance(node, list) else node
    for key, value in members:
        written.append(f"{gap}{key}{colon}" if key else gap)
        gap = f",{inner}"
        _write(value, inner, indent, colon, written)
    written.append(f"{line}{closes}" if node else closes)

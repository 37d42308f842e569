"""JSON laid out anew: "Format this JSON: …", "Minify …", "Sort the keys of …".

Only white space moves, and members where sorting is asked for: every string and number is copied
as it was written, so that nothing is lost to a float or an escape.

Answer: pretty is an indent of 2 spaces (or the one that was asked for: 1 to 8 spaces, tabs), one
member or item a line, `": "` after a key, empty ones as `{}` and `[]`. Minified has no white space.
Sorted is pretty with keys in the order of their code points at every depth. No final newline.
"""

import re
from typing import TypeAlias

from streams.tier0.asking import bare, one_line, unfence, without_opening

Node: TypeAlias = "str | list[Node] | tuple[tuple[str, Node], ...]"
"""A scalar as written, an array, or an object's members."""

MAX_DEPTH = 100

_GATE_CHARS = 160
_TOKEN = re.compile(
    r'[ \t\r\n]*([{}\[\],:]|"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"'
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
)
_NOUN = (
    r"(?:(?:this|the|that|my) )?(?:(?:following|below|given|raw|minified|compact) )?json"
    r"(?: (?:object|document|array|string|data|payload|blob|snippet|text|content|code|value))?"
    r"(?: below)?"
)
_LAYOUT = (
    r"(?: (?:nicely|properly|for readability)"
    r"| (?:with|using|by) (?:an? )?(?:indent(?:ation)? of )?(?P<indent>[1-8]|two|four|tabs?)"
    r"(?:[- ]spaces?)?(?: (?:of )?indent(?:ation|s|ing)?)?)?"
)
_AND_SORT = (
    r"(?P<sort>,? (?:and|with) (?:sort (?:the |its |all )?keys|sorted keys|(?:the )?keys sorted)"
    r"(?: alphabetically)?)?"
)
_PRETTY = re.compile(
    rf"(?:(?:(?:re-?)?format|pretty[- ]?print|prettify|beautify|indent) {_NOUN}"
    rf"|make {_NOUN} (?:pretty|readable|human[- ]readable)"
    rf"|(?:pretty[- ]?print|prettify|beautify)(?: this| the following)?){_LAYOUT}{_AND_SORT}",
    re.IGNORECASE,
)
_MINIFY = re.compile(
    r"(?:minify(?: this| the following)?"
    rf"|(?:minify|compact) {_NOUN}(?: (?:on|in|into|onto) (?:one|a single) line)?"
    rf"|(?:put|print|write) {_NOUN} (?:on|in|into|onto) (?:one|a single) line"
    rf"|remove (?:all )?(?:the )?(?:unnecessary )?white ?space from {_NOUN}){_AND_SORT}",
    re.IGNORECASE,
)
_SORT = re.compile(
    rf"sort (?:(?:the |all )?keys (?:of|in) {_NOUN}|{_NOUN} by keys?)(?: alphabetically)?",
    re.IGNORECASE,
)
_INDENTS = {"two": "  ", "four": "    ", "tab": "\t", "tabs": "\t"}


class _BrokenError(ValueError):
    """The payload is no JSON, or nested deeper than MAX_DEPTH."""


def format_json(text: str) -> str | None:
    """Pretty-print, minify or sort the JSON that the prompt carries.

    Returns:
        The JSON laid out; None where the prompt asks for more than that, or the JSON is broken.

    Example:
        >>> format_json('Minify this JSON: {"a": [1, 2.50]}')
        '{"a":[1,2.50]}'
    """
    if not _may_ask(text):
        return None
    request, payload = _split(bare(text))
    inner = unfence(payload, "json")
    asked = one_line(without_opening(request)).rstrip(" :.?")
    pretty, minify = _PRETTY.fullmatch(asked), _MINIFY.fullmatch(asked)
    found = pretty or minify or _SORT.fullmatch(asked)
    if found is None or inner is None or not inner.startswith(("{", "[")):
        return None
    try:
        node = _parse(inner)
        if found.re is _SORT or found["sort"]:
            node = _sorted(node)
    except _BrokenError:
        return None
    if minify:
        return _lay(node, "", "", ":")
    named = (pretty["indent"] or "2").lower() if pretty else "2"
    return _lay(node, "\n", _INDENTS.get(named) or " " * int(named), ": ")


def _may_ask(text: str) -> bool:
    if "{" not in text and "[" not in text:
        return False
    ends = text[:_GATE_CHARS].lower() + text[-_GATE_CHARS:].lower()
    return "json" in ends or "prett" in ends or "minify" in ends


def _split(text: str) -> tuple[str, str]:
    """Part the request from the JSON, whichever comes first."""
    if text.startswith(("{", "[", "`")):
        payload, _, request = text.rpartition("\n")
        return request, payload.strip()
    starts = [at for at in map(text.find, "{[`") if at >= 0]
    at = min(starts, default=len(text))
    return text[:at], text[at:].strip()


def _parse(text: str) -> Node:
    tokens: list[str] = []
    at = 0
    while found := _TOKEN.match(text, at):
        tokens.append(found[1])
        at = found.end()
    if text[at:].strip(" \t\r\n"):
        raise _BrokenError
    tokens.append("")  # so that a payload that breaks off is met as a wrong token
    node, end = _value(tokens, 0, 0)
    if end != len(tokens) - 1:
        raise _BrokenError
    return node


def _value(tokens: list[str], at: int, depth: int) -> tuple[Node, int]:
    first = tokens[at]
    if depth > MAX_DEPTH or first in ("", "]", "}", ",", ":"):
        raise _BrokenError
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
            raise _BrokenError
        value, at = _value(tokens, _past(":", tokens, at + 1), depth + 1)
        members.append((key, value))
        if tokens[at] == "}":
            return tuple(members), at + 1
        at = _past(",", tokens, at)


def _past(mark: str, tokens: list[str], at: int) -> int:
    if tokens[at] != mark:
        raise _BrokenError
    return at + 1


def _sorted(node: Node) -> Node:
    """Sort members by key; escapes and repeated keys leave a doubt about the order."""
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return [_sorted(item) for item in node]
    keys = [key for key, _ in node]
    if len(set(keys)) < len(keys) or any("\\" in key for key in keys):
        raise _BrokenError
    return tuple((key, _sorted(value)) for key, value in sorted(node, key=lambda m: m[0][1:-1]))


def _lay(node: Node, line: str, indent: str, colon: str) -> str:
    """Write a node; `line` is the line end with the indent in force, empty when minifying."""
    if isinstance(node, str):
        return node
    inner = line + indent
    if isinstance(node, list):
        parts, marks = [_lay(item, inner, indent, colon) for item in node], "[]"
    else:
        parts = [f"{key}{colon}{_lay(value, inner, indent, colon)}" for key, value in node]
        marks = "{}"
    if not parts:
        return marks
    return f"{marks[0]}{inner}{f',{inner}'.join(parts)}{line}{marks[1]}"

"""YAML ⇄ nodes, and YAML laid out anew; the only file that knows PyYAML.

libyaml parses, and its events are read here. No tag is resolved and no anchor followed, so nothing
is constructed and no alias expands. A plain scalar that YAML 1.1 and 1.2, or two parsers, read
differently (`no`, `0o17`, `1:30`, `2024-01-01`, `1e3`) leaves a doubt, and is refused.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from streams.tier0.json_nodes import BrokenError, Node, quoted, unquoted

MAX_CHARS = 3_000
MAX_DEPTH = 20
MAX_BRACKETS = 200
"""Of flow collections; libyaml takes quadratic time to nest them."""

_INDENT = "  "
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_DOUBTFUL = re.compile(
    r"[-+.]?[0-9][-+.0-9_:,eExXoOa-fA-FTZtz ]*|[-+]?\.(?:inf|nan)|<<|=|y|n|yes|no|on|off|true|false|null|none|nan|inf",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[^\W\d_][\w./@-]*(?: [\w./@-]+)*")
_COMMENT = re.compile(r"(?:^|\s)#", re.MULTILINE)
_LOADER = getattr(yaml, "CSafeLoader", None)
"""None where PyYAML was built without libyaml: its own parser needs 5 ms for 500 characters."""

Scalar = Callable[[ScalarEvent, str], str]


class _Reader:
    """Builds nodes from libyaml's events."""

    def __init__(self, text: str, scalar: Scalar) -> None:
        if _LOADER is None:
            raise BrokenError
        self.text, self.scalar = text, scalar
        try:
            self.events: Any = _LOADER(text)
        except UnicodeEncodeError:  # half of a surrogate pair
            raise BrokenError from None

    def read(self) -> Node:
        try:
            self._next(StreamStartEvent)
            self._next(DocumentStartEvent)
            node = self._node(self.events.get_event(), 0)
            self.events.get_event()  # the document's end
            self._next(StreamEndEvent)
        except yaml.YAMLError:
            raise BrokenError from None
        finally:
            self.events.dispose()
        return node

    def _next(self, kind: type) -> None:
        if not isinstance(self.events.get_event(), kind):
            raise BrokenError

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, AliasEvent) or event.anchor or event.tag or depth > MAX_DEPTH:
            raise BrokenError
        if isinstance(event, ScalarEvent):
            return self.scalar(event, self.text)
        return self._items(depth) if isinstance(event, SequenceStartEvent) else self._members(depth)

    def _items(self, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := self.events.get_event(), SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return items

    def _members(self, depth: int) -> Node:
        members: list[tuple[str, Node]] = []
        seen: set[str] = set()
        while not isinstance(event := self.events.get_event(), MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, str) or event.value in seen:
                raise BrokenError
            seen.add(event.value)
            members.append((key, self._node(self.events.get_event(), depth + 1)))
        return tuple(members)


def read(text: str, scalar: Scalar) -> Node:
    """Read one document: a mapping or a sequence.

    Args:
        text: The document.
        scalar: What to make of a scalar and the source that it stands in.

    Raises:
        BrokenError: It is no YAML, has anchors or tags, repeats a key, or is too large.
    """
    text = text.replace("\r\n", "\n")
    if len(text) > MAX_CHARS or text.count("[") + text.count("{") > MAX_BRACKETS:
        raise BrokenError
    if not text.replace("\n", "").replace("\t", "").isprintable():
        raise BrokenError  # some of it ends a line in YAML 1.1 and not in 1.2
    node = _Reader(f"{text}\n", scalar).read()
    if isinstance(node, str):
        raise BrokenError
    return node


def to_node(text: str) -> Node:
    """Read a document whose every scalar means the same to all parsers.

    Raises:
        BrokenError: As `read`; or a scalar or a key leaves a doubt.
    """
    node = read(text, _literal)
    _check_keys(node)
    return node


def _check_keys(node: Node) -> None:
    if isinstance(node, str):
        return
    if isinstance(node, list):
        for item in node:
            _check_keys(item)
        return
    for key, value in node:
        if not key.startswith('"'):
            raise BrokenError
        _check_keys(value)


def _literal(event: ScalarEvent, _: str) -> str:
    """A scalar in JSON's notation."""
    value = str(event.value)
    if event.style is not None and event.style != "":
        return quoted(value)
    if event.start_mark.line != event.end_mark.line:
        raise BrokenError
    if value in ("true", "false", "null") or _NUMBER.fullmatch(value):
        return value
    if value in ("", "~"):
        return "null"
    if _DOUBTFUL.fullmatch(value):
        raise BrokenError
    return quoted(value)


def lay_out(text: str) -> str:
    """Write a document in block style with an indent of two; scalars are copied as written.

    Raises:
        BrokenError: As `read`; or it has comments, or scalars over several lines.
    """
    if _COMMENT.search(text):
        raise BrokenError
    return _lay(read(text, _as_written), lambda scalar: scalar)


def _as_written(event: ScalarEvent, text: str) -> str:
    if event.start_mark.line != event.end_mark.line:
        raise BrokenError
    return text[event.start_mark.index : event.end_mark.index].strip()


def from_node(node: Node) -> str:
    """Write a node in block style with an indent of two.

    Strings are plain where no parser could take them for anything else, otherwise in double quotes.

    Raises:
        BrokenError: A number or a character would not survive.
    """
    return _lay(node, _scalar)


def _lay(node: Node, scalar: Callable[[str], str]) -> str:
    if isinstance(node, str) or not node:
        raise BrokenError
    lines: list[str] = []
    _block(node, scalar, "", "", lines)
    return "\n".join(lines)


def _block(
    node: Node, scalar: Callable[[str], str], head: str, margin: str, lines: list[str]
) -> None:
    """Write a node behind what its line begins with; `margin` is that of the lines below it."""
    if isinstance(node, str):
        written = scalar(node)
        lines.append(f"{head}{written}" if written else head.rstrip())
    elif not node:
        lines.append(f"{head}{'[]' if isinstance(node, list) else '{}'}")
    elif isinstance(node, list):
        for item in node:
            _block(item, scalar, f"{head}- ", f"{margin}{_INDENT}", lines)
            head = margin
    else:
        for key, value in node:
            name = f"{head}{scalar(key)}:"
            if isinstance(value, str) or not value:
                _block(value, scalar, f"{name} ", "", lines)
            else:
                lines.append(name)
                _block(value, scalar, f"{margin}{_INDENT}", f"{margin}{_INDENT}", lines)
            head = margin


def _scalar(literal: str) -> str:
    if not literal.startswith('"'):
        if literal not in ("true", "false", "null") and not _NUMBER.fullmatch(literal):
            raise BrokenError
        return literal
    text = unquoted(literal)
    if not text.replace("\n", "").replace("\t", "").isprintable():
        raise BrokenError
    return text if _PLAIN.fullmatch(text) and not _DOUBTFUL.fullmatch(text) else quoted(text)

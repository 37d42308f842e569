"""XML ⇄ nodes, and XML laid out anew; the only file that knows expat.

A DTD is refused as soon as it begins, so no entity is ever declared, expanded or fetched. Mixed
content (text beside elements) is refused too: white space in it may matter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from xml.parsers import expat

from streams.tier0.json_nodes import BrokenError, Node, quoted, unquoted

MAX_CHARS = 8_000
MAX_DEPTH = 40
MAX_ELEMENTS = 700

_TAG = re.compile(rb"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_ATTRIBUTE = re.compile(r"\s+([^\s=]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_DECLARATION = re.compile(r"\s*(<\?xml\s[^?]*\?>)")
_NAME = re.compile(r"(?!(?i:xml))[A-Za-z_][A-Za-z0-9_.-]*")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass
class Element:
    """One element with its child elements; comments and instructions are elements without a name.

    `opening` is its first tag, `raw` its text as written, `text` the same with references read,
    `plain` whether it has neither attributes nor a namespace.
    """

    name: str
    opening: str
    plain: bool = True
    children: "list[Element]" = field(default_factory=list)
    text: str = ""
    raw: str = ""


class _Reader:
    """Builds elements from expat's calls."""

    def __init__(self, text: str) -> None:
        try:
            self.source = text.encode()
        except UnicodeEncodeError:
            raise BrokenError from None
        self.top = Element("", "")
        self.stack = [self.top]
        self.seen = 0
        self.begun: list[int] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._say
        self.parser.CommentHandler = self.parser.ProcessingInstructionHandler = self._remark
        self.parser.StartDoctypeDeclHandler = self._refuse

    def read(self) -> Element:
        try:
            self.parser.Parse(self.source, True)  # noqa: FBT003 (a C function's)
        except expat.ExpatError:
            raise BrokenError from None
        return self.top

    def _verbatim(self) -> str:
        found = _TAG.match(self.source, self.parser.CurrentByteIndex)
        self.seen += 1
        if found is None or self.seen > MAX_ELEMENTS:
            raise BrokenError
        return found[0].decode()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.stack) > MAX_DEPTH or "xml:space" in attributes:
            raise BrokenError
        opening = self._verbatim()
        element = Element(name, opening, plain=not attributes and ":" not in name)
        self.begun.append(self.parser.CurrentByteIndex + len(opening.encode()))
        self.stack[-1].children.append(element)
        self.stack.append(element)

    def _end(self, _: str) -> None:
        element, begun = self.stack.pop(), self.begun.pop()
        if element.children and element.text.strip():
            raise BrokenError
        if not element.children and not element.opening.endswith("/>"):
            element.raw = self.source[begun : self.parser.CurrentByteIndex].decode()
            if element.raw != element.raw.strip() or "\n" in element.raw or "<" in element.raw:
                raise BrokenError  # white space that may matter, or CDATA

    def _say(self, text: str) -> None:
        self.stack[-1].text += text

    def _remark(self, *_: str) -> None:
        self.stack[-1].children.append(Element("", self._verbatim()))

    def _refuse(self, *_: object) -> None:
        raise BrokenError


def read(text: str) -> Element:
    """Read a well-formed document without a DTD; its elements are the result's children.

    Raises:
        BrokenError: It is none, is too large or deep, or its white space may matter.
    """
    if len(text) > MAX_CHARS:
        raise BrokenError
    return _Reader(text).read()


def lay_out(text: str, indent: str) -> str:
    """Write a document one element a line; tags, text and comments are copied.

    Raises:
        BrokenError: As `read`.
    """
    top = read(text)
    declared = _DECLARATION.match(text)
    lines = [declared[1]] if declared else []
    for element in top.children:
        lines += _lines(element, indent, "")
    return "\n".join(lines)


def minify(text: str) -> str:
    """Write a document on one line.

    Raises:
        BrokenError: As `read`; or it has comments, which may be meant to go.
    """
    if "<!" in text:
        raise BrokenError
    top = read(text)
    declared = _DECLARATION.match(text)
    parts = [declared[1]] if declared else []
    for element in top.children:
        parts += _lines(element, "", "")
    return "".join(parts)


def _lines(element: Element, indent: str, margin: str) -> Iterator[str]:
    opening = _tidy(element)
    closing = "" if not element.name or opening.endswith("/>") else f"</{element.name}>"
    if not element.children:
        yield f"{margin}{opening}{element.raw}{closing}"
        return
    yield f"{margin}{opening}"
    for child in element.children:
        yield from _lines(child, indent, margin + indent)
    yield f"{margin}{closing}"


def _tidy(element: Element) -> str:
    """A tag with one space before each attribute and none elsewhere."""
    if not element.name:
        return element.opening
    end = "/>" if element.opening.endswith("/>") else ">"
    attributes = _ATTRIBUTE.findall(element.opening)
    return f"<{element.name}{''.join(f' {name}={value}' for name, value in attributes)}{end}"


def to_node(text: str) -> Node:
    """Read a document into one object; all its values are strings.

    Elements of one name, side by side, become an array; that is what converters agree on.

    Raises:
        BrokenError: As `read`; or there are attributes, namespaces, comments, empty elements,
            or elements of one name with others between them.
    """
    top = read(text)
    return _object(top)


def _object(element: Element) -> Node:
    members: list[tuple[str, Node]] = []
    for name, group in groupby(element.children, key=lambda child: child.name):
        nodes = [_value(child) for child in group]
        members.append((quoted(name), nodes[0] if len(nodes) == 1 else nodes))
    if len({name for name, _ in members}) < len(members):
        raise BrokenError
    return tuple(members)


def _value(element: Element) -> Node:
    if not element.plain or not element.name or not (element.children or element.text):
        raise BrokenError
    return _object(element) if element.children else quoted(element.text)


def from_node(node: Node) -> str:
    """Write an object with one key, whose value is an object, as a document.

    An array becomes elements of its key's name.

    Raises:
        BrokenError: There is more than one root, a key is no name, or a value is empty or null.
    """
    if isinstance(node, (str, list)) or len(node) != 1 or isinstance(node[0][1], (str, list)):
        raise BrokenError
    lines: list[str] = []
    _member(node[0][0], node[0][1], "", lines)
    return "\n".join(lines)


def _member(key: str, node: Node, margin: str, lines: list[str]) -> None:
    name = unquoted(key)
    if not _NAME.fullmatch(name) or not node or len(margin) > 2 * MAX_DEPTH:
        raise BrokenError
    if isinstance(node, list):
        if len(node) == 1:
            raise BrokenError  # read back, it would be no array
        for item in node:
            if isinstance(item, list):
                raise BrokenError
            _member(key, item, margin, lines)
        return
    if isinstance(node, str):
        lines.append(f"{margin}<{name}>{_text(node)}</{name}>")
        return
    lines.append(f"{margin}<{name}>")
    for inner, value in node:
        _member(inner, value, f"{margin}  ", lines)
    lines.append(f"{margin}</{name}>")


def _text(literal: str) -> str:
    text = unquoted(literal) if literal.startswith('"') else literal
    if literal == "null" or not text or text != text.strip() or not text.isprintable():
        raise BrokenError
    return text.translate(_ESCAPES)

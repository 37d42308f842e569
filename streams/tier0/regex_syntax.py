r"""The part of regular expressions that all dialects share: pattern → tree.

Understood: literals, `.`, classes, `\d \w \s` and their opposites, `\b`, escaped punctuation,
`^` and `$`, `* + ? {m} {m,} {m,n}` greedy and lazy, `|`, `(?:…)`. Refused: groups that capture
(the whole match or the group?), lookaround, references, possessive quantifiers, flags, and a
quantifier over what may match nothing.
"""

import string
from dataclasses import dataclass
from typing import NamedTuple

PATTERN_CHARS = 120
_DIGITS = frozenset(string.digits)
WORD = frozenset(string.ascii_letters + string.digits + "_")
_SPACE = frozenset(" \t\n\r\f\v")
_ALL = frozenset(map(chr, range(128)))
_SETS = {
    "d": _DIGITS,
    "w": WORD,
    "s": _SPACE,
    "D": _ALL - _DIGITS,
    "W": _ALL - WORD,
    "S": _ALL - _SPACE,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_SPECIAL = frozenset("()[]{}*+?|^$\\")
_PUNCTUATION = frozenset(string.punctuation)
_MOST = 100
"""Largest number in a repetition."""


class PatternError(ValueError):
    """A pattern outside of what all dialects agree on, or a search over its budget."""


class Node(NamedTuple):
    """One part of a pattern: its kind, its parts, and what they need."""

    kind: str
    parts: tuple["Node", ...] = ()
    chars: frozenset[str] = frozenset()
    least: int = 0
    most: int | None = None
    lazy: bool = False


@dataclass
class _Parser:
    pattern: str
    at: int = 0
    depth: int = 0

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        char = self.peek()
        if not char:
            raise PatternError
        self.at += 1
        return char

    def either(self) -> Node:
        branches = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else Node("either", tuple(branches))

    def sequence(self) -> Node:
        parts = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.quantified())
        if not parts:
            raise PatternError
        return Node("sequence", tuple(parts))

    def quantified(self) -> Node:
        atom = self.atom()
        sign = self.peek()
        if sign not in ("*", "+", "?", "{") or not sign:
            return atom
        if atom.kind == "check" or _may_be_empty(atom):
            raise PatternError
        self.at += 1
        least, most = (
            self._counts() if sign == "{" else {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        )
        lazy = self.peek() == "?"
        self.at += lazy
        if self.peek() and self.peek() in "*+?{":
            raise PatternError
        return Node("repeat", (atom,), frozenset(), least, most, lazy)

    def _counts(self) -> tuple[int, int | None]:
        inside, closed, _ = self.pattern[self.at :].partition("}")
        self.at += len(inside) + 1
        least, comma, most = inside.partition(",")
        if not closed or not least.isascii() or not least.isdigit() or not (most or "0").isdigit():
            raise PatternError
        low, high = int(least[:4]), (int(most[:4]) if most else None) if comma else int(least[:4])
        if low > _MOST or (high is not None and not max(low, 1) <= high <= _MOST):
            raise PatternError
        return low, high

    def atom(self) -> Node:
        char = self.take()
        if char == "(":
            return self._group()
        if char == "[":
            return Node("chars", chars=self._class())
        if char in "^$" or (char == "\\" and self.peek() == "b"):
            self.at += char == "\\"
            return Node("check", chars=frozenset(char.replace("\\", "b")))
        if char == ".":
            return Node("chars", chars=_ALL - {"\n", "\r"})
        if char != "\\" and (char in _SPECIAL or char not in _ALL):
            raise PatternError
        return Node("chars", chars=_escape(self.take()) if char == "\\" else frozenset(char))

    def _group(self) -> Node:
        if not self.pattern.startswith("?:", self.at) or self.depth > 10:  # noqa: PLR2004 (deep enough)
            raise PatternError
        self.at += 2
        self.depth += 1
        inner = self.either()
        self.depth -= 1
        if self.take() != ")":
            raise PatternError
        return inner

    def _class(self) -> frozenset[str]:
        negated = self.peek() == "^"
        self.at += negated
        chars: set[str] = set()
        if self.peek() == "]":
            raise PatternError  # a literal in one dialect, an empty class in another
        while (char := self.take()) != "]":
            first = self._member(char)
            if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                chars |= _range(first, self._member(self.take()))
            else:
                chars |= first
        return _ALL - chars if negated else frozenset(chars)

    def _member(self, char: str) -> frozenset[str]:
        if char == "\\":
            return _escape(self.take())
        if char not in _ALL or char in "[&~|" or (char == "^"):
            raise PatternError  # set operations in some dialects
        return frozenset(char)


def _escape(char: str) -> frozenset[str]:
    if char in _SETS:
        return _SETS[char]
    if char in _CONTROLS:
        return frozenset(_CONTROLS[char])
    if char not in _PUNCTUATION:
        raise PatternError
    return frozenset(char)


def _range(first: frozenset[str], last: frozenset[str]) -> frozenset[str]:
    if len(first) != 1 or len(last) != 1 or min(first) > min(last):
        raise PatternError
    low, high = min(first), min(last)
    alike = (low.isdigit() and high.isdigit()) or (
        low.isalpha() and low.isupper() == high.isupper()
    )
    if not alike or not high.isalnum():
        raise PatternError
    return frozenset(map(chr, range(ord(low), ord(high) + 1)))


def _may_be_empty(node: Node) -> bool:
    if node.kind == "chars":
        return False
    if node.kind == "repeat":
        return node.least == 0
    if node.kind == "either":
        return any(map(_may_be_empty, node.parts))
    return all(map(_may_be_empty, node.parts))


def parsed(pattern: str) -> Node:
    """Read a pattern.

    Raises:
        PatternError: It is broken, too long, may match nothing, or dialects differ about it.
    """
    if len(pattern) > PATTERN_CHARS:
        raise PatternError
    parser = _Parser(pattern)
    node = parser.either()
    if parser.at < len(pattern) or _may_be_empty(node):
        raise PatternError
    return node

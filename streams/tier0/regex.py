r"""Regular expressions that can't run away: the part that all dialects share, on ASCII.

A pattern is compiled to a small program; a search tries alternatives in order, as Perl and its kin
do, but remembers every (instruction, position) that failed and never tries it again, and counts its
steps. Python's own `re` is not used on strangers' patterns: it backtracks without a bound and can't
be told to stop.

Understood: literals, `.`, classes, `\d \w \s` and their opposites, `\b`, escaped punctuation,
`^` and `$`, `* + ? {m} {m,} {m,n}` greedy and lazy, `|`, `(?:…)`. Refused: groups that capture
(the whole match or the group?), lookaround, references, possessive quantifiers, flags, and a
quantifier over what may match nothing.
"""

import string
from dataclasses import dataclass
from typing import NamedTuple

PATTERN_CHARS = 120
PROGRAM = 300
"""Most instructions, repetitions written out."""
STEPS = 3_000
"""Most steps of all searches in one text: about 2 ms."""

_DIGITS = frozenset(string.digits)
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_SPACE = frozenset(" \t\n\r\f\v")
_ALL = frozenset(map(chr, range(128)))
_SETS = {
    "d": _DIGITS,
    "w": _WORD,
    "s": _SPACE,
    "D": _ALL - _DIGITS,
    "W": _ALL - _WORD,
    "S": _ALL - _SPACE,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_SPECIAL = frozenset("()[]{}*+?|^$\\")
_PUNCTUATION = frozenset(string.punctuation)
_MOST = 100
"""Largest number in a repetition."""


class PatternError(ValueError):
    """A pattern outside of what all dialects agree on, or a search over its budget."""


class _Node(NamedTuple):
    """One part of a pattern: its kind, its parts, and what they need."""

    kind: str
    parts: tuple["_Node", ...] = ()
    chars: frozenset[str] = frozenset()
    least: int = 0
    most: int | None = None
    lazy: bool = False


class Step(NamedTuple):
    """An instruction: `chars` to consume, or an assertion, or places to go on at, best first."""

    chars: frozenset[str] | None
    check: str
    nexts: tuple[int, ...]


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

    def either(self) -> _Node:
        branches = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else _Node("either", tuple(branches))

    def sequence(self) -> _Node:
        parts = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.quantified())
        if not parts:
            raise PatternError
        return _Node("sequence", tuple(parts))

    def quantified(self) -> _Node:
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
        return _Node("repeat", (atom,), frozenset(), least, most, lazy)

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

    def atom(self) -> _Node:
        char = self.take()
        if char == "(":
            return self._group()
        if char == "[":
            return _Node("chars", chars=self._class())
        if char in "^$" or (char == "\\" and self.peek() == "b"):
            self.at += char == "\\"
            return _Node("check", chars=frozenset(char.replace("\\", "b")))
        if char == ".":
            return _Node("chars", chars=_ALL - {"\n", "\r"})
        if char != "\\" and (char in _SPECIAL or char not in _ALL):
            raise PatternError
        return _Node("chars", chars=_escape(self.take()) if char == "\\" else frozenset(char))

    def _group(self) -> _Node:
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


def _may_be_empty(node: _Node) -> bool:
    if node.kind == "chars":
        return False
    if node.kind == "repeat":
        return node.least == 0
    if node.kind == "either":
        return any(map(_may_be_empty, node.parts))
    return all(map(_may_be_empty, node.parts))


def compiled(pattern: str) -> list[Step]:
    """Compile a pattern.

    Raises:
        PatternError: It is broken, too large, or dialects differ about it.
    """
    if len(pattern) > PATTERN_CHARS:
        raise PatternError
    parser = _Parser(pattern)
    node = parser.either()
    if parser.at < len(pattern) or _may_be_empty(node):
        raise PatternError
    program: list[Step] = []
    _emit(node, program)
    return program


def _emit(node: _Node, program: list[Step]) -> None:
    """Append a node's instructions; it goes on behind them."""
    if len(program) > PROGRAM:
        raise PatternError
    if node.kind in ("chars", "check"):
        check = "" if node.kind == "chars" else min(node.chars)
        program.append(Step(node.chars if not check else None, check, (len(program) + 1,)))
    elif node.kind == "sequence":
        for part in node.parts:
            _emit(part, program)
    elif node.kind == "either":
        _emit_either(node, program)
    else:
        _emit_repeat(node, program)


def _emit_either(node: _Node, program: list[Step]) -> None:
    fork = len(program)
    program.append(Step(None, "", ()))
    starts, ends = [], []
    for branch in node.parts:
        starts.append(len(program))
        _emit(branch, program)
        ends.append(len(program))
        program.append(Step(None, "", ()))
    program[fork] = Step(None, "", tuple(starts))
    for end in ends:
        program[end] = Step(None, "", (len(program),))


def _emit_repeat(node: _Node, program: list[Step]) -> None:
    atom = node.parts[0]
    for _ in range(node.least):
        _emit(atom, program)
    if node.most is None:
        fork = len(program)
        program.append(Step(None, "", ()))
        _emit(atom, program)
        program.append(Step(None, "", (fork,)))
        program[fork] = _fork(fork + 1, len(program), lazy=node.lazy)
        return
    forks = []
    for _ in range(node.most - node.least):
        forks.append(len(program))
        program.append(Step(None, "", ()))
        _emit(atom, program)
    for fork in forks:
        program[fork] = _fork(fork + 1, len(program), lazy=node.lazy)


def _fork(inside: int, behind: int, *, lazy: bool) -> Step:
    return Step(None, "", (behind, inside) if lazy else (inside, behind))


def find_all(program: list[Step], text: str) -> list[str]:
    """Every match, from left to right, none overlapping another.

    Raises:
        PatternError: The budget of steps is used up.
    """
    found: list[str] = []
    failed: set[tuple[int, int]] = set()
    start, steps = 0, 0
    firsts = _firsts(program)
    while start < len(text):
        if text[start] not in firsts:
            start += 1
            continue
        end, steps = _match(program, text, start, failed, steps)
        if end is None:
            start += 1
            continue
        found.append(text[start:end])
        start = end
        failed = set()
    return found


def _firsts(program: list[Step]) -> frozenset[str]:
    """What a match may begin with; it is never empty."""
    reached, stack, firsts = set[int](), [0], set[str]()
    while stack:
        here = stack.pop()
        if here in reached or here == len(program):
            continue
        reached.add(here)
        step = program[here]
        if step.chars is None:
            stack.extend(step.nexts)
        else:
            firsts |= step.chars
    return frozenset(firsts)


def _match(
    program: list[Step], text: str, start: int, failed: set[tuple[int, int]], steps: int
) -> tuple[int | None, int]:
    """Where the match that begins at `start` ends; and all steps that were taken so far."""
    stack = [(0, start)]
    while stack:
        state = stack.pop()
        if state in failed:
            continue
        failed.add(state)
        steps += 1
        if steps > STEPS:
            raise PatternError
        here, at = state
        if here == len(program):
            return at, steps
        step = program[here]
        if step.chars is not None:
            if at < len(text) and text[at] in step.chars:
                stack.append((here + 1, at + 1))
        elif not step.check or _holds(step.check, text, at):
            stack.extend((following, at) for following in reversed(step.nexts))
    return None, steps


def _holds(check: str, text: str, at: int) -> bool:
    if check == "^":
        return at == 0
    if check == "$":
        return at == len(text)
    before = at > 0 and text[at - 1] in _WORD
    return before != (at < len(text) and text[at] in _WORD)

"""A regular expression as an automaton, built from what Python's own parser makes of it."""

import re
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

PATTERN_CHARS = 1_000
STATES = 2_000
"""Most states of one pattern, repetitions written out."""
AROUND = 8
"""Most lookarounds; each walks over the text once more."""

# Private, but the one parser that can't differ from `re`; a property test compares the two.
_parser: Any = import_module("re._parser")
_compiler: Any = import_module("re._compiler")
_IGNORED = re.VERBOSE | re.UNICODE | re.DEBUG
_MEANT = re.IGNORECASE | re.MULTILINE | re.DOTALL

BEGIN, END, DOLLAR, BOUNDARY, LINE_BEGIN, LINE_END = 1, 2, 4, 8, 16, 32
FIRST_AROUND = 64
"""The signs of a place in a text, as bits; lookarounds take those from here on."""

_PLACES = {
    "AT_BEGINNING": (BEGIN, LINE_BEGIN, True),
    "AT_BEGINNING_STRING": (BEGIN, BEGIN, True),
    "AT_END": (DOLLAR, LINE_END, True),
    "AT_END_STRING": (END, END, True),
    "AT_BOUNDARY": (BOUNDARY, BOUNDARY, True),
    "AT_NON_BOUNDARY": (BOUNDARY, BOUNDARY, False),
}  # what it needs, and with the flag m; whether the sign must be there


class UnsupportedError(ValueError):
    """A pattern that is broken, too large, or that can't be matched in linear time."""


class _Move(NamedTuple):
    """An arrow of the automaton: to `target`, where the sign is as wanted; 0: always."""

    target: int
    sign: int = 0
    wanted: bool = True


class Closure(NamedTuple):
    """The consuming states that are reached, whether the end is, and how many in all."""

    consuming: tuple[int, ...]
    accepted: bool
    size: int


class Automaton:
    """States from 0, `accept` last; a state consumes a character or moves on without one."""

    def __init__(self) -> None:
        self.consumes: dict[int, list[tuple[Any, int]]] = {}
        self.moves: list[list[_Move]] = []
        self.accept = 0
        self.closures: dict[tuple[frozenset[int], int], Closure] = {}
        self.steps: dict[tuple[frozenset[int], int, str, bool], frozenset[int]] = {}

    def state(self) -> int:
        """Add a state."""
        if len(self.moves) >= STATES:
            raise UnsupportedError(f"needs more than {STATES} states")
        self.moves.append([])
        return len(self.moves) - 1

    def closure(self, kernel: frozenset[int], signs: int) -> Closure:
        """What is reached without a character."""
        found = self.closures.get((kernel, signs))
        if found is not None:
            return found
        reached, stack = set(kernel), list(kernel)
        while stack:
            for target, sign, wanted in self.moves[stack.pop()]:
                if target not in reached and (not sign or bool(signs & sign) is wanted):
                    reached.add(target)
                    stack.append(target)
        consuming = tuple(state for state in reached if state in self.consumes)
        found = Closure(consuming, self.accept in reached, len(reached))
        self.closures[kernel, signs] = found
        return found


class Builder:
    """Parsed pattern → automata; `around` are the lookarounds, inner ones first."""

    def __init__(self) -> None:
        self.around: list[tuple[Automaton, bool]] = []
        self.looked: dict[tuple[int, int], int] = {}
        self.used = 0
        self.singles: dict[tuple[str, int], Any] = {}

    def automaton(self, nodes: Sequence[Any], flags: int, *, backwards: bool) -> Automaton:
        """One automaton of a sequence of nodes."""
        made = Automaton()
        start = made.state()
        made.accept = self._sequence(made, nodes, flags, start, backwards=backwards)
        return made

    def _sequence(
        self, made: Automaton, nodes: Sequence[Any], flags: int, at: int, *, backwards: bool
    ) -> int:
        for node in reversed(list(nodes)) if backwards else nodes:
            at = self._node(made, node, flags, at, backwards=backwards)
        return at

    def _node(self, made: Automaton, node: Any, flags: int, at: int, *, backwards: bool) -> int:
        kind, told = str(node[0]), node[1]
        if kind in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            end = made.state()
            made.consumes.setdefault(at, []).append((self._single(node, flags), end))
            return end
        if kind == "AT":
            plain, by_line, wanted = _PLACES[str(told)]
            return self._if(made, at, by_line if flags & re.MULTILINE else plain, wanted=wanted)
        if kind in ("ASSERT", "ASSERT_NOT"):
            return self._if(made, at, self._looked(told, flags), wanted=kind == "ASSERT")
        if kind == "SUBPATTERN":
            _, added, removed, inner = told
            inside = (flags | _meant(added)) & ~removed
            return self._sequence(made, inner, inside, at, backwards=backwards)
        if kind == "BRANCH":
            return self._branch(made, told[1], flags, at, backwards=backwards)
        if kind in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(made, told, flags, at, backwards=backwards)
        raise UnsupportedError(f"{kind.lower().replace('_', ' ')} is not supported")

    def _looked(self, told: Any, flags: int) -> int:
        """The sign of a lookaround; of one that is repeated it is the same."""
        known = self.looked.get((id(told), flags))
        if known is None:
            is_ahead = told[0] > 0
            inner = self.automaton(told[1], flags, backwards=is_ahead)
            if len(self.around) >= AROUND:
                raise UnsupportedError(f"has more than {AROUND} lookarounds")
            known = self.looked[id(told), flags] = FIRST_AROUND << len(self.around)
            self.around.append((inner, is_ahead))
        return known

    def _single(self, node: Any, flags: int) -> Any:
        """What takes the one character of a node, by Python's own rules for classes and cases."""
        known = self.singles.get((str(node), flags))
        if known is None:
            state = _parser.State()
            state.flags = flags | re.UNICODE
            one = _parser.SubPattern(state, [node])
            known = self.singles[str(node), flags] = _compiler.compile(one, state.flags).match
        return known

    def _if(self, made: Automaton, at: int, sign: int, *, wanted: bool) -> int:
        self.used |= sign
        end = made.state()
        made.moves[at].append(_Move(end, sign, wanted))
        return end

    def _branch(
        self, made: Automaton, branches: Sequence[Any], flags: int, at: int, *, backwards: bool
    ) -> int:
        end = made.state()
        for branch in branches:
            begin = made.state()
            made.moves[at].append(_Move(begin))
            last = self._sequence(made, branch, flags, begin, backwards=backwards)
            made.moves[last].append(_Move(end))
        return end

    def _repeat(self, made: Automaton, told: Any, flags: int, at: int, *, backwards: bool) -> int:
        least, most, inner = told
        for _ in range(least):
            at = self._sequence(made, inner, flags, at, backwards=backwards)
        end = made.state()
        if most is _parser.MAXREPEAT:
            again = made.state()
            made.moves[at].append(_Move(again))
            last = self._sequence(made, inner, flags, again, backwards=backwards)
            made.moves[last].append(_Move(again))
            made.moves[again].append(_Move(end))
            return end
        for _ in range(most - least):
            made.moves[at].append(_Move(end))
            at = self._sequence(made, inner, flags, at, backwards=backwards)
        made.moves[at].append(_Move(end))
        return end


def _meant(flags: int) -> int:
    if flags & ~(_MEANT | _IGNORED):
        raise UnsupportedError("flags a and L are not supported")
    return flags & _MEANT


class Parsed(NamedTuple):
    """A pattern's automaton, and what it needs to know of the places in a text.

    `around` are the automata of its lookarounds, inner ones first, with whether they walk backwards;
    `signs` are all signs that one of them asks for.
    """

    main: Automaton
    around: tuple[tuple[Automaton, bool], ...]
    signs: int


def parsed(pattern: str) -> Parsed:
    """Build a pattern's automata.

    Raises:
        UnsupportedError: It is broken, too large, or not for linear time.
    """
    if len(pattern) > PATTERN_CHARS:
        raise UnsupportedError(f"longer than {PATTERN_CHARS} characters")
    builder = Builder()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _parser.parse(pattern)
        main = builder.automaton(tree, _meant(tree.state.flags), backwards=False)
    except (re.error, RecursionError, OverflowError) as error:
        raise UnsupportedError(f"no regular expression: {error}") from None
    return Parsed(main, tuple(builder.around), builder.used)

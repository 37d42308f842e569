"""Regular expressions in linear time: whether a text matches, and nothing else.

Python's own `re` backtracks: `(a+)+b` takes longer than the universe on thirty letters, and even `a*b`
takes quadratic time, so neither an operator's nor a task's pattern may meet a model's answer there.
Here the pattern, parsed by Python's own parser, becomes an automaton whose states are walked together:
each character of the text is looked at once. Lookaround is the truth of another automaton at each
place, found by a walk of its own beforehand (backwards for what lies ahead).

Understood: all of Python's syntax but back references, conditional and atomic groups, possessive
quantifiers and the flags `a` and `L`. Since only yes or no is asked, greedy and lazy mean the same.

Source: Thompson, "Regular Expression Search Algorithm", CACM 11 (1968). States are made as they are
met, as in Cox, https://swtch.com/~rsc/regexp/regexp1.html.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from streams.checking.automaton import (
    BEGIN,
    BOUNDARY,
    DOLLAR,
    END,
    FIRST_AROUND,
    LINE_BEGIN,
    LINE_END,
    Automaton,
    parsed,
)

TEXT_CHARS = 65_536
"""Longest text that is matched."""
STEPS = 40_000
"""Most work of one match beside one look a character; each takes 1 to 4 µs."""
MOVES = 8_192
"""Most remembered moves of one automaton; then they are forgotten."""


class CostlyError(ValueError):
    """A match of more than TEXT_CHARS or more than STEPS."""


class Linear:
    """A compiled pattern.

    Args:
        pattern: In Python's syntax, at most PATTERN_CHARS long.

    Raises:
        UnsupportedError: It is broken, too large, or not for linear time.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = parsed(pattern)

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in the text.

        Raises:
            CostlyError: The text is too long, or it takes too many steps.
        """
        return any(_walk(self._pattern.main, text, self._signs(text)))

    def matches(self, text: str) -> bool:
        """Whether the pattern matches the text from end to end.

        Raises:
            CostlyError: The text is too long, or it takes too many steps.
        """
        whole = False
        for whole in _walk(self._pattern.main, text, self._signs(text), anchored=True):  # noqa: B007 (the last counts)
            pass
        return whole

    def _signs(self, text: str) -> list[int]:
        """What is so at each place of a text, from before the first character to behind the last."""
        if len(text) > TEXT_CHARS:
            raise CostlyError(f"a text of more than {TEXT_CHARS} characters")
        signs = [0] * (len(text) + 1)
        signs[0] |= BEGIN | LINE_BEGIN
        signs[-1] |= END | DOLLAR | LINE_END
        if text.endswith("\n"):
            signs[-2] |= DOLLAR
        for at in _line_ends(text) if self._pattern.signs & (LINE_BEGIN | LINE_END) else ():
            signs[at] |= LINE_END
            signs[at + 1] |= LINE_BEGIN
        for at in _boundaries(text) if self._pattern.signs & BOUNDARY else ():
            signs[at] |= BOUNDARY
        for number, (automaton, backwards) in enumerate(self._pattern.around):
            truths = list(_walk(automaton, text, signs, backwards=backwards))
            for at, holds in enumerate(reversed(truths) if backwards else truths):
                signs[at] |= FIRST_AROUND << number if holds else 0
        return signs


def _line_ends(text: str) -> Iterable[int]:
    """Where a line ends before another."""
    return (at for at, char in enumerate(text) if char == "\n")


def _boundaries(text: str) -> Iterable[int]:
    """Where a word begins or ends."""
    before = False
    for at, char in enumerate(text):
        inside = char.isalnum() or char == "_"
        if inside is not before:
            yield at
        before = inside
    if before:
        yield len(text)


def _walk(
    automaton: Automaton, text: str, signs: Sequence[int],
    *, anchored: bool = False, backwards: bool = False,
) -> Iterator[bool]:  # fmt: skip
    """Whether a match ends at each place, in the order of the walk.

    Args:
        automaton: What walks.
        text: The characters.
        signs: Of each place, one more than characters.
        anchored: Whether a match begins only where the walk does.
        backwards: Whether the walk goes from the end to the beginning.
    """
    begin = frozenset([0])
    kernel, left = begin, STEPS
    places = range(len(text), 0, -1) if backwards else range(len(text))
    for at in places:
        here, char = signs[at], text[at - 1] if backwards else text[at]
        reached = automaton.closure(kernel, here)
        yield reached.accepted
        key = (kernel, here, char, anchored)
        following = automaton.steps.get(key)
        if following is None:
            left -= reached.size
            if left < 0:
                raise CostlyError(f"takes more than {STEPS} steps")
            following = _step(automaton, reached.consuming, char)
            if not anchored:
                following |= begin
            if len(automaton.steps) >= MOVES:
                automaton.steps.clear()
                automaton.closures.clear()
            automaton.steps[key] = following
        kernel = following
    yield automaton.closure(kernel, signs[0 if backwards else len(text)]).accepted


def _step(automaton: Automaton, consuming: Sequence[int], char: str) -> frozenset[int]:
    following = set()
    for state in consuming:
        for takes, target in automaton.consumes[state]:
            if takes(char):
                following.add(target)
    return frozenset(following)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Linear:
    r"""Compile a pattern, or find it compiled.

    Raises:
        UnsupportedError: It is broken, too large, or not for linear time.

    Example:
        >>> compiled(r"(?:a+)+b").search("a" * 10_000)
        False
        >>> compiled(r"(?=.*\d)[a-z0-9]{4,}").matches("abc1")
        True
    """
    return Linear(pattern)

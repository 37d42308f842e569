r"""JSON as models write it → JSON, where it can be read in one way only.

| written | why there is one reading |
|---|---|
| `[1, 2,]` | one comma before a closing bracket separates nothing |
| `True`, `False`, `None` | bare words that JSON hasn't, with one meaning where a value stands |
| `{'a': 'b'}` | a quote that opens where a string must, and closes where one may |
| `“a”` | the same, with nothing but plain text between |
| `{a: 1}` | a bare word where a key must stand |
| a line break or tab within a string | a string goes on until its quote; JSON wants it escaped |
| `\'` within a string | an escape that JSON hasn't; it stands for the apostrophe alone |
| a no-break space or a byte order mark between values | nothing but white space to any reader |
| words before and behind | see `framing`: one value, and nothing that takes it back |
| one closing bracket too many | the value has ended |

All else is refused: missing commas, brackets and quotes, quotes within strings, comments (they stand where
something was left out), `1,000`, `NaN`, `.5`, `undefined`, two values, `…`. Digits, escapes and the order
of keys stay as they were written.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from streams.checking.framing import is_lead, is_tail

MENDED_CHARS = 65_536
DEPTH = 64

_SPACE = " \t\r\n\ufeff\u00a0\u200b\u2028\u2029"
_STRANGE_SPACE = re.compile("[\ufeff\u00a0\u200b\u2028\u2029]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.+-])")
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_PLAIN = {
    '"': re.compile(r'[^"\\\x00-\x1f]*'),
    "'": re.compile(r"[^'\"\\\x00-\x1f]*"),
    "“": re.compile(r'[^“”"\\\x00-\x1f]*'),
}
_CLOSING = {'"': '"', "'": "'", "“": "”"}
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_CONTROLS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LITERALS = {"True": "true", "False": "false", "None": "null"}
_OWN_WORDS = frozenset(["true", "false", "null"])


class BrokenError(ValueError):
    """A text that isn't JSON, or that could be read in more than one way."""


class CutError(BrokenError):
    """A text that ends within a value."""


class Mended(NamedTuple):
    """The JSON, and what was done to the text."""

    text: str
    by: tuple[str, ...]


def mend(text: str) -> Mended:
    r"""Write a text that is almost JSON as JSON.

    Raises:
        BrokenError: It is no JSON, or there is more than one way to read it.

    Example:
        >>> mend("Here it is:\n{'name': 'Ann', 'paid': True,}")
        Mended(text='{"name": "Ann", "paid": true}', by=('words around', 'quotes', 'literals', 'comma'))
    """
    if len(text) > MENDED_CHARS:
        raise BrokenError(f"longer than {MENDED_CHARS} characters, and not JSON as it stands")
    begin = _beginning(text)
    reader = _Reader(text, begin)
    if text[:begin].strip(_SPACE):
        reader.did("words around")
    if _STRANGE_SPACE.search(text[:begin]):
        reader.did("white space")
    reader.value(0)
    rest = text[reader.at :]
    if rest.strip()[:1] and rest.strip()[:1] == text[reader.at - 1] and rest.strip()[0] in "}]":
        rest = rest.strip()[1:]
        reader.did("bracket")
    if not is_tail(rest):
        raise BrokenError("something that belongs to no value follows the first one")
    if rest.strip():
        reader.did("words around")
    return Mended("".join(reader.out), tuple(reader.by))


def _beginning(text: str) -> int:
    """Where the value begins."""
    first = len(text) - len(text.lstrip(_SPACE))
    if text[first : first + 1] in ("{", "[", '"', "'", "“") or _WORD.fullmatch(text.strip(_SPACE)):
        return first
    bracket = re.search(r"[{\[]", text)
    if bracket is None:
        raise BrokenError("no object and no array")
    if not is_lead(text[: bracket.start()]):
        raise BrokenError("words before the value that may belong to it")
    return bracket.start()


class _Reader:
    """Reads one value from `at` on, and writes it as JSON into `out`."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at
        self.out: list[str] = []
        self.by: dict[str, None] = {}

    def did(self, what: str) -> None:
        """Note a repair."""
        self.by[what] = None

    def space(self) -> str:
        """Pass white space; the next character. It is copied where it is JSON's own."""
        begin = self.at
        while self.text[self.at : self.at + 1] and self.text[self.at] in _SPACE:
            self.at += 1
        passed = self.text[begin : self.at]
        if _STRANGE_SPACE.search(passed):
            self.did("white space")
            passed = _STRANGE_SPACE.sub(" ", passed)
        self.out.append(passed)
        if self.at >= len(self.text):
            raise CutError("ends within an object or array")
        return self.text[self.at]

    def value(self, depth: int) -> None:
        """Read any value."""
        if depth > DEPTH:
            raise BrokenError(f"nested over {DEPTH} deep")
        char = self.space()
        if char == "{":
            self._members(depth, "}", self._member)
        elif char == "[":
            self._members(depth, "]", self.value)
        elif char in _PLAIN:
            self._string(char)
        elif number := _NUMBER.match(self.text, self.at):
            self._take(number[0])
        else:
            self._literal()

    def _members(self, depth: int, closing: str, member: Callable[[int], None]) -> None:
        self._take(self.text[self.at])
        if self.space() == closing:
            self._take(closing)
            return
        while True:
            member(depth + 1)
            sign = self.space()
            if sign == closing:
                self._take(closing)
                return
            if sign != ",":
                raise BrokenError(f"no comma and no {closing} at character {self.at}")
            comma = len(self.out)
            self._take(",")
            if self.space() == closing:
                self.out[comma] = ""
                self.did("comma")
                self._take(closing)
                return

    def _member(self, depth: int) -> None:
        char = self.space()
        if char in _PLAIN:
            self._string(char)
        else:
            word = _WORD.match(self.text, self.at)
            if word is None or word[0] in _OWN_WORDS or word[0] in _LITERALS:
                raise BrokenError(f"no key at character {self.at}")
            self.at = word.end()
            self.out.append(f'"{word[0]}"')
            self.did("keys")
        if self.space() != ":":
            raise BrokenError(f"no colon at character {self.at}")
        self._take(":")
        self.value(depth)

    def _literal(self) -> None:
        found = _WORD.match(self.text, self.at)
        word = "" if found is None else found[0]
        if word in _LITERALS:
            self.at += len(word)
            self.out.append(_LITERALS[word])
            self.did("literals")
        elif word in _OWN_WORDS:
            self._take(word)
        else:
            is_cut = self.text[self.at :].strip() in _BEGUN
            raise (CutError if is_cut else BrokenError)(f"no value at character {self.at}")

    def _string(self, opening: str) -> None:
        self.at += 1
        self.out.append('"')
        if opening != '"':
            self.did("quotes")
        plain, closing = _PLAIN[opening], _CLOSING[opening]
        while True:
            found = plain.match(self.text, self.at)
            self._take("" if found is None else found[0])
            char = self.text[self.at : self.at + 1]
            if not char:
                raise CutError("ends within a string")
            if char == closing:
                self.at += 1
                self.out.append('"')
                return
            self._unplain(char, opening)

    def _unplain(self, char: str, opening: str) -> None:
        """An escape, or a control character that JSON wants escaped."""
        if char == "\\" and opening != "“":
            self._escape()
        elif char in _CONTROLS and opening == '"':
            self.at += 1
            self.out.append(_CONTROLS[char])
            self.did("line breaks")
        elif char == '"' and opening == "'":
            self.at += 1
            self.out.append('\\"')
        else:
            raise BrokenError(f"a string that may end at character {self.at}")

    def _escape(self) -> None:
        if self.text.startswith("\\'", self.at):
            self.at += 2
            self.out.append("'")
            self.did("escapes")
            return
        found = _ESCAPE.match(self.text, self.at)
        if found is None:
            is_cut = len(self.text) - self.at < 6  # noqa: PLR2004 (the longest escape)
            raise (CutError if is_cut else BrokenError)(f"no escape at character {self.at}")
        self._take(found[0])

    def _take(self, written: str) -> None:
        self.at += len(written)
        self.out.append(written)


_BEGUN = frozenset(
    word[:length] for word in (*_OWN_WORDS, *_LITERALS, "-") for length in range(1, len(word) + 1)
)
"""What a value may look like whose end was cut off."""

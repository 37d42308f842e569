"""A code fence around the answer, taken off.

Taken off where the whole answer is one fence; and, for an answer that is to be code or JSON, where one
fence stands among prose and its language is the wanted one or not said. With two fences nobody can tell
which one is meant: the answer stays as it is, and what reads it next refuses it.

Source: https://spec.commonmark.org/0.31.2/#fenced-code-blocks; beside it fences on one line and ends
glued to the last line, which CommonMark has not and models write.
"""

import re
from typing import NamedTuple

from streams.checking.check import PASS, Answer, Check, Repaired, Verdict

LANGUAGES = {
    "json": frozenset(
        ["", "json", "jsonc", "json5", "javascript", "js", "text", "plaintext", "txt"]
    ),
    "python": frozenset(["", "python", "py", "python3", "py3", "text", "plaintext", "txt"]),
}
"""What a fence may call itself, by what is wanted."""

_OPENING = re.compile(r"^( {0,3})(`{3,}+|~{3,}+)([^`\n]*)$")
_ON_ONE_LINE = re.compile(r"(`{1,3})(?!`)(?:json(?=[\s{\[]))?([^`\n]+)\1")


LAYERS = 4
"""Fences within fences; what has as many is left alone."""


class Fence(NamedTuple):
    """A fenced block: its language in small letters, what it holds, whether it is all there is."""

    language: str
    body: str
    is_whole: bool
    is_closed: bool


def unfenced(wanted: str | None = None) -> Check:
    r"""Take a fence off.

    Args:
        wanted: The language of the code that is to be the whole answer: `json`, `python` or another's
            name; None: the answer may be anything, so a fence among prose belongs to it.

    Example:
        >>> unfenced("json")(Answer("Here you are:\n```json\n[1]\n```\nBye."))
        Repaired(text='[1]', by=('fence',))
    """

    def check(answer: Answer) -> Verdict:
        text = answer.text
        if "`" not in text and "~~~" not in text:
            return PASS
        for layer in range(LAYERS):
            inner = _inner(text, wanted)
            if inner is None:
                return Repaired(text, ("fence",)) if layer else PASS
            if wanted is None and layer:  # the outer fence says that the inner one is meant
                return PASS
            text = inner
        return PASS

    return check


def _inner(text: str, wanted: str | None) -> str | None:
    """What the one fence of a text holds; None: it is to stay as it is."""
    fences = fences_in(text)
    if not fences and wanted == "json":
        found = _ON_ONE_LINE.fullmatch(text.strip())
        return found[2].strip() if found else None
    if len(fences) != 1:
        return None
    (fence,) = fences
    # A stop sequence of three backticks ends an answer before its fence does: what reads JSON sees
    # whether it is whole. A fence within a JSON string belongs to it.
    is_usable = fence.is_closed or wanted == "json"
    is_meant = fence.is_whole or (
        wanted is not None and not (wanted == "json" and text.lstrip().startswith(("{", "[")))
    )
    names = (
        LANGUAGES.get(wanted, frozenset(["", wanted])) if wanted else frozenset([fence.language])
    )
    if is_usable and is_meant and fence.language in names and fence.body.strip():
        return fence.body
    return None


def fences_in(text: str) -> list[Fence]:
    r"""Every fence of a text; the last may never be closed.

    Example:
        >>> fences_in("~~~ sql\nselect 1\n~~~")
        [Fence(language='sql', body='select 1', is_whole=True, is_closed=True)]
    """
    lines = text.rstrip().split("\n")
    found: list[Fence] = []
    is_alone = True
    at = 0
    while at < len(lines):
        opening = _OPENING.match(lines[at].rstrip("\r"))
        if opening is None:
            is_alone = is_alone and not lines[at].strip()
            at += 1
            continue
        indent, ticks, told = opening.groups()
        body, at, is_closed = _body(lines, at + 1, len(indent), ticks)
        language = told.split(maxsplit=1)[0].lower() if told.strip() else ""
        found.append(Fence(language.strip("{}."), body, is_whole=False, is_closed=is_closed))
    return [fence._replace(is_whole=len(found) == 1 and is_alone) for fence in found]


def _body(lines: list[str], at: int, indent: int, ticks: str) -> tuple[str, int, bool]:
    """What a fence holds, the line after it, and whether it was closed."""
    held = list[str]()
    for number in range(at, len(lines)):
        line = lines[number]
        bare = line.strip()
        if bare.startswith(ticks) and set(bare) == {ticks[0]}:
            return "\n".join(held), number + 1, True
        held.append(line[indent:] if not line[:indent].strip() else line)
        if bare.endswith(ticks) and bare.count(ticks[0]) == len(ticks) and number == len(lines) - 1:
            held[-1] = held[-1].rstrip().removesuffix(ticks)
            return "\n".join(held), number + 1, True
    return "\n".join(held), len(lines), False

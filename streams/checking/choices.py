"""One of a few answers, written as the operator writes it.

Taken for a choice: the choice itself in any case, in quotes, in brackets or in bold; `Answer: B`,
`The sentiment is positive.`, `B) Paris`; a first line that is a choice, with an explanation that names no
other; a last line `Answer: B`, the only one of its kind. A choice within a sentence is not: "not positive"
names one, too.
"""

import re
from collections.abc import Mapping, Sequence

from streams.checking.check import PASS, Answer, Check, Fault, Repaired, Verdict, refused
from streams.checking.framing import is_tail

CHOICES = 256
CHOICE_CHARS = 200
ANSWER_CHARS = 20_000

_AROUND = " \t\r\n\u00a0\"'`*_“”\u2018\u2019«»()[]<>.,;:!。"
_LABEL = re.compile(
    r"(?:(?:so|thus|therefore|hence),?\s+)?(?:the |my |its )?(?:(?:final|correct|best|right|overall|predicted)\s+)?"
    r"(?:answer|label|category|class|classification|sentiment|choice|option|intent|topic|language|result|output|"
    r"verdict|priority|severity|rating|type)(?:\s+is\s*:?|\s*[:=])\s*",
    re.IGNORECASE,
)
_LETTERED = re.compile(r"\(?([A-Za-z0-9])(?:\)|:)\s+\S.*")
_BOLD = re.compile(r"[*_]{2}")


class AlikeError(ValueError):
    """Two choices that differ in case, spaces or punctuation alone."""


def one_of(choices: Sequence[str]) -> Check:
    """Want one of some answers.

    Args:
        choices: As they are to be written; at least two.

    Raises:
        AlikeError: Two of them can't be told apart.

    Example:
        >>> one_of(["positive", "negative"])(Answer("**Positive.**"))
        Repaired(text='positive', by=('choice',))
        >>> one_of(["positive", "negative"])(Answer("not positive")).because
        <Fault.NO_CHOICE: 'no_choice'>
    """
    known: dict[str, str] = {}
    for choice in choices:
        name = _plain(choice)
        if not name or name in known:
            raise AlikeError(f"{choice!r} can't be told from {known.get(name, 'no answer')!r}")
        known[name] = choice
    exact = frozenset(choices)
    others = {name: _word(name) for name in known}

    def check(answer: Answer) -> Verdict:
        if answer.text in exact:
            return PASS
        text = answer.text.strip()
        if len(text) > ANSWER_CHARS:
            return refused(Fault.NO_CHOICE, f"longer than {ANSWER_CHARS} characters")
        found = _one_line(text, known) if "\n" not in text else _lines(text, known, others)
        if found is None:
            return refused(Fault.NO_CHOICE, f"none of the {len(known)} choices, or no one of them")
        return Repaired(found, ("choice",))

    return check


def _plain(text: str) -> str:
    """Without case, quotes and punctuation around; dashes, underscores and spaces are one."""
    return " ".join(re.split(r"[\s_-]+", text.strip(_AROUND).casefold())).strip()


def _word(name: str) -> re.Pattern[str]:
    """Finds a choice as a word of its own, its spaces as any of those that are one."""
    parts = r"[\s_-]+".join(map(re.escape, name.split()))
    return re.compile(rf"(?<!\w){parts}(?!\w)", re.IGNORECASE)


def _one_line(line: str, known: Mapping[str, str]) -> str | None:
    """The choice that a line is."""
    found = known.get(_plain(line)) or _labelled(line, known)
    if found is None and (lettered := _LETTERED.fullmatch(line.strip("*_ "))):
        return known.get(lettered[1].casefold())
    return found


def _labelled(line: str, known: Mapping[str, str]) -> str | None:
    """The choice behind a word such as `Answer:`."""
    line = _BOLD.sub("", line).strip()
    label = _LABEL.match(line)
    return known.get(_plain(line[label.end() :])) if label else None


def _lines(
    text: str, known: Mapping[str, str], others: Mapping[str, re.Pattern[str]]
) -> str | None:
    """The choice of a first line that the rest only explains, or of the one line `Answer: …`."""
    lines = [line for line in text.split("\n") if line.strip()]
    labelled = [line for line in lines if _LABEL.match(_BOLD.sub("", line).strip())]
    if len(labelled) == 1 and labelled[0] is lines[-1]:
        return _labelled(lines[-1], known)
    first = _one_line(lines[0], known)
    if first is None or labelled[1:] or (labelled and labelled[0] is not lines[0]):
        return None
    rest = "\n".join(lines[1:])
    named = [name for name, word in others.items() if word.search(rest)]
    if any(known[name] != first for name in named) or not is_tail(f"\n{rest}"):
        return None
    return first

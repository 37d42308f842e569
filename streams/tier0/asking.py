"""What people wrap around a request: greetings, please, thanks, fences, "only the answer"."""

import re
from typing import NamedTuple

_WRAP_CHARS = 160
"""How far from the end a closing remark may begin; it bounds the search."""

_OPENING = re.compile(
    r"\s*(?:(?:hi|hello|hey)(?: there)?[,!.]?\s+)?"
    r"(?:(?:please|kindly|just)[,:]?\s+|(?:can|could|would|will) you\s+|help me(?: to)?\s+"
    r"|i(?: need| want|['\u2019]d like| would like)(?: you)? to\s+|tell me[,:]?\s+){0,4}",
    re.IGNORECASE,
)
_SAY = (
    r"(?:return|reply with|respond with|answer with|give(?: me)?|output|print|provide|show(?: me)?)"
)
_CLOSING = re.compile(
    r"(?<!\s)(?:\s*[,.;]\s*|\s+)(?:please|thanks|thank you|thx|cheers"
    rf"|(?:please\s+)?(?:{_SAY}\s+(?:only|just)|(?:only|just)\s+{_SAY})\s+the\s+"
    r"(?:final\s+|formatted\s+|resulting\s+|converted\s+|minified\s+|encoded\s+|decoded\s+)?"
    r"(?:answer|result|output|json|yaml|xml|csv|list|hash|sql|query|text|string|table)"
    r"(?:[,;]?\s+(?:and\s+)?(?:nothing else|no explanation|no other text|without explanation))?"
    r"|no explanations?(?: needed| please)?|(?:do not|don['\u2019]t) explain(?: it| anything)?"
    r")[.!]*\s*\Z",
    re.IGNORECASE,
)
_ENDS = " .?!"
MARK = "\x00"
"""Stands for a subject while the request around it is matched."""
_QUOTED = re.compile(
    r"\"[^\"\n]+\"|“[^“”\n]+”|`[^`\n]+`|(?<!\w)'[^'\n]+'(?!\w)|```[a-z]*\r?\n([^`]*)\r?\n```"
)
_ASKS_MORE = re.compile(
    r"(?:\A|[\n.!?;,]\s*)(?:please|thanks?|thx|cheers|also|then|next|finally|now|note|nb|ps|and|but|or|so"
    r"|if|i|you|keep|make|use|return|output|print|give|show|tell|explain|why|what|how|only|just|do"
    r"|don['\u2019]t|sort|remove|convert|translate|write|add|include|ignore|skip|answer|reply"
    r"|respond|sorry|let|with|without|as|in|to|for|the|this|these|that|instead|otherwise)\b"
    r"|\b(?:then|also|explain|please|instead|afterwards|thanks|and (?:then|also|explain|tell|give|sort"
    r"|count|remove|convert|return|show|translate|make))\b",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```[ \t]*([A-Za-z0-9]*)[ \t]*\r?\n")


def without_opening(text: str) -> str:
    """Drop greeting and politeness before the request."""
    opening = _OPENING.match(text)
    return text[opening.end() :] if opening else text


def bare(text: str) -> str:
    """Drop what stands around a request and asks for nothing: openings, thanks, "no explanation".

    Example:
        >>> bare("Hi! Could you please compute 2 + 2? Thanks!")
        'compute 2 + 2?'
    """
    text = without_opening(text).rstrip()
    for _ in range(2):
        closing = _CLOSING.search(text, max(0, len(text) - _WRAP_CHARS))
        if closing is None:
            break
        text = text[: closing.start()]
    return text


def unfence(payload: str, *languages: str) -> str | None:
    """Take a payload out of its code fence or backticks.

    Args:
        payload: What follows the request, stripped.
        languages: Fence labels that are right for it; none at all is right too.

    Returns:
        The payload itself; None where a fence is open, mislabelled or not all there is.
    """
    if payload.startswith("```"):
        opened = _FENCE.match(payload)
        if opened is None or opened[1].lower() not in ("", *languages):
            return None
        inner = payload[opened.end() :]
        return inner[:-3].strip() if inner.endswith("```") and inner.count("```") == 1 else None
    if payload.startswith("`"):
        inner = payload[1:-1]
        return inner.strip() if payload.endswith("`") and "`" not in inner else None
    return payload


def one_line(text: str) -> str:
    """Fold runs of whitespace, so that a grammar need not think of line ends."""
    return " ".join(text.split())


class Marked(NamedTuple):
    """A prompt with a mark in the place of each of its subjects.

    `request` is on one line, without politeness; `loose` says that the subject was not quoted, and
    so may hold a part of the request.
    """

    request: str
    subjects: tuple[str, ...]
    loose: bool = False


def marked(text: str) -> Marked:
    """Part a prompt into its request and what it is about.

    Subjects are what stands in quotes, backticks or a fence; where there is nothing of the kind,
    what follows the first colon.

    Example:
        >>> marked("Please count the 'r' in 'strawberry'. Thanks!").subjects
        ('r', 'strawberry')
        >>> marked("Sort this list: b, a").loose
        True
    """
    subjects: list[str] = []

    def take(found: re.Match[str]) -> str:
        subjects.append(found[1] if found[1] is not None else found[0][1:-1])
        return MARK

    if MARK in text:
        return Marked("", ())
    request = _QUOTED.sub(take, text)
    if subjects:
        request = one_line(bare(request)).rstrip(_ENDS).replace(f"? {MARK}", f": {MARK}")
        return Marked(request, tuple(subjects))
    request, colon, rest = text.partition(":")
    if not colon or not rest.strip():
        return Marked(one_line(bare(text)).rstrip(_ENDS), ())
    return Marked(f"{one_line(without_opening(request))}: {MARK}", (rest.strip(),), loose=True)


def asks_more(subject: str) -> bool:
    """Whether an unquoted subject may hold a part of the request, such as "… and explain"."""
    return _ASKS_MORE.search(subject) is not None

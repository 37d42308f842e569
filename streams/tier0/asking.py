"""What people wrap around a request: greetings, please, thanks, fences, "only the answer"."""

import re

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
    r"(?:\s*[,.;]\s*|\s+)(?:please|thanks|thank you|thx|cheers"
    rf"|(?:please\s+)?(?:{_SAY}\s+(?:only|just)|(?:only|just)\s+{_SAY})\s+the\s+"
    r"(?:final\s+|formatted\s+|resulting\s+|converted\s+|minified\s+)?"
    r"(?:answer|result|output|json|sql|query|text|string)"
    r"(?:[,;]?\s+(?:and\s+)?(?:nothing else|no explanation|no other text|without explanation))?"
    r"|no explanations?(?: needed| please)?|(?:do not|don['\u2019]t) explain(?: it| anything)?"
    r")[.!]*\s*\Z",
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

r"""Letter case and naming styles: 'Convert "hello world" to upper case', "… to snake_case: …".

Answer: the text alone, without its quotes. Styles: upper, lower, title, snake, constant
(SCREAMING_SNAKE), kebab, camel, Pascal. Words are parted at spaces, `_`, `-` and humps, digits
stay with the word before them. The text is quoted, fenced, a single unquoted word before "to",
or what stands on one line behind a colon.

In doubt, and so not answered: title case with little words ("of", "the": styles differ), hyphens
or inner capitals; camel and Pascal case with an acronym among other words; anything but ASCII
letters, digits, spaces, `_` and `-` in a naming style; an unquoted text that may hold a second
request; "capitalize".
"""

import re
from collections.abc import Callable

from streams.tier0.asking import one_line, unfence, without_opening

MAX_CHARS = 8_000
_GATE_CHARS = 200
_NAMING_CHARS = 300
_NAMING_WORDS = 12

_STYLES = {
    "upper": r"upper[- ]?case(?: letters)?|all[- ]caps|(?:all )?capital letters|block capitals",
    "lower": r"lower[- ]?case(?: letters)?|(?:all )?small letters",
    "title": r"title[- ]?case",
    "constant": r"(?:screaming|upper)[-_ ]?snake[-_ ]?case|constant[-_ ]?case",
    "snake": r"(?:lower[-_ ])?snake[-_ ]?case",
    "pascal": r"pascal[- ]?case|upper camel[- ]?case",
    "camel": r"(?:lower )?camel[- ]?case",
    "kebab": r"kebab[- ]?case|dash[- ]case",
}
_STYLE = "|".join(f"(?P<{name}>{pattern})" for name, pattern in _STYLES.items())
_VERB = r"(?:convert|change|turn|transform|rewrite|put|write|make)"
_NOUN = (
    r"(?:(?:this|the|these)(?: following)? )?(?:(?:text|string|phrase|words?|sentence|title"
    r"|headline|name|identifier|(?:variable|function|class)(?: name)?)(?: below)? ?)?"
)
_MARK = "\x00"
"""Stands for the quoted text while the request around it is matched."""
_AROUND = re.compile(
    rf"(?:{_VERB} {_NOUN}{_MARK} (?:(?:to|into|in|as) )?(?:an? )?(?:{_STYLE})(?: format)?"
    rf"|(?:(?P<is_upper>uppercase)|(?P<is_lower>lowercase)) {_NOUN}{_MARK}"
    rf"|(?:what is|what['\u2019]s) {_NOUN}{_MARK} in (?:{_STYLE.replace('?P<', '?P<q_')}))[.?]?",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    rf"(?:{_VERB} (?:(?:this|the following|the)(?: (?:text|string|phrase|words?|sentence|title"
    r"|name|identifier|variable(?: name)?))? |it )?(?:below )?(?:to|into|in|as) "
    rf"(?:{_STYLE})|(?P<is_upper>uppercase)(?: this| the following)?(?: text| string)?"
    r"|(?P<is_lower>lowercase)(?: this| the following)?(?: text| string)?)[:.]?",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"\n]+\"|“[^“”\n]+”|`[^`\n]+`|(?<!\w)'[^'\n]+'(?!\w)")
_WORD = re.compile(
    rf"{_VERB} (?P<named>the (?:word|name|identifier|(?:variable|function|class)(?: name)?) )?"
    r"(?P<word>[^\s\"'“”`\0]+) (?=to |into )",
    re.IGNORECASE,
)
_MADE_NAME = re.compile(r"[A-Za-z]+(?:[_-]|[a-z0-9][A-Z])\w*[\w-]*")
_ASKS_MORE = re.compile(
    r"\b(?:then|also|explain|translate|please|instead|why|afterwards|finally|thanks)\b|[.!?;:]\s",
    re.IGNORECASE,
)
_HUMP = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_NAMED = re.compile(r"[A-Za-z][A-Za-z0-9 _-]*")
_PLAIN_WORD = re.compile(r"[A-Z]?[a-z']+[.,!?]?|[0-9]+")
_LITTLE = re.compile(
    r"(?:an?|and|as|at|but|by|for|from|if|in|into|nor|of|off|on|onto|or|out|over|per|so|than|the|to"
    r"|up|upon|via|vs|with|yet)[.,!?]?",
    re.IGNORECASE,
)


def change_case(text: str) -> str | None:
    """Write the text that the prompt names in the case that it asks for.

    Returns:
        The text in the other case; None where request, text or style leave a doubt.

    Example:
        >>> change_case('Convert "user profile id" to camelCase')
        'userProfileId'
    """
    head = text[:_GATE_CHARS].lower()
    if len(text) > MAX_CHARS or (
        "case" not in head and "caps" not in head and "capital" not in head and "small" not in head
    ):
        return None
    asked = without_opening(text).rstrip()
    found = _named_within(asked) or _named_behind(asked)
    if found is None:
        return None
    style, subject = found
    return _WRITERS[style](subject) if subject.strip() else None


def _named_within(text: str) -> tuple[str, str] | None:
    """`Convert "…" to STYLE`, or a single unquoted word in its place."""
    quoted = _QUOTED.search(text)
    if quoted:
        start, end, subject = quoted.start(), quoted.end(), quoted[0][1:-1]
    elif (word := _WORD.match(text)) and (word["named"] or _MADE_NAME.fullmatch(word["word"])):
        (start, end), subject = word.span("word"), word["word"]
    else:
        return None
    around = _AROUND.fullmatch(one_line(f"{text[:start]}{_MARK}{text[end:]}"))
    return (_style(around), subject) if around and _MARK not in text else None


def _named_behind(text: str) -> tuple[str, str] | None:
    """`Convert the following to STYLE: …`; unquoted text is one line without a second request."""
    request, colon, payload = text.partition(":")
    if not colon:
        request, colon, payload = text.partition("\n")
    before = _BEFORE.fullmatch(one_line(request))
    payload = payload.strip()
    if before is None or not payload:
        return None
    if payload.startswith("`"):
        inner = unfence(payload, "text", "txt")
        return None if inner is None else (_style(before), inner)
    if _QUOTED.fullmatch(payload):
        return _style(before), payload[1:-1]
    doubtful = "\n" in payload or payload[0] in "\"'“" or _ASKS_MORE.search(payload)
    return None if doubtful else (_style(before), payload)


def _style(found: re.Match[str]) -> str:
    named = next(name for name, value in found.groupdict().items() if value)
    return named.rpartition("_")[2]


def _title(text: str) -> str | None:
    words = text.lower().split() if text.isupper() else text.split()
    if not all(_PLAIN_WORD.fullmatch(word) for word in words) or any(map(_LITTLE.fullmatch, words)):
        return None
    return " ".join(word[0].upper() + word[1:] for word in words)


def _words(text: str) -> list[str] | None:
    """Part a name into its words, as they were written."""
    if len(text) > _NAMING_CHARS or not _NAMED.fullmatch(text.strip()):
        return None
    words = [hump for part in re.split(r"[ _-]+", text.strip()) for hump in _HUMP.findall(part)]
    return words if len(words) <= _NAMING_WORDS else None


def _joined(mark: str, *, upper: bool = False) -> Callable[[str], str | None]:
    def write(text: str) -> str | None:
        words = _words(text)
        if words is None:
            return None
        name = mark.join(words)
        return name.upper() if upper else name.lower()

    return write


def _humped(text: str) -> list[str] | None:
    words = _words(text)
    if words is None:
        return None
    acronym = any(len(word) > 1 and word.isupper() for word in words)
    if acronym and not all(word.isupper() or word.isdigit() for word in words):
        return None
    return [word.capitalize() for word in words]


def _pascal(text: str) -> str | None:
    words = _humped(text)
    return None if words is None else "".join(words)


def _camel(text: str) -> str | None:
    words = _humped(text)
    return None if words is None else "".join([words[0].lower(), *words[1:]])


_WRITERS: dict[str, Callable[[str], str | None]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": _title,
    "constant": _joined("_", upper=True),
    "snake": _joined("_"),
    "kebab": _joined("-"),
    "camel": _camel,
    "pascal": _pascal,
}

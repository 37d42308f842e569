"""Text statistics: 'How many words are in "…"?', 'Count the letter r in "strawberry"'.

Characters, words, lines, letters, digits, vowels, one letter or one word, in a text that is quoted
or fenced (one word may stand without quotes behind "the word").

Answer: the number alone.

In doubt, and so not answered: characters of a text with white space, unless the prompt says whether
it counts; words joined by hyphens, dashes, dots or slashes; capitals of a letter that is counted;
vowels of a text with a y; anything beyond ASCII, where one character may be several; sentences.
"""

import re

from streams.tier0.asking import MARK, marked

MAX_CHARS = 16_000
_HEAD_CHARS = 120

_MANY = r"(?:how many|count(?: the)?(?: total)?(?: number of)?(?: all)?(?: the)?|what is the number of|number of)"
_IN = (
    r"(?: are there| are| does it have| occur| appear)?(?: in(?: total)?| of)(?: the| this)?(?: following)?"
    r"(?: text| string| sentence| phrase| word| paragraph| passage| line)?:? "
)
_SPACES = r"(?:,? \(?(?P<{0}>including|excluding|with|without|not counting|counting)(?: the)?(?: spaces| whitespace)\)?)?"
_REQUEST = re.compile(
    rf"{_MANY} (?:(?P<what>characters?|chars|words?|lines|letters|digits|vowels){_SPACES.format('before')}(?:{_IN}| does | do )(?P<text>{MARK}|[A-Za-z]+)"
    rf"{_SPACES.format('after')}"
    rf"|(?:times (?:does |do )?)?(?:the )?(?:letter |letters |character )?(?P<letter>{MARK}|[A-Za-z])(?:['\u2019]?s)?(?: does| do)?(?: are)?(?: there)?(?: occurs?| appears?)?"
    rf" in(?: the| this)?(?: following)?(?P<kind> word| text| string| sentence| name| phrase)?:? (?P<where>{MARK}|[A-Za-z]+)"
    rf"|(?:times (?:does |do )?|occurrences of )(?:the )?word (?P<word>{MARK})(?: occurs?| appears?)?"
    rf" in(?: the| this)?(?: following)?(?: text| string| sentence| phrase)?:? (?P<text2>{MARK}))"
    r"(?: have| contain)?",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\"(]?[A-Za-z]+(?:'[a-z]+)?[\")]?[.,!?;:]?")
_ALONE = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


def count_text(text: str) -> str | None:
    """Count what the prompt asks for in the text that it carries.

    Returns:
        The number; None where two people might count differently.

    Example:
        >>> count_text("How many r's are in the word 'strawberry'?")
        '3'
        >>> count_text('How many words are in "The cat sat."?')
        '3'
    """
    if len(text) > MAX_CHARS:
        return None
    head = text[:_HEAD_CHARS].lower()
    if "how many" not in head and "count" not in head and "number of" not in head:
        return None
    found = marked(text)
    request = _REQUEST.fullmatch(found.request)
    if request is None or found.loose or not all(map(_is_plain, found.subjects)):
        return None
    counted = _counted(request, list(found.subjects))
    return None if counted is None else str(counted)


def _is_plain(subject: str) -> bool:
    return subject.isascii() and subject.replace("\n", "").isprintable() and "\\" not in subject


def _counted(request: re.Match[str], subjects: list[str]) -> int | None:
    def taken(name: str) -> str:
        return subjects.pop(0) if request[name] == MARK else request[name]

    if request["what"]:
        subject = taken("text")
        spaces = (request["before"] or request["after"] or "").lower()
        if subjects or (request["text"] != MARK) or (request["before"] and request["after"]):
            return None
        return _COUNTERS[request["what"].lower().rstrip("s")](subject, spaces)
    if request["letter"]:
        letter, where = taken("letter"), taken("where")
        if subjects or (
            request["where"] != MARK and (request["kind"] or "").strip().lower() != "word"
        ):
            return None
        return _letter(letter, where)
    word, subject = taken("word"), taken("text2")
    return None if subjects else _word(word, subject)


def _characters(text: str, spaces: str) -> int | None:
    plain = sum(not char.isspace() for char in text)
    if "\n" in text or (not spaces and plain < len(text)):
        return None
    return plain if spaces in ("excluding", "without", "not counting") else len(text)


def _words(text: str, spaces: str) -> int | None:
    words = text.split()
    return len(words) if not spaces and words and all(map(_WORD.fullmatch, words)) else None


def _lines(text: str, spaces: str) -> int | None:
    lines = text.split("\n")
    return len(lines) if not spaces and all(line.strip() for line in lines) else None


def _letters(text: str, spaces: str) -> int | None:
    return None if spaces else sum(char.isalpha() for char in text)


def _digits(text: str, spaces: str) -> int | None:
    return None if spaces else sum(char.isdigit() for char in text)


def _vowels(text: str, spaces: str) -> int | None:
    return None if spaces or "y" in text.lower() else sum(char in "aeiouAEIOU" for char in text)


def _letter(letter: str, text: str) -> int | None:
    if len(letter) != 1 or not letter.isalpha() or not text:
        return None
    count = text.count(letter)
    return count if count == text.lower().count(letter.lower()) else None


def _word(word: str, text: str) -> int | None:
    words = text.split()
    if not _ALONE.fullmatch(word) or not all(map(_WORD.fullmatch, words)):
        return None
    bare = [one.strip('"().,!?;:') for one in words]
    count = bare.count(word)
    loose = text.lower().count(word.lower())  # as a part of other words, or with capitals
    return count if count == loose else None


_COUNTERS = {
    "character": _characters, "char": _characters, "word": _words, "line": _lines, "letter": _letters,
    "digit": _digits, "vowel": _vowels,
}  # fmt: skip

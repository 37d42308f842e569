r"""What a pattern finds: 'Extract all matches of the regex `\d+` from "order 12, item 7"'.

Answer: one match a line, in the order of the text; with ", " between them, or as a JSON array, where
that is asked for; the first match alone; or how many there are.

In doubt, and so not answered: patterns beyond what dialects share (see `regex`), text beyond
printable ASCII, no match at all, several lines with `^` or `$`, flags.
"""

import re

from streams.tier0.asking import MARK, marked
from streams.tier0.json_nodes import quoted
from streams.tier0.regex import compiled, find_all
from streams.tier0.regex_syntax import PatternError

MAX_CHARS = 2_400
_HEAD_CHARS = 160

_REGEX = r"(?:the |this )?(?:regex(?:p)?|regular expression|regex pattern|pattern)"
_THING = r"(?:match(?:es)?|substrings?|strings?|parts?|text|everything|all text|occurrences?|all matches)"
_HOW = (
    r"(?:,? (?:as a )?(?P<commas>comma[- ]separated(?: list)?)|,? (?:as|in) (?:a )?(?P<json>json (?:array|list))"
    r"|,? (?:with )?one (?:match )?(?:per|a|on each) line)?"
)
_FROM = (
    rf"(?:from|in) (?:(?:the|this) )?(?:following )?(?:text|string|line|sentence|input)?:? ?{MARK}"
)
_REQUEST = re.compile(
    rf"(?:(?:extract|find|list|get|return|show(?: me)?|give(?: me)?|output)(?: all| every)?(?: of)?(?: the)?(?P<first> first)?"
    rf" (?:{_THING} (?:of|for|matching|that match(?:es)?|matched by)|match(?:es)?) {_REGEX}:? {MARK}(?: with flags none)?"
    rf"|use {_REGEX}:? {MARK} to extract all matches"
    rf"|(?P<count>count|how many)(?: the)?(?: number of)?(?: matches)?(?: of| for| are there (?:of|for)| does)? {_REGEX}:? {MARK}(?: matches| have| has| are there)?"
    rf"|apply {_REGEX}:? {MARK} and (?:list|return|extract) all matches) {_FROM}{_HOW}"
    rf"|apply {_REGEX}:? {MARK} to (?:the text )?{MARK} and (?:list|return|extract|give me) (?:all |the )*matches",
    re.IGNORECASE,
)

_BARE = re.compile(
    rf"(.{{0,80}}(?:regex|expression|pattern):? )([^\s{MARK}]+)( (?:from|in|to) .*{MARK}.*)"
)
"""A pattern without quotes and without white space, before a text in quotes."""


def extract_matches(text: str) -> str | None:
    r"""List what the prompt's pattern matches in the prompt's text.

    Returns:
        The matches; None where pattern, text or request leave a doubt.

    Example:
        >>> print(extract_matches(r'Extract all matches of the regex `\d+` from "order 12, item 7"'))
        12
        7
    """
    head = text[:_HEAD_CHARS].lower()
    if len(text) > MAX_CHARS or ("reg" not in head and "pattern" not in head):
        return None
    asked = _parted(text)
    if asked is None or not _is_sure(*asked[1:]):
        return None
    request, pattern, subject = asked
    try:
        return _written(request, find_all(compiled(pattern), subject))
    except PatternError:
        return None


def _parted(text: str) -> tuple[re.Match[str], str, str] | None:
    """The request, its pattern and its text; where a text without quotes ends nobody can tell."""
    found = marked(text)
    if len(found.subjects) == 1 and (bare := _BARE.fullmatch(found.request)):
        whole = f"{bare[1]}{MARK}{bare[3]}"
        found = found._replace(request=whole, subjects=(bare[2], *found.subjects))
    if len(found.subjects) != 2:  # noqa: PLR2004 (a pattern and a text)
        return None
    request = _REQUEST.fullmatch(found.request)
    pattern, subject = found.subjects
    if pattern.startswith("/") and pattern.endswith("/"):
        return None
    return (request, pattern, subject) if request else None


def _is_sure(pattern: str, subject: str) -> bool:
    """Whether the text has nothing about which dialects differ."""
    if not subject.isascii() or not subject.replace("\n", "").isprintable():
        return False
    return "\n" not in subject or not any(sign in pattern for sign in ("^", "$", "\\s", "[^"))


def _written(request: re.Match[str], found: list[str]) -> str | None:
    if not found or any("\n" in match or match != match.strip() for match in found):
        return None
    if request["count"]:
        return str(len(found))
    if request["first"]:
        return found[0]
    if request["commas"]:
        return None if any("," in match for match in found) else ", ".join(found)
    if request["json"]:
        return f"[{', '.join(map(quoted, found))}]"
    return "\n".join(found)

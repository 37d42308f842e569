"""JSON laid out anew: "Format this JSON: …", "Minify …", "Sort the keys of …".

Only white space moves, and members where sorting is asked for: every string and number is copied
as it was written, so that nothing is lost to a float or an escape.

Answer: pretty is an indent of 2 spaces (or the one that was asked for: 1 to 8 spaces, tabs), one
member or item a line, `": "` after a key, empty ones as `{}` and `[]`. Minified has no white space.
Sorted is pretty with keys in the order of their code points at every depth. No final newline.
"""

import re

from streams.tier0.asking import bare, one_line, unfence, without_opening
from streams.tier0.json_nodes import BrokenError, lay, parse, sorted_keys

_GATE_CHARS = 160
_NOUN = (
    r"(?:(?:this|the|that|my) )?(?:(?:following|below|given|raw|minified|compact) )?json"
    r"(?: (?:object|document|array|string|data|payload|blob|snippet|text|content|code|value))?"
    r"(?: below)?"
)
_LAYOUT = (
    r"(?: (?:nicely|properly|for readability)"
    r"| (?:with|using|by) (?:an? )?(?:indent(?:ation)? of )?(?P<indent>[1-8]|two|four|tabs?)"
    r"(?:[- ]spaces?)?(?: (?:of )?indent(?:ation|s|ing)?)?)?"
)
_AND_SORT = (
    r"(?P<sort>,? (?:and|with) (?:sort (?:the |its |all )?keys|sorted keys|(?:the )?keys sorted)"
    r"(?: alphabetically)?)?"
)
_PRETTY = re.compile(
    rf"(?:(?:(?:re-?)?format|pretty[- ]?print|prettify|beautify|indent) {_NOUN}"
    rf"|make {_NOUN} (?:pretty|readable|human[- ]readable)"
    rf"|(?:pretty[- ]?print|prettify|beautify)(?: this| the following)?){_LAYOUT}{_AND_SORT}",
    re.IGNORECASE,
)
_MINIFY = re.compile(
    r"(?:minify(?: this| the following)?"
    rf"|(?:minify|compact) {_NOUN}(?: (?:on|in|into|onto) (?:one|a single) line)?"
    rf"|(?:put|print|write) {_NOUN} (?:on|in|into|onto) (?:one|a single) line"
    rf"|remove (?:all )?(?:the )?(?:unnecessary )?white ?space from {_NOUN}){_AND_SORT}",
    re.IGNORECASE,
)
_SORT = re.compile(
    rf"sort (?:(?:the |all )?keys (?:of|in) {_NOUN}|{_NOUN} by keys?)(?: alphabetically)?",
    re.IGNORECASE,
)
_INDENTS = {"two": "  ", "four": "    ", "tab": "\t", "tabs": "\t"}


def format_json(text: str) -> str | None:
    """Pretty-print, minify or sort the JSON that the prompt carries.

    Returns:
        The JSON laid out; None where the prompt asks for more than that, or the JSON is broken.

    Example:
        >>> format_json('Minify this JSON: {"a": [1, 2.50]}')
        '{"a":[1,2.50]}'
    """
    if not _may_ask(text):
        return None
    request, payload = _split(bare(text))
    inner = unfence(payload, "json")
    asked = one_line(without_opening(request)).rstrip(" :.?")
    pretty, minify = _PRETTY.fullmatch(asked), _MINIFY.fullmatch(asked)
    found = pretty or minify or _SORT.fullmatch(asked)
    if found is None or inner is None or not inner.startswith(("{", "[")):
        return None
    try:
        node = parse(inner)
        if found.re is _SORT or found["sort"]:
            node = sorted_keys(node)
    except BrokenError:
        return None
    if minify:
        return lay(node, "", "", ":")
    named = (pretty["indent"] or "2").lower() if pretty else "2"
    return lay(node, "\n", _INDENTS.get(named) or " " * int(named), ": ")


def _may_ask(text: str) -> bool:
    if "{" not in text and "[" not in text:
        return False
    ends = text[:_GATE_CHARS].lower() + text[-_GATE_CHARS:].lower()
    return "json" in ends or "prett" in ends or "minify" in ends


def _split(text: str) -> tuple[str, str]:
    """Part the request from the JSON, whichever comes first."""
    if text.startswith(("{", "[", "`")):
        payload, _, request = text.rpartition("\n")
        return request, payload.strip()
    starts = [at for at in map(text.find, "{[`") if at >= 0]
    at = min(starts, default=len(text))
    return text[:at], text[at:].strip()

"""Templates filled in: 'Fill in the template "Dear {name}, …" with name = "Ann" and city = "Oslo"'.

Placeholders are `{{name}}`, `{name}` or `${name}`, one kind a template. Values stand behind "with"
as `name = "…"`, or in a JSON object; after a fenced template in a second fence, or as JSON.

Answer: the template with every placeholder replaced, everything else as it was.

In doubt, and so not answered: a placeholder without a value, a value that is not used, a value that
holds a brace, braces that are no placeholder, a value that is neither string nor number.
"""

import re

from streams.tier0.asking import bare, marked, one_line
from streams.tier0.json_nodes import BrokenError, parse, unquoted

MAX_CHARS = 8_000
_HEAD_CHARS = 120
_MOST_VALUES = 40

_STYLES = (
    re.compile(r"\{\{ ?([A-Za-z_]\w{0,40}) ?\}\}"),
    re.compile(r"\$\{([A-Za-z_]\w{0,40})\}"),
    re.compile(r"(?<![{$])\{([A-Za-z_]\w{0,40})\}(?!\})"),
)
_REQUEST = re.compile(
    r"(?:fill(?: in| out)?|complete|render|populate) (?:the |this |my )?(?:following )?template:? (?P<template>\0)"
    r"(?: with|,? using)(?: the)?(?: following)?(?: values?)?:? (?P<values>.+)",
    re.IGNORECASE,
)
_BLOCKS = re.compile(
    r"(?:fill(?: in| out)?|complete|render|populate) (?:the |this )?(?:following )?template(?: below)? (?:with|using)"
    r"(?: the| these)?(?: following)?(?: json)? (?:values|variables|data)(?: below)?",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"([A-Za-z_]\w{0,40}) ?(?:=|:|is) ?(\0|-?[0-9]+(?:\.[0-9]+)?|[A-Za-z][A-Za-z0-9]*)"
)
_BETWEEN = re.compile(r",? and |, |; ")
_PARTS = re.compile(
    r"(?P<request>[^\n]+)\n\s*template:[ \t]*\n?(?P<template>.+?)\n\s*(?:values|variables|data):\s*(?P<values>\{.*\})\s*",
    re.IGNORECASE | re.DOTALL,
)


def fill_template(text: str) -> str | None:
    """Put the values that the prompt gives into its template.

    Returns:
        The template filled in; None where placeholders and values don't meet one to one.

    Example:
        >>> fill_template('Fill in the template "Hello {name}!" with name = "Ann".')
        'Hello Ann!'
    """
    if len(text) > MAX_CHARS or "template" not in text[:_HEAD_CHARS].lower():
        return None
    parts = _PARTS.fullmatch(bare(text)) if "\n" in text else None
    try:
        if parts:
            request = one_line(parts["request"]).rstrip(" .:")
            if not _BLOCKS.fullmatch(request):
                return None
            template = parts["template"].strip("\n")
            return (
                None
                if template.startswith(("```", '"'))
                else _filled(template, _object(parts["values"]))
            )
        return _inline(text)
    except BrokenError:
        return None


def _inline(text: str) -> str | None:
    """The template in quotes, its values behind it."""
    found = marked(text)
    request = _REQUEST.fullmatch(found.request) if found.subjects and not found.loose else None
    if request is None:
        return None
    quotes = list(found.subjects[1:])
    written = request["values"]
    if written.startswith("{"):
        raw = text[text.find("{", text.find(found.subjects[0]) + len(found.subjects[0])) :]
        return _filled(found.subjects[0], _object(bare(raw).rstrip(" .")))
    values: dict[str, str] = {}
    at = 0
    while pair := _PAIR.match(written, at):
        name = pair[1]
        if name in values or (pair[2] == "\0" and not quotes):
            return None
        values[name] = quotes.pop(0) if pair[2] == "\0" else pair[2]
        at = pair.end()
        if at == len(written):
            return None if quotes else _filled(found.subjects[0], values)
        gap = _BETWEEN.match(written, at)
        if gap is None:
            return None
        at = gap.end()
    return None


def _object(text: str) -> dict[str, str]:
    """A flat JSON object's strings and numbers.

    Raises:
        BrokenError: It is something else.
    """
    node = parse(text)
    if not isinstance(node, tuple) or len(node) > _MOST_VALUES:
        raise BrokenError
    values: dict[str, str] = {}
    for key, value in node:
        name = unquoted(key)
        if not isinstance(value, str) or value in ("null", "true", "false") or name in values:
            raise BrokenError
        values[name] = unquoted(value) if value.startswith('"') else value
    return values


def _filled(template: str, values: dict[str, str]) -> str | None:
    used = [style for style in _STYLES if style.search(template)]
    if len(used) != 1 or set(used[0].findall(template)) != values.keys():
        return None
    if any(set("{}") & set(value) for value in values.values()):
        return None
    rest = used[0].sub("", template)
    if set("{}\\") & set(rest):
        return None
    return used[0].sub(lambda found: values[found[1]], template)

"""How a prompt carries a document: a request, then the document fenced or to the end of the text.

Shared by the skills that lay out or convert XML, YAML, CSV and JSON.
"""

import re
from typing import NamedTuple

from streams.tier0.asking import bare, one_line, unfence, without_opening

MAX_CHARS = 8_400
"""Of a prompt with a document; each format has a limit of its own below this one."""
_MORE_WORDS = 3
HEAD_CHARS = 240
"""Before the document begins; a longer request asks for more than a skill can do."""

KINDS = {
    "json": "json", "yaml": "yaml", "yml": "yaml", "xml": "xml", "csv": "csv", "tsv": "tsv",
    "comma-separated values": "csv", "tab-separated values": "tsv", "comma separated values": "csv",
    "tab separated values": "tsv",
}  # fmt: skip
KIND = "(?:" + "|".join(sorted(KINDS, key=len, reverse=True)) + ")"
_FENCES = {
    "json": ("json",),
    "yaml": ("yaml", "yml"),
    "xml": ("xml",),
    "csv": ("csv",),
    "tsv": ("tsv",),
}

_STARTS = re.compile(r"```|[\n{\[<]|:(?=\s)")
_SAYS = re.compile(
    r"(?:please|thanks?|thank you|thx|cheers|also|then|next|note|nb|ps|and|but|keep|make|sort|use|return|only"
    r"|just|output|print|give|show|explain|why|what|how|do(?: not|n['\u2019]t)|remove|add|convert|with"
    r"|without|i|you|can|could|the (?:result|output|answer)|if|let|ensure|be sure)\b(?!\s*,)(?!\w*:\s*[^A-Z])",
    re.IGNORECASE,
)


_ODD_SPACE = re.compile(r"[^\S \t\r\n]")
"""White space to Python and not to every format: it could be cut off a value."""
_TRAILING = re.compile(r"[ \t](?:\r?\n|```|\Z)")
"""A field that ends in white space, or an empty one, at the end of a row."""
_VALUE_ENDS = re.compile(r"[,\t:]")
_TAIL = re.compile(
    r"\b(?:then|also|explain|please|instead|afterwards|thanks|but|and (?:then|also|explain|tell|give|sort|count"
    r"|remove|convert|return|show|translate|make|keep|add))\b",
    re.IGNORECASE,
)
"""What a line that ends a document without a fence may end with, if a request runs on."""


class Carried(NamedTuple):
    """A request on one line, and the document that it is about."""

    request: str
    document: str
    fenced: str | None
    """The fence's label; None where there is no fence."""


def carried(text: str) -> Carried | None:
    """Part a prompt into request and document; None where that leaves a doubt."""
    start = _STARTS.search(text, 0, HEAD_CHARS) if len(text) <= MAX_CHARS else None
    if start is None or _ODD_SPACE.search(text):
        return None
    request = one_line(without_opening(bare(text[: start.start()]))).rstrip(" :.?")
    rest = text[start.start() :].removeprefix(":").lstrip(" \t\r\n")
    if rest.startswith("```"):
        rest = bare(rest)
        return Carried(request, rest, rest[3 : rest.find("\n")].strip().lower())
    if rest.startswith(("{", "[", "<")):
        return Carried(request, bare(rest).rstrip(" .") if rest[0] == "<" else bare(rest), None)
    lines = rest.rstrip().replace("\r\n", "\n").split("\n")
    if not lines or any(not line.strip() or _SAYS.match(line) for line in lines):
        return None
    if _runs_on(lines):
        return None
    return Carried(request, "\n".join(lines), None)


def _runs_on(lines: list[str]) -> bool:
    """Whether the last line may end with more of the request."""
    last = lines[-1].rstrip()
    ends = [len(_VALUE_ENDS.split(line)[-1].split()) for line in lines]
    more = ends[-1] >= max(ends[:-1], default=0) + _MORE_WORDS
    return more or last.endswith((".", "!", "?", ")")) or _TAIL.search(last) is not None


def document_of(found: Carried, kind: str) -> str | None:
    """The document without its fence; None where the fence is labelled otherwise."""
    if kind in ("csv", "tsv") and _TRAILING.search(found.document):
        return None
    if found.fenced is None:
        return found.document
    return unfence(found.document, "text", "txt", *_FENCES[kind])


def noun(kind: str) -> str:
    """A pattern for how people name a document of this kind."""
    return (
        r"(?:(?:this|the|that|my|these) )?(?:(?:following|below|given|raw) )?"
        rf"{kind}(?: (?:document|doc|data|file|snippet|text|string|content|payload|object|array|table|rows|list"
        r"|records?|config(?:uration)?|code|block))?(?: below)?"
    )

"""XML and YAML laid out anew: "Format this XML: …", "Minify this XML", "Format this YAML".

Only white space moves, and in YAML flow collections become blocks: tags, text and scalars are copied
as they were written.

Answer: XML with one element a line, an indent of two (or the one that was asked for), a text beside
its tags, one space before each attribute; minified on one line. YAML in block style with an indent
of two, items indented below their key. No final newline.

In doubt, and so not answered: DTDs, mixed content, CDATA, text with white space around it,
`xml:space`, comments in XML that is to be minified; comments, anchors, tags, scalars over several
lines and several documents in YAML.
"""

import re

from streams.tier0 import xml_nodes, yaml_nodes
from streams.tier0.documents import HEAD_CHARS, Carried, carried, document_of, noun
from streams.tier0.json_nodes import BrokenError

_VERB = r"(?:(?:re-?)?format|pretty[- ]?print|prettify|beautify|indent|tidy(?: up)?)"
_LAYOUT = (
    r"(?: (?:nicely|properly|for readability)"
    r"|,? (?:with|using|by) (?:an? )?(?:indent(?:ation)? of )?(?P<indent>[1-8]|two|four|tabs?)"
    r"(?:[- ]spaces?)?(?: (?:of )?indent(?:ation|s|ing)?)?)?"
)
_PRETTY = re.compile(
    rf"(?:{_VERB} {noun('xml')}|make {noun('xml')} (?:pretty|readable)){_LAYOUT}", re.IGNORECASE
)
_MINIFY = re.compile(
    rf"(?:minify|compact) {noun('xml')}(?: (?:on|in|into|onto) (?:one|a single) line)?"
    rf"|(?:put|write) {noun('xml')} (?:on|in|into|onto) (?:one|a single) line",
    re.IGNORECASE,
)
_YAML = re.compile(
    rf"{_VERB} {noun('ya?ml')}(?: (?:nicely|properly|for readability)|,? with (?:an indent of )?(?:2|two)"
    r"(?:[- ]spaces?)?(?: indent(?:ation)?)?)?",
    re.IGNORECASE,
)
_INDENTS = {"two": "  ", "four": "    ", "tab": "\t", "tabs": "\t"}


def format_xml(text: str) -> str | None:
    """Pretty-print or minify the XML that the prompt carries.

    Returns:
        The XML laid out; None where the prompt asks for more, or white space may matter.

    Example:
        >>> print(format_xml("Format this XML: <a><b>1</b><c/></a>"))
        <a>
          <b>1</b>
          <c/>
        </a>
    """
    found = carried(text) if "xml" in text[:HEAD_CHARS].lower() else None
    if found is None:
        return None
    pretty, minify = _PRETTY.fullmatch(found.request), _MINIFY.fullmatch(found.request)
    document = document_of(found, "xml")
    if not document or not (pretty or minify):
        return None
    try:
        if pretty is None:
            return xml_nodes.minify(document)
        named = (pretty["indent"] or "2").lower()
        return xml_nodes.lay_out(document, _INDENTS.get(named) or " " * int(named))
    except BrokenError:
        return None


def format_yaml(text: str) -> str | None:
    r"""Lay out the YAML that the prompt carries.

    Returns:
        The YAML in block style; None where the prompt asks for more, or something would be lost.

    Example:
        >>> print(format_yaml("Format this YAML:\na:   {b: 1,c: [x,y]}"))
        a:
          b: 1
          c:
            - x
            - y
    """
    head = text[:HEAD_CHARS].lower()
    found = carried(text) if "yaml" in head or "yml" in head else None
    if found is None or not _YAML.fullmatch(found.request):
        return None
    return _laid(found)


def _laid(found: Carried) -> str | None:
    document = document_of(found, "yaml")
    try:
        return yaml_nodes.lay_out(document) if document else None
    except BrokenError:
        return None

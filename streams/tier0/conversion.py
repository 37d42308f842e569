r"""One format into another: "Convert this YAML to JSON: …", "Turn this CSV into a Markdown table".

JSON, YAML, XML, CSV, TSV; into Markdown tables as well. Answer: JSON and XML with an indent of two,
YAML in block style with strings plain where that is safe, CSV with quotes where they are needed and
`\n` between rows, no final newline. Keys, items and rows keep their order, numbers their digits.

In doubt, and so not answered: what has no one counterpart. From CSV or XML into JSON or YAML a value
that may be meant as a number, truth value or null, unless the prompt says "all values as strings"
or "numbers as numbers"; attributes, namespaces, mixed content, empty elements; CSV into XML without
the names of root and rows; nested objects into CSV; YAML that its versions read differently.
"""

import re
from collections.abc import Callable

from streams.tier0 import csv_nodes, xml_nodes, yaml_nodes
from streams.tier0.documents import HEAD_CHARS, KIND, KINDS, Carried, carried, document_of, noun
from streams.tier0.json_nodes import BrokenError, Node, lay, parse, quoted, unquoted

_TARGET = rf"(?:an? )?(?:valid |equivalent |pretty-printed )?(?P<target>{KIND}|markdown(?: table)?|md table)"
_VALUES = (
    r"(?:,? (?:and |with |and keep |keep |keeping |treat |treating )?(?:all |every )?(?:the )?(?:values?|fields?|cells?) (?:as|are) "
    r"(?:a )?(?P<strings>strings?)"
    r"|,? (?:and |with |and keep |keep |keeping |treat |treating )?(?P<numbers>numbers as numbers))?"
)
_ROOT = (
    r"(?:,? (?:with|using|and use) (?:a |the )?root(?: element| tag)?(?: named| called)? (?P<root>[a-z][a-z0-9_.-]*)"
    r",? and (?:(?:a |an |the )?(?:row|item|record)(?: elements?| tags?)?|elements?)(?: named| called)? (?P<row>[a-z][a-z0-9_.-]*))?"
)
_REQUEST = re.compile(
    rf"(?:(?:convert|turn|transform|change|rewrite|translate|reformat|format|export|express|show|write|render) "
    rf"{noun(f'(?P<source>{KIND})')} (?:to|into|as|in) {_TARGET}(?: (?:format|document|file|array|object|data|string))?"
    rf"|(?P<source2>{KIND}) to (?P<target2>{KIND})){_VALUES}{_ROOT}",
    re.IGNORECASE,
)
_TYPED = re.compile(
    r"[-+.$€£]?[0-9.,]*[0-9][0-9.,]*(?:e[-+]?[0-9]+)?%?|true|false|yes|no|on|off|y|n|t|f|null|nil|none|nan"
    r"|n/a|na|inf(?:inity)?|-|~|",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_TEXTUAL = ("csv", "tsv", "xml")
_DELIMITERS = {"csv": ",", "tsv": "\t"}


def convert_document(text: str) -> str | None:
    r"""Convert the document that the prompt carries into the format that it asks for.

    Returns:
        The document in the other format; None where the prompt asks for more, or where two
        converters might differ.

    Example:
        >>> print(convert_document("Convert this YAML to JSON:\nname: Ann\ntags: [a, b]"))
        {
          "name": "Ann",
          "tags": [
            "a",
            "b"
          ]
        }
    """
    head = text[:HEAD_CHARS].lower()
    if not any(kind in head for kind in ("json", "yaml", "xml", "csv", "yml", "tsv", "separated")):
        return None
    found = carried(text)
    request = found and _REQUEST.fullmatch(found.request)
    if found is None or not request:
        return None
    source = KINDS[(request["source"] or request["source2"]).lower()]
    named = (request["target"] or request["target2"]).lower()
    target = KINDS.get(named, "markdown")
    try:
        return _converted(found, source, target, request) if source != target else None
    except BrokenError:
        return None


def _converted(found: Carried, source: str, target: str, request: re.Match[str]) -> str:
    document = document_of(found, source)
    if not document or (target != "xml" and request["root"]):
        raise BrokenError
    if source in _DELIMITERS:
        rows = csv_nodes.read(document, _DELIMITERS[source])
        if target in _TABLES:
            return _TABLES[target](rows)
        node = csv_nodes.to_node(rows)
        if target == "xml":
            return xml_nodes.from_node(_rooted(node, request))
    else:
        node = _READERS[source](document)
    if source in _TEXTUAL and target not in ("xml", *_TABLES):
        node = _typed(node, strings=bool(request["strings"]), numbers=bool(request["numbers"]))
    elif request["strings"] or request["numbers"] or request["root"]:
        raise BrokenError
    if target in _TABLES:
        return _TABLES[target](csv_nodes.from_node(_unwrapped(node) if source == "xml" else node))
    return _WRITERS[target](node)


def _rooted(node: Node, request: re.Match[str]) -> Node:
    """The rows under their root, both named by the prompt; without names there are many ways."""
    if not request["root"] or request["strings"] or request["numbers"] or len(node) == 1:
        raise BrokenError
    return ((quoted(request["root"]), ((quoted(request["row"]), node),)),)


def _unwrapped(node: Node) -> Node:
    """The repeated elements of a document: the only array under its root."""
    for _ in range(2):
        if not isinstance(node, tuple) or len(node) != 1:
            raise BrokenError
        node = node[0][1]
    return node


def _typed(node: Node, *, strings: bool, numbers: bool) -> Node:
    """Decide what a value read from text is; in doubt nothing unless the prompt decided."""
    if isinstance(node, list):
        return [_typed(item, strings=strings, numbers=numbers) for item in node]
    if isinstance(node, tuple):
        return tuple((key, _typed(item, strings=strings, numbers=numbers)) for key, item in node)
    value = unquoted(node)
    if strings or not _TYPED.fullmatch(value):
        return node
    if numbers and _NUMBER.fullmatch(value):
        return value
    raise BrokenError


def _json(node: Node) -> str:
    return lay(node, "\n", "  ", ": ")


_READERS: dict[str, Callable[[str], Node]] = {
    "json": parse,
    "yaml": yaml_nodes.to_node,
    "xml": xml_nodes.to_node,
}
_WRITERS: dict[str, Callable[[Node], str]] = {
    "json": _json,
    "yaml": yaml_nodes.from_node,
    "xml": xml_nodes.from_node,
}
_TABLES: dict[str, Callable[[csv_nodes.Rows], str]] = {
    "csv": csv_nodes.write,
    "tsv": lambda rows: csv_nodes.write(rows, "\t"),
    "markdown": csv_nodes.write_markdown,
}

"""CSV ⇄ rows ⇄ nodes: RFC 4180 with a header, read and written by the standard library.

Two columns at least, a row below the header, every row as long as the header, names that are unique
and look like names: anything else might be no table with a header, and is refused.
"""

import csv
import io
import re

from streams.tier0.json_nodes import BrokenError, Node, quoted, unquoted

MAX_CHARS = 8_000
MAX_FIELDS = 1_500

_NAME = re.compile(r"[^\W\d][\w .()/%#-]*")

Rows = list[list[str]]


def read(text: str, delimiter: str = ",") -> Rows:
    """Read a table: its header, then its rows.

    Raises:
        BrokenError: It is no table with a header, is too large, or has white space of unknown worth.
    """
    if len(text) > MAX_CHARS or not _plain(text):
        raise BrokenError
    apart = f"{delimiter} "
    spaced = '"' not in text and text.count(apart) == text.count(delimiter)
    try:
        rows = list(
            csv.reader(
                io.StringIO(text, newline=""),
                delimiter=delimiter,
                strict=True,
                skipinitialspace=spaced,
            )
        )
    except csv.Error:
        raise BrokenError from None
    if len(rows) < 2 or len(rows[0]) < 2 or len(rows) * len(rows[0]) > MAX_FIELDS:  # noqa: PLR2004 (a header and a row, of two columns)
        raise BrokenError
    header = rows[0]
    if len(set(header)) < len(header) or not all(map(_NAME.fullmatch, header)):
        raise BrokenError
    for row in rows:
        if len(row) != len(header) or any(value != value.strip() for value in row):
            raise BrokenError
    return rows


def _plain(text: str) -> bool:
    """Whether all lines end alike, and nothing else in the text controls anything."""
    ends = text.count("\r")
    if ends and not ends == text.count("\r\n") == text.count("\n"):
        return False
    return text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable()


def write(rows: Rows, delimiter: str = ",") -> str:
    """Write a table with quotes where they are needed.

    Raises:
        BrokenError: Tab-separated values can't hold a field that would need quotes.
    """
    if delimiter == "\t" and any(set(value) & set('\t\n\r"') for row in rows for value in row):
        raise BrokenError
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return written.getvalue().rstrip("\n")


def write_markdown(rows: Rows) -> str:
    """Write a table as Markdown.

    Raises:
        BrokenError: A field holds what means something in Markdown.
    """
    if any(set(value) & set("|\n\r\\`*_<>[]") for row in rows for value in row):
        raise BrokenError
    header, *rest = (f"| {' | '.join(row)} |" for row in rows)
    rule = f"| {' | '.join('---' for _ in rows[0])} |"
    return "\n".join((header, rule, *rest))


def to_node(rows: Rows) -> Node:
    """An array of one object a row; all values are strings."""
    keys = [quoted(name) for name in rows[0]]
    return [
        tuple(zip(keys, map(quoted, row), strict=True))  # a row is as long as the header
        for row in rows[1:]
    ]


def from_node(node: Node) -> Rows:
    """The table of an array of flat objects.

    Numbers and booleans are copied as written, null is an empty field.

    Raises:
        BrokenError: It is no such array, objects differ in their keys, or an empty string and
            null would look alike.
    """
    if not isinstance(node, list) or not node:
        raise BrokenError
    header: list[str] | None = None
    rows: Rows = []
    for item in node:
        if not isinstance(item, tuple):
            raise BrokenError
        names = [unquoted(key) for key, _ in item]
        if header not in (None, names):
            raise BrokenError
        header = names
        rows.append([_field(value) for _, value in item])
    table = [header or [], *rows]
    return _checked(table, node)


def _checked(table: Rows, node: list[Node]) -> Rows:
    literals = {
        value
        for item in node
        if isinstance(item, tuple)
        for _, value in item
        if isinstance(value, str)
    }
    if {'""', "null"} <= literals or len(table[0]) < 2 or len(set(table[0])) < len(table[0]):  # noqa: PLR2004 (two columns)
        raise BrokenError
    if not all(value.isprintable() for row in table for value in row):
        raise BrokenError
    return table


def _field(node: Node) -> str:
    if not isinstance(node, str):
        raise BrokenError
    if node.startswith('"'):
        return unquoted(node)
    return "" if node == "null" else node

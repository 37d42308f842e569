"""SQL text → tokens, for one plain statement; anything unknown is no token."""

import re
from typing import NamedTuple

MAX_CHARS = 20_000
MAX_TOKENS = 800
"""More would take longer to lay out than a skill may."""

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<line>--[^\n]*)"
    r"|(?P<block>/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)"
    r"|(?P<string>'[^'\\]*(?:''[^'\\]*)*')"
    r"|(?P<quoted>\"[^\"\\]+\"|`[^`\\]+`)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<param>:[A-Za-z_]\w*|\$[0-9]+|%s|\?)"
    r"|(?P<sign><>|!=|<=|>=|\|\||::|[-+*/%=<>(),.;])",
    re.ASCII,
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_RESERVED = _set(
    "SELECT DISTINCT FROM WHERE AND OR NOT IN IS NULL LIKE ILIKE BETWEEN EXISTS CASE WHEN THEN ELSE"
    " END JOIN INNER LEFT RIGHT FULL OUTER CROSS ON USING GROUP BY HAVING ORDER LIMIT OFFSET UNION"
    " ALL EXCEPT INTERSECT INSERT INTO VALUES UPDATE SET DELETE AS ASC DESC RETURNING OVER"
    " PARTITION"
)
_FUNCTION_TOO = frozenset(("LEFT", "RIGHT"))
_BEYOND = _set(
    "WITH FOR FETCH WINDOW QUALIFY LATERAL PIVOT UNPIVOT MERGE BEGIN DECLARE CONFLICT DUPLICATE"
    " NATURAL CREATE ALTER DROP GRANT REVOKE TRUNCATE EXEC EXECUTE EXPLAIN RECURSIVE REPLACE TOP"
    " INTERVAL ARRAY ROLLUP CUBE GROUPING LOCK CONNECT MINUS"
    # English that a request goes on with
    " PLEASE THANKS ALSO WRITE CONVERT OPTIMIZE OPTIMISE EXPLAINING TELL SHOW RETURN DESCRIBE WHAT"
    " WHY HOW WHICH THE THIS IT THAT MAKE ADD REWRITE THERE WELL SOON POSSIBLE"
)


class Token(NamedTuple):
    """One token as it will be written; `spaced`: white space stood before it."""

    kind: str
    text: str
    spaced: bool

    @property
    def reserved(self) -> bool:
        """Whether this is a reserved word of SQL."""
        return self.kind == "reserved"


def tokenise(text: str) -> list[Token] | None:
    """Cut a statement into tokens, reserved words in upper case.

    Returns:
        The tokens, or None where a piece is no token or a word lies beyond plain SQL.
    """
    if len(text) > MAX_CHARS:
        return None
    tokens: list[Token] = []
    at, spaced = 0, False
    while found := _TOKEN.match(text, at):
        at = found.end()
        if found.lastgroup == "space":
            spaced = True
            continue
        token = _token(found, spaced, tokens[-1] if tokens else None, text[at : at + 1])
        if token is None or len(tokens) >= MAX_TOKENS:
            return None
        tokens.append(token)
        spaced = False
    return tokens if at == len(text) else None


def _token(
    found: re.Match[str], spaced: bool, before: Token | None, following: str
) -> Token | None:
    kind, text = found.lastgroup or "", found[0]
    previous = before or Token("", "", spaced=False)
    if kind == "line":
        return Token("line comment", text.rstrip(), spaced)
    if kind == "name":
        return _word(text, spaced, previous, following)
    stop = text == "." and (spaced or following.isspace() or not following)
    question = text == "?" and previous.kind in ("name", "number", "string")
    return None if stop or question else Token(kind, text, spaced)  # the marks of prose


def _word(text: str, spaced: bool, before: Token, following: str) -> Token | None:
    word = text.upper()
    if before.text == ".":
        return Token("column", text, spaced)
    if word in _RESERVED and not (word in _FUNCTION_TOO and following == "("):
        return Token("reserved", word, spaced)
    if word in _BEYOND or before.kind == "number":  # "2 spaces"
        return None
    return Token("name", text, spaced)

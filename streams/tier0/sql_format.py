"""SQL laid out anew: "Format this SQL: …", "Pretty-print the following query: …".

Answer: reserved words in upper case, each clause of the outer query on its own line (SELECT, FROM,
each JOIN, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, UNION, VALUES, SET, RETURNING), one
space between words, around comparisons and after commas. Names, functions, strings and comments
are copied as they are, what stands in parentheses stays on its line, a closing `;` stays.

One statement SELECT, INSERT, UPDATE or DELETE. Whatever could be misread is not answered: dialect
words, backslashes in strings, dollar quotes, several statements, and anything in which English may
follow the query.
"""

import re

from streams.tier0.asking import bare, one_line, unfence
from streams.tier0.sql_tokens import Token, tokenise

_GATE_CHARS = 120
_NOUN = (
    r"(?:(?:this|the|that|my) )?(?:(?:following|below|given) )?"
    r"(?:sql(?: (?:query|statement|code|snippet))?|(?:sql )?query)(?: below)?"
)
_REQUEST = re.compile(
    rf"(?:(?:re-?)?format|pretty[- ]?print|prettify|beautify) {_NOUN}"
    r"(?: (?:nicely|properly|for readability))?"
    r"(?:,? (?:with|using|and use) upper[- ]?case(?:d)? keywords)?",
    re.IGNORECASE,
)
_START = re.compile(r"```|`|\b(?:select|insert|update|delete)\b", re.IGNORECASE)
_CLAUSES = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "OFFSET", "UNION",
    "UNION ALL", "EXCEPT", "INTERSECT", "INSERT INTO", "VALUES", "UPDATE", "SET", "DELETE FROM",
    "RETURNING", "JOIN", "INNER JOIN", "CROSS JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN",
    "LEFT OUTER JOIN", "RIGHT OUTER JOIN", "FULL OUTER JOIN",
)  # fmt: skip
_LONGEST_FIRST = tuple(sorted((tuple(c.split()) for c in _CLAUSES), key=len, reverse=True))
_BY_START = {
    start: tuple(words for words in _LONGEST_FIRST if words[0] == start)
    for start, *_ in _LONGEST_FIRST
}
_CONDITIONS = frozenset(("WHERE", "HAVING", "ON"))
_TESTS = frozenset(("NOT", "IN", "LIKE", "ILIKE", "IS", "BETWEEN"))
_LAST_WORDS = frozenset(("END", "NULL", "ASC", "DESC"))
_LAST_SIGNS = frozenset((")", ";", "*"))
_OPERAND_ENDS = frozenset((*_LAST_WORDS, *_LAST_SIGNS))
_OPERANDS = frozenset(("name", "column", "number", "string", "quoted", "param"))
_COMPARISONS = frozenset(("=", "<>", "!=", "<=", ">=", "<", ">"))


def format_sql(text: str) -> str | None:
    """Lay out the one SQL statement that the prompt carries.

    Returns:
        The statement, clause by clause; None where prompt or statement leave a doubt.

    Example:
        >>> print(format_sql("Format this SQL: select a,b from t where a=1"))
        SELECT a, b
        FROM t
        WHERE a = 1
    """
    head = text[:_GATE_CHARS].lower()
    if "sql" not in head and "query" not in head:
        return None
    asked = bare(text)
    start = _START.search(asked)
    if start is None or not _REQUEST.fullmatch(one_line(asked[: start.start()]).rstrip(" :.")):
        return None
    statement = unfence(asked[start.start() :].strip(), "sql", "mysql", "postgresql")
    tokens = None if statement is None else tokenise(statement)
    return _lay(tokens) if tokens and _is_plain(tokens) else None


def _clause_at(tokens: list[Token], at: int) -> int:
    """How many tokens the clause's name takes that begins here; 0 where none does."""
    if not tokens[at].reserved:
        return 0
    for words in _BY_START.get(tokens[at].text, ()):
        if tuple(token.text for token in tokens[at : at + len(words)]) == words:
            return len(words)
    return 0


def _is_plain(tokens: list[Token]) -> bool:
    """Whether this reads as SQL throughout, with no English run into it."""
    if not _clause_at(tokens, 0) or tokens[0].text == "FROM":
        return False
    depth, cases, names, condition = 0, 0, 0, False
    for at, token in enumerate(tokens):
        depth += (token.text == "(") - (token.text == ")")
        names = names + 1 if token.kind == "name" else 0
        if depth < 0 or (token.text == ";" and at != len(tokens) - 1):
            return False
        if token.reserved:
            cases += (token.text == "CASE") - (token.text == "END")
            loose = depth == 0 and cases == 0
            if loose and (_clause_at(tokens, at) or token.text == "ON"):
                condition = token.text in _CONDITIONS
            if loose and _misplaced(token.text, condition=condition):
                return False
        if names > 2 or (at and not _fits(tokens[at - 1], token, condition=condition)):  # noqa: PLR2004 - a name and its alias
            return False
    return depth == 0 and cases == 0 and len(tokens) > 1 and _may_end(*tokens[-2:])


def _may_end(before: Token, last: Token) -> bool:
    """Whether a statement ends here: not broken off, and no last word of English for an alias."""
    if last.kind == "name":
        return before.text not in _OPERAND_ENDS if before.kind in ("reserved", "sign") else False
    if last.kind == "sign":
        return last.text in _LAST_SIGNS
    return not last.reserved or last.text in _LAST_WORDS


def _fits(before: Token, token: Token, *, condition: bool) -> bool:
    """Whether two neighbours read as SQL, and mean the same however they are spaced."""
    signs = before.kind == token.kind == "sign" and not token.spaced
    if signs and (
        token.text in _COMPARISONS or (before.text in _COMPARISONS and token.text not in "(+-")
    ):
        return before.text == ")"  # not "->", "=>", "<<"
    if before.kind == token.kind == "string":
        return False  # joined across a line end, an error across a space
    after_operand = before.kind in _OPERANDS or before.text == ")"
    return not (condition and after_operand and token.kind in _OPERANDS and token.spaced)


def _misplaced(word: str, *, condition: bool) -> bool:
    if word in ("AND", "OR"):
        return not condition
    if word in ("THEN", "WHEN", "ELSE"):
        return True
    return word in _TESTS and not condition


def _lay(tokens: list[Token]) -> str | None:
    written: list[str] = []
    depth, named_until, after = 0, 0, ""
    for at, token in enumerate(tokens):
        depth += token.text == "("
        clause = _clause_at(tokens, at) if depth == 0 and at >= named_until else 0
        if clause and not _is_operator(tokens, at):
            gap, named_until = "\n", at + clause
        else:
            gap = _gap(tokens, at)
        depth -= token.text == ")"
        written.append((after or gap) + token.text)
        after = "\n" if token.kind == "line comment" else ""
    return "".join(written).strip()


def _is_operator(tokens: list[Token], at: int) -> bool:
    """`IS DISTINCT FROM` begins no clause."""
    return tokens[at].text == "FROM" and at > 0 and tokens[at - 1].text == "DISTINCT"


def _gap(tokens: list[Token], at: int) -> str:
    """One space or none before a token."""
    token = tokens[at]
    before = tokens[at - 1].text if at else "("
    if token.text in (",", ")", ";", ".") or before in ("(", "."):
        return ""
    if before == "," or token.text in _COMPARISONS or before in _COMPARISONS:
        return " "
    return " " if token.spaced else ""

"""Tier-0 tasks on text, with the one right answer: JSON, SQL, upper and lower case."""

import re
from collections.abc import Iterator, Mapping

import orjson

from infra.rig.chance import number, pick, share
from infra.rig.wording import Exact

FIELDS: Mapping[str, tuple[object, ...]] = {
    "id": (7, 118, 20318, 4, 991),
    "name": ("Marta Quell", "oak shelf", "Fennel 3", "Oluf Brandt", "Café Sorn"),
    "active": (True, False),
    "price": (12.5, 189, 4.75, 0.99),
    "tags": (["new", "sale"], [], ["rail", "coast", "steam"], ["a"]),
    "address": (
        {"street": "14 Tanner Lane", "town": "Oldwick"},
        {"street": "Mill Gate 3", "town": "Karn", "floor": 3},
        {},
    ),
    "note": (None, "call first, then ring", 'the "old" one', "a: b"),
    "created": ("2025-03-11", "2024-12-01T08:15:00Z"),
    "lines": (
        [{"sku": "oak-12", "qty": 3}, {"sku": "ash-4", "qty": 1}],
        [{"sku": "pen", "qty": 20, "gift": True}],
    ),
    "scores": ([1, 2, 3], [98.5, 71, 64.25], [[1, 0], [0, 1]]),
    "retries": (0, 3, 5),
    "limits": ({"low": -25, "high": 60}, {"low": 2, "high": 25, "unit": "C"}),
}
FORMAT_JSON = (
    "Format this JSON: {0}", "Format this JSON:\n{0}", "Pretty-print this JSON:\n\n{0}",
    "Please format the following JSON:\n{0}", "format json {0}", "Pretty print this JSON: {0}",
    "Format the following JSON:\n```json\n{0}\n```", "Beautify this JSON: {0}",
)  # fmt: skip
MINIFY_JSON = (
    "Minify this JSON:\n{0}",
    "Minify the following JSON: {0}",
    "Compact this JSON:\n{0}",
)
FOUR_SPACES = ("Format this JSON with 4 spaces:\n{0}", "Format this JSON with an indent of 4: {0}")


def json_tasks() -> Iterator[Exact]:
    """40 tasks: 30 to indent by two spaces, 4 by four, 6 to minify."""
    for n, ways in enumerate([FORMAT_JSON] * 30 + [FOUR_SPACES] * 4 + [MINIFY_JSON] * 6):
        thing = f"json {n}"
        value = _an_object(thing)
        indented = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
        compact = orjson.dumps(value).decode()
        wide = re.sub(r"^ +", lambda found: found[0] * 2, indented, flags=re.MULTILINE)
        given, wanted = {
            FORMAT_JSON: (_spaced(compact) if n % 3 else compact, indented),
            FOUR_SPACES: (compact, wide),
            MINIFY_JSON: (indented, compact),
        }[ways]
        yield Exact("tier0/json", pick(ways, thing, "how").format(given), wanted)


def _an_object(thing: str) -> object:
    """Three to seven fields in some order; one in five stands in a list."""
    names = sorted(FIELDS, key=lambda name: share(thing, f"order of {name}"))
    chosen = names[: number(3, 7, thing, "fields")]
    made = {name: pick(FIELDS[name], thing, name) for name in chosen}
    second = {"id": number(200, 900, thing, "second")}
    return pick((made, made, made, made, [made, second]), thing, "list")


def _spaced(compact: str) -> str:
    """The same JSON as careless people type it: spaces after some commas outside of text."""
    return re.sub(r'([,{])(?=")', r"\1  ", compact)


SQL = (
    (("id", "name", "price"), "products", None, ("price > 10", "category = 'oak'"), (), "price DESC", 20),
    (("name", "joined_at"), "customers", None, ("joined_at >= '2025-01-01'",), (), "name", None),
    (("customer_id", "sum(total)"), "orders", None, ("state <> 'cancelled'",), ("customer_id",), "customer_id", None),
    (("o.id", "c.name"), "orders o", "customers c ON c.id = o.customer_id", ("o.total > 100",), (), "o.id", 5),
    (("category", "count(*)"), "products", None, (), ("category",), "category", None),
    (("sensor", "max(value)"), "readings", None, ("value > 0",), ("sensor",), None, None),
    (("*",), "visits", None, ("page = '/map'", "seconds > 30"), (), "seconds DESC", 100),
    (("p.name", "g.exam", "g.grade"), "pupils p", "grades g ON g.pupil = p.id", ("g.grade < 4",), (), "p.name", None),
    (("town", "avg(age)"), "members", None, ("active = 1",), ("town",), "town", 10),
    (("title", "author"), "books", None, ("shelf = 'C12'", "lent = 0"), (), "author", None),
    (("code", "hits"), "links", None, ("hits > 1000",), (), "hits DESC", 3),
    (("host", "at", "level"), "logs", None, ("level = 'error'", "host = 'db-3'"), (), "at", 50),
    (("sku",), "stock", None, ("amount < 5",), (), None, None),
    (("i.sku", "sum(i.quantity)"), "items i", "orders o ON o.id = i.order_id", ("o.state = 'sent'",), ("i.sku",), "i.sku", None),
)  # fmt: skip
FORMAT_SQL = (
    "Format this SQL: {0}", "Format this SQL query:\n{0}", "Pretty-print this SQL:\n{0}",
    "Please format the following SQL:\n\n{0}", "format sql {0}", "Format the following SQL query: {0}",
    "Format this SQL:\n```sql\n{0}\n```",
)  # fmt: skip


def sql_tasks() -> Iterator[Exact]:
    """28 statements typed in one line; wanted are keywords in capitals and a clause a line."""
    for n in range(28):
        columns, table, join, conditions, groups, order, limit = SQL[n % len(SQL)]
        thing = f"sql {n}"
        limit = limit if n < len(SQL) else number(6, 90, thing, "limit")
        clauses = [f"SELECT {', '.join(columns)}", f"FROM {table}"]
        clauses += [f"JOIN {join}"] if join else []
        clauses += [f"WHERE {' AND '.join(conditions)}"] if conditions else []
        clauses += [f"GROUP BY {', '.join(groups)}"] if groups else []
        clauses += [f"ORDER BY {order}"] if order else []
        clauses += [f"LIMIT {limit}"] if limit else []
        formatted = "\n".join(clauses)
        typed = _as_typed(re.sub(r"\s+", " ", formatted), n)
        yield Exact("tier0/sql", pick(FORMAT_SQL, thing, "how").format(typed), formatted)


KEYWORDS = r"\b(SELECT|FROM|JOIN|ON|WHERE|AND|GROUP BY|ORDER BY|LIMIT|DESC)\b"


def _as_typed(statement: str, n: int) -> str:
    """Keywords in small letters, and every other time without spaces after commas."""
    typed = re.sub(KEYWORDS, lambda found: found[0].lower(), statement)
    return typed.replace(", ", ",") if n % 2 else typed


WORDS = (
    "user account id", "max retry count", "parse http header", "order line total", "is leap year",
    "last seen at", "get next page", "tax due amount", "moving average width", "open bracket stack",
    "customer first name", "default time zone", "write ahead log", "image upload limit", "read only mode",
    "shelf number", "page view counter", "night job runner", "invoice due date", "cold start delay",
    "queue depth alarm", "blue tit nest", "train arrival board", "garden tool rental", "harbour pilot",
)  # fmt: skip
STYLES = ("snake_case", "camelCase", "PascalCase", "kebab-case", "SCREAMING_SNAKE_CASE")
CONVERT = (
    "Convert {0} to {1}", "Convert `{0}` to {1}.", "convert {0} to {1}", "Convert '{0}' to {1}",
    "Please convert {0} to {1}.", 'Convert "{0}" into {1}', "Change {0} to {1}", "Rewrite {0} in {1}.",
)  # fmt: skip
LETTERS = (
    ("upper case", "Convert '{0}' to uppercase", str.upper),
    ("upper case", 'Convert "{0}" to upper case.', str.upper),
    ("lower case", 'Convert "{0}" to lowercase', str.lower),
    ("title case", "Convert '{0}' to title case", str.title),
)


def case_tasks() -> Iterator[Exact]:
    """45 tasks: 36 identifiers to another style, 9 texts to upper, lower or title case."""
    for n in range(36):
        words = WORDS[n % len(WORDS)].split()
        wanted = STYLES[n % 5]
        given = STYLES[(n + 1 + n // 5 % 4) % 5]
        asked = CONVERT[n % len(CONVERT)].format(styled(words, given), wanted)
        yield Exact("tier0/case", asked, styled(words, wanted))
    for n in range(9):
        _, ask, change = LETTERS[n % 4]
        text = WORDS[(n * 2 + 1) % len(WORDS)]
        text = text.upper() if change is str.lower else text
        yield Exact("tier0/case", ask.format(text), change(text))


def styled(words: list[str], style: str) -> str:
    """Words as one identifier, such as `maxRetryCount`."""
    capitals = "".join(word.capitalize() for word in words)
    return {
        "snake_case": "_".join(words),
        "camelCase": words[0] + capitals[len(words[0]) :],
        "PascalCase": capitals,
        "kebab-case": "-".join(words),
        "SCREAMING_SNAKE_CASE": "_".join(words).upper(),
    }[style]

"""ClickHouse in this process: chdb, one engine a process, its folder locked.

Every statement has a connection of its own, so that settings and the database it names end with
it; opening one takes 0.3 ms.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import chdb
from chdb.state.sqlitelike import Connection

CODE = re.compile(r"Code: (\d+)\.")
INLINE = re.compile(rb"\b(?:VALUES|SELECT|WITH|FORMAT\s+(?P<form>\w+)[ \t;]*\r?\n?)", re.IGNORECASE)
"""What an insert's rows come from; whatever stands first."""
INSERT = re.compile(rb"\s*INSERT\s", re.IGNORECASE)
TRAILING = re.compile(r"\bFORMAT\s+(\w+)[\s;]*$", re.IGNORECASE)
NAME = re.compile(r"[A-Za-z_]\w*")
UNKNOWN_SETTING = 115
CANNOT_LOCK = "Cannot lock file"


class RefusedError(Exception):
    """The engine refuses a statement; `code` is ClickHouse's own number for why."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        found = CODE.search(message)
        self.code = code if code is not None else int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and what holds for it alone.

    `text` is the SQL and, of an insert, the rows behind its FORMAT clause; `rows` are those that
    came apart from it. `output` is the format of an answer that the SQL does not name.
    """

    text: bytes
    rows: bytes = b""
    database: str = "default"
    output: str = "TabSeparated"
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement led to; `output` is None where it has no rows to give."""

    body: bytes
    output: str | None
    read_rows: int = 0
    written_rows: int = 0


class Engine:
    """The engine of one folder.

    Args:
        folder: Where it keeps its data; made where it is missing.

    Raises:
        RefusedError: Another process has the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = str(folder.resolve())
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._keeper = chdb.connect(self._path)
        except RuntimeError as error:
            raise RefusedError(f"{folder}: can't be opened, another process may hold it") from error

    def run(self, statement: Statement) -> Answer:
        """Run one statement to its end; several may run at once.

        Raises:
            RefusedError: The engine says no.
        """
        connection = chdb.connect(self._path)
        try:
            connection.query(f"USE {_quoted(statement.database, '`')}", "TabSeparated")
            if statement.settings:
                connection.query(f"SET {_assignments(statement.settings)}", "TabSeparated")
            return _run(connection, statement)
        except RuntimeError as error:
            message = str(error)
            at = message.find("Code: ")
            raise RefusedError(message[max(at, 0) :]) from error
        finally:
            connection.close()

    def close(self) -> None:
        """Write all down and let the folder go."""
        self._keeper.close()


def _run(connection: Connection, statement: Statement) -> Answer:
    insert = split_insert(statement.text, statement.rows)
    if insert is not None:
        sql, form, rows = insert
        with connection.send_insert(sql, form) as inserter:
            if rows:
                inserter.append(rows)
            written = inserter.finish().rows_written
        return Answer(b"", None, written_rows=written)
    sql = b"\n".join(part for part in (statement.text, statement.rows) if part).decode()
    result = connection.query(sql, statement.output, params=dict(statement.parameters))
    body = result.bytes() if result.size() else b""
    named = TRAILING.search(sql)
    output = named[1] if named else statement.output
    return Answer(body, output if body else None, read_rows=result.rows_read())


def split_insert(text: bytes, rows: bytes = b"") -> tuple[str, str, bytes] | None:
    r"""An insert of given rows as SQL without its FORMAT, the format, and the rows.

    Returns:
        None for every other statement, INSERT … VALUES and INSERT … SELECT among them.

    Example:
        >>> split_insert(b"INSERT INTO t (a) FORMAT TSV\n1\n")
        ('INSERT INTO t (a)', 'TSV', b'1\n')
        >>> split_insert(b"INSERT INTO t VALUES ('FORMAT x')")
    """
    if not INSERT.match(text):
        return None
    found = INLINE.search(text)
    if found is None or found["form"] is None:
        return None
    head, form = text[: found.start()].decode().strip(), found["form"].decode()
    return head, form, text[found.end() :] + rows


def _assignments(settings: Mapping[str, str]) -> str:
    for name in settings:
        if not NAME.fullmatch(name):
            raise RefusedError(f"Code: {UNKNOWN_SETTING}. Unknown setting {name!r}")
    return ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items())


def _quoted(text: str, mark: str = "'") -> str:
    return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark

"""Numbered SQL, applied once and checksummed; views are made anew after every migrate.

Two that migrate at once do no harm: every statement says IF NOT EXISTS or OR REPLACE.
"""

import re
from pathlib import Path

from clickhouse_connect.driver.client import Client

from streams import ids

HISTORY = "schema_migrations"

CREATE_HISTORY = f"""
CREATE TABLE IF NOT EXISTS {HISTORY}
(
    name String COMMENT 'file of the migration',
    checksum String COMMENT 'SHA-256 of the file',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY name
COMMENT 'Migrations that were applied'
"""

NAME = re.compile(r"\d{4}_\w+\.sql")
DATABASE = re.compile(r"[A-Za-z_]\w*")
TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?\*/ )
  | (?P<quoted> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*` )
  | (?P<end> ; )
  | (?P<other> [^'"`;/-]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


class MigrationError(Exception):
    """The migrations on disk are not those that were applied; the message names the file."""


def ddl_folder() -> Path:
    """The folder with `migrations` and `views`: the wheel's, else the checkout's."""
    here = Path(__file__).resolve().parent
    shipped = here / "ddl"
    return shipped if shipped.is_dir() else here.parents[1] / "infra" / "clickhouse"


def migrate(client: Client, folder: Path, database: str = "tierflow") -> list[str]:
    """Bring a database up to date; made where it is missing.

    Args:
        client: Connected, to any database.
        folder: Has `migrations/NNNN_name.sql` and `views/*.sql`.
        database: Where the tables live.

    Returns:
        Names of the migrations that were applied now, in order; views are not among them.

    Raises:
        MigrationError: An applied file was changed or is gone, a name has no number, or two have
            the same.
    """
    if not DATABASE.fullmatch(database):
        raise MigrationError(f"{database!r} is no name for a database")
    files = _numbered(folder / "migrations")
    client.command(f"CREATE DATABASE IF NOT EXISTS {database}", use_database=False)
    _run(client, CREATE_HISTORY, database)
    applied = _applied(client, database)
    _check(files, applied)
    fresh = [file for name, file in files.items() if name not in applied]
    for file in fresh:
        for statement in statements(file.read_text(encoding="utf-8")):
            _run(client, statement, database)
        row = [[file.name], [_checksum(file)]]
        client.insert(
            HISTORY, row, ["name", "checksum"], database=database, column_oriented=True,
            column_type_names=["String", "String"], settings={"async_insert": 0},
        )  # fmt: skip
    for view in sorted((folder / "views").glob("*.sql")):
        for statement in statements(view.read_text(encoding="utf-8")):
            _run(client, statement, database)
    return [file.name for file in fresh]


def pending(client: Client, folder: Path, database: str = "tierflow") -> list[str]:
    """Names of the migrations that `migrate` would apply.

    Raises:
        MigrationError: As `migrate` does.
    """
    files = _numbered(folder / "migrations")
    exists = client.command(
        "SELECT count() FROM system.tables WHERE database = {database:String} AND name = {name:String}",
        parameters={"database": database, "name": HISTORY},
        use_database=False,
    )
    applied = _applied(client, database) if exists else {}
    _check(files, applied)
    return [name for name in files if name not in applied]


def statements(text: str) -> list[str]:
    r"""Split SQL at the semicolons that are neither in quotes nor in comments; comments go.

    Example:
        >>> statements("SELECT ';' -- one; two\n; SELECT 2;")
        ["SELECT ';'", 'SELECT 2']
    """
    parts = [""]
    for token in TOKEN.finditer(text):
        match token.lastgroup:
            case "comment":
                parts[-1] += " "
            case "end":
                parts.append("")
            case _:
                parts[-1] += token[0]
    return [part.strip() for part in parts if part.strip()]


def _numbered(folder: Path) -> dict[str, Path]:
    files = {file.name: file for file in sorted(folder.glob("*.sql"))}
    if not files:
        raise MigrationError(f"no migrations in {folder}")
    for name in files:
        if not NAME.fullmatch(name):
            raise MigrationError(f"{name}: a migration is called NNNN_what_it_does.sql")
    numbers = [name[:4] for name in files]
    for name, number in zip(files, numbers, strict=True):
        if numbers.count(number) > 1:
            raise MigrationError(f"{name}: another migration has the number {number}")
    return files


def _applied(client: Client, database: str) -> dict[str, str]:
    rows = client.query(f"SELECT name, checksum FROM {database}.{HISTORY} FINAL").result_rows  # noqa: S608 (names checked)
    return {str(name): str(checksum) for name, checksum in rows}


def _check(files: dict[str, Path], applied: dict[str, str]) -> None:
    for name, checksum in applied.items():
        if name not in files:
            raise MigrationError(f"{name} was applied here and is not in this release")
        if _checksum(files[name]) != checksum:
            raise MigrationError(f"{name} was changed after it was applied; write a new migration")


def _checksum(file: Path) -> str:
    return ids.digest(file.read_bytes())


def _run(client: Client, statement: str, database: str) -> None:
    client.command(
        statement, use_database=False, transport_settings={"X-ClickHouse-Database": database}
    )

"""The embedded ClickHouse, as clickhouse-connect and a stranger see it."""

import asyncio
import shutil
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from streams.clickhouse.client import connect
from streams.clickhouse.migrate import MigrationError, ddl_folder, migrate, pending
from streams.clickhouse.rows import TABLES
from streams.rig.process import Child, spawn
from tests.books import Books, count, named, store
from tests.builders import (
    AT,
    a_result,
)

pytestmark = pytest.mark.clickhouse


def ended(books: Books, log: Path) -> tuple[int, str]:
    """Start one that can't run: its exit code and what it said."""
    child = spawn(books.command(), log=log)
    return child.process.wait(20), child.tail()


def get(url: str) -> tuple[int, str, dict[str, str]]:
    """GET: status, body, headers."""
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310 (our own server)
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


def test_it_answers_a_ping_and_a_query_typed_into_a_browser(books: Books) -> None:
    assert get(f"{books.url}/ping")[:2] == (200, "Ok.\n")
    assert get(books.url)[:2] == (200, "Ok.\n")
    assert get(f"{books.url}/?query=SELECT%201%20AS%20a%20FORMAT%20JSONEachRow")[1] == '{"a":1}\n'
    assert get(f"{books.url}/?query=SELECT%207")[1:][0] == "7\n"


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_rows_of_every_type_of_the_books_come_back_as_they_went_in(
    books: Books, compress: bool | str
) -> None:
    own = clickhouse_connect.get_client(
        host="127.0.0.1", port=books.port, compress=compress, tz_mode="aware"
    )
    own.command("DROP TABLE IF EXISTS typed")
    own.command(
        "CREATE TABLE typed (s String, d Nullable(Decimal(18, 12)), t DateTime64(6, 'UTC'),"
        " m Map(String, Float64), a Array(Nullable(Decimal(18, 12))),"
        " l LowCardinality(Nullable(String)), b Bool) ENGINE = MergeTree ORDER BY s"
    )
    rows: list[list[Any]] = [
        ["é'\\\n\t", Decimal("999999.999999999999"), AT + timedelta(microseconds=1), {"q": 0.5},
         [None, Decimal("1E-12")], None, True],
        ["z", None, AT, {}, [], "x", False],
    ]  # fmt: skip
    own.insert("typed", rows)
    assert [list(row) for row in own.query("SELECT * FROM typed ORDER BY s DESC").result_rows] == [
        rows[0],
        rows[1],
    ]


def test_parameters_are_bound_by_the_server(client: Client) -> None:
    hostile = "it's\t\\ é\n'; DROP TABLE x"
    answer = client.query(
        "SELECT {text:String}, {numbers:Array(UInt8)}, {none:Nullable(String)}",
        parameters={"text": hostile, "numbers": [1, 2], "none": None},
    )
    assert answer.first_row == (hostile, [1, 2], None)


def test_inserts_are_told_apart_from_what_they_insert(client: Client) -> None:
    client.command("CREATE TABLE words (w String) ENGINE = MergeTree ORDER BY w")
    client.command("INSERT INTO words VALUES ('a FORMAT b')")
    client.command("INSERT INTO words SELECT 'select FORMAT c'")
    client.command("INSERT INTO words FORMAT CSV", data="values FORMAT d\n")
    client.raw_insert("words", ["w"], "with FORMAT e\n", fmt="TSV")
    assert [row[0] for row in client.query("SELECT w FROM words ORDER BY w").result_rows] == [
        "a FORMAT b",
        "select FORMAT c",
        "values FORMAT d",
        "with FORMAT e",
    ]


def test_a_setting_holds_for_its_statement_alone(client: Client) -> None:
    asked = "SELECT toUInt64(getSetting('max_block_size'))"
    before = client.query(asked).first_row
    assert client.query(asked, settings={"max_block_size": 77}).first_row == (77,)
    assert client.query(asked).first_row == before


def test_a_large_answer_comes_whole(client: Client) -> None:
    answer = client.query("SELECT number, toString(number) FROM numbers(200000)")
    assert answer.row_count == 200_000
    assert answer.result_rows[-1] == (199_999, "199999")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT nope", 47),
        ("SELECT * FROM nope", 60),
        ("SELEC 1", 62),
        ("SELECT 1 SETTINGS no=1", 115),
    ],
)
def test_a_refusal_has_clickhouse_s_own_code(client: Client, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError) as refused:
        client.query(sql)
    assert refused.value.code == code


def test_an_unknown_setting_or_encoding_is_refused(books: Books) -> None:
    status, body, headers = get(f"{books.url}/?query=SELECT%201&no_such_setting=1")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (400, "115")
    assert "no_such_setting" in body
    asked = urllib.request.Request(  # noqa: S310 (our own server)
        books.url, data=b"SELECT 1", headers={"Content-Encoding": "snappy"}
    )
    with pytest.raises(urllib.error.HTTPError, match="500") as refused:
        urllib.request.urlopen(asked)  # noqa: S310 (our own server)
    with refused.value as answer:
        assert "snappy is not known" in answer.read().decode()


def test_many_ask_at_once(books: Books, client: Client) -> None:
    client.command("CREATE TABLE many (n UInt32) ENGINE = MergeTree ORDER BY n")

    def one(number: int) -> int:
        own = connect(books.url, client.database)
        try:
            own.insert("many", [[number]], ["n"], settings={"async_insert": 0})
            return count(own, "many")
        finally:
            own.close()

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(one, range(40)))
    assert min(counts) >= 1
    assert client.query("SELECT count(), sum(n) FROM many").first_row == (40, sum(range(40)))


async def test_it_keeps_its_data_when_it_is_killed_and_its_folder_to_itself(tmp_path: Path) -> None:
    own = Books(tmp_path)
    await own.start()
    client = own.migrated("kept")
    store(client, a_result())
    code, said = await asyncio.to_thread(ended, own, tmp_path / "second")
    assert (code, "another process may hold it" in said) == (1, True)
    own.kill()
    await own.start()
    assert client.query("SELECT task_id FROM results").result_rows == [("t1",)]
    assert isinstance(own.child, Child)
    assert await asyncio.to_thread(own.child.stop, 20) == 0


def test_a_taken_port_is_named(books: Books, tmp_path: Path) -> None:
    own = Books(tmp_path)
    own.port = books.port
    code, said = ended(own, tmp_path / "log")
    assert code == 1
    assert str(books.port) in said


# migrations


def test_migrations_are_applied_once_and_views_every_time(
    books: Books, request: pytest.FixtureRequest
) -> None:
    client, database = connect(books.url), named(request)
    expected = sorted(file.name for file in (ddl_folder() / "migrations").iterdir())
    assert pending(client, ddl_folder(), database) == expected
    assert migrate(client, ddl_folder(), database) == expected
    client.command(f"DROP VIEW {database}.results")
    assert migrate(client, ddl_folder(), database) == []
    assert pending(client, ddl_folder(), database) == []
    assert count(client, f"{database}.results") == 0


def test_a_migration_that_was_changed_or_is_gone_is_refused_by_name(
    books: Books, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    client, database = connect(books.url), named(request)
    folder = tmp_path / "ddl"
    shutil.copytree(ddl_folder(), folder)
    migrate(client, folder, database)
    changed = folder / "migrations" / "0003_create_costs_store.sql"
    changed.write_text(changed.read_text() + "\n-- harmless?\n")
    with pytest.raises(MigrationError, match=r"0003_create_costs_store.sql was changed"):
        migrate(client, folder, database)
    changed.unlink()
    with pytest.raises(MigrationError, match=r"0003_create_costs_store.sql was applied"):
        migrate(client, folder, database)


def test_a_migration_without_a_number_of_its_own_is_refused(
    books: Books, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    client, folder = connect(books.url), tmp_path / "ddl"
    shutil.copytree(ddl_folder(), folder)
    twin = folder / "migrations" / "0001_again.sql"
    twin.write_text("SELECT 1")
    with pytest.raises(MigrationError, match="has the number 0001"):
        migrate(client, folder, named(request))
    twin.rename(folder / "migrations" / "next.sql")
    with pytest.raises(MigrationError, match=r"next.sql: a migration is called"):
        migrate(client, folder, named(request))


def test_a_database_with_a_hostile_name_is_refused(books: Books) -> None:
    with pytest.raises(MigrationError, match="is no name"):
        migrate(connect(books.url), ddl_folder(), "x; DROP DATABASE y")


def test_two_that_migrate_at_once_do_no_harm(books: Books, request: pytest.FixtureRequest) -> None:
    database = named(request)
    clients = [connect(books.url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda own: migrate(own, ddl_folder(), database), clients))
    assert {name for names in done for name in names} == {
        file.name for file in (ddl_folder() / "migrations").iterdir()
    }
    assert pending(clients[0], ddl_folder(), database) == []


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_row_has_the_columns_of_its_table_in_their_order(books: Books, table: Any) -> None:
    client = books.migrated("columns")
    found = client.query(f"DESCRIBE TABLE {table.name}").result_rows
    assert tuple(row[0] for row in found) == table.columns

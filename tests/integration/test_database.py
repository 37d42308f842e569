"""The embedded ClickHouse, as clickhouse-connect and a stranger see it."""

import asyncio
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from streams.calling.settling import settled
from streams.clickhouse import read
from streams.clickhouse.client import connect
from streams.clickhouse.doubts import call_of, cost_of, open_doubts
from streams.clickhouse.insert import Entry, Gathering, Store, Stored
from streams.clickhouse.migrate import MigrationError, ddl_folder, migrate, pending
from streams.clickhouse.rows import TABLES, Place, table_of
from streams.events.envelope import Event
from streams.events.outcome import Usage
from streams.rig.process import Child, spawn
from streams.topology import SUNK
from tests.books import Books
from tests.builders import (
    AT,
    a_call,
    a_cost,
    a_decision,
    a_performance,
    a_policy,
    a_result,
    a_score,
    an_attempt,
)

pytestmark = pytest.mark.clickhouse

EVENTS: tuple[Event, ...] = (
    a_result(attempts=(an_attempt(), an_attempt(outcome="completed"))),
    a_call(),
    a_cost(),
    a_decision(),
    a_score(),
    a_policy(),
    a_performance(),
)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """An embedded ClickHouse of its own."""
    own = Books(tmp_path_factory.mktemp("books"))
    asyncio.run(own.start())
    yield own
    own.kill()


@pytest.fixture
def client(books: Books, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of a database that no other test uses, with every table."""
    migrated = books.migrated(named(request))
    yield migrated
    migrated.close()


def named(request: pytest.FixtureRequest) -> str:
    return "".join(c if c.isalnum() else "_" for c in request.node.name)[:60]


def store(client: Client, *events: Event, first: int = 0) -> None:
    """Put events into their tables, one block each, at rising offsets."""
    topics = {topic.event: topic for topic in SUNK}
    shelf = Store(lambda: client)
    for at, event in enumerate(events, first):
        topic = topics[type(event)]
        table, name = table_of(topic), topic.full_name("tierflow.")
        row = table.build(event, Place(name, 1, at, f"e{at}"))
        gathering = Gathering(table, name, 1)
        gathering.add(Entry(at, f"e{at}", row, 1), 0.0)
        shelf.write(gathering.close())


def ended(books: Books, log: Path) -> tuple[int, str]:
    """Start one that can't run: its exit code and what it said."""
    child = spawn(books.command(), log=log)
    return child.process.wait(20), child.tail()


def count(client: Client, table: str) -> int:
    """How many rows a table or view shows."""
    asked = f"SELECT count() FROM {table}"  # noqa: S608 (named by a test)
    return int(str(client.command(asked)))


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


# the books


def test_every_event_of_the_books_is_stored_and_seen_by_its_plain_name(client: Client) -> None:
    store(client, *EVENTS)
    views = ("results", "calls", "costs", "decisions", "feedback", "policy", "performance")
    for view in views:
        assert count(client, view) == 1, view
    result = next(iter(client.query("SELECT * FROM results").named_results()))
    assert result["task_id"] == "t1"
    assert result["cost_usd"] == Decimal("0.0001")
    assert result["completed_at"] == AT + timedelta(seconds=1.5)
    assert (result["attempts"], result["attempt_outcomes"]) == (2, ["overloaded", "completed"])
    assert "row_version" not in result


def test_a_repeat_at_another_offset_is_seen_once(client: Client) -> None:
    store(client, *EVENTS)
    store(client, *EVENTS, first=500)
    for topic in SUNK:
        table = table_of(topic)
        assert count(client, table.name) == 2
        plain = table.name.removesuffix("_store")
        assert count(client, plain) == 1, plain


def test_a_repeat_in_another_month_is_seen_once(client: Client) -> None:
    later = AT + timedelta(days=70)
    store(client, a_result(), a_result(redrive=1, completed_at=later))
    assert client.query("SELECT redrive, completed_at FROM results").result_rows == [(1, later)]


def test_a_settled_cost_is_seen_instead_of_the_doubt_whatever_came_last(client: Client) -> None:
    settled = a_cost(
        cost_usd=Decimal("0.004"), at_most_usd=Decimal("0.01"), settled_at=AT + timedelta(days=2),
        usage=Usage(input_tokens=900, output_tokens=5, cache_write_1h_tokens=800),
    )  # fmt: skip
    doubt = a_cost(
        standing="in_doubt", cost_usd=Decimal("0.01"), incurred_at=AT + timedelta(days=9)
    )
    store(client, doubt, settled, doubt)
    asked = "SELECT cost_usd, standing, settled_at, at_most_usd, cache_write_1h_tokens FROM costs"
    assert client.query(asked).result_rows == [
        (Decimal("0.004"), "confirmed", AT + timedelta(days=2), Decimal("0.01"), 800)
    ]


def test_the_last_redrive_of_a_task_is_its_result_whatever_its_body(client: Client) -> None:
    refused = a_result("t1", status="failed", body_digest="raw", completed_at=AT + timedelta(1))
    store(client, refused, a_result("t1", redrive=1), a_result("t1", redrive=1))
    store(client, a_result("t2", body_digest="1"), a_result("t2", body_digest="2"), first=300)
    shown = client.query(
        "SELECT task_id, status, redrive FROM results ORDER BY task_id"
    ).result_rows
    assert shown == [("t1", "completed", 1), ("t2", "completed", 0), ("t2", "completed", 0)]
    late = a_result("t1", status="failed", redrive=2, body_digest="raw")
    store(client, late, first=500)
    asked = client.query("SELECT status, redrive FROM results WHERE task_id = 't1'").result_rows
    assert asked == [("failed", 2)]


def test_the_same_block_again_adds_nothing(client: Client) -> None:
    store(client, a_cost())
    store(client, a_cost())
    assert count(client, "costs_store") == 1


def test_the_last_score_counts_and_a_redelivered_older_one_changes_nothing(client: Client) -> None:
    first, second = a_score(score=0.1), a_score(score=0.9, at=AT + timedelta(seconds=1))
    store(client, first, second, first)
    assert client.query("SELECT score FROM feedback").result_rows == [(0.9,)]


def test_a_cell_is_replaced_by_the_one_that_counts_more(client: Client) -> None:
    cells = [a_performance(completed=n) for n in (3, 10, 7)]
    store(client, *cells, a_performance(model=None, tier=0))
    assert client.query(
        "SELECT tier, model, completed FROM performance ORDER BY tier"
    ).result_rows == [(0, None, 10), (2, "small", 10)]


def test_unknown_prices_are_null_and_money_is_exact(client: Client) -> None:
    tiny = [a_cost(f"call-{n}", cost_usd=Decimal("0.000000000001")) for n in range(100)]
    store(client, a_cost("free", cost_usd=None), *tiny)
    assert client.query("SELECT cost_usd FROM costs WHERE call_id = 'free'").first_row == (None,)
    assert client.query("SELECT sum(cost_usd) FROM costs").first_row == (Decimal("1E-10"),)


def test_doubts_are_those_that_nobody_settled_and_the_last_settlement_counts(
    client: Client,
) -> None:
    doubts = {
        name: a_cost(
            name, cost_usd=None, standing="in_doubt", price_version=None, usage=Usage(),
            at_most_usd=Decimal("0.002"), incurred_at=AT - timedelta(minutes=order),
        )
        for order, name in enumerate(("open", "settled", "confirmed", "older"))
    }  # fmt: skip
    first = settled(doubts["settled"], Decimal("0.0010"), at=AT)
    last = settled(first, Decimal("0.0015"), at=AT - timedelta(days=1), answered_by="small-2")
    known = a_cost("confirmed", standing="confirmed")
    store(client, last, *doubts.values(), first, known, a_call("settled"))
    assert open_doubts(client) == [doubts["older"], doubts["open"]]
    assert cost_of(client, "settled") == last
    assert cost_of(client, "confirmed") == known
    assert cost_of(client, "unheard") is None
    assert call_of(client, "settled") == a_call("settled")
    assert call_of(client, "open") is None
    of_doubts = "SELECT sum(cost_usd) FROM costs WHERE settled_at IS NOT NULL"
    assert client.query(of_doubts).first_row == (Decimal("0.0015"),)


def test_the_store_knows_the_last_record_of_each_partition(client: Client) -> None:
    store(client, a_score("a"), a_score("b"), a_score("c"), first=40)
    shelf = Store(lambda: client)
    name = "tierflow.scores.v1"
    table = table_of(next(topic for topic in SUNK if topic.name == "scores"))
    assert shelf.last_stored(table, name) == {1: Stored(42, "e42")}
    assert shelf.last_stored(table, "other.scores.v1") == {}


# the questions


def test_every_question_is_answered_by_empty_books(client: Client) -> None:
    answers = {name: read.ask(client, name) for name in read.names()}
    assert {name for name, rows in answers.items() if rows} == {"totals", "fallback"}
    assert answers["totals"][0]["tasks"] == 0
    assert answers["totals"][0]["low_tier_share"] is None


def test_the_questions_add_up(client: Client) -> None:
    failed, done = an_attempt(), an_attempt(outcome="completed", tier=3, model="medium")
    store(
        client,
        a_result("a", reference_cost_usd=Decimal("0.01"), attempts=(done,)),
        a_result("b", tier=3, model="medium", attempts=(failed, done), cost_usd=Decimal("0.002"),
                 reference_cost_usd=Decimal("0.01")),
        a_result("c", tier=0, model=None, cost_usd=Decimal(0), tenant="acme"),
        a_result("d", status="failed", tier=None, model=None, cost_usd=None, attempts=(failed,)),
        a_cost("call-1"),
        a_cost("call-2", standing="in_doubt"),
        a_cost("call-3", cost_usd=None),
        a_policy(1),
        a_policy(2, thresholds={"1": 0.7}, reason="quality above target"),
        a_score("a", 0.5),
    )  # fmt: skip
    (totals,) = read.ask(client, "totals")
    assert totals == {
        "tasks": 4,
        "completed": 3,
        "failed": 1,
        "cost_usd": Decimal("0.0021"),
        "unpriced": 1,
        "reference_cost_usd": Decimal("0.02"),
        "tier_mix": {"0": 1, "2": 1, "3": 1},
        "low_tier_share": 0.5,
    }
    assert read.ask(client, "fallback") == [{"tasks": 2, "completed": 1}]
    tasks = {row["task_id"]: row for row in read.ask(client, "tasks")}
    assert {name: row["attempts"] for name, row in tasks.items()} == {
        "a": 1,
        "b": 2,
        "c": 0,
        "d": 1,
    }
    assert tasks["d"]["cost_usd"] is None
    saved = read.ask(client, "savings_by_tenant")
    assert [(row["tenant"], row["saved_usd"]) for row in saved] == [("default", Decimal("0.0179"))]
    assert saved[0]["saved_share"] == pytest.approx(0.895)
    (spent,) = read.ask(client, "spend_by_model")
    assert (spent["calls"], spent["unpriced"]) == (3, 1)
    assert (spent["confirmed_usd"], spent["in_doubt_usd"]) == (Decimal("0.0001"), Decimal("0.0001"))
    changes = read.ask(client, "policy_changes")
    assert [row["version"] for row in changes] == [1, 2]
    assert changes[1]["thresholds"] == {"1": 0.7}
    (judged,) = read.ask(client, "feedback_by_tier")
    assert (judged["tier"], judged["scores"], judged["mean_score"]) == (2, 1, 0.5)


def test_a_question_can_be_asked_of_a_tenant_and_a_time(client: Client) -> None:
    store(client, a_result("a"), a_result("b", tenant="acme", completed_at=AT + timedelta(days=3)))
    assert read.ask(client, "totals", tenant="acme")[0]["tasks"] == 1
    assert read.ask(client, "totals", until=AT + timedelta(days=1))[0]["tasks"] == 1
    since = datetime(2200, 1, 1, tzinfo=UTC)
    assert read.ask(client, "totals", since=since)[0]["tasks"] == 0

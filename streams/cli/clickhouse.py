"""`tierflow clickhouse migrate`: ClickHouse's tables and views as the books want them."""

import argparse
from typing import TYPE_CHECKING, Any

from streams.cli.answers import Exit, Subparsers, add_json, command, print_json, read_settings

if TYPE_CHECKING:
    from streams.settings import ClickHouseSettings


def add(subparsers: Subparsers) -> None:
    """Add `clickhouse` and what it does."""
    parser = command(
        subparsers,
        "clickhouse",
        "Create and migrate the tables of the books.",
        "tierflow clickhouse migrate",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="migrate", required=True)
    migrate = command(
        verbs,
        "migrate",
        "Apply the migrations that are missing, in order, and create all views anew.",
        "tierflow clickhouse migrate",
    )
    add_json(migrate)
    migrate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Migrate the database of the settings."""
    from streams.clickhouse.migrate import ddl_folder, migrate

    clickhouse = read_settings(args).clickhouse
    client = connect(clickhouse, args.timeout)
    try:
        applied = migrate(client, ddl_folder(), clickhouse.database)
    finally:
        client.close()
    if args.json:
        for name in applied:
            print_json({"applied": name})
    else:
        print("\n".join(applied) or "tables are as they should be")
    return Exit.DONE


def connect(clickhouse: "ClickHouseSettings", timeout_s: float) -> Any:
    """A client of the database, which is created where it is missing.

    Args:
        clickhouse: Where it is, and who we are.
        timeout_s: How long to wait for a connection.

    Raises:
        ConnectionError: ClickHouse doesn't answer there, or not to us.
    """
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from streams.clickhouse import client as books

    try:
        client = books.connect_as(clickhouse, connect_timeout_s=timeout_s)
        client.command(
            "CREATE DATABASE IF NOT EXISTS {name:Identifier}",
            parameters={"name": clickhouse.database},
        )
        client.database = clickhouse.database
    except books.AccessRefusedError:
        raise
    except (ClickHouseError, OSError) as error:
        raise ConnectionError(
            f"ClickHouse doesn't answer at {clickhouse.url} as {clickhouse.user}: {books.why(error)}"
        ) from error
    return client

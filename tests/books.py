"""The embedded ClickHouse for tests that write books, and a sink as a process of its own.

python -m tests.books BOOTSTRAP PREFIX URL DATABASE SESSION_S      # a sink, until SIGTERM
"""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from streams.clickhouse.client import connect
from streams.clickhouse.insert import Entry, Gathering, Store
from streams.clickhouse.migrate import ddl_folder, migrate
from streams.clickhouse.rows import Place, table_of
from streams.clickhouse.sink import run_sink
from streams.clock import SystemClock
from streams.events.envelope import Event
from streams.rig.process import Child, spawn, until_ready
from streams.topology import SUNK
from tests.wire import access

READY_S = 30.0


class Books:
    """One embedded ClickHouse in a folder: after `kill` it comes back there, on its port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        self.child = spawn(self.command(), log=self.folder / "log")
        await until_ready(self.child, port_file.exists, clock=SystemClock(), timeout_s=READY_S)
        self.port = int(port_file.read_text())

    def command(self) -> list[str]:
        """How it is started."""
        port_file = self.folder / "port"
        return [
            sys.executable, "-m", "streams.rig.database", "--dir", str(self.folder / "data"),
            "--port", str(self.port), "--port-file", str(port_file),
        ]  # fmt: skip

    def migrated(self, database: str) -> Client:
        """A client of a database that has every table."""
        client = connect(self.url)
        migrate(client, ddl_folder(), database)
        client.close()
        return connect(self.url, database)

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self.child is not None:
            self.child.kill()


def named(request: pytest.FixtureRequest) -> str:
    """A database of the test's own."""
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


def count(client: Client, table: str) -> int:
    """How many rows a table or view shows."""
    asked = f"SELECT count() FROM {table}"  # noqa: S608 (named by a test)
    return int(str(client.command(asked)))


async def _main(bootstrap: str, prefix: str, url: str, database: str, session_s: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_sink(
        access=access(bootstrap), prefix=prefix, clickhouse_url=url, database=database, stop=stop,
        clock=SystemClock(), session_timeout_s=float(session_s), on_ready=lambda: print("ready", flush=True),  # noqa: T201
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

"""The embedded ClickHouse for tests that write books, and a sink as a process of its own.

python -m tests.books BOOTSTRAP PREFIX URL DATABASE SESSION_S      # a sink, until SIGTERM
"""

import asyncio
import signal
import sys
from pathlib import Path

from clickhouse_connect.driver.client import Client

from streams.clickhouse.client import connect
from streams.clickhouse.migrate import ddl_folder, migrate
from streams.clickhouse.sink import run_sink
from streams.clock import SystemClock
from streams.rig.process import Child, spawn, until_ready
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


async def _main(bootstrap: str, prefix: str, url: str, database: str, session_s: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_sink(
        access=access(bootstrap), prefix=prefix, clickhouse_url=url, database=database, stop=stop,
        clock=SystemClock(), session_timeout_s=float(session_s), on_ready=lambda: print("ready", flush=True),  # noqa: T201
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

"""Deterministic blocks: the rows of a run of offsets of one partition, and the token that names it.

A block ends at a multiple of 5,000 offsets, at 8 MiB, or a second after it began. Identity of rows
is what keeps the books right; the token saves the work of a retry.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from streams import ids
from streams.clickhouse.rows import Row, Table

RUN_OFFSETS = 5_000
"""A block lies within one run of so many offsets."""

BLOCK_BYTES = 8 << 20
BLOCK_S = 1.0
DIGEST_CHARS = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as the books take it.

    `row` is None where there is nothing to store: a tombstone, or a record that was buried.
    """

    offset: int
    event_id: str
    row: Row | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Block:
    """A run of one partition's records, closed: it never changes, so a retry repeats it."""

    table: Table
    topic: str
    partition: int
    entries: tuple[Entry, ...]

    @property
    def first(self) -> int:
        """Its first offset."""
        return self.entries[0].offset

    @property
    def last(self) -> int:
        """Its last offset."""
        return self.entries[-1].offset

    @property
    def rows(self) -> list[Row]:
        """What is to be stored, in the order of the log."""
        return [entry.row for entry in self.entries if entry.row is not None]

    @property
    def token(self) -> str:
        """Names exactly these records of these offsets."""
        known = ids.digest("\n".join(entry.event_id for entry in self.entries).encode())
        place = f"{self.table.name}/{self.topic}/{self.partition}/{self.first}-{self.last}"
        return f"{place}/{known[:DIGEST_CHARS]}"


@dataclass(slots=True)
class Gathering:
    """The block of one partition that is still open."""

    table: Table
    topic: str
    partition: int
    entries: list[Entry] = field(default_factory=list)
    size_bytes: int = 0
    since_s: float = 0.0

    def add(self, entry: Entry, now_s: float) -> list[Block]:
        """Take the next record of the partition.

        Args:
            entry: Its offset lies behind those taken before; gaps are allowed.
            now_s: Seconds of a clock that never runs backwards.

        Returns:
            The blocks that this ended, in order: none, one or two.
        """
        ended = []
        if self.entries and entry.offset // RUN_OFFSETS != self.entries[0].offset // RUN_OFFSETS:
            ended.append(self.close())
        if not self.entries:
            self.since_s = now_s
        self.entries.append(entry)
        self.size_bytes += entry.size_bytes
        if (entry.offset + 1) % RUN_OFFSETS == 0 or self.size_bytes >= BLOCK_BYTES:
            ended.append(self.close())
        return ended

    def is_due(self, now_s: float) -> bool:
        """Whether its second is over."""
        return bool(self.entries) and now_s - self.since_s >= BLOCK_S

    def close(self) -> Block:
        """The block as it stands; the next record begins another."""
        block = Block(self.table, self.topic, self.partition, tuple(self.entries))
        self.entries, self.size_bytes = [], 0
        return block


@dataclass(frozen=True, slots=True)
class Stored:
    """The last record of a partition that a table holds."""

    offset: int
    event_id: str


class Store:
    """The stored tables of one database. Blocking: called from threads, one call at a time.

    Args:
        connect: Opens a client of the database; called when one is needed.
    """

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._types: dict[str, list[str]] = {}

    def write(self, block: Block) -> int:
        """Insert a block, all or nothing; once under its token, however often it is repeated.

        Returns:
            How many rows it has.

        Raises:
            clickhouse_connect.driver.exceptions.Error: ClickHouse is away or refuses.
        """
        rows = block.rows
        if rows:
            client = self._opened()
            client.insert(
                block.table.name,
                list(zip(*rows, strict=True)),
                column_names=block.table.columns,
                column_type_names=self._column_types(client, block.table),
                column_oriented=True,
                settings={"insert_deduplication_token": block.token, "async_insert": 0},
            )
        return len(rows)

    def last_stored(self, table: Table, topic: str) -> dict[int, Stored]:
        """What a table holds of a topic, by partition.

        Raises:
            clickhouse_connect.driver.exceptions.Error: ClickHouse is away or refuses.
        """
        found = self._opened().query(
            f"SELECT partition, max(offset), argMax(event_id, offset) FROM {table.name}"  # noqa: S608 (our own name)
            " WHERE topic = {topic:String} GROUP BY partition",
            parameters={"topic": topic},
        )
        return {int(part): Stored(int(at), str(name)) for part, at, name in found.result_rows}

    def ping(self) -> None:
        """See whether ClickHouse answers.

        Raises:
            clickhouse_connect.driver.exceptions.Error: It does not.
        """
        self._opened().query("SELECT 1")

    def close(self) -> None:
        """Let the connections go."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _opened(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _column_types(self, client: Client, table: Table) -> list[str]:
        """Asked once a table, not before every insert."""
        if table.name not in self._types:
            described = client.query(f"DESCRIBE TABLE {table.name}").result_rows
            types = {str(row[0]): str(row[1]) for row in described}
            self._types[table.name] = [types[column] for column in table.columns]
        return self._types[table.name]

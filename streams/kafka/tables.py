"""Faust tables whose changelog is awaited: recovery is Faust's, writing is confirmed by us.

Faust assigns changelog partitions beside their sources and rebuilds the tables. A write goes to
the changelog through the worker's own producer, on the source record's partition, and reaches the
table only when it is confirmed.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import faust
import orjson

from streams.events.envelope import Part
from streams.kafka.publish import Outgoing
from streams.topology import Table

S = TypeVar("S", bound=Part)

PRUNED_AT_ONCE = 2_000


class TableView(Mapping[str, S], Generic[S]):
    """State by key: what is confirmed, overlaid by what the present batch has put.

    Args:
        table: Its row in the topology.
        state: The class of its values.
        faust_table: Faust's table over bytes, or None for a table in memory alone.
        changelog: Full name of its changelog topic.
    """

    def __init__(
        self, table: Table, state: type[S], faust_table: Any = None, changelog: str = ""
    ) -> None:
        self.table = table
        self._state = state
        self._faust = faust_table
        self._changelog = changelog
        self._memory: dict[bytes, bytes] = {}
        self._overlay: dict[str, S | None] = {}

    @property
    def _stored(self) -> dict[bytes, bytes]:
        return self._memory if self._faust is None else self._faust.data.data

    def __getitem__(self, key: str) -> S:
        if key in self._overlay:
            value = self._overlay[key]
            if value is None:
                raise KeyError(key)
            return value
        return self._state.model_validate(orjson.loads(self._stored[key.encode()]))

    def __contains__(self, key: object) -> bool:
        if key in self._overlay:
            return self._overlay[key] is not None
        return isinstance(key, str) and key.encode() in self._stored

    def __iter__(self) -> Iterator[str]:
        yield from (key for key, value in self._overlay.items() if value is not None)
        yield from (k for raw in self._stored if (k := raw.decode()) not in self._overlay)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def overlay(self, key: str, value: S | None) -> None:
        """Let the rest of the batch see a write that is not confirmed yet."""
        self._overlay[key] = value

    def drop_overlay(self) -> None:
        """The batch is over, or was given up."""
        self._overlay.clear()

    def outgoing(self, key: str, value: S | None, partition: int) -> Outgoing:
        """The changelog record of a write; a value of None is a tombstone."""
        return Outgoing(self._changelog, key.encode(), encode(value), (), partition)

    def apply(self, key: str, encoded: bytes | None, partition: int) -> None:
        """Take in a write whose changelog record is confirmed."""
        raw = key.encode()
        stored = self._stored
        stored.pop(raw, None)  # to the end: the order of writing is the order of pruning
        if encoded is not None:
            stored[raw] = encoded
        if self._faust is not None:
            self._faust.data._key_partition[raw] = partition  # noqa: SLF001 (cleared by Faust when lost)

    def overdue(self, now: datetime) -> list[tuple[str, int]]:
        """The oldest keys past the table's limits of age and number, with their partitions.

        At most `PRUNED_AT_ONCE`: nothing walks a whole table.
        """
        stored = self._stored
        excess = len(stored) - self.table.keys if self.table.keys else 0
        oldest = now - timedelta(seconds=self.table.keep_s)
        found: list[tuple[str, int]] = []
        for raw, value in stored.items():
            if len(found) >= PRUNED_AT_ONCE:
                break
            stale = self.table.keep_s and _written_at(value) < oldest
            if len(found) >= excess and not stale:
                break
            found.append((raw.decode(), self._partition(raw)))
        return found

    def _partition(self, raw: bytes) -> int:
        if self._faust is None:
            return 0
        return int(self._faust.data._key_partition.get(raw, 0))  # noqa: SLF001 (no public name)


def encode(value: Part | None) -> bytes | None:
    """A table's value as JSON, or None for a tombstone."""
    return None if value is None else orjson.dumps(value.model_dump(mode="json"))


def _written_at(value: bytes) -> datetime:
    return datetime.fromisoformat(orjson.loads(value)["at"])


def declare(app: faust.App, table: Table, partitions: int) -> Any:
    """Declare a Faust table over bytes, kept in memory and rebuilt from its changelog."""
    return app.Table(table.name, key_type=bytes, value_type=bytes, partitions=partitions)

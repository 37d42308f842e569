"""All that a deployment wrote, gathered so that it can be searched."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import clickhouse_connect
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests import wire
from tests.inside import Said
from tests.leaks import leaks


@dataclass
class Written:
    """All that was written, by where; `public` is where no task's text may stand either."""

    everywhere: dict[str, bytes] = field(default_factory=dict)
    public: dict[str, bytes] = field(default_factory=dict)

    def add(self, where: str, what: bytes | str) -> None:
        """Something that holds tasks by its nature."""
        self.everywhere[where] = what.encode() if isinstance(what, str) else what

    def tell(self, where: str, what: bytes | str) -> None:
        """Something that holds none."""
        self.add(where, what)
        self.public[where] = self.everywhere[where]

    def read(self, where: str, file: str) -> None:
        """A file that holds none."""
        self.tell(where, Path(file).read_bytes())

    def heard(self, where: str, said: Said, *, public: bool = True) -> Said:
        """What a command said."""
        keep = self.tell if public else self.add
        keep(where, f"{said.out}\n{said.err}")
        return said

    def secrets(self, secrets: Iterable[str]) -> dict[str, list[str]]:
        """Where secrets stand."""
        found = {where: leaks(what, secrets) for where, what in self.everywhere.items()}
        return {where: told[:3] for where, told in found.items() if told}

    def texts(self, words: Collection[str]) -> dict[str, list[str]]:
        """Where words of tasks stand that have no business there."""
        return {
            where: [word for word in words if word.encode() in what]
            for where, what in self.public.items()
            if any(word.encode() in what for word in words)
        }


async def all_records(bootstrap: str, prefix: str) -> dict[str, bytes]:
    """Every topic and changelog under a prefix: keys, values and headers, to their ends."""
    async with wire.admin(bootstrap) as admin:
        topics = [name for name in await admin.list_topics() if name.startswith(prefix.rstrip("."))]
        described = await admin.describe_topics(topics)
    found = dict.fromkeys(topics, b"")
    consumer = AIOKafkaConsumer(**wire.options(bootstrap), fetch_max_wait_ms=wire.FETCH_WAIT_MS)
    await consumer.start()
    try:
        waiting = {
            TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]
        }
        consumer.assign(waiting)
        await consumer.seek_to_beginning(*waiting)
        while waiting:
            for tp, records in (await consumer.getmany(timeout_ms=wire.FETCH_WAIT_MS)).items():
                found[tp.topic] += b"\n".join(
                    b"\n".join((r.key or b"", r.value or b"", repr(r.headers).encode()))
                    for r in records
                )
            for tp in tuple(waiting):
                end = consumer.highwater(tp)
                if end is not None and await consumer.position(tp) >= end:
                    waiting.discard(tp)
    finally:
        await consumer.stop()
    return found


def all_rows(env: Mapping[str, str], database: str) -> dict[str, bytes]:
    """Every stored table, whole."""
    url = httpx.URL(env["TIERFLOW_CLICKHOUSE__URL"])
    client = clickhouse_connect.get_client(host=url.host, port=url.port, database=database)
    try:
        tables = [name for (name,) in client.query("SHOW TABLES").result_rows]
        return {
            name: client.raw_query(f"SELECT * FROM {name}", fmt="JSONEachRow")  # noqa: S608 (ours)
            for name in tables
        }
    finally:
        client.close()

"""What a task can't cost less than: Kafka's client alone, and one call by httpx alone.

No tierflow runs here, but for its provider: as many records as a task leads to are read and written
by plain aiokafka, and one request is made in three ways. CPU time of this process; broker and mock
are processes of their own.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.clock import SystemClock
from streams.providers.http import HttpProvider
from streams.providers.port import Deadlines, Reply, prompt_for
from streams.providers.wires import WIRES
from streams.topology import PARTITIONS
from tests import wire
from tests.bench import mock_model, workload
from tests.bench.processor import load
from tests.clusters import Cluster
from tests.wire import options

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

CLOCK = SystemClock()
TASKS = 3_000
READ, WRITTEN = 5, 11
"""Read: task, admitted, assignment, and result and decision for measure and join. Written: admitted,
decision, assignment, intent and outcome to ledger and table each, cost, result, and what the tables
`decided` and `waiting` keep."""

A_POLL = 250
CALLS = 3_000
CONCURRENCY = 64
BODY = b"x" * 1_000
HEADERS = [(f"ce_{n}", b"v" * 20) for n in range(7)]


@pytest.fixture
def port() -> Iterator[int]:
    """Where the mock model answers."""
    with subprocess.Popen(  # noqa: S603 (ours)
        [sys.executable, mock_model.__file__], stdout=subprocess.PIPE
    ) as mock:
        assert mock.stdout is not None
        yield int(mock.stdout.readline())
        mock.kill()


async def test_the_records_of_a_task_by_plain_aiokafka(brokers: list[Cluster], run_id: str) -> None:
    for broker in brokers:
        source, sink = f"floor-{run_id}.in", f"floor-{run_id}.out"
        await wire.create_topic(broker.bootstrap, source, PARTITIONS)
        await wire.create_topic(broker.bootstrap, sink, PARTITIONS)
        records = [(workload.task_id(n), BODY) for n in range(TASKS * READ)]
        await wire.produce(broker.bootstrap, source, records, HEADERS)
        took_us = await shovel(broker.bootstrap, source, sink)
        await wire.delete_topics(broker.bootstrap, f"floor-{run_id}.")
        told = f"{READ} records read and {WRITTEN} written a task, acks=all, {broker.kind} Kafka"
        print(f"\n\nfloor: {told}: {took_us:.0f} CPU µs a task; {load()}")  # noqa: T201


async def shovel(bootstrap: str, source: str, sink: str) -> float:
    """Read all of a topic and write as a worker would: CPU microseconds a task."""
    consumer = AIOKafkaConsumer(
        source,
        **options(bootstrap),
        group_id=f"{source}.group",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    producer = AIOKafkaProducer(**options(bootstrap), acks="all", linger_ms=5)
    async with consumer, producer:
        read, sent, before_s = 0, 0, time.process_time()
        while read < TASKS * READ:
            fetched = await consumer.getmany(timeout_ms=200, max_records=A_POLL)
            taken = [record for records in fetched.values() for record in records]
            read += len(taken)
            waiting = []
            while sent < read * WRITTEN // READ:
                key = taken[sent % len(taken)].key
                waiting.append(await producer.send(sink, BODY, key=key, headers=HEADERS))
                sent += 1
            await asyncio.gather(*waiting)
            await consumer.commit()
        return (time.process_time() - before_s) / TASKS * 1e6


async def test_one_call_in_three_ways(port: int) -> None:
    print(f"\n\nfloor: one call to the mock, {CONCURRENCY} at once; {load()}")  # noqa: T201
    base = f"http://127.0.0.1:{port}/v1"
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 500}]})
    async with HttpProvider(base, WIRES["openai_chat"], CLOCK) as provider:
        prompt = prompt_for(workload.task(1), model="m", call_id="bench-call")

        async def ours() -> None:
            answered = await provider.call(prompt, Deadlines(60.0))
            assert isinstance(answered, Reply)

        show("tierflow's provider over httpx", await each_us(ours))
    await through_httpx(f"{base}/chat/completions", body)
    lines = [await connect(port) for _ in range(CONCURRENCY)]

    async def bare() -> None:
        line = lines.pop()
        assert mock_model.TEXT.encode() in await line.ask(body)
        lines.append(line)

    show("a bare socket and asyncio", await each_us(bare))
    for line in lines:
        line.close()


async def through_httpx(url: str, body: bytes) -> None:
    """The same request by a client of httpx a connection, and nothing around it."""
    limits = httpx.Limits(max_connections=1)
    clients = [httpx.AsyncClient(limits=limits, trust_env=False) for _ in range(CONCURRENCY)]

    async def one() -> None:
        client = clients.pop()
        answer = await client.post(url, content=body)
        assert answer.status_code == 200
        clients.append(client)

    show("httpx alone", await each_us(one))
    for client in clients:
        await client.aclose()


class Line(asyncio.Protocol):
    """A socket that is written to and read from with no grammar but a length."""

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport | None = None
        self._came = b""
        self._answered: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where requests go."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """The mock writes an answer at once: its end is the end of its JSON."""
        self._came += data
        if self._came.endswith(b"}") and self._answered is not None:
            self._answered.set_result(self._came)

    def close(self) -> None:
        """Close the socket."""
        assert self.transport is not None
        self.transport.close()

    async def ask(self, body: bytes) -> bytes:
        """Post a body: the answer, its head and all."""
        assert self.transport is not None
        self._came, self._answered = b"", asyncio.get_running_loop().create_future()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % len(body) + body)
        return await self._answered


async def connect(port: int) -> Line:
    """A connection to the mock."""
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(Line, "127.0.0.1", port)
    return line


async def each_us(one: Callable[[], Awaitable[None]]) -> float:
    """CPU microseconds of one call, many at once, their connections open already."""

    async def some(count: int) -> None:
        for _ in range(count):
            await one()

    async def all_at_once(each: int) -> float:
        before_s = time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(some(each))
        return time.process_time() - before_s

    await all_at_once(1)
    return await all_at_once(CALLS // CONCURRENCY) / (CALLS // CONCURRENCY * CONCURRENCY) * 1e6


def show(name: str, took_us: float) -> None:
    """Print one line."""
    print(f"  {name:<32}{took_us:6.0f} CPU µs a call")  # noqa: T201

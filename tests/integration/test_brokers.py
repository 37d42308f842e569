"""What every Kafka that we test on must do, and what only a real one does."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.clock import SystemClock
from tests.clusters import Cluster
from tests.wire import consume_all, create_topic, options, produce

pytestmark = pytest.mark.broker

SESSION_MS = 2000


async def joined(bootstrap: str, topic: str, group: str) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(
        topic,
        **options(bootstrap),
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=200,
    )
    await consumer.start()
    return consumer


async def read(consumer: AIOKafkaConsumer, count: int) -> list[bytes]:
    values: list[bytes] = []
    async with asyncio.timeout(20):
        while len(values) < count:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                values += [record.value for record in batch]
    return values


async def test_records_come_back_whole_from_every_partition(broker: Cluster, prefix: str) -> None:
    topic = f"{prefix}all"
    await create_topic(broker.bootstrap, topic, partitions=3)
    assert await consume_all(broker.bootstrap, topic) == []
    sent = [(f"k{i}", f"v{i}".encode()) for i in range(100)]
    await produce(broker.bootstrap, topic, sent)
    found = await consume_all(broker.bootstrap, topic)
    assert sorted((r.key.decode(), r.value) for r in found) == sorted(sent)
    assert {r.partition for r in found} == {0, 1, 2}


async def test_a_topic_that_is_there_already_is_refused(broker: Cluster, prefix: str) -> None:
    await create_topic(broker.bootstrap, f"{prefix}once")
    with pytest.raises(KafkaError):
        await create_topic(broker.bootstrap, f"{prefix}once")


@pytest.mark.secured
async def test_a_group_goes_on_where_it_committed(broker: Cluster, prefix: str) -> None:
    topic, group = f"{prefix}groups", f"{prefix}group"
    await create_topic(broker.bootstrap, topic)
    await produce(broker.bootstrap, topic, ((None, str(i).encode()) for i in range(10)))
    first = await joined(broker.bootstrap, topic, group)
    assert await read(first, 10) == [str(i).encode() for i in range(10)]
    await first.commit({TopicPartition(topic, 0): 4})
    await first.stop()
    second = await joined(broker.bootstrap, topic, group)
    assert await second.committed(TopicPartition(topic, 0)) == 4
    assert await read(second, 6) == [str(i).encode() for i in range(4, 10)]
    await second.stop()


async def test_two_members_of_a_group_share_its_partitions(broker: Cluster, prefix: str) -> None:
    topic, group = f"{prefix}shared", f"{prefix}group"
    await create_topic(broker.bootstrap, topic, partitions=4)
    one = await joined(broker.bootstrap, topic, group)
    two = await joined(broker.bootstrap, topic, group)
    async with asyncio.timeout(20):
        while not (len(one.assignment()) == len(two.assignment()) == 2):
            await asyncio.gather(one.getmany(timeout_ms=100), two.getmany(timeout_ms=100))
    assert one.assignment() | two.assignment() == {TopicPartition(topic, n) for n in range(4)}
    await one.stop()
    await two.stop()


@pytest.mark.secured
async def test_what_was_acknowledged_survives_kill_9_of_the_broker(
    broker: Cluster, prefix: str
) -> None:
    if broker.kind != "apache":
        pytest.skip("only the broker that is ours and keeps its data is killed")
    topic, group = f"{prefix}kept", f"{prefix}group"
    await create_topic(broker.bootstrap, topic, partitions=2)
    sent = [(f"k{i}", f"v{i}".encode()) for i in range(1000)]
    await produce(broker.bootstrap, topic, sent)
    before = await joined(broker.bootstrap, topic, group)
    partition = TopicPartition(topic, 1)
    await before.commit({partition: 3})
    await before.stop()

    at, clock = broker.bootstrap, SystemClock()
    began_s = clock.monotonic_s()
    broker.kill()
    broker.start()
    assert clock.monotonic_s() - began_s < 20
    assert broker.bootstrap == at

    found = await consume_all(broker.bootstrap, topic)
    assert sorted((r.key.decode(), r.value) for r in found) == sorted(sent)
    after = await joined(broker.bootstrap, topic, group)
    assert await after.committed(partition) == 3
    await after.stop()

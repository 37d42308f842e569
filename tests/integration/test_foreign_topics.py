"""Topics of others, to which copies go: one that is there, one that is not, one that comes."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from streams.clock import SystemClock
from streams.kafka.publish import ABSENT_S, Outgoing, Publisher
from tests import wire
from tests.clusters import Cluster
from tests.fakes import ManualClock

pytestmark = pytest.mark.broker


@pytest.fixture
async def producer(broker: Cluster) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    await client.start()
    yield client
    await client.stop()


def copy(topic: str) -> Outgoing:
    return Outgoing(topic, b"t1", b"{}", foreign=True)


async def test_a_topic_that_is_not_there_is_refused_at_once_and_the_others_get_theirs(
    broker: Cluster, prefix: str, producer: AIOKafkaProducer
) -> None:
    there, missing = f"{prefix}there", f"{prefix}missing"
    await wire.create_topic(broker.bootstrap, there)
    publisher, clock = Publisher(producer, ManualClock()), SystemClock()
    began_s = clock.monotonic_s()
    verdicts = await publisher.confirm([copy(missing), copy(there), copy(missing)])
    assert clock.monotonic_s() - began_s < 5
    assert [verdict is None for verdict in verdicts] == [False, True, False]
    assert len(await wire.consume_all(broker.bootstrap, there)) == 1


async def test_a_topic_that_comes_later_gets_its_copies_then(
    broker: Cluster, prefix: str, producer: AIOKafkaProducer
) -> None:
    late, clock = f"{prefix}late", ManualClock()
    publisher = Publisher(producer, clock)
    (before,) = await publisher.confirm([copy(late)])
    await wire.create_topic(broker.bootstrap, late)
    clock.move(ABSENT_S)
    (after,) = await publisher.confirm([copy(late)])
    assert (before is None, after) == (False, None)

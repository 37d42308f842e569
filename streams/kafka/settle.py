"""Books the end of doubts: cost events that an operator brings, on the partitions of their tasks."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from streams.clock import Clock
from streams.events.envelope import Envelope
from streams.events.outcome import Cost
from streams.kafka.cluster import RefusedError, administered, partitions
from streams.kafka.publish import Publisher, dress, partition_of
from streams.kafka.redrive import MissingTopicError
from streams.kafka.security import Access
from streams.topology import COSTS

SOURCE = "tierflow/settle"
AT_ONCE = 1000
PATIENCE = 6
"""So many times the time to reach the cluster a batch may take to be confirmed."""


async def publish(
    access: Access,
    prefix: str,
    costs: Sequence[tuple[str, Cost]],
    clock: Clock,
    *,
    timeout_s: float,
) -> None:
    """Publish settled costs, and return when all are confirmed.

    Args:
        access: Where the cluster is, and as whom we come.
        prefix: Of every topic's name.
        costs: The id of each event, and the event.
        clock: Spaces retries.
        timeout_s: How long to try to reach the cluster.

    Raises:
        ConnectionError: No broker answered.
        MissingTopicError: There is no topic of costs.
        RefusedError: The broker refuses one for good.
        TimeoutError: The broker doesn't confirm.
    """
    name = COSTS.full_name(prefix)
    async with administered(access, timeout_s) as admin:
        if name not in await admin.list_topics():
            raise MissingTopicError(f"topic {name} is not there: run `tierflow topics apply`")
        count = len(await partitions(admin, [name]))
    producer = AIOKafkaProducer(
        **access.options(), acks="all", linger_ms=5, max_request_size=COSTS.record_bytes
    )
    await producer.start()
    try:
        publisher = Publisher(producer, clock)
        for at in range(0, len(costs), AT_ONCE):
            batch = [
                dress(
                    COSTS.name, cost.call_id, cost,
                    Envelope(
                        id=event_id, type=cost.TYPE, source=SOURCE,
                        time=cost.settled_at or cost.incurred_at, cause=cost.call_id,
                    ),
                    prefix,
                    partition=partition_of(cost.task_id.encode(), count),
                )
                for event_id, cost in costs[at : at + AT_ONCE]
            ]  # fmt: skip
            async with asyncio.timeout(PATIENCE * timeout_s):
                verdicts = await publisher.confirm(batch)
            if refused := next((verdict for verdict in verdicts if verdict is not None), None):
                raise RefusedError(f"the broker refuses a cost: {refused}")
    finally:
        await producer.stop()

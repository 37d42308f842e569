"""A worker for `test_faust_606_…`: does records out of order, and one of them never.

faust_606_worker.py BOOTSTRAP TOPIC GROUP STUCK     prints each value when it is done
"""

import asyncio
import sys
from typing import Any

import faust

from streams.kafka.consumer import RunConsumer, RunTransport
from streams.worker import credentials
from tests.wire import access


async def work(bootstrap: str, topic: str, group: str, stuck: str) -> None:
    """Settle every record that is not `stuck`, the later ones of a run first."""
    app: Any = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        loop=asyncio.get_running_loop(),
        broker_credentials=credentials(access(bootstrap)),
        store="memory://",
        broker_commit_interval=0.1,
        broker_session_timeout=2.0,
        broker_heartbeat_interval=0.3,
        stream_wait_empty=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    RunConsumer.access = access(bootstrap)
    RunConsumer.fetch_wait_ms = 50
    app.transport = RunTransport(app.conf.broker_consumer, app)
    source = app.topic(topic, key_type=bytes, value_type=bytes, value_serializer="raw")

    async def settle_out_of_order(stream: Any) -> None:
        async for event in stream.noack().events():
            run = event.message
            for record in reversed(run.records):
                if record.value.decode() == stuck:
                    continue
                print(record.value.decode(), flush=True)  # noqa: T201 (what the test reads)
                app.consumer.settle(run.tp, record.offset, run.generation_id)

    app.agent(source)(settle_out_of_order)
    async with app:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))

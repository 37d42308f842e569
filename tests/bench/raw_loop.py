"""The baseline: classify as a plain aiokafka loop, without tables, outbox, roles or Faust.

raw_loop.py BOOTSTRAP PREFIX MODELS [CHANGELOG]

It decodes, decides and encodes with the same code, and awaits all sends of a batch before it
commits. With CHANGELOG, a topic, it also writes what the table `decided` would keep, in the same
awaited batch. It does not look whether a task was decided before.
"""

import asyncio
import sys
import tomllib
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams import ids
from streams.agents.classify import Decided
from streams.clock import SystemClock
from streams.events.decision import Assignment, Decision
from streams.events.envelope import Envelope
from streams.events.task import Task
from streams.kafka import codec, tables
from streams.routing import registry
from streams.routing.decide import View, decide
from streams.routing.policy import initial_policy
from streams.routing.quality import QualityView
from streams.tier0.answer import answer
from streams.topology import ADMITTED, DECISIONS, TIERS
from tests.bench import workload
from tests.wire import options

CLOCK = SystemClock()
A_POLL = 2_000
LINGER_MS = 2
"""Both as the worker has them."""


def view_of(models: Path) -> View:
    """The same registry, policy and snapshot that the worker serves from."""
    quality = QualityView()
    for part in workload.snapshot():
        quality = quality.with_part(part)
    known = registry.parse(tomllib.loads(models.read_text()))
    return View(known, initial_policy(CLOCK.now()), quality)


class RawLoop:
    """Reads `admitted`, writes `decisions` and the tiers' topics."""

    def __init__(self, prefix: str, view: View, changelog: str | None) -> None:
        self.prefix = prefix
        self.view = view
        self.changelog = changelog

    def records(self, fetched: Any) -> list[tuple[str, bytes, list[tuple[str, bytes]]]]:
        """Topic, value and headers of all that one task leads to."""
        task = codec.decode(Task, fetched.value)
        assert isinstance(task, Task)
        body = ids.digest(fetched.value)
        claimed = answer(task.text)
        now = CLOCK.now()
        decision = decide(
            task,
            self.view,
            body_digest=body,
            skill=claimed.skill if claimed else None,
            draw=ids.draw(workload.SALT, task.task_id, "choice/0"),
            now=now,
        )
        assert isinstance(decision, Decision)
        slim = decision.model_copy(update={"features": ""})
        assignment = Assignment(
            task_id=task.task_id,
            tenant=task.tenant,
            tier=decision.tier,
            model=decision.model,
            body_digest=body,
            accepted_at=now,
            task=task,
            decision=slim,
        )
        made = [self._addressed(DECISIONS.full_name(self.prefix), decision, decision.decision_id)]
        name = ids.derive("assignment", task.task_id, body, 0, decision.tier)
        tier = TIERS[decision.tier].full_name(self.prefix)
        made.append(self._addressed(tier, assignment, name))
        if self.changelog is not None:
            kept = Decided(at=now, body_digest=body, redrive=0, decision=slim)
            made.append((self.changelog, tables.encode(kept) or b"", []))
        return made

    def _addressed(
        self, topic: str, event: Decision | Assignment, name: str
    ) -> tuple[str, bytes, list[tuple[str, bytes]]]:
        envelope = Envelope(
            id=name, type=event.TYPE, source="bench/raw", time=CLOCK.now(), cause=name
        )
        return topic, codec.encode(event), codec.headers(envelope)

    async def run(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        """Work until killed."""
        while True:
            fetched = await consumer.getmany(timeout_ms=200, max_records=A_POLL)
            sent = [
                await producer.send(topic, value, key=record.key, headers=headers)
                for records in fetched.values()
                for record in records
                for topic, value, headers in self.records(record)
            ]
            await asyncio.gather(*sent)
            if sent:
                await consumer.commit()


async def main(bootstrap: str, prefix: str, models: str, changelog: str | None = None) -> None:
    """Join the group `raw` of the prefix and work."""
    consumer = AIOKafkaConsumer(
        ADMITTED.full_name(prefix),
        **options(bootstrap),
        group_id=f"{prefix}raw",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    producer = AIOKafkaProducer(**options(bootstrap), acks="all", linger_ms=LINGER_MS)
    async with consumer, producer:
        await RawLoop(prefix, view_of(Path(models)), changelog).run(consumer, producer)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

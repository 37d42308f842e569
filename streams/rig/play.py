"""What the demo does to a running cluster: publish tasks at a pace, judge results, watch."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.clock import Clock
from streams.events.control import Policy
from streams.events.outcome import Result
from streams.kafka import codec
from streams.kafka.security import Access
from streams.rig.recorded import Recorded, published_id
from streams.topology import FEEDBACK, POLICY, RESULTS, TASKS

TASKS_PER_S = 3.0
"""Tasks published a second at speed 1."""

PUBLISH_EVERY_S = 0.1
PATIENCE_S = 60.0
POLL_MS = 200


class StalledError(RuntimeError):
    """No result came for a minute although tasks are open."""


@dataclass
class Progress:
    """What has happened so far."""

    wanted: int
    published: int = 0
    results: dict[str, Result] = field(default_factory=dict)
    tiers: Counter[int] = field(default_factory=Counter)
    cost_usd: Decimal = Decimal(0)
    feedback: int = 0
    policy: Policy | None = None
    began_s: float = 0.0

    @property
    def done(self) -> bool:
        """Whether every task has its result."""
        return len(self.results) >= self.wanted

    def take(self, result: Result) -> bool:
        """Count a result once; whether it was new."""
        if result.task_id in self.results:
            return False
        self.results[result.task_id] = result
        if result.tier is not None:
            self.tiers[result.tier] += 1
        self.cost_usd += result.cost_usd or Decimal(0)
        return True

    def line(self, now_s: float) -> str:
        """One line for people."""
        seconds = max(0.001, now_s - self.began_s)
        total = max(1, sum(self.tiers.values()))
        mix = " ".join(f"{tier}:{self.tiers[tier] / total:.0%}" for tier in range(5))
        held = {} if self.policy is None else self.policy.thresholds
        thresholds = " ".join(f"{tier}:{share:.3f}" for tier, share in sorted(held.items()))
        return (
            f"{len(self.results)}/{self.wanted} tasks  {len(self.results) / seconds:5.1f}/s  "
            f"tiers {mix}  ${self.cost_usd:.4f}  thresholds {thresholds}"
        )


def score_of(row: Recorded, result: Result) -> float | None:
    """How well a task was done, by what is recorded; None where nobody can tell.

    A tier-0 answer is compared with the expected text, after trimming.
    """
    if result.status != "completed":
        return None
    if result.model is None:
        if row.expected is None:
            return None
        return float((result.output or "").strip() == row.expected.strip())
    outcome = row.outcomes.get(result.model)
    return None if outcome is None else outcome.score


def feedback_on(row: Recorded, result: Result) -> bytes | None:
    """The body of what a user would say of a result; None where nobody can tell."""
    score = score_of(row, result)
    if score is None:
        return None
    said = {"task_id": result.task_id, "score": score, "source": "test", "name": "recorded"}
    return orjson.dumps(said)


class Player:
    """Publishes a recorded file and plays its users.

    Args:
        access: The cluster.
        prefix: Of every topic's name.
        rows: What to publish, in order.
        speed: The pace is `TASKS_PER_S` times this.
        judged: Whether feedback is published.
        clock: Time.
    """

    def __init__(
        self, access: Access, prefix: str, rows: Sequence[Recorded], *,
        speed: float, judged: bool, clock: Clock,
    ) -> None:  # fmt: skip
        self._access = access
        self._prefix = prefix
        self._rows: Mapping[str, Recorded] = {published_id(row): row for row in rows}
        self._pace = TASKS_PER_S * speed
        self._judged = judged
        self._clock = clock
        self.progress = Progress(wanted=len(self._rows))

    async def play(self, show: Callable[[str], None], every_s: float) -> Progress:
        """Publish all, judge what comes, and return when every task has its result.

        Args:
            show: Gets a line of progress.
            every_s: How often.

        Raises:
            StalledError: Nothing happens any more.
        """
        self.progress.began_s = self._clock.monotonic_s()
        producer = AIOKafkaProducer(**self._access.options(), acks="all", linger_ms=2)
        await producer.start()
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [
                    group.create_task(self._publish(producer)),
                    group.create_task(self._show(show, every_s)),
                    group.create_task(self._watch_policy()),
                ]
                await self._judge(producer)
                for helper in helpers:
                    helper.cancel()
        finally:
            await producer.stop()
        show(self.progress.line(self._clock.monotonic_s()))
        return self.progress

    async def _publish(self, producer: AIOKafkaProducer) -> None:
        began_s = self._clock.monotonic_s()
        topic = TASKS.full_name(self._prefix)
        waiting = [(name, orjson.dumps(row.body())) for name, row in self._rows.items()]
        while waiting:
            due = int((self._clock.monotonic_s() - began_s) * self._pace) + 1
            batch, waiting = (
                waiting[: due - self.progress.published],
                waiting[max(0, due - self.progress.published) :],
            )
            for name, body in batch:
                await producer.send(topic, body, key=name.encode())
            self.progress.published += len(batch)
            await self._clock.sleep(PUBLISH_EVERY_S)
        await producer.flush()

    async def _judge(self, producer: AIOKafkaProducer) -> None:
        topic = FEEDBACK.full_name(self._prefix)
        consumer = AIOKafkaConsumer(
            RESULTS.full_name(self._prefix), **self._access.options(),
            auto_offset_reset="earliest", enable_auto_commit=False, fetch_max_wait_ms=20,
        )  # fmt: skip
        await consumer.start()
        heard_s = self._clock.monotonic_s()
        try:
            while not self.progress.done:
                fetched = await consumer.getmany(timeout_ms=POLL_MS)
                for record in (r for records in fetched.values() for r in records):
                    heard_s = self._clock.monotonic_s()
                    result = codec.decode(Result, record.value)
                    if isinstance(result, codec.Rejected) or not self.progress.take(result):
                        continue
                    await self._feed_back(producer, topic, result)
                if self._clock.monotonic_s() - heard_s > PATIENCE_S:
                    raise StalledError(
                        f"no result for {PATIENCE_S:.0f} s; "
                        f"{len(self.progress.results)} of {self.progress.wanted} tasks are done"
                    )
        finally:
            await consumer.stop()

    async def _feed_back(self, producer: AIOKafkaProducer, topic: str, result: Result) -> None:
        row = self._rows.get(result.task_id)
        body = None if row is None or not self._judged else feedback_on(row, result)
        if body is None:
            return
        await producer.send(topic, body, key=result.task_id.encode())
        self.progress.feedback += 1

    async def _watch_policy(self) -> None:
        part = TopicPartition(POLICY.full_name(self._prefix), 0)
        consumer = AIOKafkaConsumer(
            **self._access.options(), enable_auto_commit=False, fetch_max_wait_ms=POLL_MS
        )
        await consumer.start()
        try:
            consumer.assign([part])
            await consumer.seek_to_beginning(part)
            while True:
                for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    policy = codec.decode(Policy, records[-1].value)
                    if isinstance(policy, Policy):
                        self.progress.policy = policy
        finally:
            await consumer.stop()

    async def _show(self, show: Callable[[str], None], every_s: float) -> None:
        while True:
            await self._clock.sleep(every_s)
            show(self.progress.line(self._clock.monotonic_s()))


def in_order(rows: Sequence[Recorded], found: Mapping[str, tuple[int | None, str | None]]) -> str:
    """`--decisions`: one line a task in the order of the file: its own id, tier, model, by tabs.

    Args:
        rows: The file's.
        found: Tier and model by published id; tier 0 has no model.
    """
    return decision_lines((row.task_id, found.get(published_id(row))) for row in rows)


def decision_lines(decided: Iterable[tuple[str, tuple[int | None, str | None] | None]]) -> str:
    """One line a task: name, tier, model, by tabs; `-` for what there is not."""
    lines = []
    for name, found in decided:
        tier, model = found or (None, None)
        lines.append(f"{name}\t{'-' if tier is None else tier}\t{model or '-'}\n")
    return "".join(lines)

"""Outcomes carried out: publications, table writes and dead letters confirmed, *then* settled.

The order is the stage's kind (`topology.Kind`): an outbox writes its state first, a fold publishes
first. A record is settled once all that it asked for is confirmed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from streams.agents.limit import DeadLetterLimit
from streams.agents.outcome import Bury, Emit, Outcome, Put, Record, Send, said
from streams.agents.spans import StageSpans
from streams.clock import Clock
from streams.events.envelope import Envelope, Reason
from streams.events.feedback import Alert
from streams.ids import derive
from streams.kafka.publish import Outgoing, Undeliverable, dead_letter, dress
from streams.kafka.tables import TableView
from streams.telemetry import Counters
from streams.topology import ALERTS, Kind, Stage

logger = logging.getLogger(__name__)


TOLD = 1_000
"""So many alerts are remembered as raised, at most."""

SAID_CHARS = 200
"""So much of what a bug said goes with the record that it buried."""

BURIED_SHARE = 0.5
"""So great a part of the last records, buried as bugs, holds it as well."""


class UndeliverableDeadLetterError(Exception):
    """Even the dead letter is refused: the worker stops without settling."""


class Confirms(Protocol):
    """Who publishes: `kafka.publish.Publisher`, or a log in memory."""

    async def confirm(self, outgoing: Sequence[Outgoing]) -> list[Undeliverable | None]:
        """Publish, wait for every confirmation; for each record None or why it never will be."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A record in hand, with the assignment it came under."""

    record: Record
    tp: Any
    generation: int


async def _at_once() -> None:
    """Where nobody can be put out of a group."""


def _as_it_is(text: str) -> str:
    """Where there is no secret that a text could hold."""
    return text


@dataclass
class Ports:
    """What a loop is given beside its stage.

    Args:
        publisher: Confirms publications.
        tables: The stage's tables by name.
        settle: `(tp, offset, generation)`; called once everything is confirmed.
        current: `(generation) -> bool`: whether it is still the consumer's.
        owns: Whether partitions are assigned and recovered, so that time may act on them.
        assured: Returns once it is known whether the process is still a member of its group.
        prefix: Of every topic's name.
        clock: Time.
        counters: Where outcomes are counted.
        bugs_in_a_row: So many bugs one after another hold the partition.
        bugs_share: See `BURIED_SHARE`.
        spans: The stage's spans; None where no exporter is set.
        hide: A text without any secret of this process: a bug may quote one.
    """

    publisher: Confirms
    tables: Mapping[str, TableView[Any]]
    settle: Callable[[Any, int, int], bool]
    current: Callable[[int], bool]
    owns: Callable[[], bool]
    prefix: str
    clock: Clock
    counters: Counters
    bugs_in_a_row: int
    assured: Callable[[], Awaitable[None]] = _at_once
    bugs_share: float = BURIED_SHARE
    spans: StageSpans | None = None
    hide: Callable[[str], str] = _as_it_is


@dataclass
class _Flush:
    """What one batch comes to, put together before anything is confirmed."""

    sends: list[tuple[int, Outgoing]] = field(default_factory=list)
    copies: list[tuple[int, Outgoing]] = field(default_factory=list)
    puts: dict[tuple[str, str], tuple[int, Put, int]] = field(default_factory=dict)
    letters: list[Outgoing] = field(default_factory=list)


class Carrier:
    """Carries outcomes out: publications, table writes, dead letters, in the stage's order."""

    def __init__(self, stage: Stage, ports: Ports) -> None:
        self.stage = stage
        self.ports = ports
        self.held: set[Any] = set()
        self._told: set[str] = set()
        self._limits: dict[Any, DeadLetterLimit] = {}
        for reason in Reason:
            ports.counters.add("tierflow.dead_letters", 0, stage.name, reason.value)

    async def ask(self, handle: Callable[[Record], Awaitable[Outcome]], record: Record) -> Outcome:
        """The handler's outcome; a bug in it buries the record and is counted."""
        if self.ports.spans is not None:
            self.ports.spans.enter(record)
        try:
            return await handle(record)
        except Undeliverable as error:  # an intent or outcome that can't be made durable
            return Bury(Reason.UNDELIVERABLE, str(error))
        except Exception as error:  # a bug must cost one record, never the stream
            logger.exception("%s: a bug in the handler buries a record", self.stage.name)
            said = self.ports.hide(f"{type(error).__name__}: {error}")
            return Bury(Reason.INTERNAL, said[:SAID_CHARS])

    async def carry(
        self, work: Sequence[tuple[Taken | None, Outcome]], began_s: float | None = None
    ) -> None:
        """Confirm all that the outcomes ask for, then settle their records.

        Work whose partitions were lost meanwhile is done again by whoever has them now: of it only
        what was paid for is published, and no table is written.

        Args:
            work: Records, or None for time that acts, with what should happen.
            began_s: When the work on them began, on the clock's monotonic seconds.
        """
        await self.ports.assured()
        if not self._ours(work) and self.stage.kind is not Kind.CALLING:
            return
        work = self._until_held(work)
        flush = _Flush()
        for at, (taken, outcome) in enumerate(work):
            self._count(outcome)
            self._plan(flush, at, taken, outcome)
        refused = await self._confirm(flush, work)
        for at, why in refused.items():
            taken = work[at][0]
            if taken is not None:
                flush.letters.append(self._letter(taken.record, Reason.UNDELIVERABLE, str(why)))
        await self._deliver(flush.letters)
        self._measure(await self._settle(work, refused), began_s)

    async def _settle(
        self,
        work: Sequence[tuple[Taken | None, Outcome]],
        refused: Mapping[int, Undeliverable],
    ) -> list[tuple[Record, Outcome]]:
        """Settle what is not held; the records that were settled, with what became of them."""
        settled: list[tuple[Record, Outcome]] = []
        for at, (taken, outcome) in enumerate(work):
            if taken is None:
                continue
            verdict = Bury(Reason.UNDELIVERABLE, "") if at in refused else outcome
            if await self._hold(taken, verdict):
                continue
            if self.ports.settle(taken.tp, taken.record.offset, taken.generation):
                settled.append((taken.record, verdict))
        return settled

    def _ours(self, work: Sequence[tuple[Taken | None, Outcome]]) -> bool:
        """Whether the partitions of this work are still ours; a tick has no record, but all."""
        generations = {taken.generation for taken, _ in work if taken is not None}
        if not generations:
            return self.ports.owns()
        return all(self.ports.current(generation) for generation in generations)

    def _until_held(
        self, work: Sequence[tuple[Taken | None, Outcome]]
    ) -> Sequence[tuple[Taken | None, Outcome]]:
        """Leave out what lies behind the bug that holds a partition: a restart reads it again."""
        if not self.held and not any(_is_bug(outcome) for _, outcome in work):
            return work
        limits: dict[Any, DeadLetterLimit] = {}
        kept: list[tuple[Taken | None, Outcome]] = []
        for taken, outcome in work:
            if taken is not None:
                limit = limits.setdefault(taken.tp, self._limit(taken.tp).copy())
                if taken.tp in self.held or limit.reached:
                    continue
                limit.note(_is_bug(outcome))
            kept.append((taken, outcome))
        return kept

    async def confirm_now(
        self, taken: Taken, sends: Sequence[Send], puts: Sequence[Put], *, at_once: bool = False
    ) -> None:
        """Make durable before acting: table writes, then publications, then return.

        Args:
            taken: The record in hand.
            sends: What to publish.
            puts: What to write.
            at_once: Whether either may be there without the other, so that none waits.

        Raises:
            Undeliverable: The broker refuses one of them for good.
        """
        await self.stand(taken)
        writes = [
            (put, self.ports.tables[put.table].outgoing(put.key, put.value, taken.record.partition))
            for put in puts
        ]
        dressed = [self._dress(send, taken.record) for send in sends]
        written = [outgoing for _, outgoing in writes]
        for batch in ([*written, *dressed],) if at_once else (written, dressed):
            for verdict in await self.ports.publisher.confirm(batch):
                if verdict is not None:
                    raise verdict
        for put, outgoing in writes:
            table = self.ports.tables[put.table]
            table.apply(put.key, outgoing.value, taken.record.partition)

    async def stand(self, taken: Taken) -> None:
        """Give the work up where its partition is somebody else's now.

        Raises:
            CancelledError: It is.
        """
        await self.ports.assured()
        if not self.ports.current(taken.generation):
            raise asyncio.CancelledError

    async def prune(self, now: datetime) -> None:
        """Drop what the tables need not remember; tombstones are confirmed first."""
        await self.ports.assured()
        if not self.ports.owns():
            return
        for table in self.ports.tables.values():
            overdue = table.overdue(now)
            tombstones = [table.outgoing(key, None, partition) for key, partition in overdue]
            await self.ports.publisher.confirm(tombstones)
            for key, partition in overdue:
                table.apply(key, None, partition)

    def _plan(self, flush: _Flush, at: int, taken: Taken | None, outcome: Outcome) -> None:
        record = taken.record if taken else None
        if isinstance(outcome, Bury):
            if record is not None:
                flush.letters.append(self._letter(record, outcome.reason, outcome.detail))
            puts: Iterable[Put] = ()
            sends: Iterable[Send] = outcome.sends
        elif isinstance(outcome, Emit):
            puts, sends = outcome.puts, outcome.sends
        else:
            puts, sends = outcome.puts, ()
        for send in sends:
            outgoing = self._dress(send, record)
            flush.sends.append((at, outgoing))
            if send.copy_to is not None:
                copy = replace(outgoing, topic=send.copy_to, partition=None, foreign=True)
                flush.copies.append((at, copy))
        for put in puts:
            default = record.partition if record else 0
            partition = default if put.partition is None else put.partition
            flush.puts[put.table, put.key] = (at, put, partition)

    async def _confirm(
        self, flush: _Flush, work: Sequence[tuple[Taken | None, Outcome]]
    ) -> dict[int, Undeliverable]:
        """Outbox: state, then output. Fold and calling: output, then state."""
        refused: dict[int, Undeliverable] = {}
        if self.stage.kind is Kind.OUTBOX:
            if await self._write(flush, refused, work):
                await self._publish(flush, refused)
        else:
            await self._publish(flush, refused)
            await self._write(flush, refused, work)
        for at, why in refused.items():
            if work[at][0] is None:
                logger.error("%s: refused by the broker: %s", self.stage.name, why)
        return refused

    async def _publish(self, flush: _Flush, refused: dict[int, Undeliverable]) -> None:
        verdicts = await self.ports.publisher.confirm([outgoing for _, outgoing in flush.sends])
        for (at, _), verdict in zip(flush.sends, verdicts, strict=True):
            if verdict is not None:
                refused[at] = verdict
        if flush.copies:
            await self._publish_copies([copy for at, copy in flush.copies if at not in refused])

    async def _publish_copies(self, copies: Sequence[Outgoing]) -> None:
        """Copies for others, once the originals are confirmed; what is refused is only told."""
        verdicts = await self.ports.publisher.confirm(copies)
        for copy, verdict in zip(copies, verdicts, strict=True):
            if verdict is None:
                continue
            self.ports.counters.add(
                "tierflow.stage.outcomes", 1, self.stage.name, "undelivered", "reply_to"
            )
            await self._tell_undelivered(copy.topic, str(verdict))

    async def _tell_undelivered(self, topic: str, why: str) -> None:
        """Raise an alert about a topic that takes no copies, once an hour."""
        now = self.ports.clock.now()
        name = derive("alert", "reply_to", topic, now.strftime("%Y-%m-%dT%H"))
        if name in self._told:
            return
        self._told = {name} if len(self._told) > TOLD else {*self._told, name}
        detail = f"{topic} takes no copies of results ({why}): create it, allow tierflow to write"
        logger.error("%s: %s", self.stage.name, detail)
        alert = Alert(kind="reply_to", detail=detail, subject=topic, at=now)
        await self.ports.publisher.confirm(
            [self._dress(Send(ALERTS.name, alert.kind, alert, name), None)]
        )

    async def _write(
        self,
        flush: _Flush,
        refused: dict[int, Undeliverable],
        work: Sequence[tuple[Taken | None, Outcome]],
    ) -> bool:
        """Confirm the table writes; False, and nothing written, where the partitions were lost."""
        await self.ports.assured()
        if not self._ours(work):
            return False
        writes = [
            (
                at,
                put,
                partition,
                self.ports.tables[put.table].outgoing(put.key, put.value, partition),
            )
            for at, put, partition in flush.puts.values()
        ]
        verdicts = await self.ports.publisher.confirm([outgoing for *_, outgoing in writes])
        for (at, put, partition, outgoing), verdict in zip(writes, verdicts, strict=True):
            if verdict is None:
                self.ports.tables[put.table].apply(put.key, outgoing.value, partition)
            else:
                refused[at] = verdict
        return True

    async def _deliver(self, letters: Sequence[Outgoing]) -> None:
        for verdict in await self.ports.publisher.confirm(letters):
            if verdict is not None:
                raise UndeliverableDeadLetterError(str(verdict))

    async def _hold(self, taken: Taken, outcome: Outcome) -> bool:
        """Whether this record's partition is held because too much of it was buried."""
        if isinstance(outcome, Bury):
            self.ports.counters.add(
                "tierflow.dead_letters", 1, self.stage.name, outcome.reason.value
            )
        if taken.tp in self.held:
            return True
        limit = self._limit(taken.tp)
        if limit.note(_is_bug(outcome)):
            self.held.add(taken.tp)
            await self._alert(taken, limit.why())
        return False

    def _limit(self, tp: Any) -> DeadLetterLimit:
        known = self._limits.get(tp)
        if known is None:
            ports = self.ports
            known = self._limits[tp] = DeadLetterLimit(ports.bugs_in_a_row, ports.bugs_share)
        return known

    async def _alert(self, taken: Taken, why: str) -> None:
        where = f"{taken.record.topic}/{taken.record.partition}"
        detail = f"{self.stage.name} holds {where}: {why}"
        logger.error("%s; restart the worker with a mended version to go on", detail)
        now = self.ports.clock.now()
        alert = Alert(kind="dead_letters", detail=detail, subject=where, at=now)
        name = derive("alert", self.stage.name, where, taken.record.offset)
        await self.ports.publisher.confirm(
            [self._dress(Send(ALERTS.name, alert.kind, alert, name), taken.record)]
        )

    def _letter(self, record: Record, reason: Reason, detail: str) -> Outgoing:
        return dead_letter(record, self.stage.name, reason, detail, self.ports.prefix)

    def _dress(self, send: Send, cause: Record | None) -> Outgoing:
        envelope = Envelope(
            id=send.id,
            type=send.event.TYPE,
            source=f"tierflow/{self.stage.name}",
            time=self.ports.clock.now() if cause is None else cause.at,
            cause=send.cause,
            traceparent=send.traceparent or (self._traceparent(cause) if cause else None),
        )
        state = cause.header("tracestate") if cause and envelope.traceparent else None
        trace = () if state is None else (("tracestate", state.encode()),)
        return dress(
            send.topic, send.key, send.event, envelope, self.ports.prefix,
            partition=send.partition, extra=(*trace, *send.headers),
        )  # fmt: skip

    def _traceparent(self, cause: Record) -> str | None:
        """This stage's span where there are spans, else what came is passed on."""
        spans = self.ports.spans
        context = None if spans is None else spans.context(cause)
        return cause.header("traceparent") if context is None else context.traceparent

    def _measure(self, settled: Sequence[tuple[Record, Outcome]], began_s: float | None) -> None:
        """How long the settled records took; all of a batch began and ended together."""
        if began_s is None or not settled:
            return
        took_s = self.ports.clock.monotonic_s() - began_s
        self.ports.counters.observe(
            "tierflow.stage.duration_seconds", took_s, self.stage.name, times=len(settled)
        )
        if self.ports.spans is not None:
            ended_at = self.ports.clock.now()
            for record, outcome in settled:
                self.ports.spans.ended(record, outcome, took_s, ended_at)

    def _count(self, outcome: Outcome) -> None:
        word, label = said(outcome)
        self.ports.counters.add("tierflow.stage.outcomes", 1, self.stage.name, word, label)


def _is_bug(outcome: Outcome) -> bool:
    """Whether the fault is ours, not the record's."""
    ours = (Reason.INTERNAL, Reason.UNDELIVERABLE)
    return isinstance(outcome, Bury) and outcome.reason in ours

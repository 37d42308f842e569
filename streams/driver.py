"""The topology in memory: the same stages and the same carrier, a log a topic, a manual clock.

For flow tests, replay and simulation. A run is the same whenever it is repeated: tiers work on one
record at a time, or, told how to begin work, on as many as they would in a worker.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from streams.agents.bindings import STATES, StagePorts, bind, bind_tier, is_tier
from streams.agents.carrier import Carrier, Ports, Taken
from streams.agents.loop import Seat
from streams.agents.outcome import Bound, Bury, Outcome, Record
from streams.events.envelope import Event
from streams.kafka import codec
from streams.kafka.publish import Outgoing, Undeliverable, partition_of
from streams.kafka.tables import TableView
from streams.routing.control import fold
from streams.routing.decide import View
from streams.telemetry import Counters
from streams.topology import BY_NAME, CONTROL, STAGES, Stage, Topic

PREFIX = "tierflow."
GENERATION = 1

Begin = Callable[[Coroutine[Any, Any, None]], None]
"""Begins work and does not wait for its end."""


@dataclass
class Logs:
    """Every topic's records by partition; publishing appends and is confirmed at once.

    `forgotten` counts the records of a topic that are no longer held: positions count them too.
    """

    ports: StagePorts
    records: dict[str, list[Record]] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    forgotten: Counter[str] = field(default_factory=Counter)
    foreign: dict[str, list[Outgoing]] = field(default_factory=dict)

    async def confirm(self, outgoing: Sequence[Outgoing]) -> list[Undeliverable | None]:
        """Append all; a topic that is none of the topology's is a changelog and is not kept.

        Foreign ones are kept apart, by full name.
        """
        for record in outgoing:
            name = record.topic.removeprefix(PREFIX).removesuffix(".v1")
            if record.foreign:
                self.foreign.setdefault(record.topic, []).append(record)
            elif name in BY_NAME:
                self.append(BY_NAME[name], record)
        return [None] * len(outgoing)

    def end(self, topic: str) -> int:
        """Position behind a topic's last record."""
        return self.forgotten[topic] + len(self.records.get(topic, ()))

    def since(self, topic: str, position: int) -> list[Record]:
        """A topic's records from a position on."""
        return self.records.get(topic, [])[position - self.forgotten[topic] :]

    def forget(self, topic: str, position: int) -> None:
        """Let go of the records before a position."""
        held = self.records.get(topic, [])
        del held[: max(0, position - self.forgotten[topic])]
        self.forgotten[topic] = max(self.forgotten[topic], position)

    def append(self, topic: Topic, outgoing: Outgoing) -> None:
        """Put a record at the end of its partition."""
        partition = outgoing.partition
        if partition is None:
            partition = partition_of(outgoing.key, 1 if topic.single else self.ports.partitions)
        offset = self.ends.get((topic.name, partition), 0)
        self.ends[topic.name, partition] = offset + 1
        self.records.setdefault(topic.name, []).append(
            Record(
                topic.name, partition, offset, outgoing.key, outgoing.value,
                tuple(outgoing.headers), self.ports.clock.now(),
            )
        )  # fmt: skip


class Running:
    """One stage at work in memory.

    Args:
        stage: Its row of the topology.
        ports: What it is given.
        logs: Where it reads and writes.
        begin: Begins a tier's work on one record; None: it is waited for.
    """

    def __init__(
        self, stage: Stage, ports: StagePorts, logs: Logs, begin: Begin | None = None
    ) -> None:
        self.stage = stage
        self.in_work = 0
        self.worked_s = self.ticked_s = ports.clock.monotonic_s()
        self._logs = logs
        self._begin = begin
        self.read: dict[str, int] = {topic.name: 0 for topic in stage.reads}
        self.tables: Mapping[str, TableView[Any]] = {
            table.name: TableView(table, STATES[table.name]) for table in stage.tables
        }
        self.carrier = Carrier(
            stage,
            Ports(
                publisher=logs,
                tables=self.tables,
                settle=lambda *_: True,
                current=lambda generation: generation == GENERATION,
                owns=lambda: True,
                prefix=PREFIX,
                clock=ports.clock,
                counters=Counters(),
                bugs_in_a_row=ports.bugs_in_a_row,
            ),
        )
        self.ports = ports
        self.bound: Bound | None = None
        self.bind()

    def bind(self) -> None:
        """Bind to the tables as they are: what a restart does."""
        self.bound = None if is_tier(self.stage) else bind(self.stage, self.ports, self.tables)

    async def work(self, records: Sequence[Record]) -> None:
        """Carry out what these records lead to."""
        taken = [Taken(record, (record.topic, record.partition), GENERATION) for record in records]
        if self.bound is None:
            await self._call(taken)
            return
        work: list[tuple[Taken | None, Outcome]] = []
        for one in taken:
            outcome = await self.carrier.ask(self.bound.handle, one.record)
            work.append((one, outcome))
            if not isinstance(outcome, Bury):
                for put in outcome.puts:
                    self.tables[put.table].overlay(put.key, put.value)
        if self.bound.close is not None:
            work.append((None, await self.bound.close(self.ports.clock.now())))
        await self.carrier.carry(work)
        for table in self.tables.values():
            table.drop_overlay()

    async def _call(self, taken: Sequence[Taken]) -> None:
        handle = bind_tier(self.carrier, self.ports, self.tables["calls"])
        for one in taken:
            if self._begin is None:
                await self._alone(handle, one)
            else:
                self._begin(self._alone(handle, one))

    async def _alone(
        self, handle: Callable[[Taken, Seat], Awaitable[Outcome]], taken: Taken
    ) -> None:
        async def run(_: Record) -> Outcome:
            return await handle(taken, Seat(asyncio.Semaphore()))

        self.in_work += 1
        try:
            await self.carrier.carry([(taken, await self.carrier.ask(run, taken.record))])
        finally:
            self.in_work -= 1

    def unread(self) -> int:
        """Records that it has not taken yet."""
        return sum(self._logs.end(name) - position for name, position in self.read.items())

    def take(self) -> list[Record]:
        """What it has not read; of a stage that begins work, no more than it may have in work."""
        fresh: list[Record] = []
        for name, position in self.read.items():
            found = self._logs.since(name, position)
            if self._begin is not None and is_tier(self.stage):
                found = found[: self.stage.concurrency - self.in_work]
            fresh.extend(found)
            self.read[name] = position + len(found)
        return fresh

    async def tick(self) -> None:
        """Let time act."""
        self.ticked_s = self.ports.clock.monotonic_s()
        now = self.ports.clock.now()
        if self.bound is not None and self.bound.tick is not None:
            await self.carrier.carry([(None, await self.bound.tick(now))])
        await self.carrier.prune(now)


class Driver:
    """All stages, and the logs between them.

    Args:
        ports: What the stages are given; `view` is replaced by the driver's own, which follows
            the control topics.
        view: What is in force at the start.
        begin: Begins a tier's work on one record and does not wait for it, so that calls overlap;
            None: each is waited for.
    """

    def __init__(self, ports: StagePorts, view: View, begin: Begin | None = None) -> None:
        self.view = view
        self.clock = ports.clock
        ports = replace(ports, view=lambda: self.view)
        self.logs = Logs(ports)
        self.stages = {stage.name: Running(stage, ports, self.logs, begin) for stage in STAGES}
        self._followed = {topic.name: 0 for topic in CONTROL}

    async def publish(
        self, topic: str, value: bytes | Event, *, key: str | None = None,
        headers: codec.Headers = (),
    ) -> None:  # fmt: skip
        """Publish as a stranger would, and run until nothing is left to do."""
        self.append(topic, value, key=key, headers=headers)
        await self.run()

    def append(
        self, topic: str, value: bytes | Event, *, key: str | None = None,
        headers: codec.Headers = (),
    ) -> None:  # fmt: skip
        """Publish as a stranger would, and leave the work for later."""
        body = codec.encode(value) if isinstance(value, Event) else value
        raw = None if key is None else key.encode()
        self.logs.append(
            BY_NAME[topic], Outgoing(BY_NAME[topic].full_name(PREFIX), raw, body, headers)
        )

    async def run(self) -> None:
        """Let every stage work until all have read all."""
        self._follow()
        busy = True
        while busy:
            busy = False
            for running in self.stages.values():
                fresh = running.take()
                if fresh:
                    busy = True
                    await running.work(fresh)
                    self._follow()

    async def run_paced(self) -> None:
        """Let every stage work and tick that would now in a worker.

        A stage that gathers records waits out its pause, and each ticks in its own rhythm.
        """
        now_s = self.clock.monotonic_s()
        busy = True
        while busy:
            busy = False
            for running in self.stages.values():
                stage = running.stage
                if stage.tick_s and now_s >= running.ticked_s + stage.tick_s:
                    await running.tick()
                if now_s < running.worked_s + stage.pause_s:
                    continue
                if fresh := running.take():
                    busy = True
                    running.worked_s = now_s
                    await running.work(fresh)
            self._follow()

    def next_s(self) -> float:
        """When, on the clock's monotonic seconds, a pause ends or a tick is due."""
        return min(
            due_s
            for running in self.stages.values()
            for due_s, counts in (
                (running.ticked_s + running.stage.tick_s, running.stage.tick_s),
                (
                    running.worked_s + running.stage.pause_s,
                    running.stage.pause_s and running.unread(),
                ),
            )
            if counts
        )

    def forget(self, kept: Mapping[str, int]) -> None:
        """Let go of all that every stage has read.

        Args:
            kept: By topic, the position from which on somebody else still wants its records.
        """
        for name in self.logs.records:
            positions = [r.read[name] for r in self.stages.values() if name in r.read]
            positions += [found[name] for found in (self._followed, kept) if name in found]
            self.logs.forget(name, min(positions, default=self.logs.end(name)))

    async def tick(self) -> None:
        """Let time act on every stage, then run."""
        for running in self.stages.values():
            await running.tick()
        self._follow()
        await self.run()

    def restart(self) -> None:
        """Bind every stage anew to what its tables hold, as a killed worker's successor does."""
        for running in self.stages.values():
            running.bind()

    def events(self, topic: str) -> list[Any]:
        """Every event of a topic, decoded, in order."""
        event = BY_NAME[topic].event
        if event is None:
            raise ValueError(f"{topic} carries no event")
        return [codec.decode(event, record.value) for record in self.records(topic)]

    def records(self, topic: str) -> list[Record]:
        """Every record of a topic, in order."""
        return self.logs.records.get(topic, [])

    def _follow(self) -> None:
        for event in self._control():
            self.view = fold(self.view, event)

    def _control(self) -> Iterator[Event]:
        for topic in CONTROL:
            for record in self.logs.since(topic.name, self._followed[topic.name]):
                decoded = codec.decode(topic.event or Event, record.value)
                if isinstance(decoded, Event):
                    yield decoded
            self._followed[topic.name] = self.logs.end(topic.name)

"""The topology in memory: the same stages and the same carrier, a log a topic, a manual clock.

For flow tests, replay and simulation. Tiers run one record at a time, so a run is the same
whenever it is repeated.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiokafka.partitioner import murmur2

from streams.agents.bindings import STATES, StagePorts, bind, bind_tier, is_tier
from streams.agents.carrier import Carrier, Ports, Taken
from streams.agents.outcome import Bound, Bury, Outcome, Record
from streams.events.envelope import Event
from streams.kafka import codec
from streams.kafka.publish import Outgoing, Undeliverable
from streams.kafka.tables import TableView
from streams.routing.control import fold
from streams.routing.decide import View
from streams.telemetry import Counters
from streams.topology import BY_NAME, CONTROL, STAGES, Stage, Topic

PREFIX = "tierflow."
GENERATION = 1


@dataclass
class Logs:
    """Every topic's records by partition; publishing appends and is confirmed at once."""

    ports: StagePorts
    records: dict[str, list[Record]] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)

    async def confirm(self, outgoing: Sequence[Outgoing]) -> list[Undeliverable | None]:
        """Append all; a topic that is none of the topology's is a changelog and is not kept."""
        for record in outgoing:
            name = record.topic.removeprefix(PREFIX).removesuffix(".v1")
            if name in BY_NAME:
                self.append(BY_NAME[name], record)
        return [None] * len(outgoing)

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
    """One stage at work in memory."""

    def __init__(self, stage: Stage, ports: StagePorts, logs: Logs) -> None:
        self.stage = stage
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
            handle = bind_tier(self.carrier, self.ports, self.tables["calls"])
            for one in taken:
                await self._carry_alone(one, await handle(one))
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

    async def _carry_alone(self, taken: Taken, outcome: Outcome) -> None:
        await self.carrier.carry([(taken, outcome)])

    async def tick(self) -> None:
        """Let time act."""
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
    """

    def __init__(self, ports: StagePorts, view: View) -> None:
        self.view = view
        ports = replace(ports, view=lambda: self.view)
        self.logs = Logs(ports)
        self.stages = {stage.name: Running(stage, ports, self.logs) for stage in STAGES}
        self._followed = {topic.name: 0 for topic in CONTROL}

    async def publish(
        self, topic: str, value: bytes | Event, *, key: str | None = None,
        headers: codec.Headers = (),
    ) -> None:  # fmt: skip
        """Publish as a stranger would, and run until nothing is left to do."""
        body = codec.encode(value) if isinstance(value, Event) else value
        raw = None if key is None else key.encode()
        self.logs.append(
            BY_NAME[topic], Outgoing(BY_NAME[topic].full_name(PREFIX), raw, body, headers)
        )
        await self.run()

    async def run(self) -> None:
        """Let every stage work until all have read all."""
        busy = True
        while busy:
            busy = False
            for running in self.stages.values():
                fresh = self._fresh(running)
                if fresh:
                    busy = True
                    await running.work(fresh)
                    self._follow()

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

    def _fresh(self, running: Running) -> list[Record]:
        fresh: list[Record] = []
        for name, position in running.read.items():
            known = self.logs.records.get(name, [])
            fresh.extend(known[position:])
            running.read[name] = len(known)
        return fresh

    def _follow(self) -> None:
        for event in self._control():
            self.view = fold(self.view, event)

    def _control(self) -> Iterator[Event]:
        for topic in CONTROL:
            known = self.logs.records.get(topic.name, [])
            for record in known[self._followed[topic.name] :]:
                decoded = codec.decode(topic.event or Event, record.value)
                if isinstance(decoded, Event):
                    yield decoded
            self._followed[topic.name] = len(known)


def partition_of(key: bytes | None, partitions: int) -> int:
    """Where Kafka's Java client and ours put a key: murmur2, made positive, modulo partitions."""
    return 0 if key is None else (murmur2(key) & 0x7FFFFFFF) % partitions

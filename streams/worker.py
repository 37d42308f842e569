"""Composition root: settings → ports → handlers → one Faust app a role, all in one event loop."""

import asyncio
import gc
import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from yarl import URL

from streams import ops, otel
from streams.agents.bill import Billing
from streams.agents.bindings import STATES, StagePorts, bind_tier, binder, is_tier
from streams.agents.carrier import Carrier, Ports, Taken
from streams.agents.judgement import judgement_of
from streams.agents.loop import Batches, Loop, Pool
from streams.agents.spans import StageSpans
from streams.calling.traffic import Traffic
from streams.clock import Clock
from streams.gauges import Watched, watch
from streams.kafka.codec import received
from streams.kafka.consumer import RunConsumer, RunTransport
from streams.kafka.lag import Ends
from streams.kafka.publish import Publisher
from streams.kafka.security import Access, access_of
from streams.kafka.tables import TableView, declare
from streams.kafka.tail import Tail
from streams.money.prices import shipped
from streams.providers.guard import ForbiddenAddressError
from streams.providers.http import HttpProvider
from streams.providers.keys import hide, key_in
from streams.providers.port import Provider
from streams.providers.traced import Traced
from streams.providers.wires import WIRES
from streams.routing.control import fold
from streams.routing.decide import View
from streams.settings import Settings, SettingsError
from streams.skills import load as load_skills
from streams.startup import starting_view
from streams.telemetry import Counters
from streams.topology import (
    BY_NAME,
    CONTROL,
    DEAD_LETTER_BYTES,
    ROLES,
    Stage,
    Table,
    changelog_of,
    group_of,
    stages_of,
)
from streams.tracing import Tracer

logger = logging.getLogger(__name__)

REBALANCE_MARGIN_S = 15.0
REQUEST_TIMEOUT_S = 90.0
FOR_EVER_S = 86_400.0
COMMIT_S = 0.5
UNSURE_S = 0.05
LINGER_MS = 5
SWITCH_S = 0.0005
"""How long a thread keeps the interpreter when others want it; Python's own 5 ms, times a thread a
role, is what a task would wait at each hop."""

YOUNG_OBJECTS = 10_000
"""So many new objects make Python look for cycles among them; with its own 700 that is a tenth of a
busy worker's time."""

WORKER_CHARS = 128
"""Longest name by which a worker is known to others."""

RUN_RECORDS = 500
RUNS_AHEAD = 16


class RoleStoppedError(Exception):
    """A role stopped by itself; its cause is what stopped it."""


class App(faust.App):
    """A Faust app that makes no folder and says when its tables are rebuilt."""

    logger = logging.getLogger("faust.app")
    rebuilt: int | None = None
    """The generation for which the tables were rebuilt last; None once it is being revoked."""

    def _create_directories(self) -> None:
        """Tables live in memory: there is nothing to keep in a folder."""

    def on_rebalance_end(self) -> None:
        """Partitions are assigned and tables rebuilt."""
        super().on_rebalance_end()
        recovery = cast("Any", self.tables).recovery
        self.rebuilt = recovery._generation_id  # noqa: SLF001 (the consumer's may be a newer one)

    @property
    def recovered(self) -> bool:
        """Whether the tables are those of the partitions that are assigned now.

        A recovery may end amid the next rebalance: what it rebuilt is then not what is assigned.
        """
        return self.rebuilt is not None and self.rebuilt == self.consumer_generation_id


@dataclass
class World:
    """What all roles of a process share."""

    settings: Settings
    access: Access
    clock: Clock
    counters: Counters
    publisher: Publisher
    tail: Tail[View]
    ports: StagePorts
    tracer: Tracer | None = None
    spans: Counter[str] = field(default_factory=Counter)
    secrets: tuple[str, ...] = ()

    def view(self) -> View:
        """Registry, policy and quality snapshot in force."""
        return self.tail.view


class Role:
    """One role: its Faust app, its tables and its loops."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.world = world
        self.stages = stages_of(name)
        self.app = self._app()
        self.consumer = cast("RunConsumer", self.app.consumer)
        self.consumer.access = world.access
        self.consumer.fetch_wait_ms = world.settings.kafka.fetch_wait_ms
        self.tables = {
            (stage.name, table.name): self._table(table)
            for stage in self.stages
            for table in stage.tables
        }
        self.loops = {stage.name: self._loop(stage) for stage in self.stages}
        for stage in self.stages:
            for topic in stage.reads:
                self._agent(stage, topic.name)

    @property
    def prefix(self) -> str:
        """Of every topic's name."""
        return self.world.settings.kafka.prefix

    def unready(self) -> list[str]:
        """What this role still waits for."""
        waits = [] if self.app.recovered else [f"{self.name}: partitions are not assigned yet"]
        held = [str(tp) for loop in self.loops.values() for tp in loop.carrier.held]
        return waits + [
            f"{self.name}: {tp} is held, too much of it went to the dead letters" for tp in held
        ]

    async def start(self) -> None:
        """Join the group."""
        self.consumer.on_revoke = self._on_revoke
        self.consumer.is_rebuilt = lambda: self.app.recovered
        self.app.on_partitions_assigned.connect(self._on_assigned)
        await self.app.start()

    async def drain(self, timeout_s: float) -> bool:
        """Take no more, finish what is in work; whether all of it was."""
        async with asyncio.TaskGroup() as group:
            drains = [group.create_task(loop.drain(timeout_s)) for loop in self.loops.values()]
        return all(task.result() for task in drains)

    async def leave(self) -> None:
        """Commit what is settled and leave the group."""
        await self.app.consumer.commit()
        await self.app.stop()

    async def crashed(self) -> None:
        """Return only when the app stopped by itself, by raising what stopped it."""
        await self.app.wait_until_stopped()
        raise RoleStoppedError(self.name) from self.app.crash_reason

    async def _on_revoke(self, expelled: bool) -> None:
        self.app.rebuilt = None
        await self.drain(0.0 if expelled else self.world.settings.worker.longest_call_s)

    async def _assured(self) -> None:
        while self.consumer.is_unsure():
            await self.world.clock.sleep(UNSURE_S)

    async def _on_assigned(self, *_: object, **__: object) -> None:
        self._share()
        for loop in self.loops.values():
            loop.resume()

    def _share(self) -> None:
        """Of a tier's partitions this worker has a part: that part of its models' limits is its own."""
        if not self.name.startswith("tier-"):
            return
        reads = {topic.full_name(self.prefix) for stage in self.stages for topic in stage.reads}
        owned = sum(tp.topic in reads for tp in self.app.consumer.assignment())
        fraction = owned / self.world.settings.kafka.partitions
        tier, now_s = int(self.name.removeprefix("tier-")), self.world.clock.monotonic_s()
        self.world.ports.traffic.share(tier, fraction, now_s)

    def _app(self) -> App:
        kafka, worker = self.world.settings.kafka, self.world.settings.worker
        rebalance_s = worker.longest_call_s + REBALANCE_MARGIN_S
        calling = self.name.startswith("tier-")
        app = App(
            group_of(self.name, kafka.prefix),
            broker=[URL(f"kafka://{address}") for address in kafka.bootstrap.split(",")],
            broker_credentials=credentials(self.world.access),
            store="memory://",
            broker_session_timeout=kafka.session_timeout_s,
            broker_heartbeat_interval=kafka.session_timeout_s / 3,
            broker_rebalance_timeout=rebalance_s,
            broker_request_timeout=max(REQUEST_TIMEOUT_S, rebalance_s + REBALANCE_MARGIN_S),
            broker_max_poll_interval=FOR_EVER_S,
            broker_max_poll_records=worker.concurrency if calling else RUN_RECORDS,
            broker_commit_interval=COMMIT_S,
            stream_buffer_maxsize=RUNS_AHEAD,
            stream_wait_empty=False,
            stream_processing_timeout=FOR_EVER_S,
            table_standby_replicas=0,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            loop=asyncio.get_running_loop(),
        )
        app.transport = RunTransport(app.conf.broker_consumer, app)
        return app

    def _table(self, table: Table) -> TableView[Any]:
        partitions = 1 if table.follows.single else self.world.settings.kafka.partitions
        changelog = changelog_of(self.name, table, self.prefix)
        view = declare(self.app, table, partitions)
        return TableView(table, STATES[table.name], view, changelog)

    def _loop(self, stage: Stage) -> Loop:
        if is_tier(stage):
            stage = replace(stage, concurrency=self.world.settings.worker.concurrency)
        tables = {t.name: self.tables[stage.name, t.name] for t in stage.tables}
        reads = {topic.full_name(self.prefix) for topic in stage.reads}
        tracer, group = self.world.tracer, group_of(self.name, self.prefix)
        carrier = Carrier(
            stage,
            Ports(
                publisher=self.world.publisher,
                tables=tables,
                settle=self.consumer.settle,
                current=lambda generation: generation == self.app.consumer_generation_id,
                owns=lambda: self._owns(reads),
                assured=self._assured,
                prefix=self.prefix,
                clock=self.world.clock,
                counters=self.world.counters,
                bugs_in_a_row=self.world.ports.bugs_in_a_row,
                bugs_share=self.world.settings.limits.bugs_share,
                spans=None if tracer is None else StageSpans(tracer, stage, group, self.prefix),
                hide=partial(hide, keys=self.world.secrets),
            ),
        )
        if is_tier(stage):
            return Pool(carrier, bind_tier(carrier, self.world.ports, tables["calls"]))
        return Batches(carrier, binder(stage, self.world.ports, tables))

    def _owns(self, reads: set[str]) -> bool:
        return self.app.recovered and any(
            tp.topic in reads for tp in self.app.consumer.assignment()
        )

    def _agent(self, stage: Stage, name: str) -> None:
        topic = self.app.topic(
            BY_NAME[name].full_name(self.prefix),
            key_type=bytes,
            value_type=bytes,
            value_serializer="raw",
            key_serializer="raw",
        )
        loop = self.loops[stage.name]

        async def take(stream: Any) -> None:
            async for event in stream.noack().events():
                run = event.message
                if run.generation_id != self.app.consumer_generation_id:
                    continue  # from before a rebalance: it will be read again
                generation = run.generation_id
                taken = [Taken(received(name, r), run.tp, generation) for r in run.records]
                await loop.intake.put(taken)

        self.app.agent(topic, name=f"{stage.name}-{name}")(take)


def credentials(access: Access) -> Credentials | None:
    """As Faust takes them for its own consumer and producer; None for a listener in the clear."""
    told = access.security
    context = told.get("ssl_context")
    if "sasl_mechanism" not in told:
        return SSLCredentials(context) if context else None
    return SASLCredentials(
        mechanism=told["sasl_mechanism"],
        username=told["sasl_plain_username"],
        password=told["sasl_plain_password"],
        ssl_context=context,
    )


def secrets_of(settings: Settings, view: View) -> tuple[str, ...]:
    """Every key, password and salt that this process knows."""
    hosts = settings.providers
    variables = {provider.api_key_env for provider in hosts.values()}
    variables |= {spec.api_key_env for spec in view.registry.models}
    keys = [key_in(name) for name in variables]
    keys += [provider.read_key_file(name) for name, provider in hosts.items()]
    found = [key.get_secret_value() for key in keys if key is not None]
    found += [
        settings.routing.read_salt(),
        settings.kafka.read_password() or "",
        settings.kafka.read_key_password() or "",
        settings.clickhouse.read_password(),
    ]
    return tuple(filter(None, found))


@asynccontextmanager
async def world_of(settings: Settings, clock: Clock) -> AsyncIterator[World]:
    """Producer, control tail and providers, closed again at the end."""
    access = access_of(settings.kafka)
    spans = Counter[str]()
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(otel.exporting(os.environ, spans))
        producer = AIOKafkaProducer(
            **access.options(),
            acks="all",
            linger_ms=LINGER_MS,
            max_request_size=2 * DEAD_LETTER_BYTES,
        )
        await producer.start()
        stack.push_async_callback(producer.stop)
        view, counters = starting_view(settings, clock.now()), Counters()
        consumer = AIOKafkaConsumer(
            **access.options(),
            fetch_max_wait_ms=settings.kafka.fetch_wait_ms,
            enable_auto_commit=False,
        )
        tail = Tail(consumer, CONTROL, settings.kafka.prefix, view, fold, clock)
        providers: dict[str, Provider] = {}
        for name, provider in settings.providers.items():
            try:
                http = HttpProvider(
                    provider.base_url,
                    WIRES[provider.wire],
                    clock,
                    connections=len(ROLES) * settings.worker.concurrency,
                    **provider.options(name),
                )
                known: Provider = await stack.enter_async_context(http)
            except ForbiddenAddressError as error:
                then = f"providers.{name}.allow_link_local = true lets it through"
                raise SettingsError(f"providers.{name}.base_url: {error}; {then}") from None
            if tracer is not None:
                known = Traced(known, name, provider.base_url, tracer, clock)
            providers[name] = known
        traffic = Traffic()
        judgement = judgement_of({kind: found.plan() for kind, found in settings.checks.items()})
        ports = StagePorts(
            view=lambda: tail.view,
            clock=clock,
            salt=settings.routing.read_salt(),
            max_task_bytes=settings.limits.max_task_bytes,
            initial=view.policy,
            gains=settings.policy.gains.gains(),
            bucket_s=settings.policy.bucket_s,
            partitions=settings.kafka.partitions,
            providers=providers,
            longest_call_s=settings.worker.longest_call_s,
            reply_topics=frozenset(settings.limits.reply_topics),
            bugs_in_a_row=settings.limits.bugs_in_a_row,
            in_doubt={int(name[-1]): known.in_doubt for name, known in settings.tiers.items()},
            cascade_tiers=frozenset(
                int(name[-1]) for name, known in settings.tiers.items() if known.cascade
            ),
            cascade_bar=settings.calls.cascade_confidence,
            longest_wait_s=settings.calls.longest_wait_s,
            longest_outage_s=settings.calls.longest_outage_s,
            billing=Billing(shipped(), {n: p.vendor_of(n) for n, p in settings.providers.items()}),
            worker=f"{socket.gethostname()}:{os.getpid()}"[:WORKER_CHARS],
            traffic=traffic,
            check=judgement.check,
            telling=judgement.tells,
            answer=load_skills(settings.tier0.off, clock, counters),
        )
        publisher = Publisher(producer, clock)
        yield World(
            settings, access, clock, counters, publisher, tail, ports, tracer, spans,
            secrets_of(settings, view),
        )  # fmt: skip


async def run_worker(
    settings: Settings, stop: asyncio.Event, clock: Clock, on_ops: Callable[[int], None]
) -> int:
    """Run the roles until `stop` is set, then drain.

    Args:
        settings: All of them; `worker.roles` says which roles.
        stop: Set by a signal.
        clock: Time.
        on_ops: Told the port of health, readiness and metrics.

    Returns:
        0 when everything in work was finished in time, 1 when some was handed back.

    Raises:
        Exception: What stopped a role; nothing it left unconfirmed was settled.
    """
    sys.setswitchinterval(SWITCH_S)
    async with world_of(settings, clock) as world, asyncio.TaskGroup() as group:
        roles: list[Role] = []
        host, port = settings.worker.ops_host, settings.worker.ops_port

        def unready() -> list[str]:
            waits = [] if world.tail.ready.is_set() else ["control topics are not read yet"]
            waits += [] if not stop.is_set() else ["stopping: work in flight is being finished"]
            waits += [] if roles else ["roles are not started yet"]
            return waits + [reason for role in roles for reason in role.unready()]

        async with ops.serve(
            host, port, unready=unready, metrics=world.counters.exposition
        ) as took:
            on_ops(took)
            tail = group.create_task(world.tail.run())
            loops: list[asyncio.Task[None]] = []
            drained = True
            if await caught_up(world.tail, stop):
                roles += [Role(name, world) for name in settings.worker.roles]
                ends = watched(world, roles, unready)
                running = [loop for role in roles for loop in role.loops.values()]
                loops += [group.create_task(loop.run()) for loop in running]
                async with asyncio.TaskGroup() as starts:
                    for role in roles:
                        starts.create_task(role.start())
                spare_collections()
                loops.append(group.create_task(ends.follow()))
                watches = [group.create_task(role.crashed()) for role in roles]
                await stop.wait()
                for task in watches:
                    task.cancel()
                drained = await drain(roles, settings.worker.grace_s)
        for task in (*loops, tail):
            task.cancel()
    return 0 if drained else 1


def spare_collections() -> None:
    """Have garbage looked for less often, and never among what was there from the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


async def caught_up(tail: Tail[View], stop: asyncio.Event) -> bool:
    """Wait until the control topics are read; False where the process is to stop before."""
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(event.wait()) for event in (tail.ready, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
    return not stop.is_set()


async def drain(roles: list[Role], grace_s: float) -> bool:
    """Drain all roles at once, then let each commit and leave its group."""
    async with asyncio.TaskGroup() as group:
        drains = [group.create_task(role.drain(grace_s)) for role in roles]
    async with asyncio.TaskGroup() as group:
        for role in roles:
            group.create_task(role.leave())
    return all(task.result() for task in drains)


def watched(world: World, roles: list[Role], unready: Callable[[], list[str]]) -> Ends:
    """Register the gauges; the ends of partitions that they need are still to be followed."""
    settled = {role.name: role.consumer.settled for role in roles}
    ends = Ends(
        world.tail.ends, lambda: [tp for ask in settled.values() for tp in ask()], world.clock
    )
    loops = {name: loop for role in roles for name, loop in role.loops.items()}
    prefix = world.settings.kafka.prefix
    watched = Watched(
        loops, settled, ends, prefix, world.tail, unready, world.spans,
        standings=lambda: world.ports.traffic.standings(world.clock.monotonic_s()),
    )  # fmt: skip
    watch(world.counters, watched)
    return ends

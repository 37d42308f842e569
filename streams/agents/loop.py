"""Record in, outcome carried out, *then* settled: the two loops that run every stage.

`Batches` takes what has come, asks the handler for each record, confirms everything in one flush
and settles all. `Pool` works on many records at once, one a key at a time, and settles each when
it is done. Neither ever raises because of a record: an exception that leaves an agent would make
Faust acknowledge what was not done.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from streams.agents.carrier import Carrier, Taken
from streams.agents.outcome import Bound, Bury, Outcome, Record
from streams.learning.standing import Standing

logger = logging.getLogger(__name__)

PENDING_RECORDS = 4_000
BATCH_RECORDS = 250
"""Records in one flush: so many may hold the event loop for a tenth of a second, not longer."""

GATHERED_RECORDS = 2_000
"""The same for stages that pause to gather, whose records cost little each."""

IDLE_S = 0.25

PARKED_RECORDS = 1_000
"""Records that wait in a pool behind one of the same key, at most."""

PARKED_S = 0.05


class Intake:
    """Records between Faust and a loop: bounded, and emptied when partitions are let go."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._records: deque[Taken] = deque()
        self._changed = asyncio.Condition()
        self.open = False

    def __len__(self) -> int:
        return len(self._records)

    async def put(self, taken: Sequence[Taken]) -> None:
        """Add a run; waits while full; what comes while closed is dropped, to be read again."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._records) < self._limit or not self.open)
            if self.open:
                self._records.extend(taken)
                self._changed.notify_all()

    async def take(self, most: int, wait_s: float) -> list[Taken]:
        """Up to `most` records, or none when nothing came for `wait_s`."""
        async with self._changed:
            if not self._records:
                try:
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait_for(lambda: bool(self._records))
                except TimeoutError:
                    return []
            taken = [self._records.popleft() for _ in range(min(most, len(self._records)))]
            self._changed.notify_all()
            return taken

    async def close(self) -> None:
        """Drop what waits and refuse more."""
        async with self._changed:
            self.open = False
            self._records.clear()
            self._changed.notify_all()


class Batches:
    """Pure handlers over what has come: one flush, settle all; ticks run in between."""

    def __init__(self, carrier: Carrier, bind: Callable[[], Bound]) -> None:
        self.carrier = carrier
        self.intake = Intake(PENDING_RECORDS)
        self._bind = bind
        self._bound: Bound | None = None
        self._busy = asyncio.Lock()
        self._ticked_s = 0.0
        self._flushed_s = 0.0

    @property
    def in_work(self) -> int:
        """Records taken and not settled."""
        return len(self.intake)

    def standing(self) -> Mapping[str, Standing]:
        """How well a stage that learns has predicted, by model; empty for every other."""
        asked = None if self._bound is None else self._bound.standing
        return {} if asked is None else asked()

    def resume(self) -> None:
        """Partitions were assigned: begin anew from the tables."""
        self._bound = None
        self.intake.open = True

    async def drain(self, timeout_s: float) -> bool:
        """Take no more and finish the batch in hand; whether it was done in time."""
        await self.intake.close()
        try:
            async with asyncio.timeout(timeout_s), self._busy:
                self._bound = None
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Work until cancelled."""
        clock, stage = self.carrier.ports.clock, self.carrier.stage
        wait_s = min(IDLE_S, stage.tick_s or IDLE_S)
        while True:
            if stage.pause_s and len(self.intake):
                since_s = clock.monotonic_s() - self._flushed_s
                await clock.sleep(max(0.0, stage.pause_s - since_s))
            most = GATHERED_RECORDS if stage.pause_s else BATCH_RECORDS
            taken = await self.intake.take(most, wait_s)
            async with self._busy:
                if self.intake.open and taken:
                    await self._batch([t for t in taken if self._wanted(t)])
                    self._flushed_s = clock.monotonic_s()
                await self._tick()

    def _wanted(self, taken: Taken) -> bool:
        """Not what came before a rebalance (it is read again), nor from a held partition."""
        carrier = self.carrier
        return taken.tp not in carrier.held and carrier.ports.current(taken.generation)

    async def _batch(self, taken: list[Taken]) -> None:
        bound = self._bound = self._bound or self._bind()
        tables = self.carrier.ports.tables
        work: list[tuple[Taken | None, Outcome]] = []
        began_s = self.carrier.ports.clock.monotonic_s()
        try:
            for one in taken:
                outcome = await self.carrier.ask(bound.handle, one.record)
                work.append((one, outcome))
                if not isinstance(outcome, Bury):
                    for put in outcome.puts:
                        tables[put.table].overlay(put.key, put.value)
            if bound.close is not None:
                work.append((None, await bound.close(self.carrier.ports.clock.now())))
            await self.carrier.carry(work, began_s)
        finally:
            for table in tables.values():
                table.drop_overlay()

    async def _tick(self) -> None:
        stage, clock = self.carrier.stage, self.carrier.ports.clock
        due = stage.tick_s and clock.monotonic_s() - self._ticked_s >= stage.tick_s
        if not due or not self.intake.open or not self.carrier.ports.owns():
            return
        self._ticked_s = clock.monotonic_s()
        bound = self._bound = self._bound or self._bind()
        now = clock.now()
        if bound.tick is not None:
            await self.carrier.carry([(None, await bound.tick(now))])
        await self.carrier.prune(now)


WAITING_ROOM = 4
"""A pool holds so many times the records that it works on: the others wait for their model."""


class Seat:
    """A record's place at work, which it leaves to others while it waits."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._taken = False
        self.waiting = False

    async def take(self) -> None:
        """Begin to work, once there is room."""
        await self._slots.acquire()
        self._taken = True

    def leave(self) -> None:
        """Make room for another."""
        if self._taken:
            self._taken = False
            self._slots.release()

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """While inside, another works: nothing is under way that could not be given up at once."""
        self.leave()
        self.waiting = True
        try:
            yield
        finally:
            self.waiting = False
        await self.take()


TakenHandler = Callable[[Taken, Seat], Awaitable[Outcome]]


class Pool:
    """Many records at once, one a key at a time, each settled when it is done.

    So many as the stage's concurrency are worked on; who waits for a model stands beside them. Its
    partitions are held only while no more can be held.

    Args:
        carrier: Carries outcomes out.
        handle: `async (Taken, Seat) -> Outcome`; it may wait long, for a model.
    """

    def __init__(self, carrier: Carrier, handle: TakenHandler) -> None:
        self.carrier = carrier
        self.intake = Intake(carrier.stage.concurrency * 2)
        self._handle = handle
        self._slots = asyncio.Semaphore(carrier.stage.concurrency)
        self._room = asyncio.Semaphore(carrier.stage.concurrency * WAITING_ROOM)
        self._waiting: dict[bytes | None, deque[Taken]] = {}
        self._tasks: dict[asyncio.Task[None], Seat] = {}
        self._ticked_s = 0.0

    @property
    def in_work(self) -> int:
        """Records taken and not settled."""
        return len(self._tasks) + self._parked() + len(self.intake)

    def resume(self) -> None:
        """Partitions were assigned: take records."""
        self.intake.open = True

    async def drain(self, timeout_s: float) -> bool:
        """Take no more, wait for what is in work, then cancel the rest; whether none was.

        Who waits for a model goes at once: it has nothing under way.
        """
        await self.intake.close()
        for waiting in self._waiting.values():
            waiting.clear()
        for task, seat in self._tasks.items():
            if seat.waiting:
                task.cancel()
        running = set(self._tasks)
        if not running:
            return True
        _, late = await asyncio.wait(running, timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return not late

    async def run(self) -> None:
        """Work until cancelled; an error that must stop the worker is raised here."""
        async with asyncio.TaskGroup() as group:
            while True:
                for taken in await self.intake.take(1, IDLE_S):
                    await self._start(group, taken)
                await self._tick()

    async def _start(self, group: asyncio.TaskGroup, taken: Taken) -> None:
        if taken.tp in self.carrier.held:
            return
        key = taken.record.key
        while key in self._waiting:  # its turn comes after the record of this key in work
            if self._parked() < PARKED_RECORDS:
                self._waiting[key].append(taken)
                return
            await self.carrier.ports.clock.sleep(PARKED_S)
        seat = Seat(self._slots)
        await self._room.acquire()
        await seat.take()
        if not self.intake.open or not self.carrier.ports.current(taken.generation):
            seat.leave()  # drained while waiting: it will be read again
            self._room.release()
            return
        self._waiting[key] = deque()
        task = group.create_task(self._work(taken, seat))
        self._tasks[task] = seat
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def _parked(self) -> int:
        return sum(len(waiting) for waiting in self._waiting.values())

    async def _work(self, taken: Taken, seat: Seat) -> None:
        key = taken.record.key
        following: Taken | None = taken
        try:
            while following is not None:
                if self.carrier.ports.current(following.generation):
                    await self._one(following, seat)
                waiting = self._waiting[key]
                following = waiting.popleft() if waiting else None
        except asyncio.CancelledError:
            logger.info("%s: a record in work is handed back", self.carrier.stage.name)
        finally:
            del self._waiting[key]
            seat.leave()
            self._room.release()

    async def _one(self, taken: Taken, seat: Seat) -> None:
        async def handle(_: Record) -> Outcome:
            return await self._handle(taken, seat)

        began_s = self.carrier.ports.clock.monotonic_s()
        outcome = await self.carrier.ask(handle, taken.record)
        await self.carrier.carry([(taken, outcome)], began_s)

    async def _tick(self) -> None:
        stage, clock = self.carrier.stage, self.carrier.ports.clock
        due = stage.tick_s and clock.monotonic_s() - self._ticked_s >= stage.tick_s
        if due and self.intake.open and self.carrier.ports.owns():
            self._ticked_s = clock.monotonic_s()
            await self.carrier.prune(clock.now())


Loop = Batches | Pool

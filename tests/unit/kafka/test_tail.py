import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.clock import SystemClock
from streams.events.control import ModelState, Policy
from streams.events.envelope import Event
from streams.kafka import codec
from streams.kafka.tail import RETRY_S, Tail
from streams.topology import MODEL_STATE, POLICY
from tests.builders import a_model_state, a_policy
from tests.fakes import ManualClock

POLICIES = TopicPartition("t.policy.v1", 0)
STATES = TopicPartition("t.model-state.v1", 0)


class Feed:
    """A consumer over two topics: fetches come when the test brings them."""

    def __init__(self) -> None:
        self.fetches: asyncio.Queue[dict[TopicPartition, list[bytes | None]] | KafkaError] = (
            asyncio.Queue()
        )
        self.read: dict[TopicPartition, int] = {}
        self.ends: dict[TopicPartition, int] = {}
        self.running = False

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    def assign(self, parts: Sequence[TopicPartition]) -> None:
        self.read = dict.fromkeys(parts, -1)

    async def seek_to_beginning(self, *parts: TopicPartition) -> None:
        self.read.update(dict.fromkeys(parts, 0))

    def highwater(self, part: TopicPartition) -> int | None:
        return self.ends.get(part)

    async def position(self, part: TopicPartition) -> int:
        return self.read[part]

    async def getmany(self, timeout_ms: int) -> dict[TopicPartition, list[SimpleNamespace]]:
        fetched = await self.fetches.get()
        if isinstance(fetched, KafkaError):
            raise fetched
        for part, values in fetched.items():
            self.read[part] += len(values)
        return {
            part: [SimpleNamespace(offset=n, value=value) for n, value in enumerate(values)]
            for part, values in fetched.items()
        }


View = tuple[int, tuple[str, ...]]


def fold(view: View, event: Event) -> View:
    """The policy's version, and the parts heard of."""
    if isinstance(event, Policy):
        return event.version, view[1]
    assert isinstance(event, ModelState)
    if event.weights == "damaged":
        raise ValueError("checksum")
    return view[0], (*view[1], event.part)


@asynccontextmanager
async def running(feed: Feed, clock: ManualClock | None = None) -> AsyncIterator[Tail[View]]:
    tail: Tail[View] = Tail(
        feed, (POLICY, MODEL_STATE), "t.", (0, ()), fold, clock or ManualClock()
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(tail.run())
        yield tail
        task.cancel()
    assert not feed.running


async def until(come: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not come():
            await SystemClock().sleep(0)


async def settle_down() -> None:
    for _ in range(10):
        await SystemClock().sleep(0)


async def test_control_records_are_folded_into_the_view_from_the_beginning() -> None:
    feed = Feed()
    async with running(feed) as tail:
        await feed.fetches.put(
            {
                POLICIES: [codec.encode(a_policy(1)), codec.encode(a_policy(2))],
                STATES: [codec.encode(a_model_state("shared"))],
            }
        )
        await until(lambda: tail.view == (2, ("shared",)))
    assert feed.read == {POLICIES: 2, STATES: 1}


async def test_it_is_ready_only_when_every_topic_is_read_to_its_high_watermark() -> None:
    feed = Feed()
    async with running(feed) as tail:
        await feed.fetches.put({})
        await settle_down()
        assert not tail.ready.is_set()
        feed.ends = {POLICIES: 2, STATES: 0}
        await feed.fetches.put({POLICIES: [codec.encode(a_policy(1))]})
        await settle_down()
        assert (tail.view[0], tail.ready.is_set()) == (1, False)
        await feed.fetches.put({POLICIES: [codec.encode(a_policy(2))]})
        await until(tail.ready.is_set)
        assert tail.view[0] == 2


async def test_empty_topics_are_ready_at_the_first_fetch() -> None:
    feed = Feed()
    feed.ends = {POLICIES: 0, STATES: 0}
    async with running(feed) as tail:
        await feed.fetches.put({})
        await until(tail.ready.is_set)
        assert tail.view == (0, ())


async def test_a_bad_record_leaves_the_last_good_in_force_and_is_counted() -> None:
    feed = Feed()
    feed.ends = {POLICIES: 3, STATES: 2}
    async with running(feed) as tail:
        await feed.fetches.put(
            {
                POLICIES: [codec.encode(a_policy(4)), b"not json", b"{}"],
                STATES: [
                    codec.encode(a_model_state("good")),
                    codec.encode(a_model_state("bad", weights="damaged")),
                ],
            }
        )
        await until(tail.ready.is_set)
        assert (tail.view, tail.refused) == ((4, ("good",)), 3)
        await feed.fetches.put({POLICIES: [codec.encode(a_policy(5))]})
        await until(lambda: tail.view[0] == 5)


async def test_a_tombstone_changes_nothing() -> None:
    feed = Feed()
    async with running(feed) as tail:
        await feed.fetches.put({POLICIES: [None, codec.encode(a_policy(3))]})
        await until(lambda: tail.view[0] == 3)
        assert tail.refused == 0


async def test_a_fetch_that_fails_is_tried_again_after_a_while() -> None:
    feed, clock = Feed(), ManualClock()
    async with running(feed, clock) as tail:
        await feed.fetches.put(KafkaError())
        await feed.fetches.put({POLICIES: [codec.encode(a_policy(3))]})
        await until(lambda: clock.sleeping == 1)
        assert tail.view[0] == 0
        await clock.advance(RETRY_S)
        await until(lambda: tail.view[0] == 3)

import asyncio
from collections.abc import Sequence

import orjson
import pytest
from aiokafka.errors import (
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from streams import ids
from streams.events.envelope import Envelope, Reason
from streams.kafka.publish import RETRY_S, Outgoing, Publisher, dead_letter, dress
from tests.builders import AT, a_record, a_result
from tests.fakes import ManualClock

Fault = Exception | None


class Producer:
    """A producer that fails as its script says, at once or when its future is awaited.

    Args:
        script: By key, what each try comes to; after it, every try succeeds.
        at_once: Whether `send` itself fails.
    """

    def __init__(self, script: dict[bytes, Sequence[Fault]], *, at_once: bool = False) -> None:
        self.script = {key: list(faults) for key, faults in script.items()}
        self.at_once = at_once
        self.tried: list[bytes] = []
        self.taken: list[tuple[str, bytes, int | None]] = []

    async def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes,
        partition: int | None,
        headers: list[tuple[str, bytes]],
    ) -> "asyncio.Future[object]":
        self.tried.append(key)
        faults = self.script.get(key)
        fault = faults.pop(0) if faults else None
        if fault is not None and self.at_once:
            raise fault
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if fault is None:
            self.taken.append((topic, key, partition))
            future.set_result(None)
        else:
            future.set_exception(fault)
        return future


def out(key: bytes, partition: int | None = None) -> Outgoing:
    return Outgoing("t.results.v1", key, b"{}", (), partition)


async def test_all_of_a_batch_is_confirmed_together_in_its_order() -> None:
    producer = Producer({})
    publisher = Publisher(producer, ManualClock())
    assert await publisher.confirm([out(b"a"), out(b"b", 4)]) == [None, None]
    assert producer.taken == [("t.results.v1", b"a", None), ("t.results.v1", b"b", 4)]


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(
    "fault", [KafkaConnectionError(), KafkaTimeoutError(), NotLeaderForPartitionError()]
)
async def test_what_passes_is_tried_again_until_it_works(fault: KafkaError, at_once: bool) -> None:
    producer = Producer({b"b": [fault] * 8}, at_once=at_once)
    clock = ManualClock(flowing=True)
    verdicts = await Publisher(producer, clock).confirm([out(b"a"), out(b"b"), out(b"c")])
    assert verdicts == [None, None, None]
    assert producer.tried == [b"a", b"b", b"c", *[b"b"] * 8]
    assert clock.monotonic_s() == pytest.approx(sum(RETRY_S) + 2 * RETRY_S[-1])


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        MessageSizeTooLargeError(),
        TopicAuthorizationFailedError(),
        UnknownTopicOrPartitionError(),
        InvalidTopicError(),
    ],
)
async def test_what_will_never_work_is_not_tried_again(fault: KafkaError, at_once: bool) -> None:
    producer = Producer({b"b": [fault]}, at_once=at_once)
    verdicts = await Publisher(producer, ManualClock()).confirm([out(b"a"), out(b"b"), out(b"c")])
    assert [verdict is None for verdict in verdicts] == [True, False, True]
    assert str(verdicts[1]) == f"{type(fault).__name__}: t.results.v1"
    assert producer.tried == [b"a", b"b", b"c"]


async def test_a_record_may_pass_trouble_and_then_be_refused_for_good() -> None:
    producer = Producer({b"a": [KafkaTimeoutError(), MessageSizeTooLargeError()]})
    (verdict,) = await Publisher(producer, ManualClock(flowing=True)).confirm([out(b"a")])
    assert str(verdict) == "MessageSizeTooLargeError: t.results.v1"


async def test_what_is_no_kafka_error_is_a_bug_and_is_raised() -> None:
    producer = Producer({b"a": [TypeError("bytes are wanted")]}, at_once=True)
    with pytest.raises(TypeError):
        await Publisher(producer, ManualClock()).confirm([out(b"a")])


async def test_nothing_to_publish_is_confirmed_at_once() -> None:
    assert await Publisher(Producer({}), ManualClock()).confirm([]) == []


def test_an_event_is_dressed_with_topic_key_body_and_headers() -> None:
    envelope = Envelope(id="r1", type="tierflow.result.v1", source="tests", time=AT)
    dressed = dress(
        "results", "t1", a_result(), envelope, "acme.", partition=2, extra=(("k", b"v"),)
    )
    assert (dressed.topic, dressed.key, dressed.partition) == ("acme.results.v1", b"t1", 2)
    assert dict(dressed.headers)["ce_id"] == b"r1"
    assert dressed.headers[-1] == ("k", b"v")


def test_a_dead_letter_keeps_value_key_and_foreign_headers() -> None:
    record = a_record(
        "tasks", b"\x00bad", key=b"\xff", partition=4, offset=9,
        headers=[("ce_id", b"e1"), ("tierflow-reason", b"forged"), ("x", b"y")],
    )  # fmt: skip
    letter = dead_letter(record, "admit", Reason.NOT_JSON, "ends too early", "acme.")
    assert (letter.topic, letter.key, letter.value) == (
        "acme.dead-letters.v1",
        b"\xff",
        b"\x00bad",
    )
    assert list(letter.headers) == [
        ("ce_id", b"e1"),
        ("x", b"y"),
        ("tierflow-reason", b"not_json"),
        ("tierflow-detail", b"ends too early"),
        ("tierflow-stage", b"admit"),
        ("tierflow-topic", b"acme.tasks.v1"),
        ("tierflow-partition", b"4"),
        ("tierflow-offset", b"9"),
    ]


def test_a_value_over_the_limit_is_replaced_by_its_place_and_digest() -> None:
    record = a_record("tasks", b"x" * 5_000, key=b"k", partition=4, offset=9)
    letter = dead_letter(record, "admit", Reason.TOO_LARGE, "5000 bytes", "acme.")
    assert letter.key == b"k"
    assert orjson.loads(letter.value or b"") == {
        "topic": "acme.tasks.v1",
        "partition": 4,
        "offset": 9,
        "bytes": 5_000,
        "sha256": ids.digest(b"x" * 5_000),
    }


@pytest.mark.parametrize("value", [None, b""])
def test_a_dead_letter_of_nothing_stays_nothing(value: bytes | None) -> None:
    record = a_record("tasks", value)
    assert dead_letter(record, "admit", Reason.NOT_JSON, "empty", "t.").value == value


def test_a_detail_that_can_not_be_written_or_is_too_long_does_not_stop_a_dead_letter() -> None:
    letter = dead_letter(a_record("tasks", b""), "admit", Reason.INTERNAL, "\ud800" * 5_000, "t.")
    assert dict(letter.headers)["tierflow-detail"] == b"?" * 1_000

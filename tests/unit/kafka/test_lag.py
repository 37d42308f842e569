import asyncio
import contextlib

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from streams.kafka.lag import ASKED_EVERY_S, Ends
from tests.fakes import ManualClock

A0, A1, B0 = TopicPartition("a", 0), TopicPartition("a", 1), TopicPartition("b", 0)


async def asked(answers: list[dict[TopicPartition, int] | Exception]) -> Ends:
    """Ends after so many questions."""
    clock = ManualClock()
    left = list(answers)

    async def ask(_: list[TopicPartition]) -> dict[TopicPartition, int]:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ends = Ends(ask, lambda: [A0, A1, B0], clock)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1), asyncio.TaskGroup() as group:
            following = group.create_task(ends.follow())
            await clock.advance(ASKED_EVERY_S * (len(answers) - 1))
            following.cancel()
    assert left == []
    return ends


async def test_lag_is_the_greater_end_less_what_is_settled_by_topic() -> None:
    ends = await asked([{A0: 10, A1: 5, B0: 7}])
    settled = {A0: (4, 8), A1: (5, None), B0: (6, 9)}
    assert ends.lag(settled) == {"a": 6.0, "b": 3.0}


async def test_a_broker_that_does_not_answer_leaves_what_was_known() -> None:
    ends = await asked([{A0: 10}, KafkaConnectionError()])
    assert ends.lag({A0: (4, None)}) == {"a": 6.0}


async def test_a_topic_whose_end_nobody_knows_is_left_out() -> None:
    ends = await asked([{}])
    assert ends.lag({A0: (4, None), B0: (1, 1)}) == {"b": 0.0}

"""aiokafka's admin passes over the error of a whole group: a loading one seems without commits.

Seen after kill -9 of a broker: the worker that came back took its group for one that had expired.
"""

from typing import cast

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.kafka.cluster import committed_offsets

HERE, THERE = TopicPartition("t.tasks.v1", 0), TopicPartition("t.tasks.v1", 1)


class Loading:
    """A coordinator that answers without a partition until it has loaded the group."""

    def __init__(self, answers: int) -> None:
        self.left = answers

    async def list_consumer_group_offsets(
        self, _: str, partitions: list[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        self.left -= 1
        if self.left >= 0:
            return {}
        return {tp: OffsetAndMetadata(7 if tp == HERE else -1, "") for tp in partitions}


async def test_a_group_that_is_being_loaded_is_asked_again() -> None:
    admin = Loading(answers=2)
    places = [(HERE.topic, HERE.partition), (THERE.topic, THERE.partition)]
    found = await committed_offsets(cast("AIOKafkaAdminClient", admin), "tierflow-route", places)
    assert found == {("t.tasks.v1", 0): 7}
    assert admin.left == -1

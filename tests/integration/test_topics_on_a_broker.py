"""Topics, groups and the survey on a real broker."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.structs import TopicPartition

from streams.cli.main import main
from streams.kafka import cluster, codec
from streams.kafka.reading import to_the_end
from streams.kafka.survey import survey
from streams.kafka.topics import Action, Layout, readers, wanted
from streams.topology import ROLES, group_of
from tests.builders import a_model_state, a_policy, a_result
from tests.clusters import Cluster
from tests.wire import access, options

pytestmark = pytest.mark.broker


async def send(bootstrap: str, *records: tuple[str, bytes, bytes]) -> None:
    producer = AIOKafkaProducer(**options(bootstrap))
    await producer.start()
    try:
        for topic, key, value in records:
            await producer.send_and_wait(topic, value, key=key)
    finally:
        await producer.stop()


@pytest.mark.secured
async def test_apply_makes_what_plan_shows_and_again_does_nothing(
    broker: Cluster, prefix: str
) -> None:
    layout = Layout(prefix, partitions=3)
    shown = await cluster.pending(access(broker.bootstrap), layout)
    applied = await cluster.apply(access(broker.bootstrap), layout)
    assert applied.done == shown
    assert applied.left == ()
    assert {c.subject for c in shown if c.action is Action.CREATE} == {
        topic.name for topic in wanted(layout)
    }
    assert await cluster.pending(access(broker.bootstrap), layout) == ()
    assert (await cluster.apply(access(broker.bootstrap), layout)).done == ()


async def test_every_group_begins_at_the_beginning(broker: Cluster, prefix: str) -> None:
    layout = Layout(prefix, partitions=2)
    await cluster.apply(access(broker.bootstrap), layout)
    async with cluster.administered(access(broker.bootstrap)) as admin:
        for group, read in readers(prefix).items():
            names = [topic.full_name(prefix) for topic in read]
            places = await cluster.partitions(admin, names)
            assert len(places) >= len(names)
            settled = await cluster.committed_offsets(admin, group, places)
            assert settled == dict.fromkeys(places, 0)


async def test_a_setting_that_differs_is_set_or_left_with_a_note(
    broker: Cluster, prefix: str
) -> None:
    await cluster.apply(access(broker.bootstrap), Layout(prefix, partitions=1))
    longer = Layout(prefix, partitions=1, retention_s={"tasks": 1000})
    applied = await cluster.apply(access(broker.bootstrap), longer)
    if broker.kind == "embedded":
        assert "can't alter" in applied.left[0].detail
        assert len(await cluster.pending(access(broker.bootstrap), longer)) == 1
    else:
        assert [change.action for change in applied.done] == [Action.CONFIGURE]
        assert await cluster.pending(access(broker.bootstrap), longer) == ()


async def test_a_group_that_lost_its_commits_is_found(broker: Cluster, prefix: str) -> None:
    layout = Layout(prefix, partitions=2)
    await cluster.apply(access(broker.bootstrap), layout)
    tasks = f"{prefix}tasks.v1"
    await send(broker.bootstrap, (tasks, b"t1", b"{}"))
    assert await cluster.groups_without_commits(access(broker.bootstrap), prefix, ROLES) == []
    # Under another prefix the groups have other names, as after a renaming.
    renamed = prefix.rstrip(".") + "-renamed."
    async with cluster.administered(access(broker.bootstrap)) as admin:
        await admin.create_topics(
            [NewTopic(f"{renamed}tasks.v1", num_partitions=1, replication_factor=1)]
        )
    await send(broker.bootstrap, (f"{renamed}tasks.v1", b"t1", b"{}"))
    (lost,) = await cluster.groups_without_commits(access(broker.bootstrap), renamed, ROLES)
    assert (lost.topic, lost.records) == (f"{renamed}tasks.v1", 1)
    await cluster.remove(access(broker.bootstrap), renamed)


@pytest.mark.secured
async def test_remove_takes_all_of_one_prefix_and_nothing_else(
    broker: Cluster, prefix: str
) -> None:
    other = prefix.rstrip(".") + "-other."
    await cluster.apply(access(broker.bootstrap), Layout(prefix, partitions=1))
    await cluster.apply(access(broker.bootstrap), Layout(other, partitions=1))
    await cluster.remove(access(broker.bootstrap), prefix)
    async with cluster.administered(access(broker.bootstrap)) as admin:
        left = set(await admin.list_topics())
    assert not left & {topic.name for topic in wanted(Layout(prefix))}
    assert left >= {topic.name for topic in wanted(Layout(other))}
    await cluster.remove(access(broker.bootstrap), other)


async def test_reading_stops_where_the_end_was_although_more_comes(
    broker: Cluster, prefix: str
) -> None:
    await cluster.apply(access(broker.bootstrap), Layout(prefix, partitions=1))
    place, seen = TopicPartition(f"{prefix}tasks.v1", 0), list[bytes]()
    await send(broker.bootstrap, *((place.topic, b"t", b"%d" % n) for n in range(3)))
    reader = AIOKafkaConsumer(**options(broker.bootstrap), enable_auto_commit=False)
    await reader.start()
    try:
        reader.assign([place])
        await reader.seek_to_beginning(place)
        async with asyncio.timeout(20):
            async for fetched in to_the_end(reader, [place], poll_ms=50):
                seen += [record.value for record in fetched]
                await send(broker.bootstrap, (place.topic, b"t", b"more"))
    finally:
        await reader.stop()
    assert seen[:3] == [b"0", b"1", b"2"]


@pytest.mark.secured
async def test_the_survey_tells_lag_members_letters_and_what_was_learned(
    broker: Cluster, prefix: str
) -> None:
    assert (await survey(access(broker.bootstrap), prefix, 10)).missing
    await cluster.apply(access(broker.bootstrap), Layout(prefix, partitions=2))
    await send(
        broker.bootstrap,
        (f"{prefix}tasks.v1", b"t1", b"{}"),
        (f"{prefix}tasks.v1", b"t2", b"{}"),
        (f"{prefix}tier-3.v1", b"t2", b"{}"),
        (f"{prefix}dead-letters.v1", b"t2", b"{}"),
        (f"{prefix}policy.v1", b"policy", codec.encode(a_policy(3))),
        (f"{prefix}policy.v1", b"policy", b"not a policy"),
        (f"{prefix}model-state.v1", b"shared", codec.encode(a_model_state(version=7, lessons=70))),
    )
    reader = AIOKafkaConsumer(
        f"{prefix}tasks.v1",
        **options(broker.bootstrap),
        group_id=f"{prefix.rstrip('.')}-route",
        enable_auto_commit=False,
        session_timeout_ms=6000,
    )
    await reader.start()
    try:
        record = await reader.getone()
        place = TopicPartition(record.topic, record.partition)
        await reader.commit({place: record.offset + 1})
        found = await survey(access(broker.bootstrap), prefix, 10)
    finally:
        await reader.stop()
    assert found.missing == ()
    lag = found.lag()
    assert (lag["tasks"], lag["tier-3"], lag["results"]) == (1, 1, 0)
    assert found.in_flight(prefix) == 1
    assert found.groups[f"{prefix.rstrip('.')}-route"].members == 1
    assert found.groups[f"{prefix.rstrip('.')}-learn"].members == 0
    assert found.dead_letters == 1
    assert found.policy is not None
    assert found.policy.version == 3
    assert [state.version for state in found.model_states] == [7]


@pytest.mark.secured
def test_commands_answer_with_their_exit_codes(
    broker: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIERFLOW_KAFKA__BOOTSTRAP", broker.bootstrap)
    monkeypatch.setenv("TIERFLOW_KAFKA__PREFIX", prefix)
    monkeypatch.setenv("TIERFLOW_KAFKA__PARTITIONS", "2")
    assert main(["topics", "plan"]) == 1
    assert main(["feedback", "t1", "1"]) == 4
    assert "tierflow topics apply" in capfd.readouterr().err
    assert main(["topics", "apply"]) == 0
    assert main(["topics", "plan", "--json"]) == 0
    assert main(["feedback", "t1", "0.5", "--source", "test"]) == 0
    capfd.readouterr()
    assert main(["status", "--json"]) == 0
    facts = orjson.loads(capfd.readouterr().out)
    assert facts["ready"] is False, "no worker runs"
    assert facts["workers"] == 0
    assert facts["lag"]["feedback"] == 1
    assert set(facts) == {
        "ready", "workers", "lag", "in_flight", "parked", "dead_letters", "lessons",
        "model_state_version", "policy_version", "thresholds",
    }  # fmt: skip


async def test_the_status_is_ready_while_every_role_has_a_worker(
    broker: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIERFLOW_KAFKA__BOOTSTRAP", broker.bootstrap)
    monkeypatch.setenv("TIERFLOW_KAFKA__PREFIX", prefix)
    await cluster.apply(access(broker.bootstrap), Layout(prefix, partitions=1))

    async def said(*options: str) -> str:
        assert await asyncio.to_thread(main, ["status", *options]) == 0
        return capfd.readouterr().out

    async with AsyncExitStack() as stack:
        members = {role: a_member(stack, broker.bootstrap, prefix, role) for role in ROLES}
        late = {members.pop(role) for role in ("tier-2", "join")}
        await asyncio.gather(*(member.start() for member in members.values()))
        facts = orjson.loads(await said("--json"))
        assert (facts["ready"], facts["workers"]) == (False, 1)
        assert "no worker runs: tier-2, join: start `tierflow worker`" in await said()
        await asyncio.gather(*(member.start() for member in late))
        assert orjson.loads(await said("--json"))["ready"] is True
        assert "no worker runs" not in await said()
        if broker.kind != "embedded":  # which goes on describing a last member that has left
            await members["route"].stop()
            assert orjson.loads(await said("--json"))["ready"] is False


def a_member(stack: AsyncExitStack, bootstrap: str, prefix: str, role: str) -> AIOKafkaConsumer:
    """Who will do nothing in the role's group, not started yet; gone at the stack's end."""
    group = group_of(role, prefix)
    topics = {topic.full_name(prefix) for topic in readers(prefix)[group]}
    member = AIOKafkaConsumer(
        *topics, **options(bootstrap), group_id=group, enable_auto_commit=False,
        session_timeout_ms=6000,
    )  # fmt: skip
    stack.push_async_callback(member.stop)
    return member


@pytest.mark.secured
async def test_publish_waits_for_results_and_one_that_failed_is_exit_1(
    broker: Cluster,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TIERFLOW_KAFKA__BOOTSTRAP", broker.bootstrap)
    monkeypatch.setenv("TIERFLOW_KAFKA__PREFIX", prefix)
    await cluster.apply(access(broker.bootstrap), Layout(prefix, partitions=2))
    file = tmp_path / "tasks.jsonl"
    file.write_text('{"task_id": "t1", "prompt": "a"}\n{"task_id": "t2", "prompt": "b"}\n')
    answers = {"t1": a_result("t1"), "t2": a_result("t2", status="failed")}
    consumer = AIOKafkaConsumer(
        f"{prefix}tasks.v1", **options(broker.bootstrap), auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            arguments = ["publish", str(file), "--wait", "20", "--json"]
            command = group.create_task(asyncio.to_thread(main, arguments))
            for _ in answers:
                record = await consumer.getone()
                answer = codec.encode(answers[record.key.decode()])
                await send(broker.bootstrap, (f"{prefix}results.v1", record.key, answer))
        assert command.result() == 1
    finally:
        await consumer.stop()
    said = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {fact["task_id"]: fact["status"] for fact in said} == {"t1": "completed", "t2": "failed"}

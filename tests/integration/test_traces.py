"""One trace from publish to result: real workers, a real collector, an exporter that fails."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import orjson
import pytest
from aiokafka import ConsumerRecord

from streams.clock import SystemClock
from streams.tracing import SCHEMA_URL
from tests import wire
from tests.collector import Collector, Seen, tree
from tests.deployment import TIERFLOW, Deployment, Member, prompt
from tests.processes import finish

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

ROLES = {
    "routing": "route,join,learn",
    "calling": "tier-0,tier-1,tier-2,tier-3,tier-4,measure,tune",
}
SIMPLE = 1
"""A prompt that goes to tier 1: it names a small correction."""


def telling(url: str, name: str) -> dict[str, str]:
    """The variables of a process that exports to a collector."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_RESOURCE_ATTRIBUTES": f"service.instance.id={name}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }


@asynccontextmanager
async def two_workers(
    rigged: Deployment, prefix: str, url: str
) -> AsyncIterator[dict[str, Member]]:
    """Two processes that share the roles, on topics of their own, on which nothing was learned."""
    before = rigged.env
    rigged.env = {**before, "TIERFLOW_KAFKA__PREFIX": prefix}
    code, _, err = finish([TIERFLOW, "topics", "apply"], env=rigged.env, timeout_s=60)
    assert code == 0, err
    members = {
        name: rigged.start("worker", "--roles", roles, env=telling(url, name))
        for name, roles in ROLES.items()
    }
    try:
        for member in members.values():
            await rigged.until(member.is_ready, member.child.name, member.child)
        yield members
    finally:
        for member in members.values():
            member.terminate()
            rigged.workers.remove(member)
        rigged.env = before
        rigged.behave()


async def publish(rigged: Deployment, folder: Path, task_id: str, url: str) -> None:
    """One task, by the command, whose result is waited for."""
    file = folder / "tasks.jsonl"
    file.write_bytes(orjson.dumps({"task_id": task_id, "prompt": prompt(SIMPLE)}))
    env = {**rigged.env, **telling(url, "publisher")}
    code, out, err = finish([TIERFLOW, "publish", str(file), "--wait", "30"], env=env, timeout_s=60)
    assert code == 0, f"{out}{err}"


async def fallen_back(
    rigged: Deployment, folder: Path, named: str, url: str
) -> tuple[str, ConsumerRecord]:
    """A task whose first model failed, and its result; now and then one begins at the top."""
    for number in range(4):
        task_id = f"{named}{number}"
        await publish(rigged, folder, task_id, url)
        (result,) = (await rigged.results([task_id]))[task_id]
        if len({attempt["tier"] for attempt in orjson.loads(result.value)["attempts"]}) > 1:
            return task_id, result
    raise AssertionError("four tasks in a row began at the top")


def trace_of(collector: Collector, task_id: str) -> list[Seen]:
    """Spans of the trace in which a task was sent."""
    spans = collector.spans()
    traces = {
        span.trace_id
        for span in spans
        if span.kind == "PRODUCER" and span.attributes["messaging.kafka.message.key"] == task_id
    }
    return [span for span in spans if span.trace_id in traces]


async def settled(of: Callable[[], list[Seen]], enough: Callable[[list[Seen]], bool]) -> list[Seen]:
    """Spans once there are enough, or after ten seconds."""
    clock = SystemClock()
    for _ in range(100):
        if enough(of()):
            break
        await clock.sleep(0.1)
    return of()


def stages(spans: list[Seen]) -> set[str]:
    """Which stages handed in a span."""
    return {str(span.attributes.get("tierflow.stage")) for span in spans} - {"None"}


def ancestry(spans: list[Seen], stage: str) -> list[str]:
    """Names of spans from a stage's up to the root."""
    by_id = {span.span_id: span for span in spans}
    (at,) = (span for span in spans if span.attributes.get("tierflow.stage") == stage)
    names = [at.name]
    while at.parent_id:
        at = by_id[at.parent_id]
        names.append(at.name)
    return names


def assert_whole(seen: list[Seen], result: ConsumerRecord, chain: list[str]) -> None:
    """One trace, one root, nobody without a parent, and a chain up from the measured result."""
    assert len({span.trace_id for span in seen}) == 1
    assert len({span.span_id for span in seen}) == len(seen)
    (root,) = (span for span in seen if not span.parent_id)
    assert (root.kind, root.name) == ("PRODUCER", chain[-1])
    assert {span.parent_id for span in seen} - {""} <= {span.span_id for span in seen}
    assert ancestry(seen, "measure") == chain
    (parent,) = (span for span in seen if span.name == chain[1])
    assert wire.header(result, "traceparent") == f"00-{root.trace_id}-{parent.span_id}-01"


def assert_named(span: Seen, topic: str, key: str) -> None:
    """A stage's span has the names of the messaging conventions."""
    said = span.attributes
    assert span.schema_url == SCHEMA_URL
    assert said["messaging.system"] == "kafka"
    assert said["messaging.operation.type"] == "process"
    assert said["messaging.destination.name"] == topic
    assert said["messaging.consumer.group.name"].endswith(f"-{said['tierflow.stage']}")
    assert said["messaging.destination.partition.id"].isdigit()
    assert said["messaging.kafka.offset"] >= 0
    assert said["messaging.kafka.message.key"] == key


def assert_calls(calls: list[Seen], parents: list[Seen], models: list[str]) -> None:
    """Each call is below its tier's span; all but the last one failed."""
    *failed, answered = calls
    assert [span.name for span in calls] == [f"chat {model}" for model in models]
    assert [span.parent_id for span in calls] == [parent.span_id for parent in parents]
    assert {(s.failed, s.attributes["error.type"]) for s in failed} == {(True, "server_error")}
    said = answered.attributes
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "simulator"
    assert said["gen_ai.request.model"] == said["gen_ai.response.model"] == models[-1]
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (20, 10)
    assert "error.type" not in said


async def test_one_trace_goes_from_publish_to_result_through_two_workers(
    rigged: Deployment, prefix: str, named: str, tmp_path: Path
) -> None:
    with Collector() as collector:
        async with two_workers(rigged, prefix, collector.url) as workers:
            for model in ("tiny", "small", "medium"):
                rigged.misbehave("500", 1.0, model=model)
            task_id, result = await fallen_back(rigged, tmp_path, named, collector.url)
            attempts = orjson.loads(result.value)["attempts"]
            tiers = list(dict.fromkeys(f"tier-{attempt['tier']}" for attempt in attempts))
            wanted = {"admit", "classify", "join", "measure", *tiers}
            spans = partial(trace_of, collector, task_id)
            seen = await settled(spans, lambda found: wanted <= stages(found))
            counted = workers["calling"].metrics()
    print("\n".join(tree(seen)))  # noqa: T201 (for whoever runs it alone)

    topics = [f"{prefix}{name}.v1" for name in ("results", *reversed(tiers), "admitted", "tasks")]
    assert_whole(seen, result, [*(f"process {name}" for name in topics), f"send {topics[-1]}"])
    by_stage = {s.attributes["tierflow.stage"]: s for s in seen if s.kind == "CONSUMER"}
    who = {stage: span.resource["service.instance.id"] for stage, span in by_stage.items()}
    assert {who[stage] for stage in ("admit", "classify", "join")} == {"routing"}
    assert {who[stage] for stage in (*tiers, "measure")} == {"calling"}
    assert_named(by_stage[tiers[0]], f"{prefix}{tiers[0]}.v1", task_id)
    calls = [span for span in seen if span.kind == "CLIENT"]
    parents = [by_stage[f"tier-{attempt['tier']}"] for attempt in attempts]
    assert_calls(calls, parents, [attempt["model"] for attempt in attempts])

    whole = b"".join(collector.bodies)
    assert prompt(SIMPLE).encode() not in whole
    assert orjson.loads(result.value)["output"].encode() not in whole
    assert 'tierflow_spans_total{outcome="exported"}' in counted


async def test_a_trace_that_a_publisher_began_goes_on_and_one_it_did_not_sample_is_not_recorded(
    rigged: Deployment, prefix: str, named: str
) -> None:
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    tasks = {
        f"{named}{flags}": orjson.dumps({"task_id": f"{named}{flags}", "prompt": prompt(SIMPLE)})
        for flags in ("00", "01")
    }
    with Collector() as collector:
        async with two_workers(rigged, prefix, collector.url):
            for (task_id, body), flags in zip(tasks.items(), ("00", "01"), strict=True):
                trace = [("traceparent", f"00-{trace_id}-{span_id}-{flags}".encode())]
                await wire.produce(
                    rigged.bootstrap, rigged.topic("tasks"), [(task_id, body)], headers=trace
                )
            found = await rigged.results(tasks)
            seen = await settled(collector.spans, lambda spans: "measure" in stages(spans))
    assert {span.trace_id for span in seen} == {trace_id}
    (first,) = (span for span in seen if span.attributes.get("tierflow.stage") == "admit")
    assert first.parent_id == span_id
    keys = {span.attributes.get("messaging.kafka.message.key") for span in seen} - {None}
    assert keys == {f"{named}01"}
    (quiet,) = found[f"{named}00"]
    assert wire.header(quiet, "traceparent") == f"00-{trace_id}-{span_id}-00"


async def test_a_collector_that_refuses_costs_spans_and_nothing_else(
    rigged: Deployment, prefix: str, named: str, tmp_path: Path
) -> None:
    with Collector(status=400) as collector:
        async with two_workers(rigged, prefix, collector.url) as workers:
            await publish(rigged, tmp_path, f"{named}task", collector.url)
            lost = 'tierflow_spans_total{outcome="failed"}'
            await rigged.until(lambda: lost in workers["calling"].metrics(), "the failed spans")
            assert all(member.is_ready() for member in workers.values())
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in os.environ

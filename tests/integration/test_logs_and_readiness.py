"""What an operator sees of a deployment in trouble: readiness with reasons, metrics that parse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.telemetry import METRICS
from tests.deployment import Deployment, Member, task_bodies

pytestmark = [
    pytest.mark.broker,
    pytest.mark.clickhouse,
    pytest.mark.once,
    pytest.mark.timeout(150),
]

SECRET = "tell nobody of the blue heron"  # noqa: S105 (a prompt, no password)
KEY = "sk-never-in-a-log"
CRASHES = 3

BUG = """
import logging, warnings
from streams.agents import classify
decide = classify.decide
def buggy(task, *rest, **more):
    if "heron" in task.text:
        warnings.warn("odd: " + task.text)
        logging.getLogger("aiokafka").error("it gave up: %s", ValueError(task.text))
        raise ValueError("can't decide: " + task.text)
    return decide(task, *rest, **more)
classify.decide = buggy
"""
"""A release that crashes on some tasks, quoting them."""

UNASKED = {
    "tierflow_spans",
    "tierflow_skill_refusals",
    "tierflow_breaker_changes",
    "tierflow_limiter_refusals",
    "tierflow_limiter_learned_per_second",
    "tierflow_rerouted",
}
"""Families that begin with a collector, a team's own skill, or a model in trouble."""

WATCHFUL = {
    "TIERFLOW_LOG": "json",
    "TIERFLOW_LOGGING__LEVEL": "debug",
    "TIERFLOW_LIMITS__BUGS_IN_A_ROW": str(CRASHES),
    "TIERFLOW_PROVIDERS__SIMULATOR__API_KEY_ENV": "SIMULATOR_KEY",
    "SIMULATOR_KEY": KEY,
}


@asynccontextmanager
async def in_trouble(rigged: Deployment) -> AsyncIterator[tuple[Member, Member]]:
    """One worker with a bug, and a sink, both logging all they can; nobody else works."""
    await rigged.have(workers=0, sinks=0)
    members = [
        rigged.start("worker", env=WATCHFUL, code=BUG),
        rigged.start("sink", env=WATCHFUL),
    ]
    try:
        for member in members:
            await rigged.until(member.is_ready, member.child.name, member.child)
        yield members[0], members[1]
    finally:
        rigged.behave()
        for member in members:
            member.terminate()
        rigged.workers.clear()
        rigged.sinks.clear()


def asking(named: str, count: int, **fields: object) -> dict[str, bytes]:
    """Tasks that the bug trips over."""
    return {
        f"{named}{n}": orjson.dumps({"task_id": f"{named}{n}", "prompt": f"{SECRET} {n}", **fields})
        for n in range(count)
    }


async def test_readiness_names_the_partition_that_is_held_and_metrics_say_so(
    rigged: Deployment, named: str
) -> None:
    tasks = asking(named, 40)
    async with in_trouble(rigged) as (worker, sink):
        await rigged.publish("tasks", tasks)
        await rigged.until(lambda: not worker.is_ready(), "a held partition", worker.child)
        status, why = worker.asked("/readyz")
        held = samples(worker, "tierflow_held")
        letters = samples(worker, "tierflow_dead_letters_total")
        assert status == 503
        assert "route: " in why
        assert "is held" in why
        assert rigged.topic("admitted") in why
        assert worker.asked("/healthz") == (200, "ok\n")
        assert held[("classify",)] >= 1
        assert letters["classify", "internal"] >= CRASHES
        assert samples(worker, "tierflow_ready") == {(): 0.0}
        assert samples(sink, "tierflow_ready") == {(): 1.0}
    buried = {record.key.decode() for record in await rigged.read("dead-letters") if record.key}
    await rigged.have(workers=1)  # mended: it goes on with what was held
    assert await rigged.results(tasks.keys() - buried)


def samples(member: Member, name: str) -> dict[tuple[str, ...], float]:
    """One metric's samples by their labels, read by Prometheus' own parser."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(member.metrics())
        for sample in family.samples
        if sample.name == name
    }


async def at_rest(deployment: Deployment) -> None:
    """Wait until the learner has learned and nothing is left to do."""
    worker, sink = deployment.workers[0], deployment.sinks[0]

    def resting() -> bool:
        learned = ("all",) in samples(worker, "tierflow_learner_loss")
        behind = any(samples(worker, "tierflow_consumer_lag_records").values())
        return learned and not behind and samples(sink, "tierflow_sink_age_seconds")[()] == 0

    await deployment.until(resting, "rest")


async def test_metrics_tell_lag_calls_money_and_learning_and_no_id(
    deployment: Deployment, named: str
) -> None:
    tasks = task_bodies(named, 36)
    await deployment.publish("tasks", tasks)
    done = [orjson.loads(found[0].value) for found in (await deployment.results(tasks)).values()]
    answered = {(str(result["tier"]), result["model"]) for result in done if result["model"]}
    scores = {t: orjson.dumps({"task_id": t, "score": 0.5}) for t in tasks}
    await deployment.publish("feedback", scores)
    worker, sink = deployment.workers[0], deployment.sinks[0]
    await at_rest(deployment)
    families = {f.name: f for f in text_string_to_metric_families(worker.metrics())}
    of_sink = {f.name for f in text_string_to_metric_families(sink.metrics())}
    exposed = {m.exposed.removesuffix("_total") for m in METRICS}
    assert exposed - set(families) - of_sink == UNASKED
    assert set(families) | of_sink == exposed - UNASKED
    assert named not in worker.metrics() + sink.metrics()
    lags = samples(worker, "tierflow_consumer_lag_records")
    assert {("route", "tasks"), ("tier-3", "tier-3"), ("join", "scores")} <= set(lags)
    assert ("sink", "results") in samples(sink, "tierflow_consumer_lag_records")
    calls = samples(worker, "tierflow_calls_total")
    dollars = samples(worker, "tierflow_call_cost_usd_total")
    spoken = samples(worker, "tierflow_call_tokens_total")
    timed = samples(worker, "tierflow_call_duration_seconds_count")
    assert set(dollars) == {(tier, model) for tier, model, *_ in calls}
    assert answered <= set(dollars)
    for (tier, model), usd in dollars.items():
        assert timed[tier, model] == sum(
            n
            for labels, n in calls.items()
            if labels[:2] == (tier, model) and labels[3] != "in_doubt"  # nobody saw their end
        )
        if (tier, model) in answered:  # others answered what came before, and maybe for nothing
            assert spoken[tier, model, "input"] >= 20
            assert usd > 0
    assert set(samples(worker, "tierflow_threshold")) == {("1",), ("2",), ("3",), ("4",)}
    stages = samples(worker, "tierflow_stage_duration_seconds_count")
    assert {("admit",), ("classify",), ("join",), ("measure",), ("learn",)} <= set(stages)

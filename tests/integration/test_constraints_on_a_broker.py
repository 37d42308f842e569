"""Constraints and copies on a real broker, with real processes and HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from streams.clock import SystemClock
from tests import wire
from tests.deployment import Deployment, prompt

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

BY_MODEL = 2
"""A prompt of this number asks for code, which no tier-0 skill answers."""


@pytest.fixture
async def replying(deployment: Deployment, prefix: str) -> AsyncIterator[Deployment]:
    """The deployment with a worker that may copy results to two topics; one of them is missing."""
    before = deployment.env
    there, missing = f"{prefix}there", f"{prefix}missing"
    await wire.create_topic(deployment.bootstrap, there)
    deployment.env = {**before, "TIERFLOW_LIMITS__REPLY_TOPICS": f"{there},{missing}"}
    await deployment.have(workers=0)
    await deployment.have(workers=1)
    yield deployment
    deployment.env = before
    await deployment.have(workers=0)
    await deployment.have(workers=1)


def a_body(task_id: str, **fields: Any) -> bytes:
    return orjson.dumps({"task_id": task_id, "prompt": prompt(BY_MODEL), **fields})


async def answers(deployment: Deployment, bodies: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    await deployment.publish("tasks", bodies)
    found = await deployment.results(bodies, timeout_s=30)
    assert found.keys() == bodies.keys()
    return {task_id: orjson.loads(records[0].value) for task_id, records in found.items()}


async def test_copies_reach_the_topic_that_is_there_and_a_missing_one_stops_nothing(
    replying: Deployment, prefix: str, named: str
) -> None:
    there, missing = f"{prefix}there", f"{prefix}missing"
    bodies = {f"{named}{n}-{kind}": a_body(f"{named}{n}-{kind}", reply_to=to, **asks)
              for n in range(40)
              for kind, to, asks in (
                  ("answered", there, {}), ("failed", there, {"model": "unheard-of"}),
                  ("lost", missing, {}), ("denied", f"{prefix}elsewhere", {}),
              )}  # fmt: skip
    found = await answers(replying, bodies)
    reasons = {kind: {(found[t]["error"] or {}).get("reason") for t in found if t.endswith(kind)}
               for kind in ("answered", "failed", "lost", "denied")}  # fmt: skip
    assert reasons == {
        "answered": {None}, "failed": {"no_model"}, "lost": {None}, "denied": {"reply_to_denied"},
    }  # fmt: skip
    copies = await wire.consume_until(replying.bootstrap, there, lambda read: len(read) >= 80, 20)
    originals = {r.key: r for r in await replying.read("results") if r.key}
    assert len(copies) == 80
    for copy in copies:
        original = originals[copy.key]
        assert (copy.value, wire.header(copy, "ce_id")) == (
            original.value,
            wire.header(original, "ce_id"),
        )
    alerts = await replying.bodies("alerts")
    assert {a["subject"] for a in alerts if a["kind"] == "reply_to"} == {missing}
    assert replying.status()["ready"]


async def test_what_a_task_forbids_is_not_called(deployment: Deployment, named: str) -> None:
    past = (SystemClock().now() - timedelta(seconds=1)).isoformat()
    asks: dict[str, dict[str, Any]] = {
        "late": {"deadline_at": past},
        "dear": {"max_cost_usd": "0.000000001"},
        "able": {"capabilities": ["telepathy"]},
        "pinned": {"model": "medium"},
        "low": {"max_tier": 1},
        "high": {"min_tier": 4, "metadata": {"n": 1}},
    }
    bodies = {f"{named}{kind}": a_body(f"{named}{kind}", **how) for kind, how in asks.items()}
    found = {t.removeprefix(named): r for t, r in (await answers(deployment, bodies)).items()}
    reasons = [found[kind]["error"]["reason"] for kind in ("late", "dear", "able")]
    assert reasons == ["deadline", "no_model", "no_model"]
    assert [found[kind]["model"] for kind in ("pinned", "low", "high")] == [
        "medium",
        "tiny",
        "large",
    ]
    assert found["high"]["metadata"] == {"n": 1}
    called = {call["task_id"] for call in await deployment.bodies("calls")}
    assert {t for t in called if t.startswith(named)} == {
        f"{named}{k}" for k in ("pinned", "low", "high")
    }


async def test_a_task_sent_again_is_answered_by_the_same_event_and_not_called(
    deployment: Deployment, named: str
) -> None:
    task_id = f"{named}twice"
    await answers(deployment, {task_id: a_body(task_id)})
    await deployment.publish("tasks", {task_id: a_body(task_id)})
    await deployment.publish("tasks", {task_id: a_body(task_id, kind="another")})

    def all_there(records: list[Any]) -> bool:
        return len([record for record in records if record.key == task_id.encode()]) == 3

    read = await wire.consume_until(
        deployment.bootstrap, deployment.topic("results"), all_there, timeout_s=20
    )
    mine = [record for record in read if record.key == task_id.encode()]
    same = [r for r in mine if orjson.loads(r.value)["status"] == "completed"]
    assert (len(mine), len(same), len({r.value for r in same})) == (3, 2, 1)
    assert len({wire.header(record, "ce_id") for record in same}) == 1
    (other,) = (orjson.loads(r.value) for r in mine if r not in same)
    assert other["error"]["reason"] == "task_id_reused"
    calls = await deployment.bodies("calls", task_id)
    assert len({call["call_id"] for call in calls}) == 1

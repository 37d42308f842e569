"""`tierflow models` on running workers: in force within two seconds, and no task is lost."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord

from streams.clock import SystemClock
from tests import wire
from tests.deployment import TIERFLOW, Deployment, prompt
from tests.processes import finish

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.once]

NOTICED_S = 2.0
"""From then on a change is in force on every worker."""

NOTICED = timedelta(seconds=NOTICED_S)

NARROW = {"TIERFLOW_WORKER__CONCURRENCY": "2"}
"""So few calls at once in each tier that tasks wait."""

BY_MODEL = 2
"""A prompt of this number asks for a function: no skill answers, and the rules give it to tier 2."""

TASKS = 24
"""Enough to reach every partition, and so both workers."""


@pytest.fixture
async def workers(deployment: Deployment) -> AsyncIterator[Deployment]:
    """The rig with a second worker, a narrow one; its registry is as it was behind the test."""
    second = deployment.start("worker", env=NARROW)
    await deployment.until(second.is_ready, second.child.name, second.child)
    yield deployment
    deployment.behave()
    models(deployment, "remove", "small", code=None)
    models(deployment, "enable", "small")
    second.terminate()
    deployment.workers.remove(second)


def models(deployment: Deployment, *words: str, code: int | None = 0) -> tuple[str, str]:
    """Run `tierflow models`: what it says on stdout and stderr."""
    ended, out, err = finish([TIERFLOW, "models", *words], env=deployment.env, timeout_s=30)
    assert code is None or ended == code, f"models {' '.join(words)} exited {ended}: {err}"
    return out, err


def asking(prefix: str, count: int, kind: int = BY_MODEL, **fields: object) -> dict[str, bytes]:
    body = {"prompt": prompt(kind), **fields}
    return {f"{prefix}{n}": orjson.dumps({"task_id": f"{prefix}{n}", **body}) for n in range(count)}


async def done(deployment: Deployment, bodies: dict[str, bytes]) -> list[dict[str, Any]]:
    found = await deployment.results(bodies)
    assert found.keys() == bodies.keys()
    return [orjson.loads(records[0].value) for records in found.values()]


async def asked(deployment: Deployment, bodies: dict[str, bytes]) -> list[dict[str, Any]]:
    await deployment.publish("tasks", bodies)
    return await done(deployment, bodies)


async def calls_of(deployment: Deployment, prefix: str, model: str) -> list[dict[str, Any]]:
    """All that the ledger says of a model's calls for these tasks, in order."""
    calls = await deployment.bodies("calls")
    return [c for c in calls if c["task_id"].startswith(prefix) and c["model"] == model]


def told_at(record: ConsumerRecord) -> datetime:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.timeout(240)
async def test_a_model_is_added_and_disabled_while_tasks_flow(
    workers: Deployment, named: str
) -> None:
    models(workers, "remove", "small")
    await SystemClock().sleep(NOTICED_S)
    gone = await asked(workers, asking(f"{named}gone-", TASKS, model="small"))
    assert {result["error"]["reason"] for result in gone} == {"no_model"}
    await assert_added(workers, named)
    await assert_disabled(workers, named)


async def assert_added(workers: Deployment, named: str) -> None:
    """Both workers call it two seconds later at the latest."""
    clock = SystemClock()
    priced = ("--cost-per-1k", "0.0005", "--warm")
    models(workers, "add", "small", "--tier", "2", "--provider", "simulator", *priced)
    at_s, asked_s = clock.monotonic_s(), dict[str, float]()
    while clock.monotonic_s() < at_s + NOTICED_S:
        bodies = asking(f"{named}soon-{len(asked_s)}-", 2, model="small")
        asked_s.update(dict.fromkeys(bodies, clock.monotonic_s() - at_s))
        await workers.publish("tasks", bodies)
        await clock.sleep(0.05)
    added = await asked(workers, asking(f"{named}added-", TASKS, model="small"))
    assert {(result["status"], result["model"]) for result in added} == {("completed", "small")}
    soon = await done(workers, dict.fromkeys(asked_s, b""))
    refused_s = max((asked_s[r["task_id"]] for r in soon if r["status"] == "failed"), default=0.0)
    print(f"added: last refused {refused_s:.2f} s after the command")  # noqa: T201
    assert refused_s < NOTICED_S


async def assert_disabled(workers: Deployment, named: str) -> None:
    """Calls in flight end as usual; tasks that wait are done by others; then nobody calls it."""
    workers.slow(3.0, 4.0)
    queued = asking(f"{named}queued-", TASKS, min_tier=2)
    pinned = asking(f"{named}pinned-", 4, model="small")
    await workers.publish("tasks", {**pinned, **queued})

    def begun(records: list[Any]) -> bool:
        found = [orjson.loads(r.value) for r in records if r.value.startswith(b"{")]
        return any(c["task_id"].startswith(f"{named}pinned-") for c in found)

    await wire.consume_until(workers.bootstrap, workers.topic("calls"), begun, timeout_s=20)
    models(workers, "disable", "small")
    workers.behave()
    disabled_at = told_at((await workers.read("models"))[-1])
    results = await done(workers, queued)
    assert {result["status"] for result in results} == {"completed"}
    calls = await calls_of(workers, named, "small")
    assert all(call["state"] in ("intended", "completed") for call in calls)
    over = [c for c in calls if c["ended_at"] and moment(c["ended_at"]) > disabled_at]
    late = [c for c in calls if moment(c["intended_at"]) > disabled_at + NOTICED]
    assert over
    decided = {d["task_id"] for d in await workers.bodies("decisions") if d["model"] == "small"}
    moved = [r for r in results if r["task_id"] in decided and r["model"] != "small"]
    assert {r["task_id"] for r in results} == queued.keys()
    assert late == []
    after = await asked(workers, asking(f"{named}after-", TASKS, max_tier=2, min_tier=2))
    assert {result["error"]["reason"] for result in after} == {"no_model"}
    print(f"disabled: {len(over)} calls in flight ended, {len(moved)} tasks moved on")  # noqa: T201


async def test_a_change_that_is_wrong_is_refused_before_it_is_published(
    deployment: Deployment,
) -> None:
    before = len(await deployment.read("models"))
    for words, code, says in (
        (("add", "x", "--tier", "2", "--provider", "nobody"), 2, "that are set: simulator"),
        (("disable", "smaller"), 4, "near it: small"),
    ):
        _, err = models(deployment, *words, code=code)
        assert says in err
    assert len(await deployment.read("models")) == before
    listed = [orjson.loads(line) for line in models(deployment, "list", "--json")[0].splitlines()]
    assert [m["name"] for m in listed] == ["tiny", "small", "medium", "large"]
    assert {(m["state"], m["admitted"]) for m in listed} == {("enabled", True)}

"""What was learned and decided survives kill -9 of everything that runs."""

from typing import Any

import orjson
import pytest

from streams.clock import SystemClock
from tests import wire
from tests.clusters import Cluster
from tests.deployment import Deployment, task_bodies

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

KEPT = ("policy_version", "thresholds", "lessons")
TASKS = 360
BATCH = 36
"""Tasks that are published at once while windows close: enough to reach every partition."""

QUIET = 8
"""So many rounds without a change mean that every window with scores in it has closed."""


def kept(deployment: Deployment) -> dict[str, Any]:
    """What must be the same behind a restart."""
    status = deployment.status()
    return {fact: status[fact] for fact in KEPT}


async def quiet(deployment: Deployment, named: str, policy_above: int) -> dict[str, Any]:
    """Keep tasks coming, for they close windows, until a policy has come and no other follows."""
    clock = SystemClock()
    last, same = kept(deployment), 0
    for turn in range(60):
        await deployment.publish("tasks", task_bodies(f"{named}turn-{turn}-", BATCH))
        await clock.sleep(0.5)
        found = kept(deployment)
        same = same + 1 if found == last and found["policy_version"] > policy_above else 0
        last = found
        if same >= QUIET:
            break
    assert last["policy_version"] > policy_above, "poor scores moved no threshold"
    return last


@pytest.mark.timeout(240)
async def test_what_was_learned_survives_kill_9_of_everything(
    deployment: Deployment, named: str, request: pytest.FixtureRequest, kafka: str
) -> None:
    bodies = task_bodies(named, TASKS)
    first = kept(deployment)
    await deployment.publish("tasks", bodies)
    done = await deployment.results(bodies)
    assert done.keys() == bodies.keys()
    poor = {t: orjson.dumps({"task_id": t, "score": 0.0}) for t in bodies}
    await deployment.publish("feedback", poor)
    before = await quiet(deployment, named, first["policy_version"])
    assert before["lessons"] > first["lessons"]
    version = deployment.status()["model_state_version"]
    assert version > 0
    assert before["thresholds"] != first["thresholds"]

    for member in (*deployment.workers, *deployment.sinks):
        member.kill()
    if kafka == "apache":
        broker: Cluster = request.getfixturevalue("broker")
        broker.kill()
        broker.start()
    await deployment.have(workers=1)
    assert kept(deployment) == before

    again = task_bodies(f"{named}again-", BATCH)
    await deployment.publish("tasks", again)
    assert (await deployment.results(again)).keys() == again.keys()
    decided = [r for r in await deployment.read("decisions") if r.key and r.key.decode() in again]
    versions = {orjson.loads(r.value)["model_state_version"] for r in decided}
    assert min(versions) >= version, "what was learned was forgotten"
    assert {orjson.loads(r.value)["policy_version"] for r in decided} == {before["policy_version"]}
    assert kept(deployment) == before


@pytest.mark.secured
async def test_a_result_is_repeated_under_its_id_and_no_call_is_made_again(
    deployment: Deployment, named: str
) -> None:
    bodies = task_bodies(named, 60)
    await deployment.publish("tasks", bodies)
    first = await deployment.results(bodies)
    calls = len(deployment.calls())
    deployment.workers[0].kill()
    await deployment.have(workers=1)
    await deployment.publish("tasks", bodies)  # a publisher that is not sure, either

    def repeated(found: list[Any]) -> bool:
        ids = [r.key.decode() for r in found if r.key and r.key.decode() in bodies]
        return len(ids) >= 2 * len(bodies)

    read = await wire.consume_until(
        deployment.bootstrap, deployment.topic("results"), repeated, timeout_s=30
    )
    assert repeated(read)
    known = {task_id: wire.header(found[0], "ce_id") for task_id, found in first.items()}
    for record in read:
        if record.key and (task_id := record.key.decode()) in bodies:
            assert wire.header(record, "ce_id") == known[task_id]
    assert len(deployment.calls()) == calls
    books = "SELECT count(), uniqExact(task_id) FROM results WHERE startsWith(task_id, {of:String})"
    assert await deployment.rows_until(60, books, of=named) == [(60, 60)]

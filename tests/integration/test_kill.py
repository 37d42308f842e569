"""At least once, proven: workers die, come and go under load, and no task is lost."""

from collections import Counter
from collections.abc import Callable

import orjson
import pytest

from tests import wire
from tests.deployment import Deployment, task_bodies

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

TASKS = 1400
BEFORE_KILL = 300
UNDER_LOAD = TASKS * 3 // 4


@pytest.mark.timeout(240)
async def test_no_task_is_lost_when_workers_die_come_and_go(
    deployment: Deployment, named: str, record_property: Callable[[str, object], None]
) -> None:
    bodies = task_bodies(named, TASKS)
    await deployment.have(workers=2)
    one, two = deployment.workers
    deployment.slow(0.5, 6.0)
    called_before = len(deployment.calls())
    await deployment.publish("tasks", bodies)

    seen = await deployment.results(bodies, BEFORE_KILL, timeout_s=60)
    assert BEFORE_KILL <= len(seen) < UNDER_LOAD, "nothing is tested unless it dies amid the work"
    one.kill()
    three = deployment.start("worker")
    await deployment.until(three.is_ready, "a third worker", three.child)
    seen = await deployment.results(bodies, len(seen) + 100, timeout_s=60)
    assert len(seen) < UNDER_LOAD, "the second worker must be stopped under load"
    assert two.terminate() == 0

    seen = await deployment.results(bodies, timeout_s=120)
    assert not bodies.keys() - seen.keys(), "tasks without a result"
    assert all(len({wire.header(r, "ce_id") for r in found}) == 1 for found in seen.values())
    statuses = Counter(orjson.loads(found[0].value)["status"] for found in seen.values())
    assert statuses == {"completed": TASKS}
    books = "SELECT count(), uniqExact(task_id) FROM results WHERE startsWith(task_id, {of:String})"
    assert await deployment.rows_until(TASKS, books, of=named) == [(TASKS, TASKS)]

    answered = Counter(c["call_id"] for c in deployment.calls()[called_before:] if c["answered"])
    again = sum(times > 1 for times in answered.values())
    assert again < TASKS // 8, "more answered calls were made again than one kill explains"
    repeats = sum(len(found) - 1 for found in seen.values())
    print(f"{TASKS} tasks, {repeats} results repeated, {len(answered)} calls, {again} made again")  # noqa: T201 (shown with -s)
    record_property("repeats", repeats)
    record_property("calls_again", again)


async def test_a_worker_told_to_stop_leaves_what_it_has_not_begun_to_the_next(
    deployment: Deployment, named: str
) -> None:
    bodies = task_bodies(named, 400)
    deployment.slow(1.0, 2.0)
    await deployment.publish("tasks", bodies)
    seen = await deployment.results(bodies, 50, timeout_s=60)
    leaving = deployment.workers[0]
    assert leaving.terminate() == 0
    published = {r.key.decode() for r in await deployment.read("results") if r.key} & bodies.keys()
    assert len(seen) <= len(published) < len(bodies), "it went on taking tasks"
    await deployment.have(workers=1)
    done = await deployment.results(bodies, timeout_s=60)
    assert done.keys() == bodies.keys()
    assert all(len({wire.header(r, "ce_id") for r in found}) == 1 for found in done.values())

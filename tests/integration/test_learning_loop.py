"""What a score changes, how soon, and what it must not change."""

import asyncio
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord

from streams.clock import SystemClock
from tests import wire
from tests.deployment import Deployment, prompt, task_bodies

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

NOTICED_S = 2.0
"""Within this time of a score's publication a decision names a newer model state."""

BY_MODEL = 2
"""A prompt of this number asks for code, which no tier-0 skill answers."""


def feedback(task_id: str, score: float, **fields: object) -> bytes:
    return orjson.dumps({"task_id": task_id, "score": score, **fields})


def _is_judged(lesson: bytes | None) -> bool:
    """Not one about cost, which every result makes."""
    found = orjson.loads(lesson) if lesson and lesson.startswith(b"{") else {}
    return found.get("score") is not None


async def judged_lessons(deployment: Deployment, task_id: str) -> list[dict[str, Any]]:
    told = await deployment.bodies("lessons", task_id)
    return [lesson for lesson in told if lesson["score"] is not None]


async def settled(deployment: Deployment, marker: str) -> None:
    """Wait until feedback that was published before now has gone through the loop.

    A marker task with feedback of its own follows it, on every partition.
    """
    markers = [f"{marker}{n}" for n in range(24)]
    asked = {m: orjson.dumps({"task_id": m, "prompt": prompt(BY_MODEL)}) for m in markers}
    await deployment.publish("tasks", asked)
    done = await deployment.results(markers)
    assert done.keys() == set(markers)
    await deployment.publish("feedback", {m: feedback(m, 1.0) for m in markers})

    def all_taught(lessons: list[ConsumerRecord]) -> bool:
        return set(markers) <= {r.key.decode() for r in lessons if r.key and _is_judged(r.value)}

    read = await wire.consume_until(
        deployment.bootstrap, deployment.topic("lessons"), all_taught, timeout_s=20
    )
    assert all_taught(read)


async def test_a_decision_names_a_newer_model_state_two_seconds_after_a_score(
    deployment: Deployment, named: str
) -> None:
    clock = SystemClock()
    scored = f"{named}scored"
    await deployment.publish(
        "tasks", {scored: orjson.dumps({"task_id": scored, "prompt": prompt(BY_MODEL)})}
    )
    assert await deployment.results([scored])
    await deployment.still("model_state_version")  # nothing of earlier tests is under way
    known = max((s["version"] for s in await deployment.bodies("model-state")), default=0)
    await deployment.publish("feedback", {scored: feedback(scored, 0.1)})
    asked = [f"{named}after-{n}" for n in range(40)]
    for task_id in asked:
        body = orjson.dumps({"task_id": task_id, "prompt": prompt(BY_MODEL)})
        await deployment.publish("tasks", {task_id: body})
        await clock.sleep(0.05)

    def decided(found: list[ConsumerRecord]) -> bool:
        return set(asked) <= {r.key.decode() for r in found if r.key}

    decisions = await wire.consume_until(
        deployment.bootstrap, deployment.topic("decisions"), decided, timeout_s=30
    )
    newer = [
        record.timestamp
        for record in decisions
        if record.key and record.key.decode() in asked
        if orjson.loads(record.value)["model_state_version"] > known
    ]
    scores = [r for r in await deployment.read("scores") if r.key == scored.encode()]
    assert len(scores) == 1
    assert newer, "no decision names a newer model state"
    assert (min(newer) - scores[0].timestamp) / 1000 <= NOTICED_S


@pytest.mark.secured
async def test_each_feedback_teaches_once_whenever_it_comes(
    deployment: Deployment, named: str
) -> None:
    early, twice, judged, ghost = (f"{named}{n}" for n in ("early", "twice", "judged", "ghost"))
    lessons_before = await deployment.still("lessons")
    await deployment.publish("feedback", {early: feedback(early, 0.4)})
    await asyncio.wait_for(_score_of(deployment, early), 20)  # it is there before its decision
    tasks = (early, twice, judged)
    await deployment.publish(
        "tasks", {t: orjson.dumps({"task_id": t, "prompt": prompt(BY_MODEL)}) for t in tasks}
    )
    assert (await deployment.results(tasks)).keys() == set(tasks)

    await deployment.publish("feedback", {twice: feedback(twice, 0.5)})
    await deployment.publish("feedback", {twice: feedback(twice, 0.5)})
    await deployment.publish("feedback", {twice: feedback(twice, 0.7)})  # thinks better of it
    await deployment.publish("feedback", {judged: feedback(judged, 0.2, source="user")})
    await deployment.publish("feedback", {judged: feedback(judged, 0.9, source="judge")})
    await deployment.publish("feedback", {ghost: feedback(ghost, 0.9)})
    await settled(deployment, f"{named}marker-")

    lessons = {t: await judged_lessons(deployment, t) for t in (*tasks, ghost)}
    assert [lesson["score"] for lesson in lessons[early]] == [0.4]
    assert [lesson["score"] for lesson in lessons[twice]] == [0.5]
    assert sorted(lesson["score"] for lesson in lessons[judged]) == [0.2, 0.9]
    assert lessons[ghost] == []
    learned = lessons_before + 4 + 24
    await deployment.until(lambda: deployment.status()["lessons"] >= learned, "the lessons")
    assert deployment.status()["lessons"] == learned

    books = "SELECT count(), max(score) FROM feedback WHERE task_id = {of:String}"
    assert await deployment.rows_until(1, books, of=twice) == [(1, 0.7)]
    assert await deployment.rows_until(2, books, of=judged) == [(2, 0.9)]
    assert await deployment.rows_until(1, books, of=ghost) == [(1, 0.9)]
    counted = deployment.workers[0].metrics()
    joins = [line for line in counted.splitlines() if 'stage="join"' in line]
    assert any('"waiting"' in line for line in joins), joins
    assert any('"corrected"' in line for line in joins), joins


async def test_feedback_that_is_none_is_buried_and_teaches_nothing(
    deployment: Deployment, named: str
) -> None:
    task_id = f"{named}task"
    await deployment.publish(
        "tasks", {task_id: orjson.dumps({"task_id": task_id, "prompt": prompt(BY_MODEL)})}
    )
    assert await deployment.results([task_id])
    bad = {
        f"{named}seven": feedback(task_id, 7),
        f"{named}below": feedback(task_id, -0.1),
        f"{named}word": orjson.dumps({"task_id": task_id, "score": "good"}),
        f"{named}forged": feedback(task_id, 0.5, source="router"),
        f"{named}no-task": orjson.dumps({"score": 0.5}),
        f"{named}no-json": b"0.5 of t1",
    }
    await deployment.publish("feedback", bad)
    await settled(deployment, f"{named}marker-")
    letters = {r.key.decode(): r for r in await deployment.read("dead-letters") if r.key}
    for key, body in bad.items():
        assert letters[key].value == body
        wanted = "not_json" if key.endswith("no-json") else "schema_invalid"
        assert wire.header(letters[key], "tierflow-reason") == wanted
        assert wire.header(letters[key], "tierflow-topic") == deployment.topic("feedback")
    assert await judged_lessons(deployment, task_id) == []


async def _score_of(deployment: Deployment, task_id: str) -> None:
    """Wait for the score that feedback has become."""
    await wire.consume_until(
        deployment.bootstrap,
        deployment.topic("scores"),
        lambda found: any(r.key == task_id.encode() for r in found),
    )


@pytest.mark.secured
async def test_the_books_hold_one_row_of_each_kind_for_every_task(
    deployment: Deployment, named: str
) -> None:
    bodies = task_bodies(named, 60)
    await deployment.publish("tasks", bodies)
    done = await deployment.results(bodies)
    assert done.keys() == bodies.keys()
    decided = (
        "SELECT count(), uniqExact(task_id) FROM decisions WHERE startsWith(task_id, {of:String})"
    )
    assert await deployment.rows_until(60, decided, of=named) == [(60, 60)]
    results = [orjson.loads(records[0].value) for records in done.values()]
    called = [r for r in results if r["tier"]]
    spent = "SELECT uniqExact(task_id), countIf(isNull(cost_usd)) FROM costs WHERE startsWith(task_id, {of:String})"
    assert await deployment.rows_until(len(called), spent, of=named) == [(len(called), 0)]
    types = "SELECT DISTINCT toTypeName(cost_usd) FROM results"
    assert deployment.rows(types) == [("Nullable(Decimal(18, 12))",)]

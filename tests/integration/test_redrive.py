"""What was buried is listed, shown and sent again, and its new result replaces the failed one."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streams.events.envelope import Reason
from streams.kafka.codec import Record
from streams.kafka.publish import dead_letter
from tests import wire
from tests.deployment import TIERFLOW, Deployment, prompt
from tests.processes import finish

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

STRICT = {"TIERFLOW_LIMITS__MAX_TASK_BYTES": "1024"}
BY_MODEL = 2
"""A prompt of this number asks for code, which no tier-0 skill answers."""

BOOKED = "SELECT count(), any(status), any(redrive) FROM results WHERE task_id = {of:String}"


@pytest.fixture
async def changed(deployment: Deployment) -> AsyncIterator[Deployment]:
    """The deployment, whose settings a test may change; they are put back behind it."""
    before = deployment.env
    yield deployment
    deployment.env = before
    await deployment.have(workers=0)
    await deployment.have(workers=1)


async def restarted(deployment: Deployment, env: Mapping[str, str]) -> None:
    """The same deployment with one worker, started with these settings."""
    deployment.env = env
    await deployment.have(workers=0)
    await deployment.have(workers=1)


def dlq(deployment: Deployment, *args: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, the facts and what was said."""
    code, out, err = finish([TIERFLOW, "dlq", *args, "--json"], env=deployment.env, timeout_s=60)
    assert "Traceback" not in err, err
    return code, [orjson.loads(line) for line in out.splitlines()], err


async def redriven(deployment: Deployment, task_id: str, number: int) -> dict[str, Any]:
    """The task's result of this redrive."""

    def arrived(records: list[Any]) -> bool:
        return any(_redrive_of(record, task_id) == number for record in records)

    read = await wire.consume_until(deployment.bootstrap, deployment.topic("results"), arrived, 30)
    found = [orjson.loads(r.value) for r in read if _redrive_of(r, task_id) == number]
    assert found, f"no result of redrive {number}"
    return dict(found[0])


def _redrive_of(record: Any, task_id: str) -> int | None:
    if record.key != task_id.encode():
        return None
    return int(orjson.loads(record.value)["redrive"])


@pytest.mark.timeout(180)
async def test_a_task_buried_by_a_setting_is_redriven_once_and_completes_in_the_books(
    changed: Deployment, named: str
) -> None:
    usual, task_id = changed.env, f"{named}long"
    await restarted(changed, {**usual, **STRICT})
    asked = {"task_id": task_id, "prompt": prompt(BY_MODEL), "metadata": {"pad": "x" * 2000}}
    await changed.publish("tasks", {task_id: orjson.dumps(asked)})
    assert await changed.results([task_id])
    assert await changed.rows_until(1, BOOKED, of=task_id) == [(1, "failed", 0)]

    code, letters, _ = dlq(changed, "list", "--reason", "too_large", "--from", "1h")
    (letter,) = (fact for fact in letters if fact["key"] == task_id)
    assert (code, letter["stage"], letter["redrive"], letter["redriven"]) == (0, "admit", 0, False)
    code, (shown,), _ = dlq(changed, "show", task_id)
    assert (code, shown["letter"]) == (0, letter["letter"])
    assert orjson.loads(shown["value"])["sha256"]
    place = f"{letter['topic']}/{letter['partition']}/{letter['offset']}"
    assert dlq(changed, "show", place)[1][0]["letter"] == letter["letter"]

    await restarted(changed, usual)
    code, would, said = dlq(changed, "redrive", "--letter", task_id, "--dry-run")
    assert (code, [w["outcome"] for w in would]) == (0, ["would_redrive"])
    assert "nothing was sent" in said
    code, (done,), _ = dlq(changed, "redrive", "--reason", "too_large", "--letter", task_id)
    assert (code, done["outcome"], done["redrive"]) == (0, "redriven", 1)
    result = await redriven(changed, task_id, 1)
    assert (result["status"], result["metadata"]) == ("completed", asked["metadata"])
    await changed.rows_until(1, f"{BOOKED} HAVING any(redrive) = 1", of=task_id)
    assert changed.rows(BOOKED, of=task_id) == [(1, "completed", 1)]

    code, again, said = dlq(changed, "redrive", "--reason", "too_large", "--letter", task_id)
    assert (code, again) == (0, [])
    assert "1 were before" in said
    code, letters, _ = dlq(changed, "list", "--reason", "too_large")
    assert [fact["redriven"] for fact in letters if fact["key"] == task_id] == [True]
    assert len(await changed.bodies("calls", task_id)) == 2  # intent and outcome of one call


async def bury(deployment: Deployment, name: str, fetched: Any) -> None:
    """Write the letter that a worker with a bug in this stage writes of this record."""
    at = datetime.fromtimestamp(fetched.timestamp / 1000, UTC)
    headers = tuple(fetched.headers)
    place = (fetched.partition, fetched.offset, fetched.key, fetched.value)
    prefix = deployment.env["TIERFLOW_KAFKA__PREFIX"]
    letter = dead_letter(
        Record(name, *place, headers, at), name, Reason.INTERNAL, "KeyError", prefix
    )
    async with AIOKafkaProducer(bootstrap_servers=deployment.bootstrap) as producer:
        await producer.send_and_wait(
            letter.topic, letter.value, key=letter.key, headers=list(letter.headers)
        )


async def test_a_task_that_a_bug_buried_in_its_tier_is_redriven_there_and_called_anew(
    deployment: Deployment, named: str
) -> None:
    task_id = f"{named}bug"
    asked = {"task_id": task_id, "prompt": prompt(BY_MODEL), "min_tier": 3, "max_tier": 3}
    await deployment.publish("tasks", {task_id: orjson.dumps(asked)})
    assert await deployment.results([task_id])
    (assigned,) = (r for r in await deployment.read("tier-3") if r.key == task_id.encode())
    for _ in range(2):  # a crash between a letter and its offset leaves two
        await bury(deployment, "tier-3", assigned)

    nowhere = replace(assigned, key=f"{named}nowhere".encode(), partition=99)
    await bury(deployment, "tier-3", nowhere)
    code, (refused,), _ = dlq(deployment, "redrive", "--letter", f"{named}nowhere")
    assert (code, refused["outcome"]) == (1, "refused")
    assert "has no partition 99" in refused["because"]

    asks = ("redrive", "--reason", "internal", "--stage", "tier-3", "--letter", task_id)
    code, (done,), _ = dlq(deployment, *asks)
    assert (code, done["redrive"], done["topic"]) == (0, 1, deployment.topic("tier-3"))
    result = await redriven(deployment, task_id, 1)
    assert (result["status"], result["tier"]) == ("completed", 3)
    await deployment.rows_until(1, f"{BOOKED} HAVING any(redrive) = 1", of=task_id)
    assert deployment.rows(BOOKED, of=task_id) == [(1, "completed", 1)]
    paid = "SELECT count(), count(DISTINCT call_id) FROM costs WHERE task_id = {of:String}"
    assert await deployment.rows_until(2, paid, of=task_id) == [(2, 2)]
    assert len(await deployment.bodies("decisions", task_id)) == 1
    assert dlq(deployment, *asks)[:2] == (0, [])


async def test_a_task_that_ended_is_run_anew_when_it_is_published_as_a_redrive(
    deployment: Deployment, named: str, tmp_path: Path
) -> None:
    task_id, file = f"{named}anew", tmp_path / "task.json"
    file.write_bytes(orjson.dumps({"task_id": task_id, "prompt": prompt(BY_MODEL)}))
    for number in ("1", "2", "2"):
        command = [TIERFLOW, "publish", str(file), "--redrive", number, "--wait", "30", "--json"]
        code, out, err = finish(command, env=deployment.env, timeout_s=60)
        assert (code, orjson.loads(out)["redrive"]) == (0, int(number)), err
    calls = await deployment.bodies("calls", task_id)
    assert len({call["call_id"] for call in calls}) == 2
    assert finish([TIERFLOW, "publish", str(file), "--redrive", "0"], env=deployment.env)[0] == 2


def test_a_letter_that_is_not_there_is_not_found(deployment: Deployment, named: str) -> None:
    assert dlq(deployment, "show", f"{named}nobody")[0] == 4
    assert dlq(deployment, "redrive", "--letter", f"{named}nobody")[0] == 4
    assert dlq(deployment, "redrive")[0] == 2
    assert dlq(deployment, "list", "--reason", "weather")[0] == 2
    assert dlq(deployment, "list", "--from", "yesterday")[0] == 2

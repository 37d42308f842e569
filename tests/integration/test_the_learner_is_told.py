"""`tierflow learner warm|freeze|rollback` on a running worker."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord

from tests import wire
from tests.deployment import TIERFLOW, Deployment, prompt, recorded_rows
from tests.processes import finish

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

ROWS = 200
BY_MODEL = 2


def learner(deployment: Deployment, *words: str, code: int = 0) -> dict[str, Any]:
    """Run `tierflow learner`, and what it says as JSON; of a refusal why."""
    command = [TIERFLOW, "learner", *words, "--json"]
    ended, out, err = finish(command, env=deployment.env, timeout_s=50)
    assert ended == code, err
    found = orjson.loads(out) if out else {"refused": err}
    assert isinstance(found, dict)
    return found


async def shown(deployment: Deployment, wanted: str, value: object) -> dict[str, Any]:
    """What `learner show` says once a fact has this value."""
    fact: dict[str, Any] = {}
    for _ in range(20):
        fact = learner(deployment, "show")
        if fact[wanted] == value:
            break
        await deployment._clock.sleep(0.3)
    assert fact[wanted] == value
    return fact


def known(folder: Path, named: str) -> str:
    """A file of recorded outcomes nobody learned from yet, of the registry's models and another."""
    rows = [*recorded_rows(ROWS)]
    for row in rows:
        row["task_id"] = named + row["task_id"]
        row["outcomes"]["nobody"] = {"score": 1.0}
    file = folder / "known.jsonl.gz"
    file.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))
    return str(file)


async def test_before_the_first_task_it_learns_what_is_known_and_that_once(
    deployment: Deployment, named: str, tmp_path: Path
) -> None:
    file = known(tmp_path, named)
    before = {part["part"]: part for part in learner(deployment, "show")["parts"]}
    told = learner(deployment, "warm", file, "--wait", "40")
    assert told["learned"] is True
    assert (told["rows"], told["quality"]) == (ROWS, 4 * ROWS)
    assert told["models"].keys() == {"tiny", "small", "medium", "large"}
    assert told["left_out"] == {"nobody": ROWS}
    fact = learner(deployment, "show")
    assert fact["lessons"] >= 4 * ROWS
    assert fact["last_good_version"] is not None
    after = {part["part"]: part for part in fact["parts"]}
    for model, score in (("tiny", 0.6), ("large", 0.9)):
        taught = after[model]["lessons"] - before.get(model, {"lessons": 0})["lessons"]
        assert taught == ROWS
        off = abs(before[model]["mean_score"] - score) if model in before else 1.0
        assert abs(after[model]["mean_score"] - score) < max(off, 0.01), model

    assert learner(deployment, "warm", file, "--wait", "40")["learned"] is True
    again = learner(deployment, "show")
    assert (again["version"], again["lessons"]) == (fact["version"], fact["lessons"])


async def test_it_stays_frozen_through_a_restart_and_goes_back_when_told(
    deployment: Deployment, named: str, tmp_path: Path
) -> None:
    learner(deployment, "warm", known(tmp_path, named), "--wait", "40")
    assert learner(deployment, "freeze")["frozen"] is True
    frozen = await shown(deployment, "frozen", value=True)
    assert learner(deployment, "freeze")["instruction_id"] is None
    task = {named: orjson.dumps({"task_id": named, "prompt": prompt(BY_MODEL)})}
    await deployment.publish("tasks", task)
    assert await deployment.results([named])
    await deployment.publish("feedback", {named: orjson.dumps({"task_id": named, "score": 0.3})})
    await wire.consume_until(
        deployment.bootstrap,
        deployment.topic("lessons"),
        lambda found: any(_judges(record, named) for record in found),
    )
    (worker,) = deployment.workers
    worker.terminate()
    deployment.workers.remove(worker)
    await deployment.have(workers=1)
    assert learner(deployment, "show")["version"] == frozen["version"]
    assert learner(deployment, "freeze", "--off")["what"] == "thaw"
    thawed = await shown(deployment, "frozen", value=False)
    assert thawed["lessons"] == frozen["lessons"] + 1

    to = thawed["last_good_version"]
    back = learner(deployment, "rollback", "--to", str(to))
    assert (back["from_version"], back["to_version"]) == (thawed["version"], to)
    after = await shown(deployment, "version", thawed["version"] + 1)
    assert after["kept_versions"] == [to]
    (told,) = (alert for alert in after["alerts"] if alert["kind"] == "rollback")
    assert f"to what version {to} was, as an operator told it" in told["detail"]
    assert (
        "999999 is not kept" in learner(deployment, "rollback", "--to", "999999", code=4)["refused"]
    )


def _judges(lesson: ConsumerRecord, task_id: str) -> bool:
    return lesson.key == task_id.encode() and orjson.loads(lesson.value)["score"] is not None

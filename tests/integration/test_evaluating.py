"""What was decided, judged and learned on a deployment, read back by commands."""

import asyncio
from pathlib import Path

import orjson
import pytest

from streams.clock import SystemClock
from tests.deployment import TIERFLOW, Deployment, prompt
from tests.processes import finish

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

BY_MODEL = 2
"""A prompt of this number asks for code, which no tier-0 skill answers."""


async def test_topics_and_books_tell_of_another_policy_and_of_what_was_learned(
    deployment: Deployment, named: str, tmp_path: Path
) -> None:
    asked = [f"{named}{n}" for n in range(12)]
    bodies = {t: orjson.dumps({"task_id": t, "prompt": prompt(BY_MODEL)}) for t in asked}
    await deployment.publish("tasks", bodies)
    assert await deployment.results(asked)
    scores = {t: orjson.dumps({"task_id": t, "score": 0.5}) for t in asked}
    await deployment.publish("feedback", scores)
    await deployment.still("model_state_version")
    other = tmp_path / "other.toml"
    other.write_text("[policy]\nstart = 0.5\n")
    for words in ((), ("--books",)):
        found = None
        for _ in range(20):  # the sink may be a second behind
            command = [TIERFLOW, "evaluate", "--policy", str(other), "--json", *words]
            code, out, err = await asyncio.to_thread(finish, command, env=deployment.env)
            assert code in (0, 1, 4), err
            found = orjson.loads(out) if out else None
            if found and found["quality"] and found["quality"]["tasks"] >= len(asked):
                break
            await SystemClock().sleep(0.5)
        assert found is not None
        assert found["decisions"] >= len(asked)
        assert 0 <= found["quality"]["logged"]["value"] <= 1
    code, out, err = await asyncio.to_thread(
        finish, [TIERFLOW, "learner", "show", "--json"], env=deployment.env
    )
    assert code == 0, err
    shown = orjson.loads(out)
    assert shown["lessons"] >= len(asked)
    assert "shared" in {part["part"] for part in shown["parts"]}

"""Three calls in ten fail, in every way that the simulator knows, and one model is dead."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.deployment import Deployment, prompt_of

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.clickhouse]

TASKS = int(os.environ.get("TIERFLOW_FAULT_TASKS", "1500"))
FAILING = 0.30
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("timeout", {}), ("429", {}), ("429", {"retry_after_s": 1}), ("500", {}), ("503", {}),
    ("529", {}), ("cut", {}), ("garbage", {}), ("empty", {}), ("half_json", {}),
    ("error_inside", {}), ("huge", {}), ("redirect", {}),
)  # fmt: skip
DEAD = "medium-a"
LADDER = {"tiny": "0.00001", "small": "0.00005", "medium": "0.0004", "large": "0.004"}
TWINS = ("a", "b", "c")
GOAL = 0.99


def rows(count: int) -> list[dict[str, Any]]:
    """Recorded outcomes of twelve models, three of each size."""
    outcomes = {
        f"{size}-{twin}": {
            "score": 0.6 + 0.1 * rank, "input_tokens": 20, "output_tokens": 10, "cost_usd": float(cost),
        }
        for rank, (size, cost) in enumerate(LADDER.items())
        for twin in TWINS
    }  # fmt: skip
    return [
        {"task_id": f"row-{n}", "prompt": prompt_of(n), "outcomes": outcomes} for n in range(count)
    ]


@pytest.fixture
async def faulty(
    kafka: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Deployment]:
    bootstrap = None if kafka == "embedded" else request.getfixturevalue("broker").bootstrap
    models = tmp_path / "models.toml"
    tables = (
        f'[[models.tier{tier}]]\nname = "{size}-{twin}"\nprovider = "simulator"\n'
        f"typical_cost_usd = {cost}\n"
        for tier, (size, cost) in enumerate(LADDER.items(), 1)
        for twin in TWINS
    )
    models.write_text("\n".join(tables))
    deployment = Deployment(tmp_path, bootstrap, rows=rows(TASKS), models=models)
    try:
        await deployment.started()
        deployment.env = {**deployment.env, "TIERFLOW_WORKER__LONGEST_CALL_S": "4"}
        yield deployment
    finally:
        deployment.stop()


@pytest.mark.timeout(900)
async def test_tasks_with_failed_attempts_are_completed_all_the_same(faulty: Deployment) -> None:
    await faulty.have(workers=2)
    share = 1 - (1 - FAILING) ** (1 / len({kind for kind, _ in KINDS}))
    for kind, more in KINDS:
        faulty.misbehave(kind, share, **more)
    faulty.misbehave("503", 1.0, model=DEAD)
    bodies = {
        f"fault-{n}": orjson.dumps({"task_id": f"fault-{n}", "prompt": prompt_of(n)})
        for n in range(TASKS)
    }
    await faulty.publish("tasks", bodies)
    found = await faulty.results(bodies, timeout_s=600)
    results = [orjson.loads(records[0].value) for records in found.values()]
    hit = [r for r in results if any(a["outcome"] != "completed" for a in r["attempts"])]
    completed = sum(r["status"] == "completed" for r in hit)
    outcomes = Counter(a["outcome"] for r in results for a in r["attempts"])
    log = faulty.calls()
    failed_calls = sum(entry["fault"] is not None for entry in log)
    report = {
        "tasks": len(results),
        "calls": len(log),
        "calls that failed on purpose": f"{failed_calls / len(log):.1%}",
        "calls of the dead model": sum(entry["model"] == DEAD for entry in log),
        "attempts by outcome": dict(outcomes.most_common()),
        "tasks with a failed attempt": len(hit),
        "completed of them": f"{completed} ({completed / len(hit):.2%})",
        "reasons": dict(Counter(r["error"]["reason"] for r in hit if r["error"])),
    }
    print("", *(f"{name:32} {value}" for name, value in report.items()), sep="\n")  # noqa: T201 (the figures)
    assert len(results) == TASKS
    assert completed / len(hit) > GOAL

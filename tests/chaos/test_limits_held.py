"""Models that are limited, and one that dies: how much is got out of a limit, how soon is learned.

What was asked and answered, and when, says the simulator's own log.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.clock import SystemClock
from tests.deployment import MODELS, Deployment, prompt_of

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.clickhouse]

TASKS = 900
STORM: tuple[tuple[float, float], ...] = ((15.0, 600.0), (15.0, 240.0), (15.0, 600.0))
"""Seconds, and requests a minute that the provider takes meanwhile."""

GOODPUT = 0.95
OPENS_S = 2.0
DEAD, ALIVE = "small", "small-b"


@pytest.fixture
async def limited(
    kafka: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Deployment]:
    """Two models of one tier beside the usual; calls of a tenth of a second."""
    bootstrap = None if kafka == "embedded" else request.getfixturevalue("broker").bootstrap
    names = [*enumerate(MODELS, 1), (2, ALIVE)]
    models = tmp_path / "models.toml"
    models.write_text("".join(_model(tier, name) for tier, name in names))
    outcome = {"score": 0.9, "input_tokens": 20, "output_tokens": 10, "cost_usd": 0.00005}
    rows = [
        {"task_id": f"row-{n}", "prompt": prompt_of(n), "outcomes": {m: outcome for _, m in names}}
        for n in range(TASKS)
    ]
    deployment = Deployment(tmp_path, bootstrap, rows=rows, models=models)
    try:
        await deployment.started()
        deployment.slow(0.05, 0.15)
        yield deployment
    finally:
        deployment.stop()


def _model(tier: int, name: str) -> str:
    return (
        f'[[models.tier{tier}]]\nname = "{name}"\nprovider = "simulator"\n'
        f"typical_cost_usd = {MODELS.get(name, '0.00005')}\n"
    )


def bodies(prefix: str, count: int, **fields: Any) -> dict[str, bytes]:
    return {
        f"{prefix}{n}": orjson.dumps({"task_id": f"{prefix}{n}", "prompt": prompt_of(n), **fields})
        for n in range(count)
    }


async def storm(deployment: Deployment, model: str) -> tuple[float, float, int]:
    """Let the provider's limit change as scripted while there is always something to do.

    Returns:
        Answers that the limits allowed, answers that came, and calls refused.
    """
    clock = SystemClock()
    before = len(deployment.calls())
    allowed = 0.0
    for seconds, per_minute in STORM:
        burst = per_minute / 60  # at once, where so many have been saved up
        deployment.misbehave("limit", 1.0, model=model, per_minute=per_minute, burst=burst)
        began_s = clock.monotonic_s()
        await clock.sleep(seconds)
        allowed += (clock.monotonic_s() - began_s) * per_minute / 60
    log = deployment.calls()[before:]
    answered = sum(entry["answered"] for entry in log)
    return allowed, answered, sum(entry["fault"] == "limit" for entry in log)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.timeout(400)
async def test_a_limit_that_nobody_configured_is_used_to_the_full(
    limited: Deployment, workers: int
) -> None:
    await limited.have(workers=workers)
    clock = SystemClock()
    limited.misbehave("limit", 1.0, model="medium", per_minute=600, burst=10)
    await limited.publish("tasks", bodies("storm-", TASKS, model="medium"))
    await clock.sleep(5)  # the first tasks are on their way
    allowed, answered, refused = await storm(limited, "medium")
    print(  # noqa: T201 (the figure)
        f"\n{workers} worker(s): {answered:g} answers of {allowed:g} that the limit allows"
        f" ({answered / allowed:.1%}), {refused} refused"
    )
    assert answered / allowed >= GOODPUT


@pytest.mark.timeout(300)
async def test_a_dead_model_is_left_alone_within_two_seconds_and_its_tasks_go_beside(
    limited: Deployment,
) -> None:
    await limited.have(workers=1)
    limited.misbehave("503", 1.0, model=DEAD)
    tasks = bodies("dead-", 200, min_tier=2, max_tier=2)
    await limited.publish("tasks", tasks)
    found = await limited.results(tasks, timeout_s=60)
    results = [orjson.loads(records[0].value) for records in found.values()]
    assert {result["status"] for result in results} == {"completed"}
    dead = [entry for entry in limited.calls() if entry["model"] == DEAD]
    opened_s = first_pause(dead)
    print(f"\n{len(dead)} calls of the dead model, left alone after {opened_s:.2f} s")  # noqa: T201
    assert opened_s < OPENS_S
    alerts = [a for a in await limited.bodies("alerts") if a["kind"] == "breaker"]
    assert any(DEAD in alert["subject"] for alert in alerts)


def first_pause(calls: Sequence[dict[str, Any]]) -> float:
    """Seconds from the first call until nobody called for two seconds."""
    at = [datetime.fromisoformat(entry["at"]) for entry in calls]
    last = at[0]
    for moment in at:
        if (moment - last).total_seconds() > OPENS_S:
            break
        last = moment
    return (last - at[0]).total_seconds()

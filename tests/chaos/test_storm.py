"""Everything that can die dies under load, and afterwards the books are right.

TIERFLOW_STORM_SEED=… make chaos        # another storm; the seed of each is printed
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from streams.clock import SystemClock
from tests import invariants
from tests.clusters import Cluster
from tests.deployment import Deployment
from tests.invariants import Report
from tests.storm import DECK, Blow, Load, Storm, Strike, publish_steadily, schedule

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.clickhouse]

STORM_S = 90.0
TASKS_A_SECOND = 8
CALM_S = 90


@pytest.mark.timeout(600)
async def test_after_a_storm_nothing_is_lost_repeated_or_booked_wrongly(
    deployment: Deployment, named: str, kafka: str, request: pytest.FixtureRequest
) -> None:
    seed = os.environ.get("TIERFLOW_STORM_SEED", "1")
    broker: Cluster | None = None
    deck = DECK
    if kafka == "apache":
        broker = request.getfixturevalue("broker")
        deck = (*DECK, Blow.KILL_BROKER)
    strikes = schedule(seed, STORM_S, deck)
    print(f"\nseed {seed} on {kafka}", *strikes, sep="\n")  # noqa: T201 (how to have it again)

    await deployment.have(workers=2, sinks=2)
    before = deployment.status()
    asked_before = len(deployment.calls())
    load, storm = Load(), Storm(deployment, broker)
    await rage(deployment, named, storm, strikes, load)
    report = Report({}, storm.crashed())
    await deployment.have(workers=2, sinks=2)

    await invariants.check_results(deployment, load.tasks, report)
    status = await calmed(deployment)
    report.want(not lagging(status), f"lag at rest: {lagging(status)}")
    report.want(status["ready"] is True, "the status is not ready")
    learned = await deployment.still("lessons") - before["lessons"]
    await invariants.check_rows(deployment, named, len(load.tasks), report)
    asked = deployment.calls()[asked_before:]
    await invariants.check_costs(deployment, named, asked, report)
    await invariants.check_letters(deployment, before["dead_letters"], report)
    await invariants.check_lessons(deployment, named, len(load.feedback), learned, report)
    await invariants.check_changelogs(
        deployment, storm.frozen_at, report, waits=kafka != "embedded"
    )
    print(report)  # noqa: T201 (the counts of this storm)
    assert not report.findings, "\n".join(report.findings)


async def rage(
    deployment: Deployment, named: str, storm: Storm, strikes: Sequence[Strike], load: Load
) -> None:
    """Load and strikes together, on models that are slow and fail; calm again at the end."""
    deployment.slow(0.1, 4.0)
    for kind, share in (("503", 0.05), ("cut", 0.02), ("timeout", 0.02)):
        deployment.misbehave(kind, share)
    async with asyncio.TaskGroup() as group:
        group.create_task(publish_steadily(deployment, named, STORM_S, TASKS_A_SECOND, load))
        group.create_task(storm.rage(strikes))
    deployment.behave()


async def calmed(deployment: Deployment) -> dict[str, Any]:
    """The status once nothing lags; the last one if that never comes."""
    status = deployment.status()
    for _ in range(CALM_S):
        if not lagging(status):
            break
        await SystemClock().sleep(1)
        status = deployment.status()
    return status


def lagging(status: Mapping[str, Any]) -> dict[str, Any]:
    """Topics with records that are not settled, or of which nobody can say."""
    return {topic: lag for topic, lag in status["lag"].items() if lag != 0}

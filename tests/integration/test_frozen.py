"""A worker that stood still for longer than its session (SIGSTOP, a suspended machine)."""

import os
import signal

import pytest

from streams.clock import SystemClock
from streams.kafka.cluster import administered
from tests import wire
from tests.deployment import QUICK, Deployment

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.once]

SESSION_S = float(QUICK["TIERFLOW_KAFKA__SESSION_TIMEOUT_S"])
GROUP = "tierflow-tier-3"


async def members(deployment: Deployment) -> set[str]:
    """The members of one tier's group, by the ids that the broker gave them."""
    async with administered(wire.access(deployment.bootstrap)) as admin:
        answers = await admin.describe_consumer_groups([GROUP])
    groups = [group for answer in answers for group in answer.groups]
    return {member[0] for group in groups for member in group[5]}


async def test_it_joins_anew_whatever_the_broker_says_of_its_membership(
    deployment: Deployment,
) -> None:
    await deployment.have(workers=1)
    (worker,) = deployment.workers
    before = await members(deployment)
    assert len(before) == 1
    os.kill(worker.child.pid, signal.SIGSTOP)
    await SystemClock().sleep(1.5 * SESSION_S)
    os.kill(worker.child.pid, signal.SIGCONT)
    clock = SystemClock()
    until_s = clock.monotonic_s() + 30
    after = before
    while (not after or after & before) and clock.monotonic_s() < until_s:
        await clock.sleep(0.5)
        after = await members(deployment)
    assert after
    assert not after & before
    await deployment.until(worker.is_ready, "the worker that was frozen", worker.child)

"""One rig for all tests of the run; each test says how many workers it wants."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.clusters import Cluster
from tests.deployment import Deployment


@pytest.fixture(scope="session")
def rigged(
    request: pytest.FixtureRequest, kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The rig: on the embedded broker that it starts itself, or on the `broker`."""
    broker: Cluster | None = None if kafka == "embedded" else request.getfixturevalue("broker")
    deployment = Deployment(tmp_path_factory.mktemp("rig"), broker.bootstrap if broker else None)
    try:
        asyncio.run(deployment.started())
        yield deployment
    finally:
        deployment.stop()


@pytest.fixture
async def deployment(
    rigged: Deployment, request: pytest.FixtureRequest
) -> AsyncIterator[Deployment]:
    """The rig with one worker and one sink, ready, and a simulator that behaves."""
    rigged.behave()
    await rigged.have(workers=1)
    failed_before = request.session.testsfailed
    yield rigged
    if request.session.testsfailed > failed_before:
        print(rigged.tails())  # noqa: T201 (shown with the failure)


@pytest.fixture
def named(prefix: str) -> str:
    """A prefix for task ids that no other test has."""
    return prefix.rstrip(".") + "-"

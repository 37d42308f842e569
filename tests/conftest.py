"""Which Kafka the tests run on, and what every test may ask for."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator

import pytest

from streams import ids
from streams.clock import SystemClock
from streams.rig.broker import EmbeddedBroker
from tests import wire
from tests.certificates import find_openssl
from tests.clusters import (
    ApacheKafka,
    Cluster,
    RunningKafka,
    UnavailableError,
    cache_folder,
    find_java,
    resolve_jars,
)
from tests.deployment import Deployment
from tests.secured import SecuredKafka

KAFKA_HELP = (
    "embedded (default), apache (a real broker from Maven artifacts), apache-sasl (the same behind "
    "SASL_SSL with SCRAM), or HOST:PORT of a running one (also: KAFKA_BOOTSTRAP; how to come to it "
    "say TIERFLOW_KAFKA__SECURITY_PROTOCOL and so on)"
)

LONG = (
    "test_kill.py", "test_installed_wheel.py", "test_image.py", "test_sink.py", "test_redrive.py",
    "test_restart.py", "test_traces.py", "test_canaries.py",
)  # fmt: skip
"""Files of tests that take half a minute and more."""

REAL = ("apache", "apache-sasl")
"""Brokers that a run starts itself, and may kill."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kafka", metavar="WHICH", default=None, help=KAFKA_HELP)


def pytest_configure(config: pytest.Config) -> None:
    which = kafka_of(config)
    if which in REAL:
        try:
            resolve_jars(cache_folder())
            find_java()
            if which == "apache-sasl":
                find_openssl()
        except UnavailableError as error:
            raise pytest.UsageError(f"--kafka={which}: {error}") from error
    elif which != "embedded" and not re.fullmatch(r"[^\s:]+:\d+", which):
        raise pytest.UsageError(f"--kafka={which}: want {KAFKA_HELP}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files that take long come first, so that none is left to run alone at the end.

    Tests of the secured broker itself are for `--kafka=apache-sasl` alone.
    """
    items.sort(key=_haste)
    if kafka_of(config) == "apache-sasl":
        return
    own = [item for item in items if "secured" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=own)
    items[:] = [item for item in items if item not in own]


def _haste(item: pytest.Item) -> int:
    if item.path.name in LONG:
        return LONG.index(item.path.name)
    return len(LONG) + ("integration" not in item.path.parts)


def pytest_report_header(config: pytest.Config) -> str:
    return f"kafka: {kafka_of(config)}"


def kafka_of(config: pytest.Config) -> str:
    """Which of KAFKA_HELP: the option, else the environment, else embedded."""
    chosen = config.getoption("--kafka") or os.environ.get("KAFKA_BOOTSTRAP")
    return str(chosen or "embedded")


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> str:
    """Which Kafka was asked for: `embedded`, `apache`, or host:port."""
    which = kafka_of(pytestconfig)
    return "apache" if which in REAL else which


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A real broker behind TLS and users; while it runs the environment says how to come to it."""
    node = SecuredKafka(resolve_jars(cache_folder()), tmp_path_factory.mktemp("kafka"))
    node.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in node.environment.items():
            patch.setenv(name, value)
        yield node
    node.stop()


@pytest.fixture(scope="session")
def broker(
    kafka: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A Kafka for the whole run: `.bootstrap`, `.kind`; `apache` may be killed and started."""
    if kafka == "embedded":
        tansu = EmbeddedBroker(SystemClock())
        asyncio.run(tansu.start())
        yield RunningKafka(tansu.bootstrap, kind="embedded")
        tansu.kill()
    elif kafka_of(request.config) == "apache-sasl":
        yield request.getfixturevalue("secured")
    elif kafka == "apache":
        node = ApacheKafka(resolve_jars(cache_folder()), tmp_path_factory.mktemp("kafka"))
        node.start()
        yield node
        node.stop()
    else:
        yield RunningKafka(kafka)


@pytest.fixture(scope="session")
def run_id() -> str:
    """Eight hex digits that tell this run from every other on a shared cluster."""
    return ids.digest(f"{os.getpid()} {SystemClock().now()}".encode())[:8]


@pytest.fixture
def prefix(request: pytest.FixtureRequest, run_id: str) -> Iterator[str]:
    """A prefix for topics and groups that no other test or run has: `name-of-the-test-1a2b3c4d.`.

    On a running cluster the topics under it are deleted behind the test.
    """
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    own = f"{words.removeprefix('test-')[:60]}-{run_id}."
    yield own
    if "broker" in request.fixturenames:
        cluster: Cluster = request.getfixturevalue("broker")
        if cluster.kind == "running":
            asyncio.run(wire.delete_topics(cluster.bootstrap, own))


@pytest.fixture(scope="session")
def rigged(
    request: pytest.FixtureRequest, kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """One rig for all tests of the run: on the embedded broker that it starts itself, or on the `broker`."""
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

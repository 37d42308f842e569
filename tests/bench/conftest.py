"""The brokers that are measured on: Apache Kafka where Maven and Java are, and the embedded one."""

import asyncio
from collections.abc import Iterator

import pytest

from streams.clock import SystemClock
from streams.rig.broker import EmbeddedBroker
from tests.clusters import (
    ApacheKafka,
    Cluster,
    RunningKafka,
    UnavailableError,
    cache_folder,
    find_java,
    resolve_jars,
)

collect_ignore = ["litellm"]
"""It runs in an environment of its own."""


@pytest.fixture(scope="session")
def brokers(
    pytestconfig: pytest.Config, kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Cluster]]:
    """What `--kafka` names; unless told, Apache Kafka if it can be had, then the embedded one."""
    told = pytestconfig.getoption("--kafka") is not None or kafka != "embedded"
    found: list[Cluster] = []
    node: ApacheKafka | None = None
    if kafka == "apache" or not told:
        try:
            find_java()
            node = ApacheKafka(resolve_jars(cache_folder()), tmp_path_factory.mktemp("kafka"))
            node.start()
            found.append(node)
        except UnavailableError as error:
            print(f"\nno Apache Kafka: {error}")  # noqa: T201
    if told and kafka not in {"apache", "embedded"}:
        found.append(RunningKafka(kafka))
    tansu: EmbeddedBroker | None = None
    if kafka == "embedded":
        tansu = EmbeddedBroker(SystemClock())
        asyncio.run(tansu.start())
        found.append(RunningKafka(tansu.bootstrap, kind="embedded"))
    yield found
    if node is not None:
        node.stop()
    if tansu is not None:
        tansu.kill()

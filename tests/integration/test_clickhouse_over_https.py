"""ClickHouse by https: whose certificate is believed, and what is said of one that is not."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.clickhouse.client import AccessRefusedError, CaFileError, connect
from streams.clock import SystemClock
from streams.kafka.cluster import apply
from streams.kafka.topics import Layout
from streams.rig.process import spawn, until_ready
from tests.books import Books
from tests.certificates import Authority, find_openssl
from tests.clusters import Cluster, UnavailableError
from tests.deployment import TIERFLOW, Member
from tests.fronts import tls_front, turning_away
from tests.processes import finish, free_port
from tests.wire import access

pytestmark = pytest.mark.clickhouse

READY_S = 30


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    try:
        find_openssl()
    except UnavailableError as error:
        pytest.skip(str(error))
    return Authority(tmp_path_factory.mktemp("certificates"))


def settings(port: int, ca_file: Path | None) -> dict[str, str]:
    """The environment of a command that comes by https."""
    return {
        "TIERFLOW_CLICKHOUSE__URL": f"https://127.0.0.1:{port}",
        "TIERFLOW_CLICKHOUSE__CA_FILE": str(ca_file or ""),
    }


async def run(environment: Mapping[str, str], *words: str) -> tuple[int, str, str]:
    """A command beside this event loop."""
    told = {**os.environ, **environment}
    return await asyncio.to_thread(finish, [TIERFLOW, *words], env=told, timeout_s=40)


async def test_a_certificate_that_the_ca_file_signed_is_believed(
    books: Books, authority: Authority
) -> None:
    async with tls_front(books.port, authority.sign("clickhouse")) as port:
        own = settings(port, authority.ca_file) | {"TIERFLOW_CLICKHOUSE__DATABASE": "believed"}
        code, out, err = await run(own, "clickhouse", "migrate")
        assert code == 0, err
        assert "0001_" in out


async def test_no_other_certificate_is_believed(
    books: Books, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    async with tls_front(books.port, authority.sign("clickhouse")) as port:
        for ca_file in (other.ca_file, None):
            code, _, err = await run(settings(port, ca_file), "clickhouse", "migrate")
            assert code == 3
            assert "doesn't verify: certificate verify failed: unable to get local issuer" in err
            assert "next: set clickhouse.ca_file to the certificate of whoever signed it" in err
            assert len(err.splitlines()) == 2


async def test_a_certificate_for_another_name_is_not_believed(
    books: Books, authority: Authority
) -> None:
    elsewhere = authority.sign("elsewhere", names="subjectAltName=DNS:clickhouse.example")
    async with tls_front(books.port, elsewhere) as port:
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(AccessRefusedError, match="IP address mismatch") as refused:
            await asyncio.to_thread(connect, url, ca_file=authority.ca_file)
        assert "name the server in clickhouse.url as its certificate does" in refused.value.then


def test_a_ca_file_that_is_none_is_a_wrong_setting(tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    with pytest.raises(CaFileError, match=r"clickhouse\.ca_file: .*none\.pem can't be read"):
        connect("https://127.0.0.1:1", ca_file=missing)
    code, _, err = finish(
        [TIERFLOW, "clickhouse", "migrate"], env=os.environ | settings(1, missing)
    )
    assert code == 2
    assert "clickhouse.ca_file" in err
    missing.write_text("no certificate")
    with pytest.raises(CaFileError, match="holds no certificate"):
        connect("https://127.0.0.1:1", ca_file=missing)


@pytest.mark.broker
@pytest.mark.secured
async def test_a_sink_comes_by_https_or_says_at_once_why_it_never_will(
    broker: Cluster, prefix: str, books: Books, authority: Authority, tmp_path: Path
) -> None:
    await apply(access(broker.bootstrap), Layout(prefix, partitions=1))
    kafka = {
        "TIERFLOW_KAFKA__BOOTSTRAP": broker.bootstrap,
        "TIERFLOW_KAFKA__PREFIX": prefix,
        "TIERFLOW_KAFKA__PARTITIONS": "1",
    }
    other = Authority(tmp_path / "other")
    async with tls_front(books.port, authority.sign("clickhouse")) as port:
        code, _, err = await run(kafka | settings(port, other.ca_file), "sink")
        assert code == 3
        assert "ClickHouse's certificate at" in err.splitlines()[-2]
        environment = kafka | settings(port, authority.ca_file)
        code, _, err = await run(environment, "clickhouse", "migrate")
        assert code == 0, err
        ops_port = free_port(prefix)
        command = [TIERFLOW, "sink", "--ops-port", str(ops_port)]
        child = spawn(command, log=tmp_path / "sink.log", env={**os.environ, **environment})
        try:
            member = Member(child, ops_port)
            await until_ready(child, member.is_ready, clock=SystemClock(), timeout_s=READY_S)
            assert await asyncio.to_thread(member.terminate) == 0
        finally:
            child.kill()


@pytest.mark.broker
async def test_a_wrong_password_is_said_at_once(
    broker: Cluster, prefix: str, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("not-the-password")
    async with turning_away() as port:
        environment = {
            "TIERFLOW_KAFKA__BOOTSTRAP": broker.bootstrap,
            "TIERFLOW_KAFKA__PREFIX": prefix,
            "TIERFLOW_CLICKHOUSE__URL": f"http://127.0.0.1:{port}",
            "TIERFLOW_CLICKHOUSE__USER": "ann",
            "TIERFLOW_CLICKHOUSE__PASSWORD_FILE": str(password),
        }
        for words in (("clickhouse", "migrate"), ("sink",)):
            code, out, err = await run(environment, *words)
            assert code == 3
            assert "refuses user ann: wrong user or password" in err.splitlines()[-2]
            assert "clickhouse.password_file" in err
            assert "not-the-password" not in out + err

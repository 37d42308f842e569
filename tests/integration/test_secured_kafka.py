"""Apache Kafka behind TLS and users: who is let in, who is turned away, and what is then said."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from streams.clock import SystemClock
from streams.rig.process import spawn, until_ready
from tests.certificates import Authority
from tests.deployment import TIERFLOW, Member
from tests.processes import finish, free_port
from tests.secured import STRANGER, USER, SecuredKafka

pytestmark = [pytest.mark.broker, pytest.mark.secured]

TIMEOUT_S = "60"
IMPATIENT_S = "1"
REASONABLE_S = 30
"""Less than the timeout: who is turned away must not try again and again."""

READY_S = 40
REACHING = (("status",), ("topics", "plan"), ("worker",), ("sink",), ("feedback", "t1", "1"))
"""Commands of every kind that reach for Kafka first."""

CONFIG = """\
[routing]
salt = "of-a-test"

[providers.nobody]
base_url = "http://127.0.0.1:9/v1"

[[models.tier1]]
name = "tiny"
provider = "nobody"
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker wants besides Kafka."""
    file = tmp_path / "tierflow.toml"
    file.write_text(CONFIG)
    monkeypatch.setenv("TIERFLOW_CONFIG", str(file))


def run(
    environment: Mapping[str, str], *words: str, timeout_s: str = TIMEOUT_S
) -> tuple[int, str, str]:
    """A command, as an operator runs it."""
    command = [TIERFLOW, "--timeout", timeout_s, *words]
    return finish(command, env={**os.environ, **environment}, timeout_s=REASONABLE_S)


def told(secured: SecuredKafka, **changed: object) -> dict[str, str]:
    """The environment of `secured` with some settings changed; an empty one is not set."""
    ours = {f"TIERFLOW_KAFKA__{name.upper()}": str(value) for name, value in changed.items()}
    return {"TIERFLOW_KAFKA__BOOTSTRAP": secured.bootstrap, **secured.environment, **ours}


def mutual(secured: SecuredKafka, **changed: object) -> dict[str, str]:
    """The environment of who shows a certificate and is no SASL user."""
    nobody = dict.fromkeys(("sasl_mechanism", "user", "password_file"), "")
    at = f"127.0.0.1:{secured.mutual_port}"
    return told(secured, bootstrap=at, security_protocol="SSL", **nobody, **changed)


def refusal_in(said: str) -> str:
    """What is said and what to do, the last two lines."""
    assert "Traceback" not in said
    last = said.splitlines()[-2:]
    assert [line.partition(": ")[0] for line in last] == ["tierflow", "next"], said
    return "\n".join(last)


@pytest.mark.parametrize("words", REACHING, ids=" ".join)
def test_a_wrong_password_is_said_at_once_and_exits_3(
    secured: SecuredKafka, tmp_path: Path, words: tuple[str, ...]
) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("not-the-password")
    code, out, err = run(told(secured, password_file=wrong), *words)
    assert code == 3
    told_so = refusal_in(err)
    assert "refuses user tierflow by SCRAM-SHA-512: wrong user or password" in told_so
    assert "next: check kafka.user and kafka.password_file" in told_so
    assert "not-the-password" not in out + err


@pytest.mark.parametrize("words", REACHING, ids=" ".join)
def test_a_certificate_of_another_authority_is_said_at_once_and_exits_3(
    secured: SecuredKafka, tmp_path: Path, words: tuple[str, ...]
) -> None:
    other = Authority(tmp_path / "other")
    code, _, err = run(told(secured, ca_file=other.ca_file), *words)
    assert code == 3
    told_so = refusal_in(err)
    assert "certificate at" in told_so
    assert "doesn't verify" in told_so
    assert "next: set kafka.ca_file to the certificate of whoever signed it" in told_so


def test_the_doctor_tells_a_refusal_from_a_cluster_that_is_away(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("not-the-password")
    for changed, said in (
        ({"password_file": wrong}, "refuses user tierflow"),
        ({"password_file": tmp_path / "none"}, "none can't be read"),
        ({"ca_file": wrong}, "is no PEM file"),
    ):
        _, out, _ = run(told(secured, **changed), "doctor", "--json")
        checks = {check["name"]: check for check in orjson.loads(out)["checks"]}
        assert (checks["kafka"]["mark"], said in checks["kafka"]["said"]) == ("wrong", True)
        assert "is it running?" not in checks["kafka"]["then"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_every_mechanism_lets_a_user_in(secured: SecuredKafka, prefix: str, mechanism: str) -> None:
    environment = told(secured, sasl_mechanism=mechanism, prefix=prefix)
    code, out, err = run(environment, "topics", "plan")
    assert (code, err) == (1, ""), "exit 1: topics are to be made"
    assert f"{prefix}tasks.v1" in out


def test_a_user_whom_the_mechanism_does_not_know_is_turned_away(secured: SecuredKafka) -> None:
    unknown = told(
        secured,
        sasl_mechanism="SCRAM-SHA-256",
        user=STRANGER,
        password_file=secured.password_file(STRANGER),
    )
    code, _, err = run(unknown, "status")
    assert code == 3
    assert "that the user exists for this mechanism" in refusal_in(err)


def test_a_wrong_protocol_is_suspected_by_name(secured: SecuredKafka) -> None:
    nothing = dict.fromkeys(("sasl_mechanism", "user", "password_file", "ca_file"), "")
    for protocol in ("PLAINTEXT", "SSL"):
        environment = told(secured, security_protocol=protocol, **nothing)
        if protocol == "SSL":
            environment["TIERFLOW_KAFKA__CA_FILE"] = str(secured.authority.ca_file)
        code, _, err = run(environment, "status", timeout_s=IMPATIENT_S)
        assert code == 3
        told_so = refusal_in(err)
        assert f"may want another kafka.security_protocol than {protocol}" in told_so


def test_who_shows_no_certificate_where_one_is_wanted_is_told(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    code, _, err = run(mutual(secured), "status", timeout_s=IMPATIENT_S)
    assert code == 3
    assert "kafka.certificate_file" in refusal_in(err)
    foreign = Authority(tmp_path / "other").sign("tierflow")
    shown = mutual(secured, certificate_file=foreign.certificate, key_file=foreign.key)
    code, _, err = run(shown, "status", timeout_s=IMPATIENT_S)
    assert code == 3
    assert "kafka.certificate_file" in refusal_in(err)


async def test_a_worker_with_a_certificate_takes_part(
    secured: SecuredKafka, prefix: str, tmp_path: Path
) -> None:
    signed = secured.authority.sign("tierflow", password="of-the-key")  # noqa: S106 (of this test)
    password = tmp_path / "key-password"
    password.write_text("of-the-key\n")
    environment = mutual(
        secured,
        prefix=prefix,
        partitions=1,
        certificate_file=signed.certificate,
        key_file=signed.key,
        key_password_file=password,
    )
    code, _, err = run(environment, "topics", "apply")
    assert code == 0, err
    async with ready(environment, tmp_path, "worker"):
        pass
    assert "of-the-key" not in (tmp_path / "worker.log").read_text()


@asynccontextmanager
async def ready(environment: Mapping[str, str], folder: Path, *words: str) -> AsyncIterator[Member]:
    """A worker or a sink that is ready; it ends as an operator ends it."""
    port = free_port(f"{folder} {words}")
    command = [TIERFLOW, *words, "--ops-port", str(port)]
    log = folder / f"{words[0]}.log"
    child = spawn(command, log=log, env={**os.environ, **environment})
    member = Member(child, port)
    try:
        await until_ready(child, member.is_ready, clock=SystemClock(), timeout_s=READY_S)
        yield member
        assert await asyncio.to_thread(member.terminate) == 0
    finally:
        child.kill()


def title_of(member: Member) -> str:
    """A process's command line, as anybody on the machine may read it."""
    return Path(f"/proc/{member.child.pid}/cmdline").read_text()


async def test_no_password_is_in_a_process_title_or_a_log(
    secured: SecuredKafka, prefix: str, tmp_path: Path
) -> None:
    by_value = told(secured, password_file="", password=secured.password(USER))
    environment = {**by_value, "TIERFLOW_KAFKA__PREFIX": prefix, "TIERFLOW_LOGGING__LEVEL": "debug"}
    code, out, err = run(environment, "topics", "apply")
    assert code == 0, err
    code, shown, _ = run(environment, "config", "show", "--json")
    assert code == 0
    async with ready(environment, tmp_path, "worker", "--roles", "tier-0") as member:
        title = title_of(member)
    secret = secured.password(USER)
    assert "worker" in title
    assert secret not in out + err + shown + title + (tmp_path / "worker.log").read_text()

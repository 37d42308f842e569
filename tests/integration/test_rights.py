"""The rights that infra/docs/connecting.md grants are enough, and who has none of them is told so."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from streams.clock import SystemClock
from streams.rig.process import spawn, until_ready
from tests import rights
from tests.books import Books
from tests.deployment import TIERFLOW, Member
from tests.processes import finish, free_port
from tests.secured import SecuredKafka

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.secured]

READY_S = 60
CONFIG = """\
[routing]
salt = "of-a-test"

[providers.nobody]
base_url = "http://127.0.0.1:9/v1"

[[models.tier1]]
name = "tiny"
provider = "nobody"
"""


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    own = Books(tmp_path / "books")
    own.folder.mkdir()
    asyncio.run(own.start())
    yield own
    own.kill()


class Company:
    """Those whom the page names, each with a user of its own."""

    def __init__(self, secured: SecuredKafka, prefix: str, folder: Path, books: Books) -> None:
        self._secured = secured
        self._folder = folder
        config = folder / "tierflow.toml"
        config.write_text(CONFIG)
        self._shared = {
            "TIERFLOW_CONFIG": str(config),
            "TIERFLOW_KAFKA__BOOTSTRAP": secured.bootstrap,
            "TIERFLOW_KAFKA__PREFIX": prefix,
            "TIERFLOW_KAFKA__PARTITIONS": "1",
            "TIERFLOW_CLICKHOUSE__URL": books.url,
        }

    def _environment(self, user: str) -> dict[str, str]:
        return {
            **os.environ,
            **self._secured.environment,
            **self._shared,
            "TIERFLOW_KAFKA__USER": user,
            "TIERFLOW_KAFKA__PASSWORD_FILE": str(self._secured.password_file(user)),
        }

    def run(self, user: str, *words: str) -> tuple[int, str, str]:
        """A command as this user."""
        return finish([TIERFLOW, *words], env=self._environment(user), timeout_s=50)

    def does(self, user: str, *words: str) -> str:
        """What a command of this user prints; it must succeed."""
        code, out, err = self.run(user, *words)
        assert code == 0, err
        return out

    def may_not(self, user: str, *words: str) -> None:
        """A command of this user fails for want of a right, and says so in a line."""
        code, _, err = self.run(user, *words)
        assert code == 1
        assert "AuthorizationFailed" in err
        assert "Traceback" not in err

    @asynccontextmanager
    async def member(self, user: str, role: str) -> AsyncIterator[None]:
        """A worker or sink of this user, ready, then ended."""
        port = free_port(f"{self._folder} {role}")
        log = self._folder / f"{role}.log"
        command = [TIERFLOW, role, "--ops-port", str(port)]
        child = spawn(command, log=log, env=self._environment(user), name=role)
        member = Member(child, port)
        try:
            await until_ready(child, member.is_ready, clock=SystemClock(), timeout_s=READY_S)
            yield
            assert await asyncio.to_thread(member.terminate) == 0
        finally:
            child.kill()


@pytest.mark.timeout(150)
async def test_everybody_can_do_their_job_with_the_rights_of_the_page(
    secured: SecuredKafka, prefix: str, tmp_path: Path, books: Books
) -> None:
    company = Company(secured, prefix, tmp_path, books)
    company.may_not("tierflow-admin", "topics", "apply")  # nobody has a right yet
    await rights.grant(secured.bootstrap, prefix)
    company.does("tierflow-admin", "topics", "apply")
    company.does("tierflow-admin", "topics", "plan")
    company.does("tierflow-admin", "clickhouse", "migrate")

    async def done(user: str, *words: str) -> str:
        return await asyncio.to_thread(company.does, user, *words)

    async with company.member("tierflow-worker", "worker"), company.member("tierflow-sink", "sink"):
        task = tmp_path / "task.json"
        task.write_text('{"task_id": "t1", "prompt": "What is 2 + 3?"}')
        out = await done("shop", "publish", str(task), "--wait", "30", "--json")
        assert orjson.loads(out)["output"] == "5"
        await done("shop", "ask", "What is 3 + 4?")
        await done("shop", "feedback", "t1", "1")
        assert orjson.loads(await done("tierflow-monitor", "status", "--json"))["ready"] is True
        await done("tierflow-monitor", "explain", "t1")
        await done("tierflow-operator", "publish", str(task), "--redrive", "1", "--wait", "30")
        await done("tierflow-operator", "dlq", "list")
        _, out, _ = await asyncio.to_thread(company.run, "tierflow-monitor", "doctor", "--json")
        marks = {check["name"]: check["mark"] for check in orjson.loads(out)["checks"]}
        assert {marks["kafka"], marks["topics"], marks["groups"]} == {"ok"}

    company.may_not("shop", "status")
    company.may_not("shop", "worker")

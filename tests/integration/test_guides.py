"""The guides' commands and their consumer, run against a deployment as they stand."""

import os
import re
import sys
from pathlib import Path

import pytest

from streams.clock import SystemClock
from streams.rig.process import spawn
from tests.deployment import TIERFLOW, Deployment
from tests.processes import finish
from tests.yamls import ROOT

pytestmark = [pytest.mark.broker, pytest.mark.once]

GUIDES = ROOT / "infra" / "docs"
CONSOLE = re.compile(r"^ *```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
STAY = {"worker", "sink", "rig", "demo"}
"""Commands that don't end, or start a cluster of their own: the deployment stands for them."""
WAIT_S = 30.0


def lines(page: str) -> list[str]:
    """The shell lines of a guide that run tierflow and end."""
    text = (GUIDES / page).read_text(encoding="utf-8")
    shown = [line.strip() for block in CONSOLE.findall(text) for line in block.splitlines()]
    ours = [
        line.removeprefix("$ ") for line in shown if re.match(r"\$ (echo .*\| )?tierflow ", line)
    ]
    return [line for line in ours if line.partition("tierflow ")[2].split()[0] not in STAY]


def environment(deployment: Deployment) -> dict[str, str]:
    path = f"{Path(TIERFLOW).parent}:{os.environ['PATH']}"
    return {**deployment.env, "PATH": path}


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("page", "least"), [("quickstart.md", 7), ("upgrade.md", 4)])
def test_a_guides_commands_work_in_their_order(
    deployment: Deployment, page: str, least: int, tmp_path: Path
) -> None:
    found = lines(page)
    assert len(found) >= least
    for line in found:
        code, out, err = finish(
            ["/bin/sh", "-c", line], cwd=tmp_path, env=environment(deployment), timeout_s=60
        )
        assert code == 0, f"{line}\n{out[-500:]}\n{err[-2000:]}"


async def test_the_consumer_reads_a_result(
    deployment: Deployment, named: str, tmp_path: Path
) -> None:
    (code,) = PYTHON.findall((GUIDES / "events.md").read_text(encoding="utf-8"))
    for shown, real in (
        ("127.0.0.1:9092", deployment.bootstrap),
        ("tierflow.results.v1", deployment.topic("results")),
        ("my-service", f"{named}reader"),
    ):
        assert shown in code
        code = code.replace(shown, real)
    log = tmp_path / "consumer.log"
    child = spawn([sys.executable, "-u", "-c", code], log=log, name="consumer")
    try:
        task = f'{{"task_id": "{named}1", "prompt": "What is 2 + 3?"}}'
        await deployment.publish("tasks", {named: task.encode()})
        clock = SystemClock()
        end_s = clock.monotonic_s() + WAIT_S
        while f"{named}1 completed 5 " not in log.read_text():
            assert child.returncode is None, log.read_text()
            assert clock.monotonic_s() < end_s, log.read_text()
            await clock.sleep(0.2)
    finally:
        child.kill()

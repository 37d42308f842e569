"""README's three lines of aiokafka, run as they stand."""

import ast
import asyncio
import inspect
import re
from pathlib import Path

import orjson
import pytest

from tests.deployment import Deployment

pytestmark = pytest.mark.broker

README = Path(__file__).resolve().parents[2] / "README.md"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
DEFAULT_BOOTSTRAP = "127.0.0.1:9092"
TASKS_TOPIC = "tierflow.tasks.v1"


def snippet() -> str:
    """The first Python block that publishes."""
    blocks: list[str] = PYTHON.findall(README.read_text(encoding="utf-8"))
    found = [block for block in blocks if "aiokafka" in block.lower() and TASKS_TOPIC in block]
    assert found, f"README has no Python that publishes to {TASKS_TOPIC} with aiokafka"
    return found[0]


def test_the_snippet_publishes_in_three_lines() -> None:
    lines = [line for line in snippet().splitlines() if line.strip()]
    ours = [line for line in lines if not re.match(r"(import|from|async def|asyncio\.run)\b", line)]
    assert len(ours) <= 3, ours


def test_a_task_published_as_the_readme_says_gets_its_result(deployment: Deployment) -> None:
    if deployment.env.get("TIERFLOW_KAFKA__SECURITY_PROTOCOL", "PLAINTEXT") != "PLAINTEXT":
        pytest.skip("the snippet is for a cluster in the clear")
    code = snippet()
    assert DEFAULT_BOOTSTRAP in code, "the snippet names no broker that could be replaced"
    code = code.replace(DEFAULT_BOOTSTRAP, deployment.bootstrap)
    code = code.replace(TASKS_TOPIC, deployment.topic("tasks"))
    before = asyncio.run(deployment.read("tasks"))

    compiled = compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    ran = eval(compiled, {"__name__": "__main__"})  # noqa: S307 (our own README)
    if inspect.isawaitable(ran):  # top-level await, as in a notebook
        asyncio.run(_finish(ran))

    published = asyncio.run(deployment.read("tasks"))
    known = {(record.partition, record.offset) for record in before}
    new = [record for record in published if (record.partition, record.offset) not in known]
    assert len(new) == 1
    task_id = orjson.loads(new[0].value)["task_id"]
    results = asyncio.run(deployment.results([task_id]))
    assert orjson.loads(results[task_id][0].value)["status"] == "completed"


async def _finish(ran: object) -> None:
    assert inspect.isawaitable(ran)
    await ran

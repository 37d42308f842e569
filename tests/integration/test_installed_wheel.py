"""What pip installs runs the demo, far from the checkout."""

import os
import sys
from pathlib import Path

import orjson
import pytest

from tests.processes import finish

CHECKOUT = Path(__file__).resolve().parents[2]
TASKS = 80
OURS = ("PYTHONPATH", "VIRTUAL_ENV")
INSTALL_S = 240
DEMO_S = 90


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an empty environment into which the project was installed."""
    folder = tmp_path_factory.mktemp("installed")
    assert not folder.is_relative_to(CHECKOUT)
    code, _, err = finish([sys.executable, "-m", "venv", str(folder / "env")])
    assert code == 0, err
    pip = [str(folder / "env" / "bin" / "pip"), "install", "--quiet", "--no-compile"]
    pip.append(f"{CHECKOUT}[demo]")
    code, _, err = finish(pip, cwd=folder, env=plain(), timeout_s=INSTALL_S)
    assert code == 0, err[-2000:]
    return folder / "env" / "bin"


def plain() -> dict[str, str]:
    """The environment without what leads back to the checkout or to other settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in OURS and not name.startswith("TIERFLOW_")
    }


@pytest.mark.timeout(INSTALL_S + DEMO_S + 60)
def test_the_demo_runs_from_an_installed_wheel(installed: Path, tmp_path: Path) -> None:
    where = [str(installed / "python"), "-c", "import streams; print(streams.__file__)"]
    code, out, err = finish(where, cwd=tmp_path, env=plain())
    assert code == 0, err
    package = Path(out.strip()).parent
    assert package.is_relative_to(installed.parent)
    assert list((package / "clickhouse" / "ddl").rglob("*.sql")), "the wheel carries no migrations"
    assert (package / "money" / "prices.json").is_file(), "the wheel carries no prices"

    shipped = (package / "rig" / "tasks.jsonl").read_bytes().splitlines(keepends=True)
    assert len(shipped) >= 500
    tasks, summary = tmp_path / "tasks.jsonl", tmp_path / "summary.json"
    tasks.write_bytes(b"".join(shipped[:: len(shipped) // TASKS][:TASKS]))
    demo = [str(installed / "tierflow"), "demo", "--tasks", str(tasks), "--json", str(summary)]
    code, _, err = finish(demo, cwd=tmp_path, env=plain(), timeout_s=DEMO_S)
    assert summary.exists(), f"exit {code}: {err[-2000:]}"
    told = orjson.loads(summary.read_bytes())
    assert told["tasks"] == TASKS == told["completed"] + told["failed"]
    assert told["completed"] >= TASKS * 0.95
    assert code == (0 if all(criterion["met"] for criterion in told["criteria"]) else 1), err[
        -2000:
    ]

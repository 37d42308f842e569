"""The guide's own example: a package with a skill is built, installed, and routes tasks to tier 0."""

import os
import re
import sys
from pathlib import Path

import orjson
import pytest

from tests.processes import finish

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "infra" / "docs" / "skills.md"
BLOCK = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TIERFLOW = str(Path(sys.executable).parent / "tierflow")
MODELS = """
[[models.tier1]]
name = "tiny"
provider = "p"
input_usd_per_mtok = 0.1
output_usd_per_mtok = 0.4
"""
ASKED = {
    "valid": "Is 10000012 a valid order number?",
    "other": "Is 10000012 a valid order number, and why?",
    "sum": "2 + 2 =",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the guide's package is installed."""
    folder = tmp_path_factory.mktemp("own_skill")
    source = folder / "acme-skills"
    source.mkdir()
    for found in BLOCK.finditer(GUIDE.read_text(encoding="utf-8")):
        (source / found["name"]).write_text(found["text"], encoding="utf-8")
    assert {path.name for path in source.iterdir()} == {"pyproject.toml", "acme_skills.py"}
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    code, _, err = finish([*pip, "--target", str(folder / "site"), str(source)], timeout_s=100)
    assert code == 0, err[-2000:]
    return folder / "site"


def environment(site: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIERFLOW_")}
    return {**kept, "PYTHONPATH": str(site), **settings}


def tiers(folder: Path, site: Path, **settings: str) -> dict[str, str]:
    """Each task's tier, as `simulate` routes it with what is installed."""
    tasks, models, decisions = folder / "tasks.jsonl", folder / "models.toml", folder / "decisions"
    rows = ({"task_id": name, "prompt": prompt} for name, prompt in ASKED.items())
    tasks.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    models.write_text(MODELS)
    argv = [TIERFLOW, "simulate", "--tasks", str(tasks), "--models", str(models), "--decisions", str(decisions)]  # fmt: skip
    code, _, err = finish(argv, cwd=folder, env=environment(site, **settings), timeout_s=50)
    assert code == 0, err[-2000:]
    lines = [line.split("\t") for line in decisions.read_text().splitlines()]
    return {name: tier for name, tier, _ in lines}


@pytest.mark.timeout(170)
def test_the_guides_package_answers_in_tier_0(site: Path, tmp_path: Path) -> None:
    assert tiers(tmp_path, site) == {"valid": "0", "other": "1", "sum": "0"}


@pytest.mark.timeout(170)
def test_a_skill_that_is_off_leaves_its_tasks_to_models(site: Path, tmp_path: Path) -> None:
    off = tiers(tmp_path, site, TIERFLOW_TIER0__OFF="order_number,arithmetic")
    assert off == {"valid": "1", "other": "1", "sum": "1"}


@pytest.mark.parametrize("name", ["worker", "simulate"])
def test_a_wrong_name_is_refused_at_the_start(name: str, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text('{"prompt": "Hello"}\n')
    (tmp_path / "tierflow.toml").write_text(
        f'[routing]\nsalt = "s"\n[tier0]\noff = ["sums"]\n[providers.p]\nbase_url = "http://127.0.0.1:9"\n{MODELS}'
    )
    argv = [TIERFLOW, name, *(["--tasks", str(tasks)] if name == "simulate" else [])]
    code, _, err = finish(argv, cwd=tmp_path, env=environment(tmp_path), timeout_s=50)
    assert code == 2
    assert "tier0.off: no skill sums; skills are arithmetic, base" in err

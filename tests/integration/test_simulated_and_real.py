"""What `simulate` says is what the demo does: the same decisions without feedback, figures alike with it."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.rig.cluster import SAMPLE
from tests.deployment import TIERFLOW
from tests.processes import finish

pytestmark = [
    pytest.mark.broker,
    pytest.mark.clickhouse,
    pytest.mark.once,
    pytest.mark.timeout(240),
]

ROWS = 200
SPEED = ("--speed", "20")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the shipped rows, and one of them twice: it is a task of its own."""
    lines = SAMPLE.read_bytes().splitlines()[:ROWS]
    path = tmp_path_factory.mktemp("tasks") / "tasks.jsonl"
    path.write_bytes(b"\n".join([*lines, lines[0]]))
    return path


def summary_of(tasks: Path, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The demo's and the simulation's, with feedback."""
    code, _, err = finish(
        [TIERFLOW, "demo", "--tasks", str(tasks), "--json", str(folder / "demo.json"), *SPEED]
    )
    assert code in (0, 1), err
    code, out, err = finish([TIERFLOW, "simulate", "--tasks", str(tasks), "--json", *SPEED])
    assert code in (0, 1), err
    assert len(out.splitlines()) == 1
    return orjson.loads((folder / "demo.json").read_bytes()), orjson.loads(out)


def test_without_feedback_every_decision_is_the_same_to_the_byte(
    tasks: Path, tmp_path: Path, kafka: str
) -> None:
    made = {}
    for name in ("demo", "simulate"):
        path = tmp_path / name
        command = [TIERFLOW, name, "--tasks", str(tasks), "--no-feedback", "--decisions", str(path)]
        code, _, err = finish([*command, *SPEED])
        assert code in (0, 1), err
        made[name] = path.read_bytes()
    assert made["simulate"] == made["demo"]
    lines = made["simulate"].splitlines()
    assert len(lines) == ROWS + 1
    assert len({line.split(b"\t")[1] for line in lines}) > 2, "every task went to the same tier"


def test_with_feedback_the_figures_are_close(tasks: Path, tmp_path: Path) -> None:
    real, simulated = summary_of(tasks, tmp_path)
    assert simulated.keys() == real.keys()
    alike = (
        "tasks",
        "completed",
        "failed",
        "dead_letters",
        "reference",
        "singles",
        "random",
        "tiers",
    )
    assert {name: simulated[name] for name in alike} == {name: real[name] for name in alike}
    assert abs(simulated["saved_share"] - real["saved_share"]) < 0.2
    assert abs(simulated["quality_share"] - real["quality_share"]) < 0.12
    assert abs(simulated["low_tier_share"] - real["low_tier_share"]) < 0.2
    assert simulated["tier_mix"]["0"] == real["tier_mix"]["0"]
    assert simulated["fallback"]["tasks"] > 0

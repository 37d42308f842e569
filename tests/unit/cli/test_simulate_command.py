"""`tierflow simulate` as it is typed: files of both kinds, and what is refused with words."""

from pathlib import Path

import orjson
import pytest

from streams.cli.main import main
from tests.deployment import recorded_rows

MODELS = """
[[models.tier1]]
name = "tiny"
provider = "acme"
input_usd_per_mtok = 0.1
output_usd_per_mtok = 0.4
"""


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor a variable of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("TIERFLOW_CONFIG", "TIERFLOW_ROUTING__SALT"):
        monkeypatch.delenv(name, raising=False)


def lines(*items: object) -> str:
    Path("tasks.jsonl").write_bytes(b"\n".join(orjson.dumps(item) for item in items))
    return "tasks.jsonl"


def test_recorded_rows_are_summed_up_as_by_the_demo(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    rows = list(recorded_rows(30))
    code = main(["simulate", "--tasks", lines(*rows), "--json", "--decisions", "made.tsv"])
    told = capfdbinary.readouterr()
    found = orjson.loads(told.out)
    assert code == int(not all(criterion["met"] for criterion in found["criteria"]))
    assert (found["tasks"], found["reference"]["model"]) == (30, "large")
    assert told.err == b"", "a progress bar was drawn where there is no terminal"
    made = Path("made.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in made] == [row["task_id"] for row in rows]


def test_plain_tasks_are_foreseen_with_the_models_given(capfd: pytest.CaptureFixture[str]) -> None:
    Path("models.toml").write_text(MODELS)
    asked = [{"task_id": "a", "prompt": "Why?"}, {"prompt": "What is 2 + 3?"}]
    words = ["simulate", "--tasks", lines(*asked), "--models", "models.toml"]
    assert main([*words, "--decisions", "made.tsv"]) == 0
    out = capfd.readouterr().out
    assert "2 tasks: 2 completed, 0 failed" in out
    assert "quality is unknown" in out
    assert Path("made.tsv").read_text().splitlines()[0] == "a\t1\ttiny"


def test_the_models_of_the_settings_are_used_where_none_are_given(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    Path("tierflow.toml").write_text(MODELS)
    assert main(["simulate", "--tasks", lines({"prompt": "Why?"}), "--json"]) == 0
    assert orjson.loads(capfdbinary.readouterr().out)["models"]["tiny"]["tasks"] == 1


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        (b'{"prompt": "Why?"}', (), "give --models FILE"),
        (b'{"prompt": "Why?"}', ("--models", "nowhere.toml"), "nowhere.toml"),
        (b'{"task_id": "a"}', ("--models", "models.toml"), "prompt"),
        (b"not json", (), "not JSON"),
        (b"", (), "no tasks in it"),
        (b'{"prompt": "Why?"}', ("--speed", "0"), "--speed"),
        (b'{"task_id": "a", "outcomes": {"m": {"score": 1}}, "prompt": "x"}', (), "--models FILE"),
    ],
)
def test_what_cannot_be_simulated_is_exit_2_and_said(
    capfd: pytest.CaptureFixture[str], content: bytes, more: tuple[str, ...], said: str
) -> None:
    Path("models.toml").write_text(MODELS)
    Path("tasks.jsonl").write_bytes(content)
    assert main(["simulate", "--tasks", "tasks.jsonl", *more]) == 2
    assert said in capfd.readouterr().err

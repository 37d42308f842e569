"""`tierflow benchmark routing` as it is typed: figures, files, and what the router can't see."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.cli.main import main

SAMPLE = Path("streams/rig/tasks.jsonl")
MODELS = ("sample-tiny-a", "sample-medium-a", "sample-large-b")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def sample() -> list[Row]:
    """Some of the shipped rows that no skill claims."""
    path = Path(__file__).parents[3] / SAMPLE
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    return [row for row in rows if "expected" not in row][:160]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor a variable of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIERFLOW_CONFIG", raising=False)


def written(rows: list[Row], name: str = "tasks.jsonl") -> str:
    Path(name).write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    return name


def decided(rows: list[Row], *more: str) -> bytes:
    """What is decided of these rows, as `--decisions` writes it."""
    words = ["benchmark", "routing", "--tasks", written(rows), "--models", ",".join(MODELS)]
    assert main([*words, "--decisions", "made.tsv", "--json", *more]) == 0
    return Path("made.tsv").read_bytes()


def figures(
    capfdbinary: pytest.CaptureFixture[bytes], rows: list[Row], *more: str
) -> dict[str, Any]:
    capfdbinary.readouterr()
    decided(rows, *more)
    found: dict[str, Any] = orjson.loads(capfdbinary.readouterr().out)
    return found


def changed(rows: list[Row], change: Callable[[Row], Row]) -> list[Row]:
    return [change(orjson.loads(orjson.dumps(row))) for row in rows]


def by_name(found: dict[str, Any]) -> dict[str, Any]:
    return {row["name"]: row for row in found["rows"]}


@pytest.mark.parametrize(
    "terms", [(), ("--ceiling", "0.002"), ("--delay", "20", "--graded", "0.5")]
)
def test_nonsense_in_place_of_every_unchosen_outcome_changes_no_decision(
    sample: list[Row], terms: tuple[str, ...]
) -> None:
    before = decided(sample, "--seeds", "2", *terms)
    chosen = {(line.split("\t")[0], line.split("\t")[2]) for line in before.decode().splitlines()}

    def spoil(row: Row) -> Row:
        for model in row["outcomes"]:
            if (row["task_id"], model) not in chosen:
                score = 1 - row["outcomes"][model]["score"]
                row["outcomes"][model] = {"score": score, "cost_usd": 123.0, "input_tokens": 7}
        return row

    spoiled = changed(sample, spoil)
    assert spoiled != sample
    assert decided(spoiled, "--seeds", "2", *terms) == before


def test_neither_id_nor_category_nor_source_nor_place_reaches_a_decision(
    sample: list[Row],
) -> None:
    def rename(row: Row) -> Row:
        row |= {"task_id": row["task_id"][::-1], "category": "tier1/rename", "source": "elsewhere"}
        return row

    def by_id(lines: bytes) -> dict[str, str]:
        return dict(line.split("\t", 1) for line in lines.decode().splitlines())

    before = by_id(decided(sample, "--seeds", "1"))
    after = by_id(decided(changed(sample, rename)[::-1], "--seeds", "1"))
    assert {name[::-1]: made for name, made in after.items()} == before


def test_without_prompts_nothing_is_better_than_a_mixture(
    sample: list[Row], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def blank(row: Row) -> Row:
        return row | {"prompt": "x"}

    blind = by_name(figures(capfdbinary, changed(sample, blank), "--seeds", "4"))
    assert blind["tierflow"]["quality"]["mean"] < blind["mixture"]["quality"]["mean"] + 0.01


def test_all_that_the_contract_names_is_in_the_json(
    sample: list[Row], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    found = figures(capfdbinary, sample, "--seeds", "2", "--delay", "5")
    rows = by_name(found)
    assert (found["tasks"], found["seeds"]) == (160, 2)
    singles = [f"single:{model}" for model in MODELS]
    assert list(rows) == ["tierflow", "random", "length", *singles, "mixture", "oracle"]
    ours = rows["tierflow"]
    assert ours["quality"]["low"] <= ours["quality"]["mean"] <= ours["quality"]["high"]
    assert float(ours["cost_usd"]["mean"]) <= float(ours["cost_usd"]["max"])
    assert isinstance(ours["cost_usd"]["mean"], str)
    assert sum(ours["share"].values()) == pytest.approx(1)
    assert sum(ours["tiers"].values()) == pytest.approx(1)
    assert (ours["apgr"], ours["cpt50"], ours["cpt80"]) == (None, None, None)
    assert rows["oracle"]["regret"]["mean"] == 0 <= ours["regret"]["mean"]
    assert found["decision_us"]["p50"] <= found["decision_us"]["p99"]
    assert found["lesson_us"]["p50"] > 0
    assert found["snapshot_bytes"] > 0
    assert len(found["calibration"]["bins"]) == 10


def test_two_models_have_an_apgr_from_paced_runs(
    sample: list[Row], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    two = ("--models", "sample-tiny-a,sample-large-b", "--seeds", "2", "--paces", "3")
    found = figures(capfdbinary, sample, *two)
    rows = by_name(found)
    assert rows["random"]["apgr"] == pytest.approx(0.5)
    assert rows["random"]["cpt80"] == pytest.approx(0.8)
    assert rows["oracle"]["apgr"] > rows["tierflow"]["apgr"] > 0
    assert rows["single:sample-tiny-a"]["apgr"] is None
    assert [pace["ceiling"] for pace in found["paces"]] == [0.04, 0.5, 0.96]
    for pace in found["paces"]:
        assert pace["share"]["mean"] <= pace["ceiling"] * 1.002


def test_several_ceilings_are_rows_of_their_own_and_the_first_row_is_their_mean(
    sample: list[Row], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    found = figures(capfdbinary, sample, "--seeds", "2", "--ceiling", "1e-3,0.004")
    rows = by_name(found)
    low, high = rows["tierflow:0.001"], rows["tierflow:0.004"]
    mean = (low["quality"]["mean"] + high["quality"]["mean"]) / 2
    assert rows["tierflow"]["quality"]["mean"] == pytest.approx(mean)
    assert low["ceiling_usd"] == "0.001"
    assert low["over_ceiling"] is not None
    assert float(low["cost_usd"]["mean"]) < float(high["cost_usd"]["mean"])


def test_only_the_test_file_is_measured(
    sample: list[Row], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    learn, test = written(sample[:100], "old.jsonl"), written(sample[100:], "new.jsonl")
    words = ["benchmark", "routing", "--learn", learn, "--test", test, "--seeds", "1"]
    assert main([*words, "--json", "--learn-share", "0.5"]) == 0
    found = orjson.loads(capfdbinary.readouterr().out)
    assert (found["tasks"], found["learned"]) == (30, 130)


def test_the_decisions_of_one_order_are_one_line_a_row_in_the_files_order(
    sample: list[Row],
) -> None:
    lines = [line.split("\t") for line in decided(sample, "--seeds", "1").decode().splitlines()]
    assert [line[0] for line in lines] == [row["task_id"] for row in sample]
    assert {line[2] for line in lines} <= set(MODELS)
    assert {len(line) for line in lines} == {3}


def test_people_get_a_table_and_a_page_that_needs_no_network(
    sample: list[Row], capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["benchmark", "routing", "--tasks", written(sample), "--models", ",".join(MODELS)]
    assert main([*words, "--seeds", "2", "--report", "report.html"]) == 0
    told = capfd.readouterr()
    assert "160 tasks measured, in 2 orders" in told.out
    assert told.err == "", "a progress bar was drawn where there is no terminal"
    page = Path("report.html").read_text()
    assert page.count("<svg") == 4
    for outside in ("http:", "https:", "src=", "href=", "@import", "url("):
        assert outside not in page


def test_rows_are_taken_by_category(
    sample: list[Row], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    half = changed(sample, lambda row: row | {"category": "odd/a"})
    for number, row in enumerate(half):
        row["category"] = "odd/a" if number % 2 else "even/b"
    only = figures(capfdbinary, half, "--seeds", "1", "--only", "odd")
    without = figures(capfdbinary, half, "--seeds", "1", "--without", "even/b")
    assert (only["tasks"], only["rows"][0]["quality"]) == (80, without["rows"][0]["quality"])


@pytest.mark.parametrize("change", ["price", "regression", "newcomer"])
def test_a_change_midway_is_told(
    sample: list[Row], capfdbinary: pytest.CaptureFixture[bytes], change: str
) -> None:
    found = figures(capfdbinary, sample[:80], "--seeds", "1", "--change", change)
    told = found["change"]
    assert (found["tasks"], found["learned"]) == (80, 80)
    assert told["model"] == ("sample-large-b" if change == "price" else "sample-medium-a")
    assert len(told["steps"]) == 1
    if change == "newcomer":
        assert told["before"] == 0


def test_blocks_of_one_category_are_told_by_order(
    sample: list[Row], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    rows = changed(sample[:40], lambda row: row)
    for row in rows:
        row["category"] = "short" if len(row["prompt"]) < 60 else "long"
    blocks = ("--blocks", "10", "--passes", "2", "--target-quality", "0.7", "--window", "25")
    found = figures(capfdbinary, rows, "--seeds", "2", *blocks, "--report", "page.html")
    told = found["blocks"]
    assert (found["tasks"], told["size"], told["passes"], told["target"]) == (80, 10, 2, 0.7)
    assert [order["seed"] for order in told["orders"]] == [1, 2]
    assert {order["bound_by_target"] for order in told["orders"]} == {1.0}
    assert told["orders"][0]["checkpoints"] == []  # from the 3,000th task on
    assert told["held"] == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "Mean score of all tasks so far; target 0.7" in page
    assert "target 0.7 through blocks of 10 of one category, 2 passes" in page
    head = next(line for line in page.splitlines() if line.startswith("order"))
    assert {"foresight", "lowest", "highest", "bound", "variation"} <= set(head.split())


def test_several_processes_decide_the_same(sample: list[Row]) -> None:
    few = sample[:60]
    assert decided(few, "--seeds", "3", "--jobs", "2") == decided(few, "--seeds", "3")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--tasks FILE, or --learn FILE with --test FILE"),
        (("--learn", "tasks.jsonl"), "go together"),
        (("--tasks", "tasks.jsonl", "--learn", "tasks.jsonl"), "--tasks FILE, or"),
        (("--tasks", "nowhere.jsonl"), "nowhere.jsonl"),
        (("--tasks", "tasks.jsonl", "--models", "none-such"), "none-such"),
        (("--tasks", "tasks.jsonl", "--models", MODELS[0]), "two models"),
        (("--tasks", "tasks.jsonl", "--only", "nothing"), "no tasks in it that are wanted"),
        (("--tasks", "tasks.jsonl", "--learn-share", "1"), "nothing is left to be measured"),
        (("--tasks", "tasks.jsonl", "--change", "price", "--learn-share", "0.5"), "--change goes"),
        (("--tasks", "tasks.jsonl", "--blocks", "9"), "--target-quality"),
        (("--tasks", "tasks.jsonl", "--blocks", "9", "--change", "price"), "--blocks goes"),
        (("--tasks", "tasks.jsonl", "--blocks", "0"), "--blocks"),
        (("--tasks", "tasks.jsonl", "--registry", "none.toml"), "--registry"),
        (("--tasks", "tasks.jsonl", "--ceiling", "0"), "dollars above 0"),
        (("--tasks", "tasks.jsonl", "--graded", "2"), "share from 0 to 1"),
    ],
)
def test_what_cannot_be_benchmarked_is_exit_2_and_said(
    sample: list[Row], capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    written(sample[:10])
    try:
        code = main(["benchmark", "routing", *words])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    assert code == 2
    assert said in capfd.readouterr().err


def test_an_attack_is_shown_beside_the_same_orders_without_it(
    sample: list[Row], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    words = ["benchmark", "routing", "--tasks", written(sample[:40]), "--models", ",".join(MODELS)]
    attack = [*words, "--attack", "inverted", "--seeds", "1", "--tested", "0.2"]
    assert main([*attack, "--json"]) in (0, 1)
    found = orjson.loads(capfdbinary.readouterr().out)
    assert (found["attack"], found["tasks"], found["tested"]) == ("inverted", 40, 0.2)
    assert [order["seed"] for order in found["orders"]] == [1]
    assert abs(found["moved_points"]["mean"]) <= found["furthest_points"]
    assert main(attack) in (0, 1)
    assert b"moved " in capfdbinary.readouterr().out


@pytest.mark.parametrize(
    "more", [("--decisions", "made.tsv"), ("--learn-share", "0.5"), ("--tested", "2")]
)
def test_an_attack_says_what_it_leaves_no_room_for(
    sample: list[Row], more: tuple[str, ...]
) -> None:
    words = ["benchmark", "routing", "--tasks", written(sample), "--models", ",".join(MODELS)]
    assert main([*words, "--attack", "stuffed", *more]) == 2

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.events.task import Task
from streams.rig.recorded import (
    Recorded,
    RecordedError,
    by_prompt,
    left_out,
    mean_costs,
    models_of,
    prompt_key,
    published_id,
    read_recorded,
)


def a_row(task_id: str = "r1", **fields: Any) -> dict[str, Any]:
    outcomes = {"m": {"score": 1.0, "input_tokens": 3, "output_tokens": 4, "cost_usd": 3.07e-05}}
    return {"task_id": task_id, "prompt": "2 + 2?", "outcomes": outcomes, **fields}


def lines(*rows: object) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def costing(*costs: float | None) -> list[Recorded]:
    return [
        Recorded.model_validate(a_row(f"r{n}", outcomes={"m": {"score": 1, "cost_usd": cost}}))
        for n, cost in enumerate(costs)
    ]


@pytest.mark.parametrize(
    "content",
    [
        lines(a_row("r1"), a_row("r2")),
        b"\n\n" + lines(a_row("r1")) + b"  \r\n" + lines(a_row("r2")).rstrip(),
        b"\xef\xbb\xbf" + lines(a_row("r1"), a_row("r2")),
        orjson.dumps([a_row("r1"), a_row("r2")], option=orjson.OPT_INDENT_2),
        gzip.compress(lines(a_row("r1"), a_row("r2"))),
        gzip.compress(orjson.dumps([a_row("r1"), a_row("r2")])),
    ],
    ids=["lines", "blank lines", "byte order mark", "array", "gzip", "gzipped array"],
)
def test_a_file_is_read_in_every_form_whatever_its_name(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "tasks"
    file.write_bytes(content)
    rows = read_recorded(file)
    assert [row.task_id for row in rows] == ["r1", "r2"]
    assert rows[0].outcomes["m"].cost_usd == Decimal("0.0000307")
    assert [row.task_id for row in read_recorded(file, limit=1)] == ["r1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"task_id": "a", "prompt": "p"}\nnope', "line 2: not JSON"),
        (lines(a_row(), 7), "line 2: a JSON object is wanted"),
        (lines(a_row(), {"prompt": "p"}), "line 2, task_id: Field required"),
        (lines({"task_id": "a"}), "line 1, body: Value error, prompt or messages is required"),
        (lines(a_row(outcomes={"m": {"score": 7}})), "line 1, outcomes.m.score: Input should"),
        (lines(a_row(outcomes={"m": {}})), "line 1, outcomes.m.score: Field required"),
        (lines(a_row(outcomes=[])), "line 1, outcomes: Input should"),
        (lines(a_row(outcomes={"m": {"score": 1, "cost_usd": -1}})), "outcomes.m.cost_usd"),
        (orjson.dumps([a_row(), 7]), "row 2: a JSON object is wanted"),
        (b"\x1f\x8bnope", "tasks.jsonl: "),
        (gzip.compress(lines(a_row()))[:-9], "tasks.jsonl: "),
    ],
)
def test_what_cannot_be_read_is_named_by_file_line_and_field(
    content: bytes, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_bytes(content)
    with pytest.raises(RecordedError) as error:
        read_recorded(file)
    assert str(error.value).startswith(str(file))
    assert message in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordedError, match=r"nowhere\.jsonl"):
        read_recorded(tmp_path / "nowhere.jsonl")


def test_rows_with_the_same_id_are_tasks_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_bytes(lines(a_row("r1"), a_row("r2"), a_row("r1"), a_row("r1", prompt="other")))
    first = [published_id(row) for row in read_recorded(file)]
    assert len(set(first)) == 4
    assert [published_id(row) for row in read_recorded(file)] == first


def test_only_a_hashed_id_and_the_prompt_are_published() -> None:
    row = Recorded.model_validate(a_row("mmlu/anatomy-7", category="anatomy", expected="4"))
    assert row.body() == {"task_id": published_id(row), "prompt": "2 + 2?"}
    assert "anatomy" not in str(row.body())
    assert Task.model_validate(row.body()).text == "2 + 2?"


def test_a_row_with_messages_is_published_with_them_and_known_by_what_the_user_says() -> None:
    said = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "2 + 2?"}]
    row = Recorded.model_validate({"task_id": "r1", "messages": said})
    assert row.body() == {"task_id": published_id(row), "messages": said}
    assert row.key == prompt_key("2 + 2?")


def test_of_rows_that_ask_the_same_the_first_answers() -> None:
    rows = [Recorded.model_validate(a_row(name)) for name in ("r1", "r2")]
    assert {row.task_id for row in by_prompt(rows).values()} == {"r1"}


def test_a_mean_cost_is_over_the_rows_that_record_one() -> None:
    assert mean_costs(costing(0.1, None, 0.3)) == {"m": Decimal("0.2")}


def test_a_model_without_any_recorded_cost_is_left_out() -> None:
    rows = [
        *costing(None),
        Recorded.model_validate(a_row(outcomes={"n": {"score": 0, "cost_usd": 0}})),
    ]
    assert mean_costs(rows) == {"n": Decimal(0)}
    assert left_out(rows) == ("m",)
    assert models_of(rows) == ("m", "n")


def test_a_model_whose_outcome_is_null_has_none() -> None:
    row = Recorded.model_validate(a_row(outcomes={"m": None, "n": {"score": 1}}))
    assert list(row.outcomes) == ["n"]

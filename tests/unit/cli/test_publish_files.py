"""What a file of bodies or recorded rows becomes."""

import gzip
from pathlib import Path

import orjson
import pytest

from streams.cli.answers import UsageError
from streams.cli.publish import read_tasks

ROW = {
    "task_id": "mmlu-7",
    "source": "mmlu",
    "prompt": "2 + 3?",
    "category": "maths",
    "expected": "5",
    "outcomes": {"small": {"score": 1.0, "cost_usd": 0.001}},
}


def tasks(path: Path) -> list[tuple[str, dict[str, object]]]:
    return [(task_id, orjson.loads(body)) for task_id, body in read_tasks(str(path), 1 << 19)]


def lines(folder: Path, *items: object) -> Path:
    path = folder / "tasks.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(item) for item in items))
    return path


def test_a_body_is_published_as_it_is(tmp_path: Path) -> None:
    body = {"task_id": "t1", "prompt": "hello", "tenant": "a", "from_the_future": 1}
    assert tasks(lines(tmp_path, body)) == [("t1", body)]


def test_of_a_recorded_row_only_a_hashed_id_and_the_prompt_go_out(tmp_path: Path) -> None:
    ((task_id, body),) = tasks(lines(tmp_path, ROW))
    assert body == {"task_id": task_id, "prompt": "2 + 3?"}
    assert "mmlu" not in task_id


def test_a_row_twice_is_two_tasks(tmp_path: Path) -> None:
    first, second = tasks(lines(tmp_path, ROW, ROW))
    assert first[0] != second[0]


def test_a_body_without_an_id_gets_one_that_a_repeat_gets_too(tmp_path: Path) -> None:
    path = lines(tmp_path, {"prompt": "hello"}, {"prompt": "hello"}, {"prompt": "bye"})
    ids = [task_id for task_id, _ in tasks(path)]
    assert len(set(ids)) == 3
    assert ids == [task_id for task_id, _ in tasks(path)]


def test_an_array_and_a_gzipped_file_are_read_too(tmp_path: Path) -> None:
    body = {"task_id": "t1", "prompt": "hello"}
    array = tmp_path / "tasks.json"
    array.write_bytes(orjson.dumps([body]))
    packed = tmp_path / "tasks.jsonl.gz"
    packed.write_bytes(gzip.compress(orjson.dumps(body)))
    assert tasks(array) == tasks(packed) == [("t1", body)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"task_id": "t1", "prompt": "x"}\n{"task_id": 1, "prompt": "x"}', ["line 2", "task_id"]),
        (b"hello", ["line 1", "not JSON"]),
        (b'{"task_id": "t1", "prompt": "' + b"x" * (1 << 19) + b'"}', ["line 1", "524288"]),
        (b'{"outcomes": {}}', ["line 1", "task_id"]),
    ],
)
def test_what_is_no_task_is_refused_with_its_line(
    tmp_path: Path, content: bytes, words: list[str]
) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        list(read_tasks(str(path), 1 << 19))
    assert [word for word in words if word not in str(refused.value)] == []

"""Files as `tierflow learner warm` reads them."""

import gzip
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from streams.cli.answers import UsageError
from streams.cli.teaching import lines_of, read
from streams.events.models import ModelSpec
from streams.kafka import codec
from tests.builders import AT, a_decision, a_score

MODELS = [
    ModelSpec(
        name=name, provider="p", tier=tier,
        input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(4),
    )
    for name, tier in (("small", 1), ("large", 4))
]  # fmt: skip


def row(number: int, **outcomes: object) -> bytes:
    task = {"task_id": f"r{number}", "prompt": f"Prove lemma {number}."}
    return orjson.dumps({**task, "outcomes": outcomes})


def outcome(score: float, **fields: object) -> dict[str, object]:
    return {"score": score, **fields}


def test_a_file_of_rows_and_events_teaches_what_both_say(tmp_path: Path) -> None:
    tokens = {"input_tokens": 1000, "output_tokens": 500, "cost_usd": 9.0}
    rows = [
        row(1, small=outcome(0.2, **tokens), large=outcome(0.9), gone=outcome(1.0)),
        row(2, large=outcome(0.8, cost_usd=0.25)),
    ]
    events = [
        codec.encode(a_decision("t1", features="packed", model="small")),
        codec.encode(a_score("t1", 0.6)),
        codec.encode(a_decision("t2", features="", model="small")),
    ]
    file = tmp_path / "known.jsonl.gz"
    file.write_bytes(gzip.compress(b"\n".join([*rows, *events])))
    taught = read([str(file)], MODELS, AT)
    fact = taught.fact([str(file)], learned=None)
    assert (fact["rows"], fact["decisions"], fact["unread"]) == (2, 2, 1)
    assert (fact["lessons"], fact["quality"], fact["cost"]) == (6, 4, 2)
    assert fact["models"] == {"large": 3, "small": 3}
    assert fact["left_out"] == {"gone": 1}
    costs = {str(one.model): one.cost_usd for one in taught.lessons if one.cost_usd}
    assert costs == {"small": Decimal("0.003"), "large": Decimal("0.25")}  # 1000 in, 500 out
    told = "\n".join(lines_of(fact))
    assert "6 lessons published of 2 recorded rows and 2 old decisions" in told
    assert "left out, not in the registry: gone (1)" in told


def test_rows_are_shuffled_the_same_way_each_time(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"\n".join(row(n, small=outcome(n / 40)) for n in range(40)))
    first, again = (read([str(file)], MODELS, AT).lessons for _ in range(2))
    assert [one.lesson_id for one in first] == [one.lesson_id for one in again]
    scores = [one.score for one in first if one.score is not None]
    assert scores != sorted(scores)
    assert sorted(scores) == [n / 40 for n in range(40)]


def test_a_file_that_teaches_nothing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_bytes(b'{"task_id": "t1", "prompt": "Sort the list."}')
    with pytest.raises(UsageError, match=r"tasks\.jsonl: neither recorded outcomes nor decisions"):
        read([str(file)], MODELS, AT)
    file.write_bytes(b"no json")
    with pytest.raises(UsageError, match=r"tasks\.jsonl, line 1: not JSON"):
        read([str(file)], MODELS, AT)

"""What checking an answer costs, in CPU time: chains by kind, and the worst of hostile answers."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from streams.checking.chains import checks
from streams.checking.check import Answer, Check, Pass, Repaired
from streams.checking.plan import Plan
from streams.checking.schema import Schema
from tests.hostile import UNITS

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

ROUNDS = 9
"""The fastest round counts, for noise only adds."""
ANSWER_CHARS = 65_536

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][a-z]+$"},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "mood": {"enum": ["good", "bad"]},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
JSON = orjson.dumps({"name": "Ann", "age": 30, "tags": ["a", "b"], "mood": "good"}).decode()
LOOSE = "{'name': 'Ann', 'age': '30', 'tags': ['a', 'b'], 'mood': 'good',}"
CODE = "def add(a, b):\n    return a + b\n" * 10
PROSE = "The quick brown fox jumps over the lazy dog. " * 30
CHECKS = checks(
    {
        "code": Plan(("thoughts", "fence", "truncation", "python")),
        "label": Plan(("thoughts", "choices"), choices=("positive", "negative", "neutral")),
        "id": Plan(("pattern",), pattern=r"[A-Z]{2}-\d{4}"),
    }
)


def chain(kind: str | None, schema: dict[str, Any] | None = None) -> Check:
    return CHECKS.chain_for(kind, schema, json_output=False)


def time_us(step: Callable[[], object], times: int) -> float:
    rounds = []
    for _ in range(ROUNDS):
        begun_s = time.process_time()
        for _ in range(times):
            step()
        rounds.append((time.process_time() - begun_s) / times * 1e6)
    return min(rounds)


def test_what_an_answer_costs_is_printed() -> None:
    cases = {
        "no kind: prose of 1,350 chars": (chain(None), PROSE, Pass),
        "label: 'positive'": (chain("label"), "positive", Pass),
        "label: '**Positive.**'": (chain("label"), "**Positive.**", Repaired),
        "pattern: 'AB-1234'": (chain("id"), "AB-1234", Pass),
        "schema: JSON that fits": (chain(None, SCHEMA), JSON, Pass),
        "schema: in a fence": (chain(None, SCHEMA), f"```json\n{JSON}\n```", Repaired),
        "schema: Python's literals, a type": (chain(None, SCHEMA), LOOSE, Repaired),
        "python: 660 chars": (chain("code"), CODE, Pass),
        "python: in a fence": (chain("code"), f"Here:\n```python\n{CODE}```", Repaired),
    }
    print("\n\nchecking an answer: µs of CPU, the fastest of nine rounds")  # noqa: T201
    steps: dict[str, Callable[[], object]] = {
        "chain_for, without a schema": lambda: chain("code"),
        "chain_for, a schema that is known": lambda: chain(None, SCHEMA),
        "compile a new schema, once": lambda: Schema(SCHEMA),
    }
    for name, step in steps.items():
        print(f"  {name:<36}{time_us(step, 50):8.1f}")  # noqa: T201
    for name, (check, text, verdict) in cases.items():
        answer = Answer(text, "stop")
        assert isinstance(check(answer), verdict)
        print(f"  {name:<36}{time_us(lambda: check(answer), 200):8.1f}")  # noqa: B023, T201 (called at once)


def test_the_worst_that_hostile_answers_take_is_printed() -> None:
    hostile = [
        *(unit * (ANSWER_CHARS // len(unit)) for unit in UNITS),
        *(f"{head}{unit * (ANSWER_CHARS // len(unit))}" for unit in UNITS for head in ('{"a":"', "[", "```json\n", "<think>")),
        "x```\n" * 13_000, "```" + " " * 65_000 + "x`", "~" * 65_000 + "`", "`" + " " * 65_000 + "x", "Answer" + " " * 19_000, "positive\n" * 2_000,
        "[" + "1," * 32_000 + "]", "[" + "{'a':1}," * 8_000 + "]", '{"tags":[' + '"a",' * 16_000 + '"b"]}',
    ]  # fmt: skip
    chains = {
        "no kind": chain(None), "label": chain("label"), "id": chain("id"), "code": chain("code"), "schema": chain(None, SCHEMA),
        "slow schema": chain(None, {"items": {"anyOf": [{"$ref": "#"}, {"pattern": "(a+)+b"}, {"type": "number"}]}}),
    }  # fmt: skip
    print(f"\n\n{len(hostile)} hostile answers of up to 65,536 characters: ms of CPU")  # noqa: T201
    for name, check in chains.items():
        times = []
        for text in hostile:
            answer = Answer(text, "stop")
            begun_s = time.process_time()
            check(answer)
            times.append(((time.process_time() - begun_s) * 1e3, text))
        _, text = max(times)
        worst = time_us(lambda: check(Answer(text, "stop")), 1) / 1e3  # noqa: B023 (called at once)
        median = statistics.median(took for took, _ in times)
        print(f"  {name:<14} worst {worst:8.1f}   median {median:8.2f}   {text[:30]!r}")  # noqa: T201
        assert worst < 500, "half a second of CPU is no bound"

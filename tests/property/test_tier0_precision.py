"""Tier 0 is right whenever it answers: thousands of made tasks and near misses.

    pytest -s tests/property/test_tier0_precision.py      prints the counts

Answers come from the standard library, PyYAML, numpy and the shipped file, never from a skill.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import orjson
import pytest

from streams.tier0.answer import SKILLS, answer
from tests.near_misses import around, odd
from tests.sure_documents import table_conversions, tree_conversions, xml_tasks, yaml_tasks
from tests.sure_task import Sure
from tests.sure_text import (
    base_tasks,
    count_tasks,
    encoding_tasks,
    list_tasks,
    regex_tasks,
    template_tasks,
    time_tasks,
)

SHIPPED = Path(__file__).parents[2] / "streams" / "rig" / "tasks.jsonl"
FAMILIES = {
    "tier0/json": "json_format", "tier0/sql": "sql_format", "tier0/case": "case",
    "tier0/units": "units", "tier0/arithmetic": "arithmetic", "tier0/dates": "dates",
}  # fmt: skip
RECALL = 0.8
"""Of tasks worded as people word them; a skill that declines more is of little use."""


def shipped() -> list[Sure]:
    """The demo's tier-0 tasks, with their recorded answers."""
    rows = map(orjson.loads, SHIPPED.read_bytes().splitlines())
    return [
        Sure(FAMILIES[row["category"]], row["prompt"], row["expected"])
        for row in rows
        if row["category"] in FAMILIES
    ]


@pytest.fixture(scope="module")
def tasks() -> list[Sure]:
    return [
        *shipped(),
        *chain(xml_tasks(100), yaml_tasks(100), tree_conversions(25), table_conversions(25)),
        *chain(regex_tasks(120), template_tasks(100), list_tasks(25), count_tasks(30)),
        *chain(encoding_tasks(20), base_tasks(30), time_tasks(20)),
    ]


def told(tasks: Sequence[Sure]) -> tuple[dict[str, Counter[str]], list[str]]:
    """What came of the tasks, by skill; and every wrong answer."""
    counts = {known.name: Counter[str]() for known in SKILLS}
    wrong = []
    for task in tasks:
        found = answer(task.prompt)
        what = "declined" if found is None else "answered"
        counts[task.skill].update(("tasks", what))
        if found is not None and (found.skill != task.skill or not task.agrees(found.output)):
            counts[task.skill]["wrong"] += 1
            wrong.append(f"{task.prompt!r}\n  {found!r}\n  not {task.expected or task.given!r}")
    return counts, wrong


def test_no_answer_is_wrong_and_most_tasks_have_one(tasks: list[Sure]) -> None:
    counts, wrong = told(tasks)
    print(f"\n\n{'skill':<14}{'tasks':>8}{'answered':>10}{'wrong':>7}{'declined':>10}{'recall':>8}")  # noqa: T201
    for skill, count in counts.items():
        cells = (count["tasks"], count["answered"], count["wrong"], count["declined"])
        recall = count["answered"] / count["tasks"]
        print("{:<14}{:>8}{:>10}{:>7}{:>10}{:>8.2f}".format(skill, *cells, recall))  # noqa: T201
    assert wrong == []
    assert len({task.prompt for task in tasks}) >= 1_000
    assert all(count["tasks"] >= 20 for count in counts.values())
    assert all(count["answered"] >= RECALL * count["tasks"] for count in counts.values())


def test_tasks_with_more_asked_around_them_are_left(tasks: list[Sure]) -> None:
    misses = list(around(tasks, 3))
    answered = [f"{prompt!r} -> {found}" for prompt in misses if (found := answer(prompt))]
    print(f"\nsure tasks with more around them: {len(misses)}, answered {len(answered)}")  # noqa: T201
    assert answered == []
    assert len(misses) >= 1_000


@pytest.mark.parametrize("prompt", list(odd()))
def test_what_only_looks_like_a_task_is_left(prompt: str) -> None:
    assert answer(prompt) is None

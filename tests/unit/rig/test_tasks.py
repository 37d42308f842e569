"""The shipped task set: its mix, its answers, its made-up outcomes, and that it can be made again."""

import ast
import operator
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from statistics import fmean

import orjson
import pytest

from streams.events.envelope import JsonObject
from streams.rig.recorded import mean_costs, read_recorded

ROOT = Path(__file__).parents[3]
TASKS = ROOT / "streams" / "rig" / "tasks.jsonl"


@pytest.fixture(scope="module")
def rows() -> list[JsonObject]:
    return [orjson.loads(line) for line in TASKS.read_bytes().splitlines()]


def tier_of(row: JsonObject) -> int:
    return int(row["category"][4])


def scores(rows: list[JsonObject], model: str, tier: int) -> float:
    return fmean(row["outcomes"][model]["score"] for row in rows if tier_of(row) == tier)


def test_the_generator_makes_the_shipped_file(tmp_path: Path) -> None:
    made = tmp_path / "tasks.jsonl"
    command = [sys.executable, "-m", "infra.rig.compose_tasks", str(made)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=50)  # noqa: S603 (our own script)
    assert made.read_bytes() == TASKS.read_bytes()


def test_the_mix_of_tiers_is_exact(rows: list[JsonObject]) -> None:
    assert Counter(map(tier_of, rows)) == {0: 240, 1: 150, 2: 120, 3: 72, 4: 18}


def test_every_row_says_that_it_is_made_up(rows: list[JsonObject]) -> None:
    assert {(row["source"], row["made_up"]) for row in rows} == {("tierflow-sample", True)}


def test_no_two_rows_ask_the_same(rows: list[JsonObject]) -> None:
    assert len({row["prompt"] for row in rows}) == len({row["task_id"] for row in rows}) == 600


def test_the_order_is_shuffled(rows: list[JsonObject]) -> None:
    for start in range(0, 600, 150):
        assert 40 <= sum(tier_of(row) == 0 for row in rows[start : start + 150]) <= 80


def test_tier_0_rows_alone_carry_the_expected_answer(rows: list[JsonObject]) -> None:
    assert all(("expected" in row) == (tier_of(row) == 0) for row in rows)
    assert all(
        row["expected"].strip() == row["expected"] != "" for row in rows if "expected" in row
    )


def test_a_tenth_of_the_set_only_looks_like_tier_0(rows: list[JsonObject]) -> None:
    near_misses = [row for row in rows if row["category"].endswith("/lookalike")]
    assert Counter(map(tier_of, near_misses)) == {1: 40, 2: 18, 3: 2}


def test_prompts_come_from_many_templates_and_have_many_lengths(rows: list[JsonObject]) -> None:
    templates = ROOT / "infra" / "rig" / "writing"
    for tier in (1, 2, 3):
        assert (templates / f"tier{tier}.toml").read_text().count("[[template]]") >= 25
    lengths = [len(row["prompt"]) for row in rows if tier_of(row) > 0]
    assert min(lengths) < 40
    assert 3000 < max(lengths) <= 4000
    assert not any("<<" in row["prompt"] and ">>" in row["prompt"] for row in rows)


def of(rows: list[JsonObject], category: str) -> list[tuple[str, str]]:
    """Prompt and expected answer of one family of tier 0."""
    return [(row["prompt"], row["expected"]) for row in rows if row["category"] == category]


def test_json_answers_hold_what_the_prompt_holds(rows: list[JsonObject]) -> None:
    for prompt, expected in of(rows, "tier0/json"):
        given = prompt[min(at for at in (prompt.find("{"), prompt.find("[")) if at >= 0) :]
        assert orjson.loads(given.removesuffix("```")) == orjson.loads(expected)


def test_sql_answers_differ_from_the_prompt_in_case_and_space_alone(rows: list[JsonObject]) -> None:
    for prompt, expected in of(rows, "tier0/sql"):
        squeezed = re.sub(r"\s|`", "", expected).lower()
        assert squeezed in re.sub(r"\s|`", "", prompt).lower()
        assert expected.startswith("SELECT ")
        assert "\nFROM " in expected


def test_case_answers_have_the_letters_of_the_prompt(rows: list[JsonObject]) -> None:
    for prompt, expected in of(rows, "tier0/case"):
        letters = re.sub(r"[^a-z]", "", expected.lower())
        assert letters in re.sub(r"[^a-z]", "", prompt.lower())


def test_date_answers_agree_with_the_calendar(rows: list[JsonObject]) -> None:
    for prompt, expected in of(rows, "tier0/dates"):
        first, *others = map(date.fromisoformat, re.findall(r"\d{4}-\d\d-\d\d", prompt))
        days = re.search(r"(\d+) days", re.sub(r"\d{4}-\d\d-\d\d", "", prompt))
        if others:
            assert expected == f"{(others[0] - first).days} days"
        elif days:
            back = re.search("before|subtract|minus", prompt, re.IGNORECASE)
            apart = (date.fromisoformat(expected) - first).days
            assert apart == (-int(days[1]) if back else int(days[1]))
        else:
            assert expected == first.strftime("%A")


OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def worked_out(node: ast.expr, source: str) -> Decimal:
    """Reckon a parsed expression in decimals."""
    if isinstance(node, ast.BinOp):
        left, right = worked_out(node.left, source), worked_out(node.right, source)
        return Decimal(OPERATORS[type(node.op)](left, right))
    return Decimal(ast.get_source_segment(source, node) or "")


def test_arithmetic_answers_are_exact(rows: list[JsonObject]) -> None:
    for prompt, expected in of(rows, "tier0/arithmetic"):
        asked = re.sub(r"^[^\d(]+", "", prompt).rstrip(" =?.")
        source = asked.replace("% of", " / 100 *").replace("^", "**")
        assert worked_out(ast.parse(source, mode="eval").body, source) == Decimal(expected)


def test_some_conversions_are_right_by_other_means(rows: list[JsonObject]) -> None:
    known = {
        "12 miles": "19.312128 km", "55 inches": "139.7 cm", "200 pounds": "90.718474 kg",
        "36 hours": "2160 minutes", "52 weeks": "364 days", "8.4 cm": "84 mm",
    }  # fmt: skip
    conversions = of(rows, "tier0/units")
    for asked, answer in known.items():
        found = [expected for prompt, expected in conversions if asked in prompt]
        assert found
        assert all(expected.endswith(answer) for expected in found)
    assert ("What is 0 °C in °F?", "32 °F") in conversions
    assert ("Convert 100 degrees Celsius to Fahrenheit", "212 Fahrenheit") in conversions


def test_the_file_is_read_as_any_recorded_file_is() -> None:
    recorded = read_recorded(TASKS)
    assert len(recorded) == 600
    assert all(len(row.outcomes) == 8 for row in recorded)
    costs = [o.cost_usd for row in recorded for o in row.outcomes.values()]
    assert all(cost is not None and cost == round(cost, 12) for cost in costs)


def test_mean_costs_rank_the_models_two_to_a_tier() -> None:
    costs = mean_costs(read_recorded(TASKS))
    ranked = sorted(costs, key=lambda name: costs[name])
    assert [name.removeprefix("sample-")[:-2] for name in ranked] == [
        "tiny", "tiny", "small", "small", "medium", "medium", "large", "large",
    ]  # fmt: skip
    assert costs[ranked[-1]] > 100 * costs[ranked[0]]


def test_a_model_does_its_tier_well_and_the_next_one_clearly_worse(rows: list[JsonObject]) -> None:
    for tier, size in enumerate(("tiny", "small", "medium", "large"), start=1):
        for letter in "ab":
            model = f"sample-{size}-{letter}"
            assert all(scores(rows, model, easier) >= 0.85 for easier in range(1, tier + 1))
            assert all(scores(rows, model, harder) < 0.75 for harder in range(tier + 1, 5))


def test_simple_tasks_have_short_answers(rows: list[JsonObject]) -> None:
    simple = [row for row in rows if tier_of(row) <= 1]
    lengths = [o["output_tokens"] for row in simple for o in row["outcomes"].values()]
    assert fmean(lengths) < 60


def test_routing_by_tier_would_save_three_quarters_and_keep_the_quality(
    rows: list[JsonObject],
) -> None:
    chosen = ("", "sample-tiny-a", "sample-small-a", "sample-medium-a", "sample-large-a")
    by_tier = [
        row["outcomes"].get(chosen[tier_of(row)], {"score": 1, "cost_usd": 0}) for row in rows
    ]
    reference = [row["outcomes"]["sample-large-b"] for row in rows]
    assert sum(o["cost_usd"] for o in by_tier) < 0.25 * sum(o["cost_usd"] for o in reference)
    assert sum(o["score"] for o in by_tier) > 0.95 * sum(o["score"] for o in reference)

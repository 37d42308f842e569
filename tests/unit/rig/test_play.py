from decimal import Decimal
from typing import Any

import pytest

from streams.rig.play import Progress, in_order, score_of
from streams.rig.recorded import Recorded, RecordedOutcome, published_id
from tests.builders import a_policy, a_result

OUTCOME = RecordedOutcome(score=0.7)


def a_row(task_id: str = "r1", **fields: Any) -> Recorded:
    return Recorded(
        **{"task_id": task_id, "prompt": "2 + 2?", "outcomes": {"small": OUTCOME}, **fields}
    )


def test_a_result_counts_once_however_often_it_is_told() -> None:
    progress = Progress(wanted=2)
    assert progress.take(a_result("t1", cost_usd=Decimal("0.1"))) is True
    assert progress.take(a_result("t1", cost_usd=Decimal("0.1"))) is False
    assert (progress.cost_usd, progress.tiers[2], progress.done) == (Decimal("0.1"), 1, False)
    progress.take(a_result("t2", cost_usd=None, tier=None, model=None))
    assert (progress.cost_usd, progress.tiers.total(), progress.done) == (Decimal("0.1"), 1, True)


def test_a_line_of_progress_says_pace_tiers_cost_and_thresholds() -> None:
    progress = Progress(wanted=4, began_s=10.0, policy=a_policy(thresholds={"2": 0.8, "1": 0.75}))
    for name, tier in (("t1", 1), ("t2", 2)):
        progress.take(a_result(name, tier=tier, cost_usd=Decimal("0.5")))
    assert progress.line(14.0) == (
        "2/4 tasks    0.5/s  tiers 0:0% 1:50% 2:50% 3:0% 4:0%  $1.0000  thresholds 1:0.750 2:0.800"
    )


def test_a_line_can_be_shown_before_anything_has_happened() -> None:
    assert Progress(wanted=4, began_s=10.0).line(10.0).startswith("0/4 tasks    0.0/s")


def test_a_models_answer_scores_what_is_recorded_for_it() -> None:
    assert score_of(a_row(), a_result(model="small")) == 0.7
    assert score_of(a_row(), a_result(model="unknown")) is None


@pytest.mark.parametrize(
    ("output", "score"), [("4", 1.0), (" 4\n", 1.0), ("5", 0.0), ("", 0.0), (None, 0.0)]
)
def test_a_tier_0_answer_scores_by_the_expected_text(output: str | None, score: float) -> None:
    result = a_result(tier=0, model=None, output=output)
    assert score_of(a_row(expected="4 "), result) == score


def test_nobody_can_tell_how_good_an_unexpected_or_failed_answer_is() -> None:
    assert score_of(a_row(), a_result(tier=0, model=None)) is None
    assert score_of(a_row(), a_result(status="failed")) is None


def test_decisions_are_listed_in_the_order_of_the_file_under_its_own_ids() -> None:
    rows = [a_row(name) for name in ("b", "a", "c")]
    found = {published_id(rows[0]): (2, "small"), published_id(rows[1]): (0, None)}
    assert in_order(rows, found) == "b\t2\tsmall\na\t0\t-\nc\t-\t-\n"

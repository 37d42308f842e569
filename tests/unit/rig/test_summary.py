"""The summary's figures on examples small enough to be worked out by hand."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import pytest

from streams.rig.baselines import Point, best_mixture, dominating, reference_of, singles_of
from streams.rig.figures import Criterion, Summary, missed
from streams.rig.recorded import Recorded, RecordedOutcome, published_id
from streams.rig.report import render
from streams.rig.summary import Done, quality_of, simple_latency, summarise

TIERS = {"cheap": 1, "dear": 4}


def a_row(
    name: str, scores: Mapping[str, tuple[float, str | None]], expected: str | None = None
) -> Recorded:
    """A row whose models have these scores and costs."""
    outcomes = {
        model: RecordedOutcome(score=score, cost_usd=None if cost is None else Decimal(cost))
        for model, (score, cost) in scores.items()
    }
    return Recorded(task_id=name, prompt=f"do {name}", expected=expected, outcomes=outcomes)


def a_done(row: Recorded, model: str | None, cost: str | None, **more: object) -> Done:
    """A completed task; tier 0 without a model, else the model's tier."""
    known: dict[str, object] = {
        "task_id": published_id(row),
        "status": "completed",
        "tier": 0 if model is None else TIERS[model],
        "model": model,
        "cost_usd": None if cost is None else Decimal(cost),
    }
    return Done(**{**known, **more})  # type: ignore[arg-type]


ROWS = [
    a_row("a", {"cheap": (0.8, "1"), "dear": (1.0, "10")}, expected="391"),
    a_row("b", {"cheap": (0.6, "1"), "dear": (0.8, "10")}),
    a_row("c", {"cheap": (0.2, "1"), "dear": (0.9, "10")}),
    a_row("d", {"cheap": (0.4, "1"), "dear": (0.9, "10")}),
]
DONE = [
    a_done(ROWS[0], None, "0", output=" 391\n", waiting_s=0.02),
    a_done(ROWS[1], "cheap", "1", call_s=0.1, waiting_s=0.5, decided_tier=1),
    a_done(ROWS[2], "dear", "11", call_s=0.2, waiting_s=0.1, attempts_failed=1, decided_tier=1),
    a_done(ROWS[3], None, "2", status="failed", tier=4, attempts_failed=2, decided_tier=3),
]


def a_summary() -> Summary:
    return summarise(ROWS, TIERS, DONE, speed=10, dead_letters=3, policy_changes=2)


def test_tasks_are_counted_by_how_and_where_they_ended() -> None:
    summary = a_summary()
    assert (summary.tasks, summary.completed, summary.failed) == (4, 3, 1)
    assert summary.tier_mix == {"0": 1, "1": 1, "2": 0, "3": 0, "4": 2}
    assert summary.low_tier_share == 0.5
    assert (summary.dead_letters, summary.policy_changes) == (3, 2)


def test_cost_is_the_sum_over_all_tasks_failed_ones_too() -> None:
    assert a_summary().cost_usd == 14


def test_quality_is_the_mean_of_recorded_scores_and_right_tier_0_answers() -> None:
    assert a_summary().quality == pytest.approx((1 + 0.6 + 0.9 + 0) / 4)


def test_singles_and_random_are_what_the_models_would_have_done_alone() -> None:
    summary = a_summary()
    assert summary.singles["cheap"].cost_usd == 4
    assert summary.singles["cheap"].quality == pytest.approx(0.5)
    assert summary.singles["dear"].cost_usd == 40
    assert summary.singles["dear"].quality == pytest.approx(0.9)
    assert summary.random.cost_usd == 22
    assert summary.random.quality == pytest.approx(0.7)


def test_savings_and_quality_are_shares_of_the_reference() -> None:
    summary = a_summary()
    assert summary.reference.model == "dear"
    assert summary.reference.cost_usd == 40
    assert summary.saved_share == pytest.approx(1 - 14 / 40)
    assert summary.quality_share == pytest.approx(0.625 / 0.9)


def test_the_mixture_spends_what_tierflow_spent() -> None:
    mixture = a_summary().mixture
    share = (14 - 4) / (40 - 4)
    assert mixture.models == ("cheap", "dear")
    assert mixture.shares == pytest.approx((1 - share, share))
    assert mixture.cost_usd == 14
    assert mixture.quality == pytest.approx(0.5 + share * 0.4)


def test_fallback_counts_tasks_with_a_failed_attempt() -> None:
    fallback = a_summary().fallback
    assert (fallback.tasks, fallback.completed) == (2, 1)


def test_simple_latency_takes_waiting_as_it_was_and_calls_at_the_speed() -> None:
    latency = a_summary().simple_latency_s
    assert latency.mean == pytest.approx((0.02 + 1.5 + 2.1) / 3)
    assert latency.p95 == pytest.approx(2.1)


def test_the_95th_percentile_is_the_nearest_rank() -> None:
    done = [a_done(ROWS[0], None, "0", waiting_s=float(n)) for n in range(1, 101)]
    assert simple_latency(done, 1).p95 == 95


def test_each_criterion_is_judged_and_the_missed_ones_are_named() -> None:
    summary = a_summary()
    assert [c.name for c in summary.criteria] == [
        "saved",
        "quality",
        "low_tiers",
        "fallback",
        "simple_latency",
    ]
    assert missed(summary) == ["quality", "low_tiers", "fallback"]
    assert summary.criteria[3] == Criterion(name="fallback", goal="> 95%", value=0.5, met=False)


def test_a_saving_of_just_60_percent_misses_the_criterion() -> None:
    def saved(cost: str) -> bool:
        done = [a_done(row, "cheap", cost) for row in ROWS]
        return summarise(ROWS, TIERS, done).criteria[0].met

    assert not saved("4")
    assert saved("3.999999999999")


def test_just_70_percent_in_low_tiers_meet_the_criterion() -> None:
    rows = [a_row(f"r{n}", {"cheap": (1.0, "1")}) for n in range(10)]
    done = [a_done(row, "cheap", "1", tier=2 if n < 7 else 3) for n, row in enumerate(rows)]
    assert summarise(rows, TIERS, done).criteria[2].met
    assert not summarise(rows, TIERS, done[1:]).criteria[2].met


def test_with_no_fallback_its_criterion_has_no_value_and_is_met() -> None:
    summary = summarise(ROWS, TIERS, DONE[:2])
    assert (summary.fallback.tasks, summary.fallback.completed) == (0, 0)
    assert summary.criteria[3].value is None
    assert summary.criteria[3].met


def test_a_task_without_a_result_counts_as_failed() -> None:
    summary = summarise(ROWS, TIERS, DONE[:1])
    assert (summary.completed, summary.failed, summary.unfinished) == (1, 3, 3)
    assert summary.quality == 0.25


def test_results_of_other_tasks_and_repeats_do_not_count() -> None:
    stranger = a_done(a_row("z", {}), "dear", "99")
    assert summarise(ROWS, TIERS, [*DONE, stranger, DONE[0]]).cost_usd == 14


def test_an_unknown_price_is_counted_not_taken_for_nothing() -> None:
    done = [a_done(ROWS[0], None, None), a_done(ROWS[1], "cheap", None)]
    assert summarise(ROWS, TIERS, done).unpriced == 1


@pytest.mark.parametrize(
    ("output", "expected", "quality"),
    [(" 391\n", "391", 1.0), ("392", "391", 0.0), ("391", None, 0.0), (None, "391", 0.0)],
)
def test_a_tier_0_answer_is_compared_with_what_was_expected(
    output: str | None, expected: str | None, quality: float
) -> None:
    row = a_row("t", {"cheap": (0.5, "1")}, expected=expected)
    assert quality_of(row, a_done(row, None, "0", output=output)) == quality


def test_an_answer_of_a_model_without_a_recorded_score_counts_nothing() -> None:
    row = a_row("t", {"cheap": (0.5, "1")})
    assert quality_of(row, a_done(row, "dear", "1")) == 0


def test_a_model_with_outcomes_on_some_rows_is_scaled_to_all() -> None:
    rows = [*ROWS[:2], a_row("e", {"cheap": (0.1, "1")}), a_row("f", {"cheap": (0.1, "1")})]
    single = singles_of(rows, ["dear"])["dear"]
    assert single.cost == 40
    assert float(single.quality) == pytest.approx(0.9)


def test_a_model_without_recorded_costs_is_left_out_and_named() -> None:
    rows = [a_row("a", {"cheap": (0.8, "1"), "free": (1.0, None)})]
    summary = summarise(rows, {"cheap": 1, "free": 2}, [])
    assert summary.left_out == ("free",)
    assert set(summary.singles) == {"cheap"}
    assert summary.reference.model == "cheap"


def test_the_reference_is_the_cheaper_of_two_equally_good_models() -> None:
    points = {"a": Point(Fraction(5), Fraction(9, 10)), "b": Point(Fraction(3), Fraction(9, 10))}
    assert reference_of(points) == "b"


THREE = {
    "low": Point(Fraction(2), Fraction(4, 10)),
    "mid": Point(Fraction(4), Fraction(5, 10)),
    "top": Point(Fraction(10), Fraction(9, 10)),
}


def test_the_best_mixture_skips_a_model_below_the_line() -> None:
    mix = best_mixture(THREE, Fraction(6))
    assert mix is not None
    assert mix.shares == {"low": Fraction(1, 2), "top": Fraction(1, 2)}
    assert mix.point == Point(Fraction(6), Fraction(65, 100))


def test_a_mixture_of_more_money_than_the_best_costs_is_the_best_alone() -> None:
    mix = best_mixture(THREE, Fraction(50))
    assert mix is not None
    assert mix.shares == {"top": 1}
    assert mix.point.cost == 10


def test_no_mixture_is_cheaper_than_the_cheapest_model() -> None:
    assert best_mixture(THREE, Fraction(199, 100)) is None
    mixture = summarise(ROWS, TIERS, DONE[:1]).mixture
    assert (mixture.models, mixture.cost_usd, mixture.quality) == ((), None, None)


def test_a_tie_in_cost_and_quality_is_domination() -> None:
    assert dominating(THREE, THREE["top"]) == ("top",)
    assert dominating(THREE, Point(Fraction(10), Fraction(91, 100))) == ()
    assert dominating(THREE, Point(Fraction(999, 100), Fraction(9, 10))) == ()


def test_always_choosing_one_model_is_dominated_by_it() -> None:
    done = [a_done(row, "dear", "10") for row in ROWS]
    assert summarise(ROWS, TIERS, done).dominated_by == ("dear",)


def test_a_mixture_on_the_line_dominates_though_neither_model_does() -> None:
    assert dominating(THREE, Point(Fraction(6), Fraction(65, 100))) == ("low + top",)
    assert dominating(THREE, Point(Fraction(6), Fraction(651, 1000))) == ()
    everyone = dominating(THREE, Point(Fraction(6), Fraction(6, 10)))
    assert everyone == ("low + top", "mid + top")


def test_money_is_written_as_plain_decimal_strings() -> None:
    rows = [a_row("a", {"cheap": (1.0, "0.00000015"), "dear": (1.0, "0.1")})]
    figures = summarise(rows, TIERS, [a_done(rows[0], "cheap", "0.00000015")]).to_json()
    assert figures["cost_usd"] == "0.00000015"
    assert figures["singles"]["dear"] == {"cost_usd": "0.1", "quality": 1.0}
    assert figures["mixture"]["models"] == ["cheap"]


def test_the_contracts_keys_are_all_there() -> None:
    wanted = (
        "tasks completed failed dead_letters tier_mix cost_usd quality reference singles random "
        "mixture dominated_by saved_share quality_share low_tier_share fallback simple_latency_s "
        "policy_changes criteria"
    )
    assert set(wanted.split()) <= set(a_summary().to_json())


def test_no_rows_and_no_models_are_no_error() -> None:
    summary = summarise([], {}, [])
    assert summary.reference.model is None
    assert "saved" in missed(summary)
    assert "0 tasks" in render(summary)


def test_the_text_shows_table_mix_domination_and_criteria() -> None:
    text = render(a_summary())
    table = text.split("\n\n")[1].splitlines()
    assert len({len(line) for line in table}) == 1
    assert table[1].split() == ["tierflow", "all", "14.000000", "0.625", "65.0%"]
    assert table[2].startswith("dear (reference)")
    assert table[2].split()[-3:] == ["40.000000", "0.900", "0.0%"]
    assert "tier 4: 2 (50.0%)" in text
    assert "Nothing dominates tierflow" in text
    assert "✗ missed  quality of the reference kept" in text
    assert "✓ met     saved against the reference" in text
    assert "simulated" in text


def test_the_text_names_who_dominates() -> None:
    text = render(summarise(ROWS, TIERS, [a_done(row, "dear", "10") for row in ROWS]))
    assert "tierflow is dominated by dear" in text

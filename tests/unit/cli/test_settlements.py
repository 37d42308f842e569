"""What `settle` says of doubts and of what becomes of them."""

import argparse
from decimal import Decimal

import pytest

from streams.calling.settling import settled
from streams.cli.answers import UsageError
from streams.cli.main import build_parser
from streams.cli.settle import run
from streams.cli.settlements import Doing, fact_of, line_of, list_of, settlement, summed_up
from streams.events.outcome import Cost
from tests.builders import AT, a_cost

DOUBT = a_cost(
    cost_usd=None, standing="in_doubt", at_most_usd=Decimal("0.002000000000"), price_version=None
)


def at(figure: str, known: Cost = DOUBT) -> Cost:
    return settled(known, Decimal(figure), at=AT)


def test_a_doubt_is_settled_at_a_figure_up_to_its_bound() -> None:
    one = settlement(DOUBT, at("0.002"), force=False)
    assert one.doing is Doing.SETTLE
    assert line_of(one) == "call-1  settled at $0.002; it was in doubt"
    assert line_of(one, rehearsed=True) == "call-1  would be settled at $0.002; it was in doubt"
    fact = fact_of(one)
    assert (fact["outcome"], fact["cost_usd"], fact["before_usd"], fact["because"]) == (
        "settled", Decimal("0.002"), None, None,
    )  # fmt: skip
    assert fact_of(one, rehearsed=True)["outcome"] == "would_settle"


def test_a_figure_above_the_bound_is_refused_unless_forced() -> None:
    refused = settlement(DOUBT, at("0.003"), force=False)
    assert refused.doing is Doing.REFUSE
    assert "can't have cost more than $0.002; --force" in line_of(refused)
    assert fact_of(refused)["because"] == "it can't have cost more than $0.002"
    assert settlement(DOUBT, at("0.003"), force=True).doing is Doing.SETTLE


def test_another_figure_replaces_the_first_and_the_same_one_is_known() -> None:
    first = at("0.001")
    again = settlement(first, at("0.0015", first), force=False)
    assert line_of(again) == "call-1  settled at $0.0015; it was settled at $0.001"
    known = settlement(first, at("0.001", first), force=False)
    assert known.doing is Doing.KNOWN
    assert line_of(known) == "call-1  is settled at $0.001 already"
    free = at("0")
    assert settlement(free, at("0", free), force=False).doing is Doing.KNOWN


def test_doubts_are_listed_with_their_bounds_and_summed_up() -> None:
    boundless = DOUBT.model_copy(
        update={"call_id": "call-2", "at_most_usd": None, "task_id": "t\x1b[31m" + "x" * 60}
    )
    head, one, two = list_of([DOUBT, boundless])
    assert head.split("  ")[0] == "since"
    assert one.split() == [
        "2026-11-23", "12:00:00Z", "call-1", "t1", "2", "small", "simulator", "$0.002",
    ]  # fmt: skip
    assert "\x1b" not in two
    assert two.endswith("?")
    assert summed_up([]) == "no call is in doubt"
    assert summed_up([DOUBT]) == "1 call in doubt, at most $0.002"
    assert summed_up([DOUBT, boundless]) == (
        "2 calls in doubt, at most $0.002; of 1 nobody can say how much at most"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cost-usd", "1"], "CALL_ID: required"),
        (["--not-billed"], "CALL_ID: required"),
        (["call-1"], "say what it cost"),
        (["call-1", "--bill", "x"], "leave CALL_ID out"),
    ],
)
def test_words_that_do_not_go_together_are_a_usage_error(words: list[str], said: str) -> None:
    args = build_parser().parse_args(["settle", *words])
    with pytest.raises(UsageError, match=said):
        run(args)


@pytest.mark.parametrize("amount", ["-1", "x", "nan"])
def test_a_wrong_amount_is_refused_by_its_flag(
    amount: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(["settle", "call-1", f"--cost-usd={amount}"])
    assert ended.value.code == 2
    assert "--cost-usd" in capsys.readouterr().err


def test_figures_exclude_each_other() -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["settle", "c", "--not-billed", "--cost-usd", "1"])
    assert isinstance(build_parser().parse_args(["settle"]), argparse.Namespace)

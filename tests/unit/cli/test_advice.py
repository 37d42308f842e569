"""Every way to fail has words and something to do."""

import pytest

from streams.cli.advice import REASONS, why_failed
from streams.cli.ask import lines_of
from streams.events.decision import RefusalReason
from streams.events.outcome import ResultError
from tests.builders import a_result, an_attempt


@pytest.mark.parametrize("reason", RefusalReason)
def test_every_reason_says_what_it_means_and_what_to_do(reason: RefusalReason) -> None:
    error = ResultError(reason=reason.value, detail="the detail")
    said, then = why_failed(a_result("it's", status="failed", error=error))
    assert REASONS[reason][0] in said
    assert "the detail" in said
    assert then
    assert "{" not in then


def test_a_reason_from_the_future_is_told_as_it_is() -> None:
    error = ResultError(reason="eaten", detail="by a dog")
    assert why_failed(a_result(status="failed", error=error))[0] == "eaten (eaten): by a dog"


def test_an_answer_comes_with_tier_model_cost_and_latency() -> None:
    answer, _, took = lines_of(a_result(attempts=(an_attempt(), an_attempt(outcome="completed"))))
    assert answer == "Because of Rayleigh scattering."
    assert took == "tier 2 (model small) after 2 attempts · $0.0001 · 1.50 s · task t1"


def test_an_unknown_cost_is_never_zero() -> None:
    assert "unknown cost" in lines_of(a_result(cost_usd=None))[-1]

import math

import numpy as np
import pytest

from streams.learning.bills import Bills
from streams.learning.drift import COST
from streams.learning.standing import LEAST_BILLS, MOST_RATIO, Account
from streams.routing.dense import Inputs, dense
from streams.routing.features import extract
from streams.routing.quality import MOST_LOG_COST
from streams.routing.rules import Verdict

SHORT, LONG = (
    dense(extract(text, Verdict(3, 0.7, "default")))
    for text in (
        "Which is prime?\n(A) 4 (B) 7\nAnswer:",
        "def solve(numbers):\n    # write it\n" * 20,
    )
)
LISTED = 0.001


def taught(factors: list[tuple[Inputs, float]], model: str = "small") -> Bills:
    bills = Bills()
    for row, factor in factors:
        bills.learn(model, row, LISTED * factor, LISTED)
    return bills


def test_before_any_bill_the_list_is_believed() -> None:
    assert Bills().predict("small", SHORT, LISTED) == pytest.approx(LISTED)


def test_what_kind_of_task_takes_more_is_learned() -> None:
    bills = taught([(SHORT, 0.3), (LONG, 3.0)] * 60)
    assert bills.predict("small", SHORT, LISTED) == pytest.approx(0.3 * LISTED, rel=0.2)
    assert bills.predict("small", LONG, LISTED) == pytest.approx(3.0 * LISTED, rel=0.2)


def test_a_price_list_that_changed_is_followed_at_once() -> None:
    bills = taught([(SHORT, 0.5)] * 40)
    before, after = (bills.predict("small", SHORT, usd) for usd in (LISTED, LISTED / 10))
    assert after == pytest.approx(before / 10)


def test_a_mean_of_dollars_is_met_though_a_mean_of_logarithms_is_lower() -> None:
    bills = taught([(SHORT, 0.2), (SHORT, 1.8)] * 200)
    assert bills.predict("small", SHORT, LISTED) == pytest.approx(1.0 * LISTED, rel=0.1)
    assert math.sqrt(0.2 * 1.8) == pytest.approx(0.6)


def test_one_models_bills_say_something_of_another() -> None:
    bills = taught([(SHORT, 2.0)] * 40)
    assert 1.2 * LISTED < bills.predict("large", SHORT, LISTED) < 2.0 * LISTED


def test_a_price_cut_by_ten_that_no_list_knows_is_found_from_bills() -> None:
    bills = taught([(SHORT, 1.0)] * 60)
    alarms = [bills.learn("small", SHORT, LISTED / 10, LISTED) for _ in range(15)]
    told = [off for off in alarms if off is not None]
    assert told
    assert told[0] < -COST.bound
    assert bills.predict("small", SHORT, LISTED) < 0.25 * LISTED


def test_one_strange_bill_moves_little() -> None:
    bills = taught([(SHORT, 1.0)] * 60)
    assert bills.learn("small", SHORT, 40 * LISTED, LISTED) is None
    assert bills.predict("small", SHORT, LISTED) < 2.5 * LISTED


def test_a_prediction_stays_within_its_bounds() -> None:
    bills = taught([(SHORT, 1e6)] * 60)
    most = math.exp(MOST_LOG_COST) * MOST_RATIO
    assert bills.predict("small", SHORT, LISTED) <= LISTED * most * (1 + 1e-9)


def test_a_ratio_waits_for_enough_bills_and_is_bounded() -> None:
    assert Account(bills=LEAST_BILLS - 1, real_usd=3.0, predicted_usd=1.0).ratio == 1.0
    assert Account(bills=LEAST_BILLS, real_usd=3.0, predicted_usd=1.0).ratio == 3.0
    assert Account(bills=LEAST_BILLS, real_usd=99.0, predicted_usd=1.0).ratio == MOST_RATIO
    assert Account(bills=LEAST_BILLS, real_usd=0.001, predicted_usd=1.0).ratio == 1 / MOST_RATIO


def test_bills_go_on_bit_for_bit_where_they_were_kept() -> None:
    bills, again = taught([(SHORT, 0.3), (LONG, 3.0)] * 20), Bills()
    for model in (None, "small"):
        account = bills.account("small" if model is None else model)
        again.load(model, bills.part(model).numbers(), account)
    assert again.predict("small", LONG, LISTED) == bills.predict("small", LONG, LISTED)
    assert np.array_equal(again.part("small").unsure, bills.part("small").unsure)

"""The questions as files."""

import pytest

from streams.clickhouse import read


def test_every_question_says_what_it_answers() -> None:
    assert {"totals", "tasks", "fallback", "savings_by_tenant", "spend_by_model"} <= set(
        read.names()
    )
    for name in read.names():
        assert read.load(name).startswith("-- One row"), name


def test_a_question_that_nobody_wrote_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        read.load("totals_of_everything")

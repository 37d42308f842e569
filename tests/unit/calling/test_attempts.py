"""What a failed call may have cost."""

import pytest

from streams.calling.attempts import Failure

REFUSED_BEFORE_WORK = (
    Failure.UNREACHABLE, Failure.OVERLOADED, Failure.RATE_LIMITED, Failure.SERVER_ERROR,
    Failure.REFUSED, Failure.WRONG_MODEL,
)  # fmt: skip


@pytest.mark.parametrize("failure", REFUSED_BEFORE_WORK)
def test_what_was_refused_before_any_work_is_not_billed(failure: Failure) -> None:
    assert not failure.may_be_billed


@pytest.mark.parametrize("failure", sorted(set(Failure) - set(REFUSED_BEFORE_WORK), key=str))
def test_what_was_sent_and_not_answered_well_may_be_billed(failure: Failure) -> None:
    assert failure.may_be_billed


def test_a_failure_is_found_by_its_label() -> None:
    assert all(Failure.named(failure.label) is failure for failure in Failure)
    assert Failure.named("completed") is None

import pytest

from streams.calling.attempts import Failure, Move, next_move


@pytest.mark.parametrize(
    "failure",
    [Failure.UNREACHABLE, Failure.OVERLOADED, Failure.RATE_LIMITED, Failure.SERVER_ERROR],
)
def test_a_failure_that_passes_and_costs_nothing_is_tried_once_more(failure: Failure) -> None:
    assert next_move(failure, on_model=1, attempts_made=1, limit=5) is Move.RETRY
    assert next_move(failure, on_model=2, attempts_made=2, limit=5) is Move.OTHER


@pytest.mark.parametrize("failure", [f for f in Failure if f.may_be_billed])
def test_a_call_that_may_have_been_billed_is_never_repeated_on_its_model(failure: Failure) -> None:
    assert next_move(failure, on_model=1, attempts_made=1, limit=5) is Move.OTHER


@pytest.mark.parametrize("failure", [Failure.REFUSED, Failure.WRONG_MODEL])
def test_what_a_model_refuses_goes_to_another(failure: Failure) -> None:
    assert next_move(failure, on_model=1, attempts_made=1, limit=5) is Move.OTHER


@pytest.mark.parametrize("failure", list(Failure))
def test_a_chain_at_its_limit_is_given_up(failure: Failure) -> None:
    assert next_move(failure, on_model=1, attempts_made=3, limit=3) is Move.GIVE_UP


def test_a_call_that_is_not_counted_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="count the failed call"):
        next_move(Failure.CUT, on_model=0, attempts_made=0, limit=3)


def test_only_calls_that_were_sent_may_have_been_billed() -> None:
    billed = {failure.label for failure in Failure if failure.may_be_billed}
    assert billed == {"timed_out", "cut", "garbage", "empty"}


def test_an_attempts_outcome_is_read_back_by_its_label() -> None:
    assert [Failure.named(failure.label) for failure in Failure] == list(Failure)
    assert Failure.named("completed") is None

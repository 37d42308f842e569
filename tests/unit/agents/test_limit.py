from hypothesis import given
from hypothesis import strategies as st

from streams.agents.limit import WINDOW_RECORDS, DeadLetterLimit


def test_so_many_bugs_in_a_row_reach_it_and_it_stays_so() -> None:
    limit = DeadLetterLimit(in_a_row=3, share=1.0)
    assert [limit.note(bug) for bug in (True, True, False, True, True, True, False)] == [
        False, False, False, False, False, True, True,
    ]  # fmt: skip


def test_every_other_record_reaches_it_though_no_row_does() -> None:
    limit = DeadLetterLimit(in_a_row=3, share=0.5)
    noted = [limit.note(number % 2 == 1) for number in range(WINDOW_RECORDS)]
    assert noted.index(True) == WINDOW_RECORDS - 1
    assert limit.why() == f"{WINDOW_RECORDS // 2} of the last {WINDOW_RECORDS} records buried"


def test_a_share_is_never_taken_over_fewer_records_than_the_window() -> None:
    limit = DeadLetterLimit(in_a_row=WINDOW_RECORDS, share=0.1)
    assert not any(limit.note(number % 2 == 0) for number in range(WINDOW_RECORDS - 1))


def test_a_good_record_never_reaches_it() -> None:
    limit = DeadLetterLimit(in_a_row=WINDOW_RECORDS, share=0.1)
    for number in range(WINDOW_RECORDS - 1):
        limit.note(number % 2 == 0)
    assert not limit.note(bug=False)
    assert limit.note(bug=True)


@given(st.lists(st.booleans(), max_size=600), st.integers(1, 60), st.floats(0.05, 1.0))
def test_it_is_reached_exactly_where_counting_says_so(
    bugs: list[bool], in_a_row: int, share: float
) -> None:
    limit = DeadLetterLimit(in_a_row, share)
    for at, bug in enumerate(bugs):
        last = bugs[max(0, at + 1 - WINDOW_RECORDS) : at + 1]
        row = len(last) - next((n for n in range(len(last), 0, -1) if not last[n - 1]), 0)
        often = len(last) == WINDOW_RECORDS and sum(last) >= share * WINDOW_RECORDS
        expected = bug and (row >= in_a_row or often)
        trial = limit.copy()
        assert trial.note(bug) == expected
        assert limit.note(bug) == expected
        if expected:
            return

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from streams.events.feedback import Lesson
from streams.learning.windows import Cell, Judged, Place, Windows, bucket_of, cell_key
from tests.builders import AT, a_lesson, a_performance, a_result


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def heard(seconds: float, tier: int = 2, **fields: Any) -> Lesson:
    return a_lesson(tier=tier, scored_at=at(seconds), **fields)


def windows(partitions: int = 2) -> Windows:
    return Windows(bucket_s=10, partitions=partitions, grace_s=5, keep=3)


def test_a_bucket_begins_where_the_one_before_ends() -> None:
    assert bucket_of(at(0), 10) == at(0)
    assert bucket_of(at(9.999999), 10) == at(0)
    assert bucket_of(at(10), 10) == at(10)
    assert bucket_of(bucket_of(at(7), 0.1), 0.1) == at(7)
    assert bucket_of(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), 60).second == 0


def test_cells_of_tier_0_have_a_key_of_their_own() -> None:
    assert cell_key(0, None, AT, 1) == "0/-/2026-11-23T12:00:00+00:00/1"
    assert cell_key(1, "a/b", AT, 1) == "1/a/b/2026-11-23T12:00:00+00:00/1"


def test_the_edge_of_a_latency_bound_belongs_below_it() -> None:
    cell = Cell().with_result(a_result(latency_s=0.1)).with_result(a_result(latency_s=0.1001))
    assert cell.latency_counts[:4] == (0, 1, 1, 0)


def test_an_unknown_price_is_counted_apart_and_adds_no_money() -> None:
    cell = Cell().with_result(a_result(cost_usd=None)).with_result(a_result())
    assert (cell.results, cell.unpriced, cell.cost_usd) == (2, 1, Decimal("0.0001"))


def test_only_lessons_of_the_policys_own_choice_are_judged() -> None:
    judged = Judged()
    assert judged.share is None
    judged = judged.with_lesson(a_lesson(score=0.6, best_quality=0.8))
    judged = judged.with_lesson(a_lesson(score=0.0, explored=True))
    judged = judged.with_lesson(a_lesson(score=0.0, best_quality=None))
    assert judged == Judged(
        lessons=3,
        lesson_sum=0.6,
        foreseen=3,
        foreseen_sum=0.6,
        predicted_sum=0.85 + 0.85 + 0.85,
        judged=1,
        score_sum=0.6,
        best_sum=0.8,
    )
    assert judged.share == 0.6 / 0.8


def test_a_window_closes_when_every_partition_has_reported_past_its_end() -> None:
    open_windows = windows()
    open_windows.judge(heard(3, score=0.5))
    open_windows.report(a_performance(bucket_at=at(10), partition=0))
    assert open_windows.close(at(12)) == {}
    open_windows.report(a_performance(bucket_at=at(10), partition=1))
    assert open_windows.close(at(12)) == {
        Place(at(0), 2): Judged().with_lesson(heard(3, score=0.5))
    }
    assert open_windows.close(at(13)) == {}


def test_a_window_closes_without_silent_partitions_after_its_grace() -> None:
    open_windows = windows()
    open_windows.judge(heard(3))
    open_windows.close(at(14.9))
    assert Place(at(0), 2) in open_windows.judged
    assert list(open_windows.close(at(15))) == [Place(at(0), 2)]


def test_no_window_closes_before_its_end_whatever_partitions_claim() -> None:
    open_windows = windows(partitions=1)
    open_windows.judge(heard(3))
    open_windows.report(a_performance(bucket_at=at(1000)))
    assert open_windows.close(at(9.9)) == {}
    assert list(open_windows.close(at(10))) == [Place(at(0), 2)]


def test_a_lesson_for_a_closed_window_counts_in_the_oldest_open_one() -> None:
    open_windows = windows()
    open_windows.close(at(15))
    open_windows.judge(heard(3))
    assert list(open_windows.judged) == [Place(at(10), 2)]


def test_an_older_cell_does_not_replace_a_newer_one() -> None:
    told = windows()
    assert told.report(a_performance(completed=10)) == "2/small/2026-11-23T12:00:00+00:00/0"
    assert told.report(a_performance(completed=4)) is None
    told.close(at(15))
    assert told.performance(1)[2, "small"].completed == 10


def test_performance_is_the_sum_over_partitions_of_the_last_closed_windows() -> None:
    told = windows()
    for bucket_s in (0, 10, 20):
        for partition in (0, 1):
            told.report(a_performance(bucket_at=at(bucket_s), partition=partition))
    told.report(a_performance(bucket_at=at(10), tier=4, model="large", completed=1))
    assert told.performance(5) == {}
    told.close(at(25))
    assert {key: cell.completed for key, cell in told.performance(1).items()} == {
        (2, "small"): 20, (4, "large"): 1,
    }  # fmt: skip
    assert told.performance(2)[2, "small"].completed == 40
    assert told.performance(2)[2, "small"].cost_usd == Decimal("0.004")


def test_cells_are_forgotten_after_so_many_windows_and_do_not_come_back() -> None:
    told = windows()
    old = told.report(a_performance(bucket_at=at(0)))
    new = told.report(a_performance(bucket_at=at(30)))
    told.close(at(45))
    assert told.forget(at(45)) == (old,)
    assert list(told.cells) == [new]
    assert told.report(a_performance(bucket_at=at(0))) is None


def test_windows_made_from_kept_cells_know_which_partitions_have_reported() -> None:
    cells = {str(p): a_performance(bucket_at=at(10), partition=p) for p in (0, 1)}
    again = Windows(bucket_s=10, partitions=2, grace_s=5, cells=cells)
    again.judge(heard(3))
    assert list(again.close(at(11))) == [Place(at(0), 2)]

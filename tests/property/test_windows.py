from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.events.feedback import Performance
from streams.events.outcome import Result
from streams.learning.windows import Cell, Judged, Place, Windows, bucket_of
from tests.builders import AT, a_lesson, a_performance, a_result

MOMENTS = st.integers(0, 10**9).map(lambda us: AT + timedelta(microseconds=us))
LENGTHS = st.sampled_from([0.1, 0.7, 1, 5, 10, 60])


def windows() -> Windows:
    return Windows(bucket_s=10, partitions=2, grace_s=5)


@st.composite
def growing_cells(draw: st.DrawFn) -> list[Performance]:
    """What the partitions publish: each cell several times, larger each time."""
    cells = list[Performance]()
    for bucket, partition, tier in draw(
        st.sets(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(1, 2)), max_size=8)
    ):
        bucket_at = AT + timedelta(seconds=10 * bucket)
        cells.extend(
            a_performance(bucket_at=bucket_at, partition=partition, tier=tier, completed=completed)
            for completed in draw(st.lists(st.integers(1, 50), min_size=1, max_size=3))
        )
    return cells


def sums(cells: list[Performance]) -> dict[tuple[int, str | None], Cell]:
    told = windows()
    for cell in cells:
        told.report(cell)
    told.close(AT + timedelta(seconds=100))
    return told.performance(100)


@given(growing_cells(), st.data())
def test_replayed_and_shuffled_cells_give_the_same_sums(
    cells: list[Performance], data: st.DataObject
) -> None:
    replayed = data.draw(st.permutations(cells + cells[: len(cells) // 2]))
    assert sums(replayed) == sums(cells)
    newest: dict[object, int] = {}
    for cell in cells:
        key = (cell.tier, cell.bucket_at, cell.partition)
        newest[key] = max(newest.get(key, 0), cell.completed)
    assert sum(cell.completed for cell in sums(cells).values()) == sum(newest.values())


RESULTS = st.builds(
    lambda latency_s, completed, cost_usd: a_result(
        latency_s=latency_s, status="completed" if completed else "failed", cost_usd=cost_usd
    ),
    st.none() | st.integers(0, 800).map(lambda n: n / 8),
    st.booleans(),
    st.none() | st.decimals(0, 1, places=12),
)


@given(st.lists(RESULTS, max_size=20), st.integers(0, 20))
def test_results_counted_apart_and_summed_are_results_counted_together(
    results: list[Result], cut: int
) -> None:
    def count(some: list[Result]) -> Cell:
        cell = Cell()
        for result in some:
            cell = cell.with_result(result)
        return cell

    whole = count(results)
    assert count(results[:cut]).plus(count(results[cut:])) == whole
    assert whole.results == len(results)
    assert sum(whole.latency_counts) == sum(r.latency_s is not None for r in results)


@given(MOMENTS, LENGTHS)
def test_a_moment_lies_in_its_bucket_and_a_bucket_in_itself(at: datetime, bucket_s: float) -> None:
    begin = bucket_of(at, bucket_s)
    assert begin <= at < begin + timedelta(seconds=bucket_s)
    assert bucket_of(begin, bucket_s) == begin


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(-3, 12)), max_size=30))
def test_every_lesson_is_in_exactly_one_closed_window(story: list[tuple[int, int]]) -> None:
    told, closed, now_s = windows(), dict[Place, Judged](), 0
    for scored_s, step_s in story:
        told.judge(a_lesson(scored_at=AT + timedelta(seconds=scored_s)))
        now_s += max(step_s, 0)
        for place, judged in told.close(AT + timedelta(seconds=now_s)).items():
            assert place not in closed
            closed[place] = judged
    closed |= told.close(AT + timedelta(seconds=10_000))
    assert sum(judged.lessons for judged in closed.values()) == len(story)
    assert told.judged == {}

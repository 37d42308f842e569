from hypothesis import given
from hypothesis import strategies as st

from streams import ids
from streams.events.decision import Decision
from streams.events.feedback import Lesson, Score
from streams.learning.joining import HEARD_LIMIT, Half, Joined, join_decision, join_score
from tests.builders import AT, a_decision, a_score

Arrival = tuple[Decision | Score, int]
"""An event and its offset; a redelivery has the same one."""

NAMES = st.sampled_from(["", "tone", "facts", "style"])
SHARES = st.sampled_from([0.0, 0.3, 0.5, 1.0])


def arrive(half: Half, arrival: Arrival) -> Joined:
    event, offset = arrival
    if isinstance(event, Decision):
        return join_decision(half, event, offset)
    return join_score(half, event, offset, AT)


def run(arrivals: list[Arrival]) -> list[Lesson]:
    half, lessons = Half(), list[Lesson]()
    for arrival in arrivals:
        joined = arrive(half, arrival)
        half = joined.half
        lessons.extend(joined.lessons)
        assert len(half.heard) <= HEARD_LIMIT
    return lessons


@st.composite
def stories(draw: st.DrawFn) -> list[Arrival]:
    """One decision and scores of one task, some of them published twice, in any order."""
    told = draw(st.lists(st.tuples(NAMES, SHARES), min_size=1, max_size=8))
    events: list[Decision | Score] = [a_decision()]
    events.extend(a_score(name=name, score=score) for name, score in told)
    twice = draw(st.lists(st.sampled_from(events), max_size=8))
    ordered = draw(st.permutations(events + twice))
    return [(event, offset) for offset, event in enumerate(ordered)]


@given(stories())
def test_any_order_with_repeats_gives_each_feedback_its_lesson_once(story: list[Arrival]) -> None:
    taught = [lesson.lesson_id for lesson in run(story)]
    feedbacks = {event.feedback_id for event, _ in story if isinstance(event, Score)}
    decision_id = a_decision().decision_id
    assert len(set(taught)) == len(taught)
    assert set(taught) == {ids.derive("lesson", decision_id, feedback) for feedback in feedbacks}


@given(stories())
def test_the_first_score_of_each_feedback_is_the_one_that_teaches(story: list[Arrival]) -> None:
    first: dict[str, float] = {}
    for event, _ in story:
        if isinstance(event, Score):
            first.setdefault(event.feedback_id, event.score)
    taught = {lesson.lesson_id: lesson.score for lesson in run(story)}
    decision_id = a_decision().decision_id
    assert taught == {ids.derive("lesson", decision_id, f): score for f, score in first.items()}


@given(stories(), st.data())
def test_a_crash_before_or_after_the_state_was_kept_loses_no_lesson(
    story: list[Arrival], data: st.DataObject
) -> None:
    crash = data.draw(st.integers(0, len(story)), "kept until here")
    settled = data.draw(st.integers(0, crash), "published and settled until here")
    confirmed, half = run(story[:settled]), Half()
    for arrival in story[:crash]:
        half = arrive(half, arrival).half
    for arrival in story[settled:]:
        joined = arrive(half, arrival)
        half = joined.half
        confirmed.extend(joined.lessons)
    by_id = {lesson.lesson_id: lesson for lesson in run(story)}
    assert {lesson.lesson_id for lesson in confirmed} == set(by_id)
    assert all(by_id[lesson.lesson_id] == lesson for lesson in confirmed)

from hypothesis import given
from hypothesis import strategies as st

from streams import ids
from streams.events.decision import Decision
from streams.events.feedback import Lesson, Score
from streams.learning.joining import HEARD_LIMIT, Half, Joined, join_decision, join_score
from tests.builders import AT, a_decision, a_score

Arrival = Decision | tuple[Score, str]

NAMES = st.sampled_from(["", "tone", "facts", "style"])
SHARES = st.sampled_from([0.0, 0.3, 0.5, 1.0])


def arrive(half: Half, arrival: Arrival) -> Joined:
    if isinstance(arrival, Decision):
        return join_decision(half, arrival)
    return join_score(half, arrival[0], arrival[1], AT)


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
    """One decision and scores of one task, some delivered twice, in any order."""
    told = draw(st.lists(st.tuples(NAMES, SHARES), min_size=1, max_size=8))
    arrivals: list[Arrival] = [
        (a_score(name=name, score=score), f"e{number}") for number, (name, score) in enumerate(told)
    ]
    arrivals.append(a_decision())
    twice = draw(st.lists(st.sampled_from(arrivals), max_size=8))
    return draw(st.permutations(arrivals + twice))


@given(stories())
def test_any_order_with_repeats_gives_each_feedback_its_lesson_once(story: list[Arrival]) -> None:
    lessons = run(story)
    feedbacks = {arrival[0].feedback_id for arrival in story if isinstance(arrival, tuple)}
    decision_id = a_decision().decision_id
    assert {lesson.lesson_id for lesson in lessons} == {
        ids.derive("lesson", decision_id, feedback) for feedback in feedbacks
    }
    by_id = {lesson.lesson_id: lesson for lesson in lessons}
    assert all(by_id[lesson.lesson_id] == lesson for lesson in lessons)  # a repeat is the same


@given(stories())
def test_the_first_score_of_each_feedback_is_the_one_that_teaches(story: list[Arrival]) -> None:
    first: dict[str, float] = {}
    for arrival in story:
        if isinstance(arrival, tuple):
            first.setdefault(arrival[0].feedback_id, arrival[0].score)
    taught = {lesson.lesson_id: lesson.score for lesson in run(story)}
    decision_id = a_decision().decision_id
    assert taught == {ids.derive("lesson", decision_id, f): score for f, score in first.items()}


@given(stories(), st.data())
def test_a_crash_before_or_after_the_state_was_kept_loses_no_lesson(
    story: list[Arrival], data: st.DataObject
) -> None:
    crash = data.draw(st.integers(0, len(story)))
    begun = data.draw(st.integers(0, crash))
    half = Half()
    confirmed = run(story[:begun])  # the rest of what was handled is kept, but never published
    for arrival in story[:crash]:
        half = arrive(half, arrival).half
    for arrival in story[begun:]:  # delivered again from the last settled offset
        joined = arrive(half, arrival)
        half = joined.half
        confirmed.extend(joined.lessons)
    assert {lesson.lesson_id for lesson in confirmed} == {x.lesson_id for x in run(story)}

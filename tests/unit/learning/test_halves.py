from datetime import timedelta

from streams.learning.joining import HEARD_LIMIT, Half, Joined, Step, join_decision, join_score
from tests.builders import AT, a_decision, a_score

LATER = AT + timedelta(seconds=5)


def score(half: Half, score: float = 0.9, offset: int = 1, **fields: str) -> Joined:
    return join_score(half, a_score(score=score, **fields), offset, LATER)


def test_a_score_after_its_decision_makes_a_lesson_of_both() -> None:
    decision = a_decision(
        tier=3, model="large", predicted_quality={"small": 0.6, "large": 0.8}, best_quality=0.95,
        probabilities={"small": 0.25, "large": 0.75}, features="packed", explored=True,
    )  # fmt: skip
    joined = score(join_decision(Half(), decision, 7).half, 0.4, source="test")
    (lesson,) = joined.lessons
    assert joined.step is Step.JOINED
    assert (lesson.task_id, lesson.decision_id) == ("t1", decision.decision_id)
    assert (lesson.tier, lesson.model, lesson.features) == (3, "large", "packed")
    assert (lesson.score, lesson.source, lesson.explored) == (0.4, "test", True)
    assert (lesson.propensity, lesson.predicted_quality, lesson.best_quality) == (0.75, 0.8, 0.95)
    assert (lesson.decided_at, lesson.scored_at) == (decision.decided_at, LATER)


def test_a_score_before_its_decision_waits_and_makes_the_same_lesson() -> None:
    early = score(Half())
    assert (early.step, early.lessons) == (Step.WAITING, ())
    after = join_decision(early.half, a_decision(), 7)
    assert after.step is Step.JOINED
    assert after.lessons == score(join_decision(Half(), a_decision(), 7).half).lessons


def test_a_judged_tier_0_decision_is_a_lesson_without_a_model() -> None:
    half = join_decision(Half(), a_decision(tier=0, model=None), 7).half
    (lesson,) = score(half).lessons
    assert (lesson.tier, lesson.model, lesson.predicted_quality) == (0, None, None)
    assert lesson.propensity == 1.0


def test_the_first_score_of_a_feedback_teaches_and_its_correction_does_not() -> None:
    half = score(join_decision(Half(), a_decision(), 7).half, 0.9).half
    corrected = score(half, 0.1, 2)
    repeated = score(half, 0.9, 3)
    assert (corrected.step, corrected.lessons) == (Step.CORRECTED, ())
    assert (repeated.step, repeated.lessons) == (Step.REPEATED, ())
    assert corrected.half is half


def test_a_correction_that_comes_before_the_decision_does_not_teach_either() -> None:
    half = score(score(Half(), 0.9).half, 0.1, 2).half
    (lesson,) = join_decision(half, a_decision(), 7).lessons
    assert lesson.score == 0.9


def test_feedbacks_of_other_sources_and_names_teach_once_each() -> None:
    half = join_decision(Half(), a_decision(), 7).half
    first = score(half, 0.9)
    second = score(first.half, 0.2, 2, source="judge")
    third = score(second.half, 0.3, 3, source="judge", name="tone")
    lessons = first.lessons + second.lessons + third.lessons
    assert [lesson.score for lesson in lessons] == [0.9, 0.2, 0.3]
    assert len({lesson.lesson_id for lesson in lessons}) == 3


def test_a_redelivered_score_makes_its_lesson_again_and_remembers_nothing_new() -> None:
    joined = score(join_decision(Half(), a_decision(), 7).half)
    again = score(joined.half)
    assert again.step is Step.REPEATED
    assert again.lessons == joined.lessons
    assert again.half is joined.half


def test_a_redelivered_decision_makes_only_the_lessons_that_it_completed() -> None:
    early = score(Half(), 0.9).half
    joined = join_decision(early, a_decision(), 7)
    both = score(joined.half, 0.2, 2, source="judge")
    again = join_decision(both.half, a_decision(), 7)
    assert again.step is Step.REPEATED
    assert again.lessons == joined.lessons
    assert score(both.half, 0.9).lessons == ()  # left to its decision


def test_a_decision_published_once_more_later_teaches_nothing() -> None:
    joined = join_decision(score(Half(), 0.9).half, a_decision(), 7)
    again = join_decision(joined.half, a_decision(), 8)
    assert (again.step, again.lessons, again.half) == (Step.REPEATED, (), joined.half)


def test_a_later_decision_takes_the_scores_to_come_and_leaves_those_that_taught() -> None:
    taught = score(join_decision(Half(), a_decision(), 7).half)
    later = a_decision(decision_id="d2", decided_at=LATER)
    redecided = join_decision(taught.half, later, 7)
    assert (redecided.step, redecided.lessons) == (Step.REDECIDED, ())
    assert score(redecided.half).lessons == ()
    (lesson,) = score(redecided.half, 0.2, 2, source="judge").lessons
    assert lesson.decision_id == "d2"
    outdated = join_decision(redecided.half, a_decision(), 7)
    assert (outdated.step, outdated.half) == (Step.OUTDATED, redecided.half)


def test_a_task_keeps_only_so_many_feedbacks() -> None:
    half = Half()
    for number in range(HEARD_LIMIT):
        half = score(half, 0.5, number, name=f"n{number}").half
    crowded = score(half, 0.5, 99, name="more")
    assert (crowded.step, crowded.half) == (Step.CROWDED, half)
    assert len(join_decision(half, a_decision(), 7).lessons) == HEARD_LIMIT


def test_a_lesson_says_whose_task_it_was() -> None:
    (lesson,) = score(join_decision(Half(), a_decision(tenant="acme"), 0).half).lessons
    assert lesson.tenant == "acme"

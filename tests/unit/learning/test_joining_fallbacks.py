"""A score judges the answer: after a fallback its lesson belongs to the model that gave it."""

from streams.events.outcome import Result
from streams.learning.joining import Half, Step, join_decision, join_result, join_score
from tests.builders import AT, a_decision, a_result, a_score, an_attempt


def _fallen_back() -> Result:
    attempts = (an_attempt(model="small"), an_attempt(tier=3, model="medium", outcome="completed"))
    return a_result(tier=3, model="medium", attempts=attempts)


def _decided() -> Half:
    return join_decision(Half(), a_decision(tier=2, model="small"), offset=0).half


def test_after_a_fallback_the_lesson_is_about_the_model_that_answered() -> None:
    half = join_result(_decided(), _fallen_back()).half
    (lesson,) = join_score(half, a_score(score=0.4), 7, AT).lessons
    assert (lesson.tier, lesson.model, lesson.score) == (3, "medium", 0.4)


def test_what_no_draw_and_no_threshold_chose_says_so() -> None:
    half = join_result(_decided(), _fallen_back()).half
    (lesson,) = join_score(half, a_score(), 7, AT).lessons
    assert (lesson.explored, lesson.propensity, lesson.predicted_quality) == (True, 0.0, None)


def test_a_result_of_the_chosen_model_changes_nothing() -> None:
    half = _decided()
    attempts = (an_attempt(model="small", outcome="completed"),)
    joined = join_result(half, a_result(attempts=attempts))
    assert joined.step is Step.AS_DECIDED
    assert joined.half is half


def test_a_repeated_result_is_known() -> None:
    half = join_result(_decided(), _fallen_back()).half
    assert join_result(half, _fallen_back()).step is Step.REPEATED


def test_a_failed_result_answers_nothing() -> None:
    half = _decided()
    attempts = (an_attempt(), an_attempt(tier=3, model="medium"))
    assert join_result(half, a_result(status="failed", attempts=attempts)).half is half


def test_a_fallback_of_an_earlier_decision_does_not_touch_a_later_one() -> None:
    half = join_result(_decided(), _fallen_back()).half
    later = a_decision(decision_id="decision-2", decided_at=AT.replace(year=AT.year + 1))
    redecided = join_decision(half, later, offset=9).half
    (lesson,) = join_score(redecided, a_score(), 10, AT).lessons
    assert lesson.model == later.model

import pytest

from tests.builders import a_task
from tests.memory import Story, a_story


async def asked(*names: str) -> Story:
    story = a_story()
    for name in names:
        await story.ask(a_task(name, min_tier=1))
    return story


def taught(story: Story) -> int:
    lessons: int = story.driver.view.quality.lessons
    return lessons


async def test_a_score_becomes_a_lesson_and_a_later_decision_names_a_newer_model_state() -> None:
    story = await asked("t1")
    await story.judge("t1", 0.2)
    await story.ask(a_task("t2"))
    first, second = story.decisions()
    assert (first.model_state_version, second.model_state_version) == (0, 1)
    (lesson,) = story.lessons()
    assert (lesson.decision_id, lesson.score, lesson.model) == (
        first.decision_id,
        0.2,
        first.model,
    )
    assert (lesson.propensity, lesson.features) == (first.propensity, first.features)


async def test_bad_scores_lower_what_is_believed_of_a_model() -> None:
    story = a_story()
    for number in range(12):
        await story.ask(a_task(f"t{number}", model="tiny"))
        await story.judge(f"t{number}", 0.0)
    qualities = [decision.predicted_quality["tiny"] for decision in story.decisions()]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[-1] < qualities[0] - 0.2


async def test_feedback_sent_twice_teaches_once() -> None:
    story = await asked("t1")
    for _ in range(2):
        await story.judge("t1", 0.5, source="test", name="n")
    assert len(story.driver.records("scores")) == 2
    assert len(story.lessons()) == 1
    assert taught(story) == 1


async def test_feedback_of_several_sources_teaches_once_each() -> None:
    story = await asked("t1")
    for source in ("user", "test", "judge"):
        await story.judge("t1", 0.5, source=source)
    assert taught(story) == 3


async def test_a_correction_does_not_teach_again() -> None:
    story = await asked("t1")
    await story.judge("t1", 0.5)
    await story.judge("t1", 1.0)
    assert [lesson.score for lesson in story.lessons()] == [0.5]


async def test_feedback_before_its_task_waits_for_it() -> None:
    story = a_story()
    await story.judge("t1", 0.5)
    assert taught(story) == 0
    await story.ask(a_task("t1"))
    assert taught(story) == 1


async def test_feedback_for_a_task_never_seen_teaches_nothing_and_is_forgotten_in_time() -> None:
    story = a_story()
    await story.judge("nobody", 0.5)
    assert story.dead_letters() == []
    await story.wait(86_401)
    await story.ask(a_task("nobody"))
    assert taught(story) == 0


@pytest.mark.parametrize("score", [1.01, -0.01, "good", None])
async def test_a_score_out_of_range_is_buried(score: object) -> None:
    story = await asked("t1")
    await story.driver.publish("feedback", _body(score))
    assert [reason for reason, _ in story.dead_letters()] == ["schema_invalid"]
    assert (taught(story), len(story.driver.records("results"))) == (0, 1)


async def test_a_judged_tier_0_answer_is_counted() -> None:
    story = a_story()
    await story.ask(a_task("t1", prompt="What is 2^6?"))
    await story.judge("t1", 1.0)
    (lesson,) = story.lessons()
    assert (lesson.model, lesson.tier, taught(story)) == (None, 0, 1)


async def test_a_task_sent_again_is_not_learned_from_twice() -> None:
    story = await asked("t1", "t1")
    await story.judge("t1", 0.5)
    await story.ask(a_task("t1", min_tier=1))
    assert taught(story) == 1


def _body(score: object) -> bytes:
    said = {"good": b'"good"', None: b"null"}.get(score, str(score).encode())  # type: ignore[call-overload]
    return b'{"task_id": "t1", "score": %s}' % said

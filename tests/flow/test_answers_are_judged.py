"""Answers that nobody ever sees: what checks refuse, and what a cascade doesn't trust."""

from typing import Any

import numpy as np

from streams.agents.judgement import Verdict
from streams.events.outcome import CallState
from streams.events.task import Task
from streams.providers.port import Failed, Reply
from streams.routing.quality import logit
from streams.routing.snapshot import WIDTH, Weights, checksum, pack
from tests.builders import a_model_state, a_registry, a_reply, a_task
from tests.memory import Story, a_story

LEARNED = {"shared": 0.5, "tiny": 0.7, "small": 0.8, "medium": 0.95, "large": 0.97}


def wants_yes(task: Task, reply: Reply) -> Verdict:
    """The answer must be yes."""
    del task
    text = reply.text.strip().lower()
    return Verdict(text, None if text == "yes" else f"not yes: {text}", telling=True)


async def learned(**how: Any) -> Story:
    """A story in which each model was judged five hundred times: nothing is explored."""
    story = a_story(**how)
    for part, quality in LEARNED.items():
        weights = pack(Weights(logit(quality), np.zeros(WIDTH)))
        told = {"weights": weights, "checksum": checksum(weights)}
        state = a_model_state(part, lessons=2000, part_lessons=500, **told)
        await story.driver.publish("model-state", state, key=part)
    return story


def tried(story: Story) -> list[tuple[str | None, str]]:
    (result,) = story.results()
    return [(attempt.model, attempt.outcome) for attempt in result.attempts]


def says(**answers: Reply | Failed) -> dict[str, list[Reply | Failed]]:
    return {model: [answer] for model, answer in answers.items()}


async def test_an_answer_that_fails_its_check_goes_one_tier_up_and_teaches() -> None:
    script = says(small=a_reply("no"), medium=a_reply(" Yes ", model="medium"))
    story = await learned(script=script, check=wants_yes)
    await story.ask(a_task(min_quality=0.75, min_tier=2))
    (result,) = story.results()
    assert tried(story) == [("small", "check_failed"), ("medium", "completed")]
    assert (result.output, result.tier) == ("yes", 3)
    scores = story.driver.events("scores")
    assert [(s.source, s.tier, s.model, s.score) for s in scores] == [
        ("validator", 2, "small", 0.0),
        ("validator", 3, "medium", 1.0),
    ]
    lessons = {lesson.model: lesson for lesson in story.lessons()}
    assert {model: lesson.score for model, lesson in lessons.items()} == {"small": 0, "medium": 1}
    assert lessons["small"].propensity > 0
    assert lessons["medium"].propensity == 0  # no draw chose it


async def test_a_failed_check_is_paid_for_and_not_in_doubt() -> None:
    story = await learned(script=says(small=a_reply("no")), check=wants_yes)
    await story.ask(a_task(min_quality=0.75, min_tier=2, model="small"))
    (result,) = story.results()
    assert (result.status, tried(story)) == ("failed", [("small", "check_failed")])
    assert result.attempts[0].detail == "not yes: no"
    (cost,) = story.driver.events("costs")
    assert (cost.standing, cost.cost_usd, result.cost_usd) == (
        "confirmed",
        cost.cost_usd,
        cost.cost_usd,
    )
    assert cost.cost_usd > 0
    assert [call.state for call in story.driver.events("calls")][-1] is CallState.FAILED


async def test_a_tool_call_is_not_checked_as_text() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    script = says(small=a_reply("", tool_calls=(call,)))
    story = await learned(script=script, check=wants_yes)
    await story.ask(a_task(min_quality=0.75, min_tier=2))
    assert tried(story) == [("small", "completed")]
    assert story.driver.events("scores") == []


async def test_scores_of_checks_are_told_again_after_a_restart_under_the_same_ids() -> None:
    story = await learned(script=says(small=a_reply("no")), check=wants_yes)
    await story.ask(a_task(min_quality=0.75, min_tier=2))
    story.driver.restart()
    await story.ask(a_task(min_quality=0.75, min_tier=2))
    told = [record.header("ce_id") for record in story.driver.records("scores")]
    assert len(told) == 2 * len(set(told))
    assert len(story.lessons()) == len(set(told))


# -- cascades ---------------------------------------------------------------------------------

SURE, UNSURE = (-0.01, -0.02), (-1.5, -0.2)


def able(*models: str) -> dict[str, Any]:
    """A registry in which these models' providers tell the probabilities of tokens."""
    known = a_registry().models
    can = ("logprobs",)
    return {
        "registry": a_registry(
            *(m.model_copy(update={"capabilities": can}) if m.name in models else m for m in known)
        )
    }


async def test_a_cascade_keeps_the_cheap_answer_that_is_sure() -> None:
    story = await learned(script=says(tiny=a_reply("blue", token_logprobs=SURE)), **able("tiny"))
    await story.ask(a_task(min_quality=0.9, cascade=True))
    (decision,), (result,) = story.decisions(), story.results()
    assert (decision.model, decision.asked_first) == ("medium", "tiny")
    assert (tried(story), result.model, result.tier) == ([("tiny", "completed")], "tiny", 1)
    assert story.provider.asked[0].logprobs


async def test_a_cascade_goes_on_to_the_model_that_was_decided_for() -> None:
    script = says(tiny=a_reply("blue", token_logprobs=UNSURE), medium=a_reply("grey"))
    story = await learned(script=script, **able("tiny"))
    await story.ask(a_task(min_quality=0.9, cascade=True))
    (result,) = story.results()
    assert (tried(story), result.output) == (
        [("tiny", "unsure"), ("medium", "completed")],
        "grey",
    )
    assert len(story.driver.events("costs")) == 2
    assert result.cost_usd == sum(c.cost_usd for c in story.driver.events("costs"))


async def test_the_lesson_of_a_kept_cheap_answer_belongs_to_the_cheap_model() -> None:
    story = await learned(script=says(tiny=a_reply("blue", token_logprobs=SURE)), **able("tiny"))
    await story.ask(a_task(min_quality=0.9, cascade=True))
    await story.judge("t1", 0.3)
    (lesson,) = story.lessons()
    assert (lesson.model, lesson.tier, lesson.propensity) == ("tiny", 1, 0.0)


async def test_without_a_sign_of_trust_nothing_cheap_is_asked() -> None:
    story = await learned()
    await story.ask(a_task(min_quality=0.9, cascade=True))
    assert story.decisions()[0].asked_first is None
    assert story.provider.models == ["medium"]


async def test_a_tier_that_cascades_does_so_unless_the_task_says_no() -> None:
    how = {**able("tiny"), "cascade_tiers": frozenset({3})}
    story = await learned(**how)
    await story.ask(a_task("t1", min_quality=0.9))
    await story.ask(a_task("t2", min_quality=0.9, cascade=False))
    await story.ask(a_task("t3", min_quality=0.9, critical=True))
    assert [d.asked_first for d in story.decisions()] == ["tiny", None, None]


async def test_a_check_that_tells_right_from_wrong_stands_in_for_probabilities() -> None:
    script = says(small=a_reply("yes"))
    story = await learned(script=script, check=wants_yes, telling=lambda _: True)
    await story.ask(a_task(min_quality=0.9, cascade=True))
    assert tried(story) == [("small", "completed")]  # a tenth of medium's price, and mostly right


async def test_a_cascades_decision_sent_again_goes_the_same_way() -> None:
    script = says(tiny=a_reply("blue", token_logprobs=UNSURE))
    story = await learned(script=script, **able("tiny"))
    await story.ask(a_task(min_quality=0.9, cascade=True))
    asked = len(story.provider.asked)
    story.driver.restart()
    await story.ask(a_task(min_quality=0.9, cascade=True))
    assert len(story.provider.asked) == asked
    assert len({r.header("ce_id") for r in story.driver.records("results")}) == 1


async def test_a_task_whose_schema_nothing_can_fit_is_refused_before_a_call() -> None:
    story = await learned()
    await story.ask(a_task(response_schema={"type": "no such type"}))
    (result,) = story.results()
    assert result.error is not None
    assert (result.error.reason, story.provider.asked) == ("invalid_task", [])

"""What a task asks for is obeyed: at the decision, in the queue, between attempts, on fallback."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pytest

from streams import ids
from streams.calling.attempts import Failure
from streams.events.decision import Strategy
from streams.events.envelope import JsonObject
from streams.events.outcome import Result
from streams.kafka import codec
from streams.kafka.publish import Outgoing
from streams.routing.quality import logit
from streams.routing.snapshot import WIDTH, Weights, checksum, pack
from streams.topology import TASKS
from tests.builders import AT, a_failure, a_model, a_model_state, a_registry, a_task
from tests.memory import MAX_TASK_BYTES, Story, a_story

LADDER = ("tiny", "small", "medium", "large")
LEARNED = {"tiny": 0.5, "small": 0.8, "medium": 0.95, "large": 0.97}
REPLIES = "shop.answers"
TWINS = (a_model("small", 2), a_model("medium", 3))
"""Two models of one price: a task of `a_task` is expected to cost 0.001 dollars on either."""


async def learned(qualities: Mapping[str, float] = LEARNED, **how: Any) -> Story:
    """A story in which each model was judged five hundred times.

    With a low `min_quality` a task then begins at the lowest tier that may take it.
    """
    story = a_story(**how)
    for part, quality in {"shared": 0.5, **qualities}.items():
        weights = pack(Weights(logit(quality), np.zeros(WIDTH)))
        told = {"weights": weights, "checksum": checksum(weights)}
        state = a_model_state(part, lessons=2000, part_lessons=500, **told)
        await story.driver.publish("model-state", state, key=part)
    return story


def only(story: Story) -> Result:
    (result,) = story.results()
    return result


def reason_of(result: Result) -> str:
    assert result.status == "failed"
    assert result.error is not None
    return result.error.reason


def copies(story: Story, topic: str = REPLIES) -> list[Outgoing]:
    return story.driver.logs.foreign.get(topic, [])


# -- no_model ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "named"),
    [
        ({"max_cost_usd": Decimal("0.000001")}, "max_cost_usd"),
        ({"capabilities": ("vision",)}, "capabilities"),
        ({"model": "unheard-of"}, "unheard-of"),
        ({"model": "small", "min_tier": 3}, "min_tier"),
        ({"max_tier": 0}, "max_tier"),
    ],
)
async def test_what_no_model_meets_fails_with_no_model_and_no_call(
    asks: dict[str, Any], named: str
) -> None:
    story = a_story()
    await story.ask(a_task(**asks))
    result = only(story)
    assert (reason_of(result), story.provider.asked) == ("no_model", [])
    assert result.error is not None
    assert named in result.error.detail


async def test_only_a_model_that_can_do_it_is_called_even_on_fallback() -> None:
    able = (
        a_model(name, tier, capabilities=("vision",))
        for tier, name in ((2, "small"), (3, "medium"))
    )
    registry = a_registry(a_model("tiny", 1), *able, a_model("large", 4))
    story = await learned(
        registry=registry, script={name: [a_failure(Failure.REFUSED)] for name in LADDER}
    )
    await story.ask(a_task(min_quality=0.4, capabilities=("vision",)))
    assert reason_of(only(story)) == "exhausted"
    assert story.provider.models == ["small", "medium"]


# -- max_cost_usd -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "may_cost", "called"),
    [
        (Failure.TIMED_OUT, "0.0015", ["small"]),  # it may have been billed: nothing is left
        (Failure.TIMED_OUT, "0.0025", ["small", "medium"]),
        (Failure.REFUSED, "0.0015", ["small", "medium"]),  # it was not billed
    ],
)
async def test_what_failed_attempts_cost_counts_against_max_cost_usd(
    failure: Failure, may_cost: str, called: list[str]
) -> None:
    story = await learned(registry=a_registry(*TWINS), script={"small": [a_failure(failure)]})
    await story.ask(a_task(min_quality=0.4, max_cost_usd=Decimal(may_cost)))
    assert story.provider.models == called
    result = only(story)
    assert result.status == ("completed" if len(called) == 2 else "failed")
    if result.error is not None:
        assert result.error.reason == "exhausted"
        assert "max_cost_usd" in result.error.detail


# -- deadline_at ------------------------------------------------------------------------------


async def test_a_deadline_that_has_passed_when_the_task_is_decided_fails_it() -> None:
    story = a_story()
    await story.ask(a_task(deadline_at=AT))
    assert (reason_of(only(story)), story.provider.asked) == ("deadline", [])


async def test_a_deadline_that_passes_in_the_tiers_queue_fails_the_task_without_a_call() -> None:
    story = a_story(script={"small": [a_failure(Failure.REFUSED, latency_s=20)]})
    tasks = (
        a_task("first", model="small"),
        a_task("second", model="small", deadline_at=AT + timedelta(seconds=10)),
    )
    for task in tasks:  # both are in the queue before the tier looks at one of them
        body = codec.encode(task)
        story.driver.logs.append(TASKS, Outgoing(TASKS.full_name("tierflow."), None, body))
    await story.driver.run()
    by_task = {result.task_id: result for result in story.results()}
    assert [reason_of(by_task[name]) for name in ("first", "second")] == ["exhausted", "deadline"]
    assert story.provider.models == ["small"]


async def test_a_deadline_that_passes_between_attempts_ends_them() -> None:
    story = await learned(script={"small": [a_failure(Failure.TIMED_OUT, latency_s=5)]})
    deadline = AT + timedelta(seconds=5)
    await story.ask(a_task(min_tier=2, min_quality=0.4, deadline_at=deadline))
    result = only(story)
    assert (reason_of(result), story.provider.models) == ("deadline", ["small"])
    assert [attempt.outcome for attempt in result.attempts] == ["timed_out"]
    assert story.provider.timeouts_s == [5.0]


# -- min_quality ------------------------------------------------------------------------------


@pytest.mark.parametrize(("wants", "tier"), [(0.4, 1), (0.7, 2), (0.9, 3)])
async def test_min_quality_takes_the_place_of_the_threshold(wants: float, tier: int) -> None:
    story = await learned()
    await story.ask(a_task(min_quality=wants))
    (decision,) = story.decisions()
    assert (decision.tier, decision.threshold) == (tier, wants)


async def test_min_quality_explores_nothing_that_is_believed_to_fall_short() -> None:
    story = await learned()
    await story.ask(a_task(min_quality=0.9))
    await story.ask(a_task("t2"))
    bounded, free = story.decisions()
    assert {name for name, share in bounded.probabilities.items() if share} == {"medium", "large"}
    assert set(free.probabilities) == set(LADDER)


# -- min_tier, max_tier, model, critical -------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "called"),
    [
        ({"min_tier": 3}, ["medium", "large"]),
        ({"max_tier": 2, "min_tier": 1}, ["tiny", "small"]),
        ({"max_tier": 2, "min_tier": 2}, ["small"]),
        ({"model": "small"}, ["small"]),
        ({"model": "large"}, ["large"]),
    ],
)
async def test_tier_and_model_bounds_hold_for_the_whole_chain_of_fallbacks(
    asks: dict[str, Any], called: list[str]
) -> None:
    story = await learned(script={name: [a_failure(Failure.REFUSED)] for name in LADDER})
    await story.ask(a_task(min_quality=0.4, **asks))
    assert story.provider.models == called
    result = only(story)
    assert reason_of(result) == "exhausted"
    assert result.error is not None
    assert ("asked for and is not replaced" in result.error.detail) == ("model" in asks)


@pytest.mark.parametrize(
    "asks", [{"min_tier": 1}, {"model": "tiny"}, {"response_schema": {"type": "object"}}]
)
async def test_a_skill_leaves_a_task_to_the_model_that_it_asks_for(asks: dict[str, Any]) -> None:
    story = a_story()
    await story.ask(a_task(prompt="What is 2^6?", **asks))
    assert only(story).tier != 0
    assert len(story.provider.asked) == 1


async def test_a_critical_task_goes_one_tier_up_for_quality_alone_and_explores_nothing() -> None:
    story = await learned()
    await story.ask(a_task("plain", min_quality=0.7))
    await story.ask(a_task("critical", min_quality=0.7, critical=True))
    plain, critical = story.decisions()
    assert (plain.tier, critical.tier) == (2, 3)
    assert (plain.strategy, critical.strategy) == (Strategy.BALANCED, Strategy.QUALITY_FIRST)
    assert (critical.propensity, critical.bound_by) == (1.0, "critical")
    assert story.provider.models == ["small", "medium"]


async def test_a_critical_task_does_not_go_up_where_that_promises_less() -> None:
    story = await learned({"tiny": 0.9, "small": 0.6, "medium": 0.6, "large": 0.6})
    await story.ask(a_task(critical=True))
    assert story.decisions()[0].tier == 1


# -- reply_to ---------------------------------------------------------------------------------


async def test_a_result_is_copied_to_the_topic_that_the_task_names() -> None:
    story = a_story(reply_topics=[REPLIES])
    await story.ask(a_task(reply_to=REPLIES))
    await story.ask(a_task("t2"))
    (copy,), (original, _) = copies(story), story.driver.records("results")
    assert (copy.key, copy.value) == (original.key, original.value) == (b"t1", original.value)
    assert dict(copy.headers)["ce_id"] == (original.header("ce_id") or "").encode()
    assert tuple(copy.headers) == original.headers
    assert story.results()[0].status == "completed"


@pytest.mark.parametrize(
    ("asks", "reason"),
    [
        ({"prompt": "x", "model": "unheard-of"}, "no_model"),
        ({"prompt": "x", "deadline_at": AT.isoformat()}, "deadline"),
        ({}, "invalid_task"),
        ({"prompt": "x" * MAX_TASK_BYTES}, "too_large"),
    ],
)
async def test_a_failed_result_is_copied_too(asks: JsonObject, reason: str) -> None:
    story = a_story(reply_topics=[REPLIES])
    await story.ask({"task_id": "t1", "reply_to": REPLIES, "metadata": {"n": 1}, **asks})
    (copy,) = copies(story)
    result = codec.decode(Result, copy.value)
    assert isinstance(result, Result)
    assert (result, result.metadata) == (only(story), {"n": 1})
    assert reason_of(result) == reason


async def test_a_copy_comes_again_under_the_same_id_when_the_task_does() -> None:
    story = a_story(reply_topics=[REPLIES])
    for _ in range(2):
        await story.ask(a_task(reply_to=REPLIES, prompt="What is 2^6?"))
    one, two = copies(story)
    assert dict(one.headers)["ce_id"] == dict(two.headers)["ce_id"]


@pytest.mark.parametrize("topic", ["somebody.elses", "tierflow.tasks.v1", "shop.answers.", "x y"])
async def test_a_topic_that_is_not_allowed_fails_the_task_and_gets_nothing(topic: str) -> None:
    story = a_story(reply_topics=[REPLIES])
    await story.ask(a_task(reply_to=topic))
    assert (reason_of(only(story)), story.provider.asked) == ("reply_to_denied", [])
    assert story.driver.logs.foreign == {}
    await story.ask({"task_id": "t2", "reply_to": topic})
    assert reason_of(story.results()[1]) == "invalid_task"
    assert story.driver.logs.foreign == {}


# -- metadata ---------------------------------------------------------------------------------


@pytest.mark.parametrize("asks", [{}, {"model": "unheard-of"}, {"reply_to": "not.allowed"}])
async def test_metadata_is_echoed_whatever_becomes_of_the_task(asks: dict[str, Any]) -> None:
    story = a_story()
    metadata = {"ticket": 7, "nested": {"of": ["üñí", None]}}
    await story.ask(a_task(metadata=metadata, **asks))
    assert only(story).metadata == metadata


async def test_metadata_is_measured_in_bytes_as_json() -> None:
    story = a_story(max_task_bytes=10_000)
    room = 4096 - len(b'{"a":""}')
    for task_id, text in (("fits", "x" * room), ("ascii", "x" * (room + 1)), ("wide", "ü" * 2100)):
        await story.ask({"task_id": task_id, "prompt": "x", "metadata": {"a": text}})
    status = {result.task_id: result.status for result in story.results()}
    assert status == {"fits": "completed", "ascii": "failed", "wide": "failed"}


# -- the same id, and too much ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "calls"),
    [({"model": "small"}, 1), ({"model": "unheard-of"}, 0), ({"prompt": "What is 2^6?"}, 0)],
)
async def test_the_same_task_again_gives_the_same_event_and_no_call(
    asks: dict[str, Any], calls: int
) -> None:
    story = a_story()
    for _ in range(2):
        await story.ask(a_task(**asks))
        story.clock.move(5)
    one, two = story.driver.records("results")
    assert one.header("ce_id") == two.header("ce_id")
    assert len(story.provider.asked) == calls


async def test_another_task_under_a_known_id_is_refused_and_calls_nobody() -> None:
    story = a_story()
    await story.ask(a_task(model="small"))
    await story.ask(a_task(model="large"))
    assert [result.status for result in story.results()] == ["completed", "failed"]
    assert (reason_of(story.results()[1]), story.provider.models) == ("task_id_reused", ["small"])


async def test_a_task_over_the_limit_leaves_its_place_and_digest_in_the_dead_letters() -> None:
    story = a_story()
    body = orjson.dumps({"task_id": "t1", "prompt": "x" * MAX_TASK_BYTES})
    await story.ask(body)
    ((reason, value),) = story.dead_letters()
    assert (reason, reason_of(only(story))) == ("too_large", "too_large")
    place = {"topic": "tierflow.tasks.v1", "partition": 0, "offset": 0}
    assert orjson.loads(value or b"") == {**place, "bytes": len(body), "sha256": ids.digest(body)}

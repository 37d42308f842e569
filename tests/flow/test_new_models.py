"""Models that are registered while tasks flow: a good one is adopted, a bad one is not."""

from collections import Counter
from decimal import Decimal
from itertools import count

import orjson

from streams import ids
from streams.events.decision import Decision
from streams.events.outcome import Result
from streams.kafka import codec
from streams.routing.choice import EXPLORE
from streams.routing.trial import COLD_TASKS, EXPLORE_USD_SHARE, LEAST_LESSONS
from tests.builders import a_change, a_model, a_registry
from tests.memory import Story, a_story

OLD = a_model("old", 2)
LARGE = a_model("large", 4, input_usd_per_mtok=Decimal(10), output_usd_per_mtok=Decimal(50))
GOOD = a_model(
    "good", 2, cold=True, input_usd_per_mtok=Decimal("0.1"), output_usd_per_mtok=Decimal("0.5")
)
BAD = GOOD.model_copy(update={"name": "bad", "tier": 1})
RIGHT = {"old": 0.85, "large": 0.9, "good": 0.95, "bad": 0.2}
"""How often each model does a task well."""

BATCH = 20


async def judged(story: Story, tasks: int, numbers: "count[int]") -> list[Decision]:
    """Let so many tasks be asked, answered and judged; how they were decided."""
    known = len(story.driver.records("decisions"))
    for _ in range(tasks // BATCH):
        asked = [
            (f"t{n}", f"Explain in one sentence what number {n} means to you.")
            for n in (next(numbers) for _ in range(BATCH))
        ]
        for name, prompt in asked:
            story.driver.append("tasks", orjson.dumps({"task_id": name, "prompt": prompt}))
        await story.driver.run()
        for record in story.driver.records("results")[-BATCH:]:
            result = codec.decode(Result, record.value)
            assert isinstance(result, Result)
            assert result.model is not None
            well = ids.draw("judge", result.task_id, "well") < RIGHT[result.model]
            body = {"task_id": result.task_id, "score": float(well)}
            story.driver.append("feedback", orjson.dumps(body))
        await story.driver.run()
    fresh = (codec.decode(Decision, r.value) for r in story.driver.records("decisions")[known:])
    return [decision for decision in fresh if isinstance(decision, Decision)]


def models(decisions: list[Decision]) -> Counter[str | None]:
    return Counter(decision.model for decision in decisions)


async def test_a_good_new_model_is_adopted_and_a_bad_one_is_not() -> None:
    story, numbers = a_story(registry=a_registry(OLD, LARGE)), count()
    await judged(story, 100, numbers)
    for spec in (GOOD, BAD):
        await story.driver.publish("models", a_change(spec.name, spec=spec), key=spec.name)
    assert {spec.name for spec in story.driver.view.registry.models if spec.cold} == {"good", "bad"}
    tried: list[Decision] = []
    while story.driver.view.registry.by_name["good"].cold:
        tried += await judged(story, BATCH, numbers)
        assert len(tried) < 3000, "it was not adopted"
    part = story.driver.view.quality.parts["good"]
    assert LEAST_LESSONS <= part.part_lessons <= 2 * LEAST_LESSONS
    found = models(tried)
    assert found["good"] + found["bad"] <= 2 * COLD_TASKS * len(tried)
    assert all(decision.explored for decision in tried if decision.cold)
    after = models(await judged(story, 100, numbers))
    assert after["good"] > 0.5 * 100
    assert story.driver.view.registry.by_name["bad"].cold
    assert after["bad"] <= 2 * (COLD_TASKS + EXPLORE) * 100
    spent = sum(
        d.probabilities.get("bad", 0) * float(BAD.expected_cost_usd(50) or 0) for d in tried
    )
    usual = sum(float(OLD.expected_cost_usd(50) or 0) for _ in tried)
    assert spent <= EXPLORE_USD_SHARE * usual


async def test_a_disabled_model_gets_no_task_and_an_enabled_one_gets_them_again() -> None:
    story, numbers = a_story(registry=a_registry(OLD, LARGE)), count()
    await story.driver.publish("models", a_change("old", "disabled"), key="old")
    assert models(await judged(story, 20, numbers)) == {"large": 20}
    await story.driver.publish("models", a_change("old"), key="old")
    assert models(await judged(story, 40, numbers))["old"] > 0


async def test_an_assignment_to_a_model_that_is_gone_is_done_by_another() -> None:
    story = a_story(registry=a_registry(OLD, LARGE))
    story.driver.append("tasks", orjson.dumps({"task_id": "t", "prompt": "Why?", "max_tier": 4}))
    for name in ("admit", "classify"):
        running = story.driver.stages[name]
        await running.work(running.take())
    (decision,) = story.decisions()
    assert decision.model is not None
    await story.driver.publish("models", a_change(decision.model, "disabled"), key=decision.model)
    (result,) = story.results()
    assert result.status == "completed"
    assert result.model != decision.model

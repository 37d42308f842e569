"""A file of tasks through the topology in memory: figures, learning, repeatability."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal

import orjson
import pytest

from streams.rig.cluster import registry_of, settings_text
from streams.rig.forecast import render
from streams.rig.recorded import Recorded, published_id
from streams.rig.rehearsal import Foreseen, foresee, rehearse
from streams.rig.simulation import SimulationStalledError
from streams.routing.registry import register
from streams.settings import Settings
from tests.builders import AT, a_model
from tests.deployment import recorded_rows

ROWS = [Recorded.model_validate(row) for row in recorded_rows(48)]
SETTINGS = Settings.model_validate(tomllib.loads(settings_text(registry_of(ROWS, None))))


def foreseen(*tasks: Mapping[str, object], **models: Decimal | None) -> Foreseen:
    """Plain tasks with models of these prices a million tokens, cheapest tier first."""
    specs = [
        a_model(name, tier, input_usd_per_mtok=price, output_usd_per_mtok=price)
        for tier, (name, price) in enumerate(models.items(), start=1)
    ]
    bodies = [(f"t{n}", orjson.dumps({"task_id": f"t{n}", **task})) for n, task in enumerate(tasks)]
    return foresee(bodies, register(specs), SETTINGS, begin=AT)


def test_every_recorded_task_gets_its_result_and_a_repeat_is_equal() -> None:
    registry = registry_of(ROWS, None)
    first = rehearse(ROWS, registry, speed=10.0, judged=True)
    again = rehearse(ROWS, registry, speed=10.0, judged=True)
    assert first.summary.completed == first.summary.tasks == len(ROWS)
    assert first.summary == again.summary
    assert first.decisions == again.decisions
    assert set(first.decisions) == {published_id(row) for row in ROWS}


def test_feedback_teaches_and_scripted_faults_are_survived() -> None:
    registry = registry_of(ROWS, None)
    judged = rehearse(ROWS, registry, speed=10.0, judged=True)
    silent = rehearse(ROWS, registry, speed=10.0, judged=False)
    assert judged.decisions != silent.decisions
    assert judged.summary.fallback.tasks > 0
    assert judged.summary.fallback.completed == judged.summary.fallback.tasks
    assert silent.summary.fallback.tasks == silent.summary.policy_changes == 0


def test_decisions_without_feedback_do_not_depend_on_the_pace() -> None:
    registry = registry_of(ROWS, None)
    slow = rehearse(ROWS, registry, speed=1.0, judged=False)
    quick = rehearse(ROWS, registry, speed=50.0, judged=False)
    assert slow.decisions == quick.decisions


def test_progress_is_told_to_the_end() -> None:
    told = list[int]()
    rehearse(ROWS, registry_of(ROWS, None), speed=1.0, judged=False, show=told.append)
    assert told[-1] == len(ROWS)
    assert told == sorted(told)


def test_plain_tasks_cost_what_the_price_list_expects() -> None:
    asked = {"prompt": "Design the architecture of a bank. " * 40}
    found = foreseen(asked, tiny=Decimal(1), small=Decimal(2), medium=Decimal(4), large=Decimal(8))
    (decided,) = found.decisions.values()
    price = {"tiny": 1, "small": 2, "medium": 4, "large": 8}[decided[1] or ""]
    expected = Decimal(price * (len(asked["prompt"]) // 4 + 200)) / 1_000_000
    assert found.forecast.cost_usd == expected
    assert found.forecast.singles[decided[1] or ""].cost_usd == expected
    assert found.forecast.models[decided[1] or ""].tasks == 1
    assert found.forecast.quality is None


def test_a_skill_costs_nothing_and_is_counted_in_tier_0() -> None:
    found = foreseen({"prompt": "What is 2 + 3?"}, tiny=Decimal(1)).forecast
    assert (found.tier_mix["0"], found.cost_usd, found.low_tier_share) == (1, Decimal(0), 1.0)


def test_a_task_that_no_model_may_take_is_counted_by_its_reason() -> None:
    found = foreseen(
        {"prompt": "Why is the sky blue?", "max_cost_usd": "0"},
        {"prompt": "Why is the sky blue?", "deadline_at": "2020-01-01T00:00:00Z"},
        tiny=Decimal(1),
    ).forecast
    assert (found.completed, found.failed) == (0, 2)
    assert found.failures == {"deadline": 1, "no_model": 1}
    assert "1 tasks would fail: no_model." in render(found)


def test_a_model_without_a_price_makes_the_sum_incomplete_and_says_so() -> None:
    found = foreseen({"prompt": "Why is the sky blue?"}, tiny=None).forecast
    assert (found.unpriced, found.cost_usd, found.models["tiny"].cost_usd) == (1, Decimal(0), None)
    assert "set input_usd_per_mtok" in render(found)


def test_a_task_that_is_none_ends_the_simulation_with_words() -> None:
    specs = register([a_model("tiny", 1)])
    with pytest.raises(SimulationStalledError, match="0 of 1 tasks have a result"):
        foresee([("t1", b'{"prompt": "no id"}')], specs, SETTINGS, begin=AT)

"""How simulated time passes: calls overlap up to a tier's slots, and little is kept in memory."""

import orjson
import pytest

from streams.calling.attempts import RETRIES
from streams.learning.gains import Gains
from streams.rig.offline import ExpectedProvider
from streams.rig.simulation import Simulation, World
from streams.routing.decide import View
from streams.routing.registry import register
from streams.topology import TIERS
from tests.builders import AT, a_model, a_policy

CALL_S = 10.0
SLOTS = 64


def a_simulation(tasks: int, tasks_per_s: float, longest_call_s: float = 30.0) -> Simulation:
    """One model, whose calls take ten seconds."""
    registry = register([a_model("small", 2, latency_s=CALL_S)])
    world = World(
        view=View(registry, a_policy(0)),
        providers=lambda clock: {"scripted": ExpectedProvider(registry, clock)},
        salt="s",
        gains=Gains(),
        bucket_s=4.0,
        longest_call_s=longest_call_s,
        max_task_bytes=1 << 19,
        tasks_per_s=tasks_per_s,
        begin=AT,
    )
    bodies = (
        (f"t{n}", {"task_id": f"t{n}", "prompt": f"Tell me about day {n}."}) for n in range(tasks)
    )
    return Simulation(world, [(name, orjson.dumps(body)) for name, body in bodies])


def test_calls_overlap() -> None:
    found = a_simulation(tasks=40, tasks_per_s=10).run()
    assert found.took_s == pytest.approx(39 / 10 + CALL_S)
    assert {result.latency_s for result in found.results.values()} == {CALL_S}
    assert {result.waiting_s for result in found.results.values()} == {0.0}


def test_a_tier_works_on_no_more_tasks_at_once_than_in_a_worker() -> None:
    found = a_simulation(tasks=SLOTS + 1, tasks_per_s=1000).run()
    waits = sorted(result.waiting_s or 0.0 for result in found.results.values())
    assert waits[SLOTS - 1] == 0.0
    assert waits[SLOTS] == pytest.approx(CALL_S, abs=0.1)


def test_a_call_that_takes_too_long_times_out_and_the_task_fails() -> None:
    (result,) = a_simulation(tasks=1, tasks_per_s=1, longest_call_s=5.0).run().results.values()
    assert (result.status, result.attempts[0].outcome) == ("failed", "timed_out")
    assert {attempt.latency_s for attempt in result.attempts} == {5.0}
    assert len(result.attempts) == 1 + RETRIES


def test_what_all_have_read_is_let_go() -> None:
    simulation = a_simulation(tasks=200, tasks_per_s=100)
    simulation.run()
    logs = simulation._driver.logs
    assert logs.end("tasks") == logs.end("results") == 200
    held = {name: len(records) for name, records in logs.records.items()}
    assert held["tasks"] == held[TIERS[2].name] == held["decisions"] == 0
    assert held["results"] < 200

"""A file of tasks through the topology in memory: as the demo plays it, or as a price list expects.

Both settings of `simulate`: recorded rows are judged and summed up as in the demo; of plain tasks
nothing is known but where they would go and what that should cost.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from streams.clock import SystemClock
from streams.events.outcome import Result
from streams.events.task import Task
from streams.providers.port import Provider
from streams.rig.cluster import FAULTS, PROVIDER, SALT, settings_text
from streams.rig.demo import Played
from streams.rig.forecast import Forecast, forecast
from streams.rig.offline import ExpectedProvider, OfflineProvider
from streams.rig.play import TASKS_PER_S, feedback_on
from streams.rig.recorded import Recorded, by_prompt, published_id
from streams.rig.simulation import BEGIN, Simulated, Simulation, World
from streams.rig.summary import Done, done_of, summarise
from streams.rig.timeline import Timeline
from streams.routing.decide import View
from streams.routing.registry import Registry
from streams.settings import Settings
from streams.skills import load as load_skills
from streams.telemetry import Counters

Show = Callable[[int], None]
Decided = dict[str, tuple[int | None, str | None]]


@dataclass(frozen=True)
class Foreseen:
    """What plain tasks would come to: the figures, and tier and model by task id."""

    forecast: Forecast
    decisions: Decided


def rehearse(
    rows: Sequence[Recorded],
    registry: Registry,
    *,
    speed: float,
    judged: bool,
    show: Show = lambda _: None,
) -> Played:
    """Play recorded rows as the demo does, with its settings, script and users.

    Args:
        rows: The recorded file's.
        registry: The models that are routed to.
        speed: Pace of arrivals, and what latencies are divided by.
        judged: Whether feedback is given and first calls fail by script.
        show: Told how many tasks are done.
    """
    settings = Settings.model_validate(tomllib.loads(settings_text(registry)))
    share, known = FAULTS if judged else 0.0, by_prompt(rows)
    by_id = {published_id(row): row for row in rows}

    def providers(clock: Timeline) -> Mapping[str, Provider]:
        return {PROVIDER: OfflineProvider(known, clock, speed=speed, scripted_share=share)}

    def judge(result: Result) -> bytes | None:
        return feedback_on(by_id[result.task_id], result)

    world = _world(settings, registry, providers, TASKS_PER_S * speed, BEGIN)
    bodies = [(name, orjson.dumps(row.body())) for name, row in by_id.items()]
    found = Simulation(world, bodies, judge if judged else None).run(show)
    tiers = {spec.name: spec.tier for spec in registry.models}
    summary = summarise(
        rows, tiers, _done(found), speed=speed, dead_letters=found.dead_letters,
        policy_changes=found.policy_changes,
    )  # fmt: skip
    return Played(summary, rows, _decided(found))


def foresee(
    bodies: Sequence[tuple[str, bytes]],
    registry: Registry,
    settings: Settings,
    *,
    begin: datetime,
    show: Show = lambda _: None,
) -> Foreseen:
    """See where plain tasks would go, as decided by a deployment that has learned nothing yet.

    Args:
        bodies: Task id and body of each.
        registry: The models.
        settings: Policy and limits in force, and the salt if one is set.
        begin: Now; deadlines are compared with it.
        show: Told how many tasks are done.
    """

    def providers(clock: Timeline) -> Mapping[str, Provider]:
        expected = ExpectedProvider(registry, clock)
        return {spec.provider: expected for spec in registry.models}

    world = _world(settings, registry, providers, TASKS_PER_S, begin)
    found = Simulation(world, bodies).run(show)
    figures = forecast(
        [Task.model_validate_json(body) for _, body in bodies],
        registry,
        found.results,
        _done(found),
        dead_letters=found.dead_letters,
        policy_changes=found.policy_changes,
    )
    return Foreseen(figures, _decided(found))


def _world(
    settings: Settings,
    registry: Registry,
    providers: Callable[[Timeline], Mapping[str, Provider]],
    tasks_per_s: float,
    begin: datetime,
) -> World:
    asked, routing = settings.policy, settings.routing
    salted = routing.salt is not None or routing.salt_file is not None
    return World(
        view=View(registry, asked.initial(begin)),
        providers=providers,
        salt=routing.read_salt() if salted else SALT,
        gains=asked.gains.gains(),
        bucket_s=asked.bucket_s,
        longest_call_s=settings.worker.longest_call_s,
        max_task_bytes=settings.limits.max_task_bytes,
        tasks_per_s=tasks_per_s,
        begin=begin,
        reply_topics=frozenset(settings.limits.reply_topics),
        answer=load_skills(settings.tier0.off, SystemClock(), Counters()),
    )


def _done(found: Simulated) -> list[Done]:
    """What became of the tasks; each result is read as a row of the books' question `tasks`."""
    decided = _decided(found)
    return [
        done_of(
            {**dict(result), "attempts": len(result.attempts)},
            decided.get(result.task_id, (None, None))[0],
        )
        for result in found.results.values()
    ]


def _decided(found: Simulated) -> Decided:
    return {name: (decision.tier, decision.model) for name, decision in found.decisions.items()}

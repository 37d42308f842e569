"""What a worker shows beside its counters: lag, what is in work, what is in force, what is learned."""

import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.agents.loop import Batches, Loop
from streams.calling.breaker import BreakerState
from streams.calling.lane import Standing as Passable
from streams.calling.traffic import Key
from streams.kafka.lag import Ends
from streams.kafka.tail import Tail
from streams.learning.standing import Standing
from streams.routing.decide import View
from streams.routing.quality import SHARED
from streams.telemetry import Counters, Values
from streams.topology import TOPICS

ALL = "all"
"""The label of what all models share."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a worker's gauges look at, at every scrape.

    Args:
        loops: By stage.
        settled: By role; see `RunConsumer.settled`.
        ends: Of the partitions in `settled`.
        prefix: Of every topic's name.
        tail: Of the control topics.
        unready: What readiness waits for.
        spans: By outcome, as `otel` counts them.
        standings: How every model stands now.
    """

    loops: Mapping[str, Loop]
    settled: Mapping[str, Callable[[], Mapping[Any, tuple[int, int | None]]]]
    ends: Ends
    prefix: str
    tail: Tail[View]
    unready: Callable[[], list[str]]
    spans: Mapping[str, int]
    standings: Callable[[], Mapping[Key, Passable]] = dict


def watch(counters: Counters, watched: Watched) -> None:
    """Register the gauges of a worker."""
    watch_process(counters, watched.unready)
    loops, view = watched.loops, watched.tail
    asked: dict[str, Callable[[], Values]] = {
        "tierflow.consumer.lag_records": lambda: _lag(watched),
        "tierflow.in_flight": lambda: {(n,): float(loop.in_work) for n, loop in loops.items()},
        "tierflow.held": lambda: _held(watched),
        "tierflow.lessons": lambda: {(): float(view.view.quality.lessons)},
        "tierflow.model_state.version": lambda: {(): float(view.view.quality.version)},
        "tierflow.policy.version": lambda: {(): float(view.view.policy.version)},
        "tierflow.threshold": lambda: {(t,): v for t, v in view.view.policy.thresholds.items()},
        "tierflow.control.refused": lambda: {(): float(view.refused)},
        "tierflow.spans": lambda: {(o,): float(n) for o, n in watched.spans.items()},
        "tierflow.learner.loss": lambda: _learned(watched, lambda s: s.log_loss),
        "tierflow.learner.brier": lambda: _learned(watched, lambda s: s.brier),
        "tierflow.learner.log_loss": lambda: _learned(watched, lambda s: s.log_loss_sum),
        "tierflow.learner.lessons": lambda: _learned(watched, lambda s: s.lessons),
    }
    for name, ask in (asked | _traffic(watched.standings)).items():
        counters.watch(name, ask)


def _traffic(
    standings: Callable[[], Mapping[Key, Passable]],
) -> dict[str, Callable[[], Values]]:
    """Breakers and limits, by model."""
    return {
        "tierflow.breaker.state": lambda: {
            (key.model, state.value): float(standing.state is state)
            for key, standing in standings().items()
            for state in BreakerState
        },
        "tierflow.limiter.held": lambda: {
            (key.model,): float(standing.held_s is not None)
            for key, standing in standings().items()
        },
        "tierflow.limiter.learned_per_second": lambda: {
            (key.model,): standing.learned_rate_s
            for key, standing in standings().items()
            if standing.learned_rate_s is not None
        },
    }


def watch_process(counters: Counters, unready: Callable[[], list[str]]) -> None:
    """Register what every long-running process shows."""
    version = importlib.metadata.version("tierflow")
    counters.watch("tierflow.build_info", lambda: {(version,): 1.0})
    counters.watch("tierflow.ready", lambda: {(): float(not unready())})


def by_topic(role: str, lag: Mapping[str, float], prefix: str) -> Values:
    """Lag under the labels of its metric: topics by their short names."""
    short = {topic.full_name(prefix): topic.name for topic in TOPICS}
    return {(role, short[name]): records for name, records in lag.items() if name in short}


def _held(watched: Watched) -> Values:
    return {(name,): float(len(loop.carrier.held)) for name, loop in watched.loops.items()}


def _lag(watched: Watched) -> Values:
    found: dict[tuple[str, ...], float] = {}
    for role, settled in watched.settled.items():
        found.update(by_topic(role, watched.ends.lag(settled()), watched.prefix))
    return found


def _learned(watched: Watched, tell: Callable[[Standing], float | None]) -> Values:
    standings: Iterable[tuple[str, Standing]] = (
        (name, standing)
        for loop in watched.loops.values()
        if isinstance(loop, Batches)
        for name, standing in loop.standing().items()
    )
    told = ((ALL if name == SHARED else name, tell(standing)) for name, standing in standings)
    return {(name,): value for name, value in told if value is not None}

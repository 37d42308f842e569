"""Which models can't be called now, and which are slow at first: what workers said last.

A worker speaks for its share of a tier's tasks. A model is hindered while workers that stand for
half of them say so: one worker whose own network is down must not take a model from the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from streams.events.availability import Availability
from streams.events.models import ModelSpec

QUORUM = 0.5
"""Share of a tier's tasks whose workers must agree that a model is hindered."""

LONG_S = 5.0
"""A hold that ends sooner is waited for, not steered around."""

FORGOTTEN_S = 86_400.0
"""What a worker said so long ago, with nothing of it still to come, is dropped."""

Place = tuple[str, str]


class Steering(NamedTuple):
    """What of all this moves a decision; it is written on it.

    Args:
        unavailable: Models that are hindered now, by name, in order.
        warming: Seconds that a cold start would add to a model's answer.
    """

    unavailable: tuple[str, ...] = ()
    warming: Mapping[str, float] = {}


UNSTEERED = Steering()


@dataclass(frozen=True)
class Availabilities:
    """The newest word of every worker on every model, by provider and model."""

    said: Mapping[Place, Mapping[str, Availability]] = field(default_factory=dict)

    def with_record(self, event: Availability) -> "Availabilities":
        """Take a worker's word; an older one than is known is left aside."""
        place = (event.provider, event.model)
        words = self.said.get(place, {})
        known = words.get(event.worker)
        if known is not None and known.at > event.at:
            return self
        kept = {name: word for name, word in words.items() if not _past(word, event.at)}
        return replace(self, said={**self.said, place: {**kept, event.worker: event}})

    def steering(self, models: Iterable[ModelSpec], now: datetime) -> Steering:
        """What is hindered and what is cold at this moment."""
        unavailable: list[str] = []
        if not self.said:
            return Steering((), {spec.name: s for spec in models if (s := spec.cold_start_s) > 0})
        warming = {}
        for spec in models:
            words = self.said.get((spec.provider, spec.name), {}).values()
            if sum(word.share for word in words if _hindered(word, now)) >= QUORUM:
                unavailable.append(spec.name)
            if spec.cold_start_s > 0 and not any(_warm(word, now) for word in words):
                warming[spec.name] = spec.cold_start_s
        return Steering(tuple(unavailable), warming)


def free(models: tuple[ModelSpec, ...], steering: Steering) -> tuple[ModelSpec, ...]:
    """Those that are not hindered; all where none is left: steering never refuses a task."""
    left = tuple(spec for spec in models if spec.name not in steering.unavailable)
    return left or models


def slowed(models: tuple[ModelSpec, ...], steering: Steering) -> tuple[ModelSpec, ...]:
    """With the latency that a cold start makes of theirs."""
    if not steering.warming:
        return models
    return tuple(
        spec.model_copy(update={"latency_s": spec.latency_s + steering.warming[spec.name]})
        if spec.name in steering.warming
        else spec
        for spec in models
    )


def _hindered(word: Availability, now: datetime) -> bool:
    shut = word.state == "open" and word.retry_at is not None and now < word.retry_at
    held = word.held_until is not None and word.held_until - now > timedelta(seconds=LONG_S)
    return shut or held


def _warm(word: Availability, now: datetime) -> bool:
    return word.warm_until is not None and now < word.warm_until


def _past(word: Availability, now: datetime) -> bool:
    moments = (word.at, word.retry_at, word.held_until, word.warm_until)
    newest = max(moment for moment in moments if moment is not None)
    return newest < now - timedelta(seconds=FORGOTTEN_S)

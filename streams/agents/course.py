"""Who is asked next: another model of the tier, the next tier, at last one that failed before."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from streams.calling.attempts import RETRIES, Failure
from streams.events.decision import Decision
from streams.events.outcome import Attempt
from streams.events.task import Task
from streams.routing.choice import fallback
from streams.routing.constraints import hindrances, spent
from streams.routing.registry import ModelSpec, Registry

_REFUSED = Failure.RATE_LIMITED.label

Step = tuple[int, str]
"""Tier and model."""


@dataclass(frozen=True)
class Course:
    """The way of one task through the models, seen from one tier.

    Args:
        number: The tier.
        registry: All models, as they are now.
        task: What is asked for.
        decision: What was decided for it.
        trail: Every attempt so far.
        again: Whether a model that failed may be asked once more before the task fails: a second
            bill is then better than no answer. One that refused with a 429 always may.
    """

    number: int
    registry: Registry
    task: Task
    decision: Decision | None
    trail: Sequence[Attempt]
    again: bool

    def following(self, *, up: bool = False) -> Step | None:
        """Who tries next: a cascade's first is followed by whom the decision names.

        Args:
            up: The answer was not good enough: the next tier is asked before the tier's others.
        """
        models = [spec for spec in self.registry.models if spec.name not in self.hindered]
        decision = self.decision
        if decision is not None and decision.asked_first is not None:
            meant = next((m for m in models if m.name == decision.model), None)
            if meant is not None and meant.name not in self._tried and meant.tier >= self.number:
                return meant.tier, meant.name
        step = fallback(self.number, self._tried, models, self._quality, up=up)
        return self._once_more(models) if step is None else step

    def above(self) -> Step | None:
        """Who could take the task in a higher tier."""
        step = self.following(up=True)
        return step if step is not None and step[0] > self.number else None

    def here(self, model: str) -> list[ModelSpec]:
        """Who may be asked in this tier: the one that is meant, then those that have not failed.

        Cold ones come last.
        """
        found = [
            spec
            for spec in self.registry.in_tier(self.number)
            if spec.name not in self.hindered
            and (spec.name == model or spec.name not in self._tried)
        ]
        return sorted(
            found,
            key=lambda s: (s.name != model, s.cold, -self._quality.get(s.name, -1.0), s.name),
        )

    @cached_property
    def hindered(self) -> dict[str, str]:
        """Who may not take the task now; earlier attempts have used up part of what it may cost."""
        return hindrances(self.task, self.registry, spent(self.task, self.registry, self.trail))

    def tries(self, model: str) -> int:
        """How often a model was asked and did not refuse with a 429."""
        return sum(a.model == model and a.outcome != _REFUSED for a in self.trail)

    def refusals(self, model: str) -> int:
        """How often a model was asked and refused with a 429."""
        return sum(a.model == model and a.outcome == _REFUSED for a in self.trail)

    def dead_end(self) -> str:
        """Why nobody is left to try, for people."""
        last = self.trail[-1].outcome if self.trail else "nobody could be asked now"
        if self.task.model is not None:
            named = self.task.model
            return f"model {named!r} was asked for and is not replaced; it failed: {last}"
        detail = f"every model that may take it failed; the last one: {last}"
        if "max_cost_usd" in self.hindered.values():
            detail += "; others are beyond max_cost_usd, of which failed attempts count too"
        return detail

    @property
    def _tried(self) -> set[str]:
        return {attempt.model for attempt in self.trail if attempt.model is not None}

    @property
    def _quality(self) -> dict[str, float]:
        return {} if self.decision is None else self.decision.predicted_quality

    def _once_more(self, models: Sequence[ModelSpec]) -> Step | None:
        """Of this tier's models that failed in a way that passes, the one that was asked least."""
        last = {attempt.model: attempt.outcome for attempt in self.trail}
        left = [
            spec
            for spec in models
            if spec.tier == self.number and self._is_worth_more(spec.name, last.get(spec.name))
        ]
        if not left:
            return None
        order = sorted(
            left,
            key=lambda s: (
                self.tries(s.name),
                self.refusals(s.name),
                -self._quality.get(s.name, -1.0),
                s.name,
            ),
        )
        return self.number, order[0].name

    def _is_worth_more(self, model: str, last: str | None) -> bool:
        """Whether a model that failed is asked once more; a 429 is never billed."""
        if last is None or self.tries(model) > RETRIES:
            return False
        if last == _REFUSED:
            return True
        failure = Failure.named(last)
        return self.again and failure is not None and failure.worth_another_try

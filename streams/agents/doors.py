"""Whom a task is let to: the model that is meant, another of its tier, or nobody here for now.

A model may be shut (its breaker is open), limited (its turn comes later) or free. Who waits leaves
its place at work to others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streams.agents.loop import Seat
from streams.calling.attempts import Failure
from streams.calling.lane import Terms
from streams.calling.limiter import Rates
from streams.calling.traffic import Ended, Go, Key, Shut, Ticket, Traffic, Wait
from streams.clock import Clock
from streams.events.outcome import Usage
from streams.providers.port import Failed, Reply
from streams.routing.registry import ModelSpec, Registry
from streams.telemetry import Counters

BREAKER = "breaker"
SOONEST_S, LATEST_S = 0.05, 1.0
"""Who finds every door shut looks again after so long."""


class Admitted(NamedTuple):
    """The model that may be called now, and the leave to do so; `cold_s` its start will take longer.

    Without a ticket it is called whatever is known of it.
    """

    spec: ModelSpec
    ticket: Ticket | None
    cold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Doors:
    """Lets tasks to models.

    Args:
        traffic: What this process knows of every model.
        seat: The task's place at work.
        clock: Time.
        longest_wait_s: So long a task waits for a limit where no other model may take it.
        longest_outage_s: So long it waits for open breakers there, and for a limit before a higher
            tier takes it.
        counters: Where waits, refusals and ways around are counted.
        steer: Whether breakers and limits are kept to at all.
    """

    traffic: Traffic
    seat: Seat
    clock: Clock
    longest_wait_s: float
    longest_outage_s: float
    counters: Counters
    steer: bool = True

    async def admitted(
        self,
        candidates: Callable[[], Sequence[ModelSpec]],
        tokens: float,
        left_s: float,
        *,
        above: bool,
        waited_s: float = 0.0,
    ) -> Admitted | None:
        """Wait until one of a tier's models may be called.

        Args:
            candidates: Those that may take the task now, the preferred first.
            tokens: What the call will use at most.
            left_s: Seconds until the task's deadline.
            above: Whether a higher tier could take it: then no open breaker is waited for.
            waited_s: How long the task has waited here before.

        Returns:
            The model, with its ticket; None where nobody here may be called in time.
        """
        began_s = self.clock.monotonic_s()
        while here := candidates():
            if not self.steer:
                return Admitted(here[0], None)
            shut: list[Shut] = []
            for spec in here:
                if shut and spec not in candidates():  # gone while the task waited at another door
                    continue
                entered = await self._enter(Key(spec.provider, spec.name), tokens)
                if isinstance(entered, Go):
                    self._count(spec, here[0], shut, began_s)
                    return Admitted(spec, entered.ticket, entered.cold_s)
                shut.append(entered)
            now_s = self.clock.monotonic_s()
            longest_s = self._patience_s(shut, above=above)
            if now_s - began_s >= min(longest_s - waited_s, left_s):
                return None
            soon_s = min(door.until_s for door in shut) - now_s
            await self.pause(min(max(soon_s, SOONEST_S), LATEST_S))
        return None

    def sent(self, ticket: Ticket | None) -> None:
        """The call goes now."""
        if ticket is not None:
            self.traffic.sent(ticket, self.clock.monotonic_s())

    def left(self, ticket: Ticket | None) -> None:
        """The call is not made, or nobody will know how it ended; harmless where it has ended."""
        if ticket is not None:
            self.traffic.leave(ticket, self.clock.monotonic_s())

    def settled(self, ticket: Ticket | None, said: Reply | Failed) -> None:
        """The call ended so."""
        if ticket is None:
            return
        failed = said if isinstance(said, Failed) else None
        ended = Ended(
            None if failed is None else failed.failure,
            used_tokens(said.usage),
            None if failed is None else failed.retry_after_s,
        )
        self.traffic.settled(ticket, ended, self.clock.monotonic_s())
        if failed is not None and failed.failure is Failure.RATE_LIMITED:
            labels = (str(ticket.lane.terms.tier), ticket.key.model)
            self.counters.add("tierflow.limiter.refusals", 1, *labels)

    def _count(
        self, spec: ModelSpec, meant: ModelSpec, shut: Sequence[Shut], began_s: float
    ) -> None:
        tier, waited_s = str(spec.tier), self.clock.monotonic_s() - began_s
        self.counters.observe("tierflow.limiter.wait_seconds", waited_s, tier, spec.name)
        if shut:
            self.counters.add("tierflow.rerouted", 1, tier, meant.name, shut[0].because)

    def _patience_s(self, shut: Sequence[Shut], *, above: bool) -> float:
        if any(door.because != BREAKER for door in shut):
            return self.longest_outage_s if above else self.longest_wait_s
        return 0.0 if above else self.longest_outage_s

    async def _enter(self, key: Key, tokens: float) -> Go | Shut:
        """Stand in the queue of one model, if it is short enough."""
        step = self.traffic.enter(key, tokens, self.clock.monotonic_s())
        while isinstance(step, Wait):
            ticket = step.ticket
            try:
                await self.pause(step.seconds)
            except BaseException:
                self.left(ticket)
                raise
            step = self.traffic.again(ticket, self.clock.monotonic_s())
        return step

    async def pause(self, seconds: float) -> None:
        """Let others work meanwhile."""
        async with self.seat.left():
            await self.clock.sleep(seconds)


class Following:
    """Keeps a process' traffic in step with the registry."""

    def __init__(self, traffic: Traffic, clock: Clock) -> None:
        self._traffic = traffic
        self._clock = clock
        self._known: Registry | None = None

    def take(self, registry: Registry) -> Traffic:
        """The traffic, as this registry has its models."""
        if registry is not self._known:
            self._known = registry
            self._traffic.known(terms_of(registry), self._clock.monotonic_s())
        return self._traffic


def terms_of(registry: Registry) -> dict[Key, Terms]:
    """What traffic is told of every model: limits of all workers together, and its cold start."""
    return {
        Key(spec.provider, spec.name): Terms(
            spec.tier,
            Rates(spec.requests_per_minute, spec.tokens_per_minute),
            spec.cold_start_s,
            spec.idle_s if spec.cold_start_s else None,
        )
        for spec in registry.models
    }


def used_tokens(usage: Usage) -> float | None:
    """Tokens that count against a limit; None where the provider did not say."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return float(usage.input_tokens + usage.output_tokens)

"""One model as one process sees it: its breaker, its limiter, its warmth, and what was told of them."""

import math
from typing import NamedTuple

from streams.calling.breaker import Breaker, BreakerState, Breaking
from streams.calling.limiter import Limiter, Rates
from streams.calling.warmth import Warmth

TOLD_HOLD_S = 1.0
"""Shorter holds are not told: they are over before anybody acts on them."""

WARMTH_STEP = 0.25
"""A model's warmth is told again when it lasts longer by this share of its `idle_s`."""

PROBED_S = 1.0
"""When to ask again for a model whose probes are all out."""


class Terms(NamedTuple):
    """What is known of a model: its tier, its limits for all workers together, its cold start."""

    tier: int = 0
    rates: Rates = Rates()
    cold_start_s: float = 0.0
    idle_s: float | None = None


class Standing(NamedTuple):
    """How a model stands, in seconds from the moment asked for; None: not so.

    Args:
        state: Of its breaker.
        because: Why the breaker stands so; empty before any change.
        retry_s: Until an open breaker lets a probe go.
        held_s: Until a hold ends that a 429 began.
        warm_s: How long it stays loaded if nobody calls; None: never called, or never unloaded.
        learned_rate_s: Calls a second that its provider was learned to take.
    """

    state: BreakerState
    because: str = ""
    retry_s: float | None = None
    held_s: float | None = None
    warm_s: float | None = None
    learned_rate_s: float | None = None


class Outlook(NamedTuple):
    """What a call that came now would meet.

    Args:
        shut_s: Seconds for which it may not even wait; 0: it may.
        wait_s: Seconds that it would wait.
        cold_s: Seconds that a cold start would add to its answer.
        waiting: How many wait already.
    """

    shut_s: float
    wait_s: float
    cold_s: float
    waiting: int


class Lane:
    """The way to one model.

    Args:
        terms: What is known of the model.
        share: The part of its limits that this process may use.
        breaking: When its breaker opens, and for how long.
        now_s: The moment.
    """

    def __init__(self, terms: Terms, share: float, breaking: Breaking | None, now_s: float) -> None:
        self.terms = terms
        self.breaker = Breaker(breaking)
        self.limiter = Limiter(terms.rates, share, now_s)
        self.warmth = Warmth(terms.cold_start_s, terms.idle_s)
        self._told = BreakerState.CLOSED
        self._told_held = False
        self._told_warm_s = -math.inf

    def change(self, terms: Terms, share: float, now_s: float) -> None:
        """Go on under other terms."""
        self.terms = terms
        self.limiter.change(terms.rates, share, now_s)
        self.warmth.cold_start_s, self.warmth.idle_s = terms.cold_start_s, terms.idle_s

    def shut_s(self, now_s: float) -> float:
        """Seconds for which the breaker lets nothing go."""
        until_s = self.breaker.shut_until_s(now_s)
        if until_s is None:
            return 0.0
        if self.breaker.state(now_s) is BreakerState.HALF_OPEN:
            return PROBED_S
        return until_s - now_s

    def outlook(self, tokens: float, now_s: float) -> Outlook:
        """What a call that came now would meet."""
        return Outlook(
            self.shut_s(now_s),
            self.limiter.wait_s(tokens, now_s),
            self.warmth.extra_s(now_s),
            self.limiter.waiting,
        )

    def standing(self, now_s: float) -> Standing:
        """How it stands."""
        state = self.breaker.state(now_s)
        held_s = self.limiter.held_until_s - now_s
        until_s = self.warmth.warm_until_s()
        known = until_s is not None and math.isfinite(until_s) and until_s > now_s
        return Standing(
            state,
            self.breaker.because,
            self.breaker.retry_at_s - now_s if state is BreakerState.OPEN else None,
            held_s if held_s > 0 else None,
            until_s - now_s if until_s is not None and known else None,
            self.limiter.learned_rate_s,
        )

    def news(self, now_s: float) -> list[str]:
        """What has changed since it was last asked."""
        found = []
        state = self.breaker.state(now_s)
        if state is not self._told:
            self._told = state
            found.append(_SAID[state])
        held_s = self.limiter.held_until_s - now_s
        if held_s >= TOLD_HOLD_S and not self._told_held:
            self._told_held = True
            found.append("held")
        elif held_s <= 0 and self._told_held:
            self._told_held = False
            found.append("released")
        until_s, idle_s = self.warmth.warm_until_s(), self.warmth.idle_s
        grown_s = -math.inf if until_s is None else until_s - self._told_warm_s
        unloaded = idle_s is not None and self.warmth.cold_start_s > 0
        if until_s is not None and unloaded and grown_s >= WARMTH_STEP * (idle_s or 0.0):
            self._told_warm_s = until_s
            found.append("warmed")
        return found


_SAID = {
    BreakerState.OPEN: "opened",
    BreakerState.HALF_OPEN: "half_opened",
    BreakerState.CLOSED: "closed",
}

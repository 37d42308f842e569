"""How fast a model is called: its limits of requests and tokens a minute, and its refusals (429).

    reserve ─► wait until granted ─► go ─► settled: what was not used is given back

Waits are known in advance and in the order of the reservations. A 429 holds the model as long as
its Retry-After says, or briefly and then longer and longer; the rate is learned beside it.
"""

import math
from typing import NamedTuple

from streams.calling.meter import Meter
from streams.calling.pace import SOON_S, Pace, Pacing

MINUTE_S = 60.0

BURST_S = 1.0
"""A configured limit saves up so many seconds: providers enforce minutes over short stretches."""

HEADROOM = 0.99
"""Of a configured limit so much is used: at the whole of it clocks and floats decide on a 429."""

CATCH_UP_S = 10.0
"""After a hold, up to so many seconds of what was not sent meanwhile may be sent at once."""

BACK_OFF_S = 0.25
LONGEST_BACK_OFF_S = 30.0
"""How long a 429 without Retry-After holds a model: doubled while nothing is taken in between."""

LEAST_HOLD_S = 0.1
LONGEST_HOLD_S = 3600.0
"""A Retry-After under this is lengthened, so that refusals don't come by the hundred. A Retry-After beyond this is cut: a mistake must not put a model out of use for days."""

GATE_S = 0.5
"""After a hold before which nothing was taken, one call goes so long before the others."""

OUT = 3
"""After so many holds in a row before which nothing was taken, the model is out of quota."""

LOST_S = 30.0
"""A reservation whose owner is so late to ask again is given up."""


REQUESTS, TOKENS, PACED = "requests", "tokens", "paced"


class Rates(NamedTuple):
    """The limits of one model, for all workers together; None: none is configured."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


class Place:
    """One reservation: its marks by meter, and what it is good for."""

    __slots__ = ("ask_by_s", "marks", "refused", "sent_s", "tokens")

    def __init__(self, tokens: float, ask_by_s: float) -> None:
        self.tokens = tokens
        self.marks: dict[str, float] = {}
        self.ask_by_s = ask_by_s
        self.sent_s: float | None = None
        self.refused = False


class Limiter:
    """The limits of one model, as one process keeps to them.

    Args:
        rates: What is configured.
        share: The part of them that this process may use, in [0, 1].
        now_s: The moment.
        pacing: How a rate is learned.
    """

    def __init__(
        self, rates: Rates, share: float, now_s: float, pacing: Pacing | None = None
    ) -> None:
        self.rates = rates
        self.share = share
        self.held_until_s = -math.inf
        self._pace = Pace(pacing)
        self._meters: dict[str, Meter] = {}
        self._queue: list[Place] = []
        self._resumed_s = -math.inf
        self._first: Place | None = None  # of those that went since the last hold
        self._taken_since = False
        self._in_vain = 0
        self._catch_up_s = CATCH_UP_S
        self._adjust(now_s)

    @property
    def waiting(self) -> int:
        """Reservations that are not granted yet."""
        return len(self._queue)

    @property
    def learned_rate_s(self) -> float | None:
        """Calls a second that were learned to be taken; None: nothing was."""
        return self._pace.rate_s

    def change(self, rates: Rates, share: float, now_s: float) -> None:
        """Take other limits, or another share of them; what was granted stays so."""
        self._settle_rates(now_s)
        self.rates, self.share = rates, share
        self._adjust(now_s)

    def wait_s(self, tokens: float, now_s: float) -> float:
        """Seconds that a call which came now would wait."""
        self._settle_rates(now_s)
        waits = (
            meter.wait_s(meter.reserve(_amount(name, tokens), now_s), now_s)
            for name, meter in self._meters.items()
        )
        wait_s = max(waits, default=0.0)
        for name, meter in self._meters.items():
            meter.withdraw(_amount(name, tokens))
        return max(wait_s, self.held_until_s - now_s, 0.0)

    def reserve(self, tokens: float, now_s: float) -> Place:
        """Take the last place in the queue; see `ready_s`."""
        self._settle_rates(now_s)
        for lost in [place for place in self._queue if now_s > place.ask_by_s]:
            self.withdraw(lost)
        place = Place(tokens, now_s + LOST_S)
        for name, meter in self._meters.items():
            place.marks[name] = meter.reserve(_amount(name, tokens), now_s)
        self._queue.append(place)
        return place

    def ready_s(self, place: Place, now_s: float) -> float:
        """Seconds until a reservation may go; 0: it may go now."""
        self._settle_rates(now_s)
        waits = (
            meter.wait_s(place.marks[name], now_s)
            for name, meter in self._meters.items()
            if name in place.marks
        )
        wait_s = max(*waits, self.held_until_s - now_s, 0.0)
        place.ask_by_s = now_s + wait_s + LOST_S
        return wait_s

    def go(self, place: Place, now_s: float) -> None:
        """The call goes."""
        if place in self._queue:
            self._queue.remove(place)
        place.sent_s = now_s
        self._first = self._first or place
        self._pace.sent(now_s)

    def withdraw(self, place: Place) -> None:
        """A reservation that did not go is given up; those behind it move up."""
        if place not in self._queue:
            return
        at = self._queue.index(place)
        del self._queue[at]
        for name in place.marks:
            meter = self._meters.get(name)
            if meter is not None:
                meter.withdraw(_amount(name, place.tokens))
                for behind in self._queue[at:]:
                    if name in behind.marks:
                        behind.marks[name] -= _amount(name, place.tokens)

    def settle(self, place: Place, used_tokens: float | None, now_s: float) -> None:
        """The call ended: give back what it reserved and did not use, or charge what it used more.

        Args:
            place: The reservation; it went.
            used_tokens: None: unknown, what was reserved counts as used.
            now_s: The moment.
        """
        self._settle_rates(now_s)
        meter = self._meters.get(TOKENS)
        if meter is not None and TOKENS in place.marks and used_tokens is not None:
            meter.settle(place.tokens - used_tokens, now_s)
        place.marks = {}

    def taken(self, place: Place) -> None:
        """The provider took the call, whatever came of it then."""
        if place.sent_s is not None and place.sent_s >= self._resumed_s:
            self._taken_since = True

    def refused(self, place: Place, retry_after_s: float | None, now_s: float) -> None:
        """The provider refused the call with a 429.

        Args:
            place: The reservation; it went, and is settled.
            retry_after_s: How long it asks to be left alone; None: it does not say.
            now_s: The moment.
        """
        self._settle_rates(now_s)
        sent_s = now_s if place.sent_s is None else place.sent_s
        place.refused = True
        taken = self._was_taken(now_s, now_s - sent_s)
        hold_s = None
        if retry_after_s is not None:
            hold_s = min(max(retry_after_s, LEAST_HOLD_S), LONGEST_HOLD_S)
        known = now_s < self.held_until_s or sent_s < self._resumed_s
        if not known:
            self._in_vain = 0 if taken else self._in_vain + 1
            if hold_s is None:
                hold_s = min(BACK_OFF_S * 2 ** min(self._in_vain, 16), LONGEST_BACK_OFF_S)
        self._pace.refused(sent_s, now_s)
        self._adjust(now_s)
        if hold_s is None:
            return
        if known:
            self._extend(now_s + hold_s)
        else:
            self._hold(hold_s, now_s, taken=taken)

    def _was_taken(self, now_s: float, refusal_s: float) -> bool:
        """Whether anything was taken since the last hold: answered, or not refused by now.

        Args:
            now_s: The moment.
            refusal_s: How long a refusal takes.
        """
        first = self._first
        if self._taken_since or first is None or first.sent_s is None:
            return self._taken_since
        return not first.refused and now_s - first.sent_s >= min(SOON_S, refusal_s)

    def _extend(self, until_s: float) -> None:
        self.held_until_s = self._resumed_s = max(self.held_until_s, self._resumed_s, until_s)

    def _hold(self, hold_s: float, now_s: float, *, taken: bool) -> None:
        """No call goes for so long; afterwards what was missed may follow, or one call alone."""
        early = now_s - self._resumed_s < SOON_S
        self._catch_up_s = self._catch_up_s / 2 if early else CATCH_UP_S
        self.held_until_s = self._resumed_s = now_s + hold_s
        if hold_s >= BACK_OFF_S:  # a shorter one ends before anything can be known
            self._taken_since, self._first = False, None
        meter = self._meters.get(PACED)
        if meter is None:
            return
        if taken:
            burst = max(meter.burst, meter.rate_s * min(hold_s, self._catch_up_s))
            meter.change(meter.rate_s, burst, now_s)
        else:
            if self._in_vain >= OUT:
                self._pace.rest(self.held_until_s)
            meter.stop(self.held_until_s + GATE_S, now_s, level=1.0 - len(self._queue))

    def _settle_rates(self, now_s: float) -> None:
        self._pace.grow(now_s)
        self._adjust(now_s)

    def _adjust(self, now_s: float) -> None:
        """Let every meter earn at the rate in force."""
        learned_s = self._pace.rate_s
        for name, rate_s, burst_s in (
            (REQUESTS, _per_second(self.rates.requests_per_minute, self.share), BURST_S),
            (TOKENS, _per_second(self.rates.tokens_per_minute, self.share), BURST_S),
            (PACED, learned_s, 0.0),
        ):
            if rate_s is None:
                self._drop(name)
                continue
            meter = self._meters.get(name)
            burst = max(1.0, rate_s * burst_s)
            if meter is None:
                meter = self._meters[name] = Meter(rate_s, burst, now_s)
                for place in self._queue:
                    place.marks[name] = meter.reserve(_amount(name, place.tokens), now_s)
            if name == PACED and now_s < self._resumed_s + SOON_S:
                burst = max(burst, meter.burst)  # what a hold kept back
            if (meter.rate_s, meter.burst) != (rate_s, burst):
                meter.change(rate_s, burst, now_s)

    def _drop(self, name: str) -> None:
        if self._meters.pop(name, None) is not None:
            for place in self._queue:
                place.marks.pop(name, None)


def _amount(meter: str, tokens: float) -> float:
    return tokens if meter == TOKENS else 1.0


def _per_second(per_minute: float | None, share: float) -> float | None:
    return None if per_minute is None else HEADROOM * share * per_minute / MINUTE_S

"""The rate that a provider takes, learned from its refusals (429) where nobody configured it.

A refusal says that the provider's own bucket is empty, so what it took during the last seconds is
what it takes. The rate follows that measurement rather than being halved again and again, rests
there, and then grows faster and faster until it is no limit any more, or is refused again. Where a
lower rate is refused as often as a higher one, refusals don't come of the rate: it is left alone.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

SLOT_S = 0.25
"""Calls are counted by so many seconds."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How a rate is learned, held and given up.

    Args:
        first_s: The first refusal sets twice the rate at which calls went lately, and at least this.
        measured_s: What was taken is measured over so many seconds before a refusal …
        grown_s: … or so many where the rate had grown until then.
        enough: Calls since the last cut without which nothing is concluded …
        period_s: … and seconds.
        borne: A share of refusals up to this is borne …
        held: … and this share of time spent held by Retry-After.
        above: Where refusals cost no time, the rate is so much of what was taken …
        below: … and so much where they do.
        steepest: One cut never lowers the rate to less than this share of itself.
        vain: After so many cuts in a row …
        left: … that left less than this part of what was taken, and too much of the refusals,
            these don't come of the rate.
        deaf_s: Then they lower nothing for so long, doubled each further time …
        growing: … while the rate grows, where no more than this share is refused …
        louder: … and they don't come so much more often for it.
        calm_s: So long after a cut the rate rests.
        growth: Then it grows by this share a second …
        hastening_s: … and by as much again for each of so many further seconds.
        forgotten: Grown so many times over, it is no limit any more.
        least_s: The lowest rate a second.
    """

    first_s: float = 10.0
    measured_s: float = 10.0
    grown_s: float = 2.0
    enough: int = 10
    period_s: float = 2.0
    borne: float = 0.2
    held: float = 0.03
    above: float = 1.05
    below: float = 1.0
    steepest: float = 0.5
    vain: int = 3
    left: float = 0.75
    deaf_s: float = 30.0
    growing: float = 0.5
    louder: float = 1.3
    calm_s: float = 40.0
    growth: float = 0.05
    hastening_s: float = 10.0
    forgotten: float = 20.0
    least_s: float = 0.2


class _Cut(NamedTuple):
    """What was so when a series of cuts began."""

    rate_s: float
    taken_s: float
    share: float


class Pace:
    """What one model's provider takes a second, as far as this process could learn.

    Args:
        pacing: How it is learned.
    """

    def __init__(self, pacing: Pacing | None = None) -> None:
        self.pacing = pacing or Pacing()
        self.rate_s: float | None = None
        self._slots: deque[list[float]] = deque()  # number, calls sent, calls refused
        self._first_s: float | None = None
        self._cut_s = -math.inf  # last change of the rate by a refusal
        self._begin_s = math.inf  # growth begins
        self._grown_s = -math.inf
        self._cut_to_s = 0.0
        self._sent = self._refused = 0  # since the last cut
        self._held_s = 0.0
        self._series: _Cut | None = None
        self._cuts = 0
        self._deaf_until_s = -math.inf
        self._deaf_times = 0
        self._deaf_to = 0.0

    def sent(self, now_s: float) -> None:
        """A call goes."""
        if self._first_s is None:
            self._first_s = now_s
        slot = math.floor(now_s / SLOT_S)
        if not self._slots or self._slots[-1][0] != slot:
            self._slots.append([slot, 0.0, 0.0])
            while len(self._slots) * SLOT_S > 2 * self.pacing.measured_s:
                self._slots.popleft()
        self._slots[-1][1] += 1
        self._sent += 1

    def refused(self, sent_s: float, now_s: float, hold_s: float, *, lowers: bool) -> None:
        """A call was refused with a 429.

        Args:
            sent_s: When it went. One that went before the last cut says nothing new.
            now_s: The moment.
            hold_s: For how long nothing may go therefore.
            lowers: Whether the rate may be at fault: not where nothing at all is taken.
        """
        slot = math.floor(sent_s / SLOT_S)
        for known in self._slots:
            if known[0] == slot:
                known[2] += 1
        if sent_s < self._cut_s:
            return
        self._refused += 1
        self._held_s += hold_s
        if self.rate_s is None:  # from now on calls go one by one after a hold, never all at once
            went_s = self._counted(now_s, self.pacing.grown_s, lambda sent, _: sent)
            self._go_on(max(2 * went_s, self.pacing.first_s), now_s)
        since_s = max(self._cut_s, self._first_s or 0.0)
        enough = self._sent >= self.pacing.enough and now_s >= since_s + self.pacing.period_s
        if lowers and enough:
            self._judge(now_s)

    def rest(self, until_s: float) -> None:
        """Nothing goes until then: what is not tried tells nothing."""
        self._begin_s = max(self._begin_s, until_s + self.pacing.calm_s)

    def is_deaf(self, now_s: float) -> bool:
        """Whether refusals are known not to come of the rate."""
        return now_s < self._deaf_until_s

    def grow(self, now_s: float) -> None:
        """Let time act: after the calm the rate grows, until it is no limit any more."""
        if self.rate_s is None or now_s <= self._grown_s:
            return
        begin_s = self._begin_s
        if now_s > begin_s:
            past_s, then_s = now_s - begin_s, max(self._grown_s, begin_s) - begin_s
            self.rate_s *= math.exp(min(self._exponent(past_s) - self._exponent(then_s), 50.0))
            if self.rate_s > self.pacing.forgotten * self._cut_to_s:
                self.rate_s, self._deaf_times = None, 0
        self._grown_s = now_s

    def _exponent(self, past_s: float) -> float:
        return self.pacing.growth * past_s * (1 + past_s / (2 * self.pacing.hastening_s))

    def _judge(self, now_s: float) -> None:
        rules = self.pacing
        share, rate_s = self._refused / self._sent, self.rate_s or rules.first_s
        if self.is_deaf(now_s):
            if share > rules.louder * self._deaf_to:  # grown too far: it does come of the rate
                self._go_on(self._cut_to_s, now_s, self._deaf_until_s)
            return
        held = self._held_s / max(now_s - self._cut_s, rules.measured_s)
        if share <= rules.borne and held <= rules.held:
            return
        grown = now_s > self._begin_s
        taken_s = self._taken(now_s, rules.grown_s if grown else rules.measured_s)
        if self._series is None or grown:
            self._series, self._cuts = _Cut(rate_s, taken_s, share), 0
        self._cuts += 1
        began = self._series
        if (
            self._cuts > rules.vain
            and taken_s < rules.left * began.taken_s
            and _is_deaf_to(rate_s / began.rate_s, began.share, share)
        ):
            self._deaf_until_s = now_s + rules.deaf_s * 2 ** min(self._deaf_times, 3)
            self._deaf_times += 1
            self._deaf_to, self._series = share, None
            grows = share <= rules.growing
            self._go_on(began.rate_s, now_s, now_s if grows else self._deaf_until_s)
            return
        wanted_s = taken_s * (rules.below if held > rules.held else rules.above)
        self._go_on(min(rate_s, max(wanted_s, rate_s * rules.steepest, rules.least_s)), now_s)

    def _go_on(self, rate_s: float, now_s: float, grows_s: float | None = None) -> None:
        """At this rate, which grows from a moment on; by default after the calm."""
        self.rate_s = self._cut_to_s = rate_s
        self._cut_s = self._grown_s = now_s
        self._begin_s = now_s + self.pacing.calm_s if grows_s is None else grows_s
        self._sent, self._refused, self._held_s = 0, 0, 0.0

    def _taken(self, now_s: float, over_s: float) -> float:
        """Calls that were taken a second, lately."""
        return self._counted(now_s, over_s, lambda sent, refused: sent - refused)

    def _counted(self, now_s: float, over_s: float, what: Callable[[float, float], float]) -> float:
        first_s = self._first_s or 0.0
        begin = math.floor(max(now_s - over_s, first_s) / SLOT_S)
        found = sum(what(sent, refused) for slot, sent, refused in self._slots if slot >= begin)
        return found / max(now_s - max(begin * SLOT_S, first_s), SLOT_S)


def _is_deaf_to(rate: float, before: float, share: float) -> bool:
    """Whether refusals took no notice of a lower rate.

    Args:
        rate: The rate now, as a share of the one before.
        before: Share of calls that were refused then.
        share: Share of calls that are refused now: nearer to `before` than to what a provider
            that takes so much a second and no more would still refuse.
    """
    limited = max(0.0, 1 - (1 - before) / max(rate, 1e-6))
    return share > (before + limited) / 2

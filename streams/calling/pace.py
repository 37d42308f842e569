"""The rate that a provider takes, learned from its refusals (429) where nobody configured it.

A refusal says that the provider's own bucket is empty, so what it took during the last seconds is
what it takes. The rate follows that measurement rather than being halved again and again, rests
there, and then grows faster and faster until the next refusal.
"""

import math
from collections import deque
from dataclasses import dataclass

SLOT_S = 0.25
"""Calls are counted by so many seconds."""


RECENT_S = 2.0
"""The first rate is what went during so many seconds, and at most halved."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How a rate is learned, held and given up.

    Args:
        measured_s: What was taken is measured over so many seconds before a refusal.
        margin: The rate is so much of what was measured.
        steepest: A refusal never lowers the rate to less than this share of itself.
        calm_s: So long after a refusal the rate rests.
        growth: Then it grows by this share a second …
        hastening_s: … and by as much again for each of so many further seconds.
        forgotten: Grown so many times over, it is no limit any more.
        least_s: The lowest rate a second.
        vain: After so many cuts in a row that brought no calm …
        kept: … and left less than this share of what was taken, refusals don't come of the rate …
        deaf_s: … and for so long they don't lower it; twice as long each further time.
    """

    measured_s: float = 10.0
    margin: float = 0.995
    steepest: float = 0.5
    calm_s: float = 30.0
    growth: float = 0.05
    hastening_s: float = 10.0
    forgotten: float = 20.0
    least_s: float = 0.2
    vain: int = 5
    kept: float = 0.7
    deaf_s: float = 30.0


class Pace:
    """What one model's provider takes a second, as far as this process could learn.

    Args:
        pacing: How it is learned.
    """

    def __init__(self, pacing: Pacing | None = None) -> None:
        self.pacing = pacing or Pacing()
        self.rate_s: float | None = None
        self._sent: deque[list[float]] = deque()  # moment, calls sent, calls refused
        self._first_s: float | None = None
        self._cut_s = -math.inf
        self._cut_to_s = 0.0
        self._grown_s = -math.inf
        self._vain = 0
        self._before_s = 0.0
        self._deaf_until_s = -math.inf
        self._deaf_times = 0

    def sent(self, now_s: float) -> None:
        """A call goes."""
        if self._first_s is None:
            self._first_s = now_s
        slot = math.floor(now_s / SLOT_S)
        if not self._sent or self._sent[-1][0] != slot:
            self._sent.append([slot, 0.0, 0.0])
            while len(self._sent) * SLOT_S > 2 * self.pacing.measured_s:
                self._sent.popleft()
        self._sent[-1][1] += 1

    def refused(self, sent_s: float, now_s: float, *, lowers: bool) -> None:
        """A call was refused with a 429.

        Args:
            sent_s: When it went. One that went before the last cut says nothing new.
            now_s: The moment.
            lowers: Whether the rate may be at fault: not where nothing at all is taken.
        """
        self._count(sent_s)
        if sent_s < self._cut_s:
            return
        if not lowers and self.rate_s is not None:
            self._rest(now_s)
            return
        if now_s < self._deaf_until_s:
            return
        recent_s = self._taken(now_s, RECENT_S)
        rate_s = recent_s if self.rate_s is None else self.rate_s
        # While the rate grew, the mean of a long stretch lies under what is taken now.
        grown = self.rate_s is not None and now_s > self._cut_s + self.pacing.calm_s
        taken_s = self._taken(now_s, RECENT_S if grown else self.pacing.measured_s)
        wanted_s = max(taken_s * self.pacing.margin, rate_s * self.pacing.steepest)
        self._cut(max(self.pacing.least_s, min(rate_s, wanted_s)), taken_s, now_s)

    def grow(self, now_s: float) -> None:
        """Let time act: after the calm the rate grows, until it is no limit any more."""
        if self.rate_s is None or now_s <= self._grown_s:
            return
        rules = self.pacing
        begin_s = self._cut_s + rules.calm_s
        if now_s > begin_s:
            self._vain = 0
            past_s, then_s = now_s - begin_s, max(self._grown_s, begin_s) - begin_s
            self.rate_s *= math.exp(min(self._exponent(past_s) - self._exponent(then_s), 50.0))
            if self.rate_s > rules.forgotten * self._cut_to_s:
                self.rate_s, self._deaf_times = None, 0
        self._grown_s = now_s

    def _exponent(self, past_s: float) -> float:
        return self.pacing.growth * past_s * (1 + past_s / (2 * self.pacing.hastening_s))

    def _cut(self, to_s: float, taken_s: float, now_s: float) -> None:
        rules = self.pacing
        if self._vain == 0:
            self._before_s = taken_s
        self._vain += 1
        self.rate_s = to_s
        if self._vain > rules.vain and taken_s < rules.kept * self._before_s:
            self.rate_s = max(to_s, self._before_s)
            self._deaf_until_s = now_s + rules.deaf_s * 2 ** min(self._deaf_times, 5)
            self._deaf_times += 1
            self._vain = 0
        self._cut_to_s = self.rate_s
        self._rest(now_s)

    def _rest(self, now_s: float) -> None:
        self._cut_s = self._grown_s = now_s

    def _count(self, sent_s: float) -> None:
        slot = math.floor(sent_s / SLOT_S)
        for known in self._sent:
            if known[0] == slot:
                known[2] += 1

    def _taken(self, now_s: float, over_s: float) -> float:
        """Calls that were taken a second, lately."""
        since_s = max(now_s - over_s, self._first_s or 0.0)
        begin = math.floor(since_s / SLOT_S)
        taken = sum(sent - refused for slot, sent, refused in self._sent if slot >= begin)
        return taken / max(now_s - max(begin * SLOT_S, self._first_s or 0.0), SLOT_S)

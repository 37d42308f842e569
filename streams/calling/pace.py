"""The rate that a provider takes, learned from its refusals (429) where nobody configured it.

A refusal says that the provider's own bucket is empty: what it took during the last seconds is what
it takes. Where too many calls are refused the rate is cut to a little more than that, so that a few
refusals go on to tell what is taken; where few are, it grows faster and faster until it is no limit
any more, or is refused again. Shares in between change nothing: refusals may not come of the rate.
"""

import math
from collections import deque
from dataclasses import dataclass

SLOT_S = 0.25
"""Calls are counted by so many seconds."""

SOON_S = 0.4
"""A call that was not refused within this time was taken: refusals come fast."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How a rate is learned, held and given up.

    Args:
        first_s: The first refusal sets twice the rate at which calls went lately, and at least this.
        period_s: Nothing is concluded before so many seconds since the last cut …
        enough: … and so many calls.
        known_s: A call that was not refused for so long was taken.
        measured_s: What was taken is measured over so many seconds …
        grown_s: … or so many where the rate has grown since the last cut.
        borne: A share of refusals up to this is borne …
        above: … beyond it the rate becomes so much of what was taken …
        steepest: … but no less than this share of itself.
        quiet: A share of refusals under which the rate grows …
        recent_s: … within so many seconds.
        growth: It grows by this share a second …
        hastening_s: … and by as much again for each of so many further seconds.
        forgotten: Grown so many times over, it is no limit any more.
        least_s: The lowest rate a second.
    """

    first_s: float = 40.0
    period_s: float = 2.0
    enough: int = 10
    known_s: float = SOON_S
    measured_s: float = 10.0
    grown_s: float = 3.0
    borne: float = 0.35
    above: float = 1.4
    steepest: float = 0.3
    quiet: float = 0.2
    recent_s: float = 2.0
    growth: float = 0.2
    hastening_s: float = 5.0
    forgotten: float = 20.0
    least_s: float = 0.2


class _Slot:
    """Calls of one stretch of time."""

    __slots__ = ("number", "refused", "sent")

    def __init__(self, number: int) -> None:
        self.number = number
        self.sent = self.refused = 0


class Pace:
    """What one model's provider takes a second, as far as this process could learn.

    Args:
        pacing: How it is learned.
    """

    def __init__(self, pacing: Pacing | None = None) -> None:
        self.pacing = pacing or Pacing()
        self.rate_s: float | None = None
        self._slots: deque[_Slot] = deque()
        self._first_s: float | None = None
        self._cut_s = -math.inf
        self._cut_to_s = 0.0
        self._sent = self._refused = 0  # since the last cut
        self._grown_s = -math.inf  # growth is reckoned up to here
        self._begin_s = math.inf  # it goes on since
        self._rest_s = -math.inf
        self._has_grown = False  # since the last cut

    def sent(self, now_s: float) -> None:
        """A call goes."""
        if self._first_s is None:
            self._first_s = now_s
        number = math.floor(now_s / SLOT_S)
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
            while self._slots[0].number < number - 2 * self.pacing.measured_s / SLOT_S:
                self._slots.popleft()
        self._slots[-1].sent += 1
        self._sent += 1

    def refused(self, sent_s: float, now_s: float) -> None:
        """A call was refused with a 429.

        Args:
            sent_s: When it went. One that went before the last cut says nothing new.
            now_s: The moment.
        """
        number = math.floor(sent_s / SLOT_S)
        for slot in self._slots:
            if slot.number == number:
                slot.refused += 1
        if sent_s < self._cut_s:
            return
        self._refused += 1
        if self.rate_s is None:
            begin_s = now_s - self.pacing.period_s
            went = sum(slot.sent for slot in self._slots if slot.number * SLOT_S >= begin_s)
            self._go_on(max(2 * went / self.pacing.period_s, self.pacing.first_s), now_s)
        elif now_s >= self._cut_s + self.pacing.period_s and self._sent >= self.pacing.enough:
            self._judge(self.rate_s, now_s)

    def rest(self, until_s: float) -> None:
        """Nothing goes until then: what is not tried tells nothing."""
        self._rest_s = max(self._rest_s, until_s)

    def grow(self, now_s: float) -> None:
        """Let time act: while hardly anything is refused the rate grows, until it is no limit."""
        if self.rate_s is None or now_s <= self._grown_s:
            return
        rules = self.pacing
        if now_s < max(self._cut_s + rules.period_s, self._rest_s) or self._is_loud(now_s):
            self._begin_s = now_s
        else:
            self._has_grown = True
            past_s, then_s = now_s - self._begin_s, max(self._grown_s - self._begin_s, 0.0)
            self.rate_s *= math.exp(min(self._exponent(past_s) - self._exponent(then_s), 50.0))
            if self.rate_s > rules.forgotten * self._cut_to_s:
                self.rate_s = None
        self._grown_s = now_s

    def _exponent(self, past_s: float) -> float:
        return self.pacing.growth * past_s * (1 + past_s / (2 * self.pacing.hastening_s))

    def _is_loud(self, now_s: float) -> bool:
        """Whether more is refused than lets the rate grow."""
        sent, refused = self._counted(now_s, self.pacing.recent_s)
        return refused > self.pacing.quiet * sent

    def _judge(self, rate_s: float, now_s: float) -> None:
        rules = self.pacing
        if self._refused <= rules.borne * self._sent:
            return
        over_s = rules.grown_s if self._has_grown else rules.measured_s
        sent, refused = self._counted(now_s, over_s)
        if sent == refused:
            return  # nothing at all is taken: no rate is at fault
        since_s = max(now_s - rules.known_s - over_s, self._first_s or 0.0)
        taken_s = (sent - refused) / max(now_s - rules.known_s - since_s, rules.period_s)
        wanted_s = max(taken_s * rules.above, rate_s * rules.steepest, rules.least_s)
        self._go_on(min(rate_s, wanted_s), now_s)

    def _go_on(self, rate_s: float, now_s: float) -> None:
        """At this rate from now on."""
        self.rate_s = self._cut_to_s = rate_s
        self._cut_s = self._grown_s = self._begin_s = now_s
        self._sent = self._refused = 0
        self._has_grown = False

    def _counted(self, now_s: float, over_s: float) -> tuple[int, int]:
        """Calls sent, and those of them refused, lately; the youngest are not known yet."""
        end_s = now_s - self.pacing.known_s
        begin, end = (end_s - over_s) / SLOT_S - 0.5, end_s / SLOT_S - 0.5
        sent = refused = 0
        for slot in reversed(self._slots):
            if slot.number < begin:
                break
            if slot.number < end:
                sent += slot.sent
                refused += slot.refused
        return sent, refused

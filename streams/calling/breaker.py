"""Whether a model is called at all: closed ─► open ─► half open ─► closed, or open again for longer.

closed     calls go; a run of failures, or a large share of them, opens it
open       no call goes until `retry_at_s`
half_open  a few probes go; enough answers close it, one failure opens it again
"""

import enum
import math
from dataclasses import dataclass
from typing import NamedTuple

from streams.calling.attempts import Failure


class BreakerState(enum.StrEnum):
    """Where a breaker stands; the labels of its metric and its event."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Verdict(enum.Enum):
    """What the end of a call says about its model: the weight of a failure, 0 for none.

    A timeout weighs two failures: it came late, and may have cost money.
    """

    SILENT = -1  # nothing about the model: 429 is the limiter's, other 4xx the task's or the key's
    WELL = 0
    FAILED = 1
    TIMED_OUT = 2

    @classmethod
    def of(cls, failure: Failure | None) -> "Verdict":
        """What a failure says; None: the call was answered.

        Example:
            >>> Verdict.of(None), Verdict.of(Failure.RATE_LIMITED), Verdict.of(Failure.CUT)
            (<Verdict.WELL: 0>, <Verdict.SILENT: -1>, <Verdict.FAILED: 1>)
        """
        if failure in (None, Failure.CHECK_FAILED, Failure.UNSURE):  # an answer all the same
            return cls.WELL
        if failure in (Failure.RATE_LIMITED, Failure.REFUSED):
            return cls.SILENT
        return cls.TIMED_OUT if failure is Failure.TIMED_OUT else cls.FAILED


@dataclass(frozen=True, slots=True)
class Breaking:
    """When a breaker opens, and for how long.

    Args:
        window_s: Outcomes older than this are forgotten.
        share: Share of failures in the window that opens …
        min_calls: … once it has so many outcomes.
        run: Weight of failures in a row that opens, at least.
        odds: A run opens only where the model's usual share of failures gives one as long less
            often than this, so that a model with 30% of failures isn't taken for dead.
        open_s: First time for which it is open; doubled whenever it opens again.
        longest_open_s: The longest.
        calm_s: Closed for so long, it begins anew at `open_s`.
        probes: Calls at once while it is half open.
        successes: Answers that close it.
        probe_s: A probe that has not ended by then is taken for a failed one.
    """

    window_s: float = 60.0
    share: float = 0.6
    min_calls: int = 20
    run: int = 5
    odds: float = 1e-3
    open_s: float = 2.0
    longest_open_s: float = 60.0
    calm_s: float = 60.0
    probes: int = 2
    successes: int = 2
    probe_s: float = 90.0


class Pass(NamedTuple):
    """Leave for one call; what comes of it counts only while `period` lasts."""

    number: int
    period: int


class Breaker:
    """The breaker of one model, as one process sees it.

    Args:
        breaking: When it opens, and for how long.
    """

    def __init__(self, breaking: Breaking | None = None) -> None:
        self.breaking = breaking or Breaking()
        self.retry_at_s = 0.0
        self.because = ""
        self._state = BreakerState.CLOSED
        self._period = 0
        self._passes = 0
        self._window = Window(self.breaking.window_s)
        self._run = Run()
        self._opened = 0  # times in a row
        self._closed_at_s = -math.inf
        self._probes: dict[int, float] = {}  # pass → when it is given up
        self._answers = 0

    def state(self, now_s: float) -> BreakerState:
        """Where it stands: it is half open as soon as its time is over, before any probe."""
        self._turn(now_s)
        return self._state

    def shut_until_s(self, now_s: float) -> float | None:
        """When a call that may not go now may ask again; None: it may go."""
        state = self.state(now_s)
        if state is BreakerState.OPEN:
            return self.retry_at_s
        if state is BreakerState.HALF_OPEN and len(self._probes) >= self.breaking.probes:
            return min(self._probes.values())
        return None

    def go(self, now_s: float) -> Pass | None:
        """Leave for a call that begins now; None while `shut_until_s` says a moment."""
        if self.shut_until_s(now_s) is not None:
            return None
        self._passes += 1
        if self._state is BreakerState.HALF_OPEN:
            self._probes[self._passes] = now_s + self.breaking.probe_s
        return Pass(self._passes, self._period)

    def ended(self, leave: Pass, verdict: Verdict, now_s: float) -> None:
        """Take what came of a call.

        A call that began before the last change of state says nothing about the model now.
        """
        self._turn(now_s)
        if leave.period != self._period:
            return
        self._probes.pop(leave.number, None)
        if verdict is Verdict.SILENT:
            return
        if self._state is BreakerState.HALF_OPEN:
            self._probed(verdict, now_s)
        else:
            self._counted(verdict, now_s)

    def _probed(self, verdict: Verdict, now_s: float) -> None:
        if verdict is not Verdict.WELL:
            self._open(now_s, "a probe failed")
            return
        self._answers += 1
        if self._answers >= self.breaking.successes:
            self._enter(BreakerState.CLOSED, "probes were answered")
            self._closed_at_s = now_s

    def _counted(self, verdict: Verdict, now_s: float) -> None:
        rules = self.breaking
        failed = verdict is not Verdict.WELL
        self._window.add(failed, now_s)
        if not failed:
            self._run = Run()
            return
        self._run = Run(self._run.calls + 1, self._run.weight + verdict.value)
        calls, failures = self._window.counts(now_s)
        usual = Run.usual(calls - self._run.calls, failures - self._run.calls)
        if self._run.weight >= max(rules.run, math.log(rules.odds) / math.log(usual)):
            self._open(now_s, f"{self._run.calls} calls failed in a row")
        elif calls >= rules.min_calls and failures >= rules.share * calls:
            self._open(now_s, f"{failures} of {calls} calls failed in {rules.window_s:g} s")

    def _open(self, now_s: float, because: str) -> None:
        rules = self.breaking
        if self._state is BreakerState.CLOSED and now_s - self._closed_at_s > rules.calm_s:
            self._opened = 0
        # 2 ** 64 is beyond any longest_open_s; without a bound a float overflows after 1,024 times.
        self.retry_at_s = now_s + min(
            rules.open_s * 2 ** min(self._opened, 64), rules.longest_open_s
        )
        self._opened += 1
        self._enter(BreakerState.OPEN, because)

    def _enter(self, state: BreakerState, because: str) -> None:
        self._state, self.because = state, because
        self._period += 1
        self._probes, self._answers = {}, 0
        self._window, self._run = Window(self.breaking.window_s), Run()

    def _turn(self, now_s: float) -> None:
        """Let time act."""
        if self._state is BreakerState.OPEN and now_s >= self.retry_at_s:
            self._enter(BreakerState.HALF_OPEN, "its time is over")
        elif self._probes and now_s >= min(self._probes.values()):
            self._open(now_s, "a probe did not end")


class Run(NamedTuple):
    """Failures one after the other."""

    calls: int = 0
    weight: int = 0

    @staticmethod
    def usual(calls: int, failures: int) -> float:
        """The share of calls that usually fail, in (0, 1): one in four until more is known."""
        return (max(failures, 0) + 1) / (max(calls, 0) + 4)


class Window:
    """Outcomes of the last seconds, counted in slots.

    Args:
        length_s: How long an outcome counts, give or take a slot.

    Example:
        >>> window = Window(60.0)
        >>> window.add(True, 0.0), window.add(False, 30.0), window.counts(50.0), window.counts(70.0)
        (None, None, (2, 1), (1, 0))
    """

    SLOTS = 12

    def __init__(self, length_s: float) -> None:
        self._slot_s = length_s / self.SLOTS
        self._slots: dict[int, tuple[int, int]] = {}

    def add(self, failed: bool, now_s: float) -> None:
        """Count one outcome."""
        slot = math.floor(now_s / self._slot_s)
        if slot not in self._slots:
            self._forget(slot)
        calls, failures = self._slots.get(slot, (0, 0))
        self._slots[slot] = (calls + 1, failures + failed)

    def counts(self, now_s: float) -> tuple[int, int]:
        """Calls and failures of the window."""
        self._forget(math.floor(now_s / self._slot_s))
        return sum(c for c, _ in self._slots.values()), sum(f for _, f in self._slots.values())

    def _forget(self, newest: int) -> None:
        oldest = newest - self.SLOTS
        self._slots = {slot: found for slot, found in self._slots.items() if slot > oldest}

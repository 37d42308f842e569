"""Traffic in simulated time: workers with pools of slots, and models behind servers of all kinds.

Nothing waits and nothing is real but `streams.calling.traffic`: a heap of moments, a bucket or a
window a server, chance from a name and a number.
"""

import heapq
import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from streams import ids
from streams.calling.attempts import Failure
from streams.calling.lane import Terms
from streams.calling.traffic import Ended, Go, Key, Shut, Ticket, Traffic, Wait


class Time:
    """Moments in order."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, moment_s: float, act: Callable[[], None]) -> None:
        """Act then."""
        heapq.heappush(self._heap, (max(moment_s, self.now_s), next(self._numbers), act))

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while self._heap and self._heap[0][0] <= until_s:
            self.now_s, _, act = heapq.heappop(self._heap)
            act()
        self.now_s = until_s


@dataclass
class Server:
    """Where one model runs: how long it takes, and what it refuses.

    `per_s` and `bucket` are of a token bucket; with `window_s` it counts by fixed windows instead.
    `retry` says how it tells when to come back: `none`, `exact`, `whole` seconds.
    """

    latency_s: float = 1.0
    refusal_s: float = 0.05
    per_s: float = math.inf
    bucket: float = 10.0
    window_s: float | None = None
    retry: str = "none"
    dead: Failure | None = None
    dead_s: float = 0.02
    share: float = 0.0
    at_random: Failure = Failure.RATE_LIMITED
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    _level: float = math.nan
    _at_s: float = 0.0
    _number: int = 0

    def call(self, now_s: float) -> tuple[Ended, float]:
        """How a call ends and after how many seconds."""
        self._number += 1
        if self.dead is not None:
            self.failed.append(now_s)
            return Ended(self.dead), self.dead_s
        if ids.draw("road", str(self._number), "fault") < self.share:
            (self.refused if self.at_random is Failure.RATE_LIMITED else self.failed).append(now_s)
            return Ended(self.at_random, None, self._retry(0.5)), self.refusal_s
        short_s = self._short_s(now_s)
        if short_s > 0:
            self.refused.append(now_s)
            return Ended(Failure.RATE_LIMITED, None, self._retry(short_s)), self.refusal_s
        self.taken.append(now_s)
        spread = 0.5 + ids.draw("road", str(self._number), "latency")
        return Ended(None, 100.0), self.latency_s * spread

    def goodput(self, begin_s: float, end_s: float) -> float:
        """Calls taken a second within a stretch."""
        return sum(begin_s <= at < end_s for at in self.taken) / (end_s - begin_s)

    def _short_s(self, now_s: float) -> float:
        """Seconds until a call would be taken; 0: this one is."""
        if math.isinf(self.per_s):
            return 0.0
        if self.window_s is not None:
            begin = math.floor(now_s / self.window_s) * self.window_s
            used = sum(at >= begin for at in itertools.islice(reversed(self.taken), 5000))
            return begin + self.window_s - now_s if used >= self.per_s * self.window_s else 0.0
        level = self.bucket if math.isnan(self._level) else self._level
        level = min(self.bucket, level + (now_s - self._at_s) * self.per_s)
        self._at_s = now_s
        self._level = level - 1 if level >= 1 else level
        return 0.0 if level >= 1 else (1 - level) / self.per_s

    def _retry(self, short_s: float) -> float | None:
        told = {"none": None, "exact": short_s, "whole": float(math.ceil(short_s))}
        return told[self.retry]


class Worker:
    """One process with one tier's pool: what a tier does with a task, over the real `Traffic`."""

    def __init__(
        self, time: Time, servers: dict[Key, Server], terms: dict[Key, Terms], *,
        share: float = 1.0, slots: int = 64,
    ) -> None:  # fmt: skip
        self.time, self.servers = time, servers
        self.traffic = Traffic()
        self.traffic.known(terms, time.now_s)
        self.traffic.share(1, share, time.now_s)
        self.slots = slots
        self.backlog: deque[Key] = deque()
        self.completed: Counter[Key] = Counter()
        self.attempts: Counter[tuple[Key, str]] = Counter()
        self.waited: list[tuple[Key, float, float]] = []

    def ask(self, first: Key) -> None:
        """A task comes whose decision names this model."""
        self.backlog.append(first)
        self._start()

    def _start(self) -> None:
        while self.slots and self.backlog:
            self.slots -= 1
            self._try(self.backlog.popleft(), ())

    def _try(self, key: Key, tried: tuple[Key, ...]) -> None:
        now_s = self.time.now_s
        self._met(self.traffic.enter(key, 100, now_s), tried, now_s)

    def _met(self, met: Go | Wait | Shut, tried: tuple[Key, ...], began_s: float) -> None:
        now_s = self.time.now_s
        if isinstance(met, Go):
            self._call(met.ticket, tried)
        elif isinstance(met, Wait):
            self.waited.append((met.ticket.key, began_s, met.seconds))
            ticket = met.ticket
            self.time.at(
                now_s + met.seconds,
                lambda: self._met(self.traffic.again(ticket, self.time.now_s), tried, began_s),
            )
        else:
            self._elsewhere(tried)

    def _elsewhere(self, tried: tuple[Key, ...]) -> None:
        """The model that lets it in soonest; where none does, ask again when the first may."""
        now_s = self.time.now_s
        looks = {
            key: self.traffic.look(key, 100, now_s) for key in self.servers if key not in tried
        }
        if not looks:
            self._done()
            return
        soonest = min(looks, key=lambda key: (looks[key].shut_s + looks[key].wait_s, key))
        met = self.traffic.enter(soonest, 100, now_s)
        if not isinstance(met, Shut):
            self._met(met, tried, now_s)
        else:
            self.time.at(min(met.until_s, now_s + 1.0), lambda: self._elsewhere(tried))

    def _call(self, ticket: Ticket, tried: tuple[Key, ...]) -> None:
        now_s = self.time.now_s
        self.traffic.sent(ticket, now_s)
        ended, after_s = self.servers[ticket.key].call(now_s)
        self.time.at(now_s + after_s, lambda: self._ended(ticket, ended, tried))

    def _ended(self, ticket: Ticket, ended: Ended, tried: tuple[Key, ...]) -> None:
        self.traffic.settled(ticket, ended, self.time.now_s)
        failure = ended.failure
        self.attempts[ticket.key, "completed" if failure is None else failure.label] += 1
        if failure is None:
            self.completed[ticket.key] += 1
            self._done()
        elif failure is Failure.RATE_LIMITED:
            self._elsewhere(tried)
        else:
            self._elsewhere((*tried, ticket.key))

    def _done(self) -> None:
        self.slots += 1
        self._start()


def arrivals(
    time: Time, per_s: float, until_s: float, asks: Sequence[Callable[[int], None]], name: str
) -> None:
    """Tasks come as chance has it, `per_s` on average, each to the next of `asks`."""
    at_s, number = time.now_s, 0
    while True:
        at_s += -math.log(1 - ids.draw("road", f"{name}/{number}", "arrival")) / per_s
        if at_s > until_s:
            return
        ask = asks[number % len(asks)]
        time.at(at_s, lambda ask=ask, number=number: ask(number))  # type: ignore[misc]
        number += 1

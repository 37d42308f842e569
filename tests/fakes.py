"""Fakes named after their behaviour; tests assert their state."""

import asyncio
import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from streams.clock import SystemClock
from streams.events.outcome import Usage
from streams.kafka.publish import Outgoing, Undeliverable
from streams.providers.port import Deadlines, Failed, Prompt, Reply
from streams.tracing import Span

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""When a `ManualClock` begins unless told otherwise."""

TURNS = 20
"""Turns of the event loop that a woken sleeper gets before time moves on."""


class ManualClock:
    """A `streams.clock.Clock` whose time passes only when a test says so.

    Args:
        at: The first moment, aware.
        flowing: Whether sleeping makes time pass by itself: the sleeper that is due first moves
            the clock to its hour, so that a test waits for nothing and advances nothing. Work
            that waits for anything but this clock is then overtaken by it.

    Example:
        >>> clock = ManualClock()
        >>> clock.move(90)
        >>> (clock.now() - START).total_seconds(), clock.monotonic_s()
        (90.0, 90.0)
    """

    def __init__(self, at: datetime = START, *, flowing: bool = False) -> None:
        self._start = at
        self._passed_s = 0.0
        self._flowing = flowing
        self._arrivals = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []

    def now(self) -> datetime:
        """The moment to which the test has moved."""
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic_s(self) -> float:
        """Seconds passed since the first moment."""
        return self._passed_s

    @property
    def sleeping(self) -> int:
        """How many sleepers wait for time to pass."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved on by `seconds`."""
        awake = asyncio.Event()
        heapq.heappush(
            self._sleepers, (self._passed_s + max(seconds, 0.0), next(self._arrivals), awake)
        )
        while self._flowing and not awake.is_set():
            await _turns(1)
            if not awake.is_set() and self._sleepers[0][2] is awake:
                self._wake_until(self._sleepers[0][0])
        if seconds <= 0:
            self._wake_until(self._passed_s)
        await awake.wait()

    def move(self, seconds: float) -> None:
        """Let `seconds` pass at once; sleepers that are due wake at the loop's next turn."""
        self._wake_until(self._passed_s + seconds)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass from sleeper to sleeper.

        Each one wakes at its own hour and may sleep again within the time that passes: a loop
        that sleeps 1 s runs ten times in `advance(10)`.
        """
        end_s = self._passed_s + seconds
        await _turns(TURNS)
        while self._sleepers and self._sleepers[0][0] <= end_s:
            self._wake_until(self._sleepers[0][0])
            await _turns(TURNS)
        self._passed_s = end_s

    def _wake_until(self, hour_s: float) -> None:
        self._passed_s = max(self._passed_s, hour_s)
        while self._sleepers and self._sleepers[0][0] <= self._passed_s:
            heapq.heappop(self._sleepers)[2].set()


class ScriptedProvider:
    """A `Provider` that answers from a script, and remembers what it was asked.

    Args:
        script: By model, its answers one after another; the last one is given for ever. A model
            that is not in it says "done" for 20 and 100 tokens.
        clock: Moved on by each answer's latency, if given.
    """

    def __init__(
        self,
        script: Mapping[str, Sequence[Reply | Failed]] | None = None,
        clock: ManualClock | None = None,
    ) -> None:
        self.asked: list[Prompt] = []
        self.timeouts_s: list[float] = []
        self._script = {} if script is None else script
        self._clock = clock
        self._given: dict[str, int] = defaultdict(int)

    @property
    def models(self) -> list[str]:
        """Who was asked, in order."""
        return [prompt.model for prompt in self.asked]

    async def call(self, prompt: Prompt, deadlines: Deadlines) -> Reply | Failed:
        """The next answer of the model's script."""
        self.asked.append(prompt)
        self.timeouts_s.append(deadlines.total_s)
        said = self._script.get(prompt.model)
        if not said:
            return Reply("done", prompt.model, Usage(input_tokens=20, output_tokens=100), "stop")
        answer = said[min(self._given[prompt.model], len(said) - 1)]
        self._given[prompt.model] += 1
        if self._clock is not None:
            self._clock.move(answer.latency_s)
        return answer


class RecordingPublisher:
    """Confirms publications at once, in order, but for those that it refuses for good.

    Args:
        refuses: Which records the broker will never take.
    """

    def __init__(self, refuses: Callable[[Outgoing], bool] = lambda _: False) -> None:
        self.published: list[Outgoing] = []
        self.refuses = refuses
        self.open = asyncio.Event()
        self.open.set()

    @property
    def topics(self) -> list[str]:
        """Where each publication went, in order."""
        return [outgoing.topic for outgoing in self.published]

    def to(self, topic: str) -> list[Outgoing]:
        """What was published to one topic, in order."""
        return [outgoing for outgoing in self.published if outgoing.topic == topic]

    async def confirm(self, outgoing: Sequence[Outgoing]) -> list[Undeliverable | None]:
        """Take each record or refuse it; while not `open`, nothing is confirmed."""
        await self.open.wait()
        verdicts = [Undeliverable(o.topic) if self.refuses(o) else None for o in outgoing]
        taken = (o for o, no in zip(outgoing, verdicts, strict=True) if no is None)
        self.published.extend(taken)
        return verdicts


class KeptSpans:
    """A `Tracer` that keeps what it is handed.

    Args:
        sampled: What it says of every trace that begins.
    """

    def __init__(self, *, sampled: bool = True) -> None:
        self.spans: list[Span] = []
        self._sampled = sampled

    def samples(self, _: str) -> bool:
        """The same of all."""
        return self._sampled

    def record(self, span: Span) -> None:
        """Keep it."""
        self.spans.append(span)


async def _turns(count: int) -> None:
    for _ in range(count):
        await SystemClock().sleep(0)

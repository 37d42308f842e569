"""performance + lessons → policy: closed windows move the thresholds towards the target."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from streams import ids
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Put, Record, Send, Skip, State
from streams.events.control import Policy
from streams.events.envelope import Part
from streams.events.feedback import Lesson, Performance
from streams.kafka.codec import Rejected, decode
from streams.learning.allowance import allow
from streams.learning.gains import Gains
from streams.learning.hearing import Hearing, Voices
from streams.learning.thresholds import Steering, steer
from streams.learning.windows import Judged, Place, Windows

STEERING = "steering"
"""Key of the entry that holds all but cells and voices: what must change together is one write."""

VOICES = "voices"
"""Key of what is known of those who judge: a crash in between loses a few of their scores."""

SETTINGS = ("target", "target_quality", "ceiling_usd", "strategy")
"""What of a policy an operator sets, and no tuner moves."""

LONGEST_GRACE_S = 30.0
RECENT_LESSONS = 512
TAIL_CHARS = 10


class OpenWindow(Part):
    """Judged quality of one tier in a window that has not closed."""

    bucket_at: datetime
    tier: int
    judged: Judged


class TunerState(State):
    """Table `tuner`: the entries `steering` and `voices`, or a cell of `performance` under its key.

    `offset` is the last of `lessons` that is included; `recent` the last lessons' ids, cut to
    their tails, by which a lesson that was published twice is known.
    """

    cell: Performance | None = None
    voices: Voices | None = None
    steering: Steering | None = None
    closed_at: datetime | None = None
    open: tuple[OpenWindow, ...] = ()
    lessons: int = 0
    offset: int = -1
    recent: tuple[str, ...] = ()


@dataclass(slots=True)
class _Memory:
    """The table, unpacked.

    `touched` names the cells that are not written yet, `dirty` says that the rest is not.
    """

    windows: Windows
    steering: Steering | None
    lessons: int
    offset: int
    recent: deque[str]
    hearing: Hearing = field(default_factory=Hearing)
    dirty: bool = False
    heard: bool = False
    touched: set[str] = field(default_factory=set)

    def take(self, lesson: Lesson, offset: int) -> str:
        """Fold a lesson once; what that came to, as a closed word."""
        if offset <= self.offset:
            return "contained"
        self.offset = offset
        self.dirty = True
        if lesson.score is None:
            return "billed"
        if lesson.recorded:
            return "recorded"
        tail = lesson.lesson_id[-TAIL_CHARS:]
        if tail in self.recent:
            return "repeated"
        self.recent.append(tail)
        self.lessons += 1
        self.windows.judge(self.hearing.believe(lesson))
        self.heard = True
        return "judged"

    def steer(
        self, steering: Steering, now: datetime, dropped: tuple[str, ...] = ()
    ) -> tuple[Put, ...]:
        """Take in what a tick came to, and write it; the cells `dropped` are deleted."""
        self.steering = steering
        self.dirty = True
        self.touched.difference_update(dropped)
        return (*self.flush(now), *(Put("tuner", key, None) for key in dropped))

    def state(self, now: datetime) -> TunerState:
        """What the table is to hold of all but the cells."""
        return TunerState(
            at=now,
            steering=self.steering,
            closed_at=self.windows.closed_at,
            open=tuple(
                OpenWindow(bucket_at=place.bucket_at, tier=place.tier, judged=judged)
                for place, judged in self.windows.judged.items()
            ),
            lessons=self.lessons,
            offset=self.offset,
            recent=tuple(self.recent),
        )

    def flush(self, now: datetime) -> tuple[Put, ...]:
        """Write what has changed."""
        cells = self.windows.cells
        puts = [Put("tuner", key, TunerState(at=now, cell=cells[key])) for key in self.touched]
        if self.dirty:
            puts.append(Put("tuner", STEERING, self.state(now)))
        if self.heard:
            voices = TunerState(at=now, voices=self.hearing.voices())
            puts.append(Put("tuner", VOICES, voices))
        self.touched.clear()
        self.dirty = self.heard = False
        return tuple(puts)


def tune(
    tuned: Mapping[str, TunerState],
    *,
    initial: Policy,
    gains: Gains,
    bucket_s: float,
    partitions: int,
    keep_windows: int = 30,
) -> Bound:
    """Hold the quality target with the cheapest thresholds that do.

    A policy is kept before it is published, so that no version is ever given to two of them.
    Every binding publishes the one in force again, under the same id, since a crash may have come
    in between.

    Args:
        tuned: The table, read whole once, here.
        initial: The policy of a first start; later its targets, ceiling and strategy count, as settings.
        gains: How thresholds move.
        bucket_s: Length of a window; a multiple of the bucket of `measure`.
        partitions: How many partitions of `results` report performance.
        keep_windows: How many windows back cells of performance are kept.
    """
    memory = _recall(tuned, bucket_s, partitions, keep_windows)
    announced = False

    async def handle(record: Record) -> Outcome:
        return _fold(memory, record)

    async def close(now: datetime) -> Outcome:
        puts = memory.flush(now)
        return Skip("folded" if puts else "idle", puts)

    async def tick(now: datetime) -> Outcome:
        nonlocal announced
        known = memory.steering
        if known is None:
            announced = True
            first = Steering(policy=initial.model_copy(update={"version": 1, "at": now}))
            puts = memory.steer(first, now)
            return Emit((_publication(first.policy),), puts, "published")
        if not announced:
            announced = True
            return Emit((_publication(known.policy),), label="published")
        steered, dropped = _advance(memory.windows, known, initial, now, gains)
        if steered is known:
            return Skip("idle")
        puts = memory.steer(steered, now, dropped)
        if steered.policy is known.policy:
            return Skip("steady", puts)
        return Emit((_publication(steered.policy),), puts, "moved")

    return Bound(handle, close, tick)


def _fold(memory: _Memory, record: Record) -> Outcome:
    if record.topic == "lessons":
        lesson = decode(Lesson, record.value)
        if isinstance(lesson, Rejected):
            return Bury(lesson.reason, lesson.detail)
        return Skip(memory.take(lesson, record.offset))
    cell = decode(Performance, record.value)
    if isinstance(cell, Rejected):
        return Bury(cell.reason, cell.detail)
    key = memory.windows.report(cell)
    if key is None:
        return Skip("outdated")
    memory.touched.add(key)
    return Skip("reported")


def _recall(
    tuned: Mapping[str, TunerState], bucket_s: float, partitions: int, keep_windows: int
) -> _Memory:
    kept = tuned.get(STEERING)
    windows = Windows(
        bucket_s=bucket_s,
        partitions=partitions,
        grace_s=min(LONGEST_GRACE_S, bucket_s / 2),
        keep=keep_windows,
        closed_at=None if kept is None else kept.closed_at,
        cells={key: state.cell for key, state in tuned.items() if state.cell is not None},
    )
    if kept is None:
        return _Memory(windows, None, 0, -1, deque(maxlen=RECENT_LESSONS))
    windows.judged = {Place(o.bucket_at, o.tier): o.judged for o in kept.open}
    recent = deque(kept.recent, maxlen=RECENT_LESSONS)
    voices = tuned.get(VOICES)
    hearing = Hearing(None if voices is None else voices.voices)
    return _Memory(windows, kept.steering, kept.lessons, kept.offset, recent, hearing)


def _settle(known: Steering, initial: Policy, now: datetime) -> Steering:
    """Put in force what was set anew since the last start."""
    policy = known.policy
    changes = {
        name: new for name in SETTINGS if (new := getattr(initial, name)) != getattr(policy, name)
    }
    if not changes:
        return known
    told = ", ".join(
        f"{name} {_written(getattr(policy, name))} → {_written(new)}"
        for name, new in changes.items()
    )
    if "ceiling_usd" in changes:
        changes["allowance_usd"] = None
    if "target_quality" in changes:
        changes["thresholds"] = initial.thresholds
    changes |= {
        "version": policy.version + 1,
        "reason": f"settings: {told}",
        "changed_by": "settings",
        "at": now,
    }
    return known.model_copy(update={"policy": policy.model_copy(update=changes)})


def _written(value: object) -> str:
    """A setting's value as a reason has it."""
    if value is None:
        return "none"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _advance(
    windows: Windows, known: Steering, initial: Policy, now: datetime, gains: Gains
) -> tuple[Steering, tuple[str, ...]]:
    """Put new settings in force, else close what is to be closed; and which cells to forget."""
    settled = _settle(known, initial, now)
    if settled is not known:
        return settled, ()
    before = windows.closed_at
    closed = windows.close(now)
    until = windows.closed_at
    if until is None or until == before:
        return known, ()
    by_tier: dict[int, Judged] = {}
    for place, judged in closed.items():
        by_tier[place.tier] = by_tier.get(place.tier, Judged()).plus(judged)
    since = min((place.bucket_at for place in closed), default=until)
    steered = steer(known, by_tier, (since, until), now, gains)
    policy, spending = allow(
        steered.policy, known.policy, known.spending, windows.billed(before, until), now
    )
    steered = steered.model_copy(update={"policy": policy, "spending": spending})
    return steered, windows.forget(now)


def _publication(policy: Policy) -> Send:
    event_id = ids.derive("policy", policy.version, policy.reason)
    return Send("policy", "policy", policy, id=event_id)

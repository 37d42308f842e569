"""lessons, instructions → model-state: the one learner; what a batch taught is kept, then published."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from streams import ids
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Put, Record, Send, Skip
from streams.events.control import ModelState
from streams.events.feedback import Alert, Lesson
from streams.events.instruction import Instruction
from streams.kafka import codec
from streams.learning.hearing import Voices
from streams.learning.keeping import Return
from streams.learning.learner import Drift, Learner
from streams.learning.recent import LearnerMarks
from streams.learning.standing import PROGRESS, Learned, LearnerProgress, LearnerState
from streams.topology import ALERTS, INSTRUCTIONS, LEARNER, MODEL_STATE


def learn(states: Mapping[str, Learned]) -> Bound:
    """Teach the learner, and publish the parts that changed.

    A version is kept before it is published, so that no version is ever given to two states;
    every binding publishes what is in force again, since that may not have happened. An alert is
    published with the version that shows it, once: a crash between keeping and publishing loses it.
    Bills that wait to be kept with others are lost by one as well, ten or those of five seconds.

    Args:
        states: The table, read whole once, here.
    """
    pupil = _Pupil.of(states)
    announced = pupil.learner.version == 0

    async def handle(record: Record) -> Outcome:
        return pupil.obey(record) if record.topic == INSTRUCTIONS.name else pupil.learn(record)

    async def close(now: datetime) -> Outcome:
        return pupil.close(now)

    async def tick(now: datetime) -> Outcome:
        nonlocal announced
        if announced:
            return Skip("idle")
        announced = True
        return Emit(_publications(pupil.learner.in_force(now)), label="published")

    return Bound(handle, close, tick, pupil.learner.standing)


@dataclass(slots=True)
class _Pupil:
    """The learner, and what it has read.

    `offset` is that of the last lesson, `instructed` that of the last instruction. `tested` says
    that lessons came while it was frozen: there is something to keep and nothing to publish.
    """

    learner: Learner
    offset: int = -1
    instructed: int = -1
    tested: bool = False

    @classmethod
    def of(cls, states: Mapping[str, Learned]) -> "_Pupil":
        """As the table has it."""
        kept = {name: _state(state) for name, state in states.items()}
        pupil, progress = cls(Learner.from_states(kept)), kept.get(PROGRESS)
        if isinstance(progress, LearnerProgress):
            pupil.offset, pupil.instructed = progress.offset, progress.instructed
        return pupil

    def learn(self, record: Record) -> Outcome:
        """Take a lesson."""
        lesson = codec.decode(Lesson, record.value)
        if isinstance(lesson, codec.Rejected):
            return Bury(lesson.reason, lesson.detail)
        if record.offset <= self.offset:
            return Skip("contained")
        new = self.learner.learn(lesson)
        self.offset = record.offset
        if not new:
            return Skip("repeated")
        self.tested = self.tested or self.learner.frozen
        return Skip("tested" if self.learner.frozen else "learned")

    def obey(self, record: Record) -> Outcome:
        """Do what an operator says, once; what can't be done is an alert."""
        told = codec.decode(Instruction, record.value)
        if isinstance(told, codec.Rejected):
            return Bury(told.reason, told.detail)
        if record.offset <= self.instructed:
            return Skip("contained")
        self.instructed = record.offset
        if told.what != "rollback":
            self.learner.freeze(frozen=told.what == "freeze")
            return Skip("obeyed")
        try:
            self.learner.go_back(told.to_version)
        except LookupError as error:
            return Emit((_refused(told, error),), label="refused")
        return Skip("obeyed")

    def close(self, now: datetime) -> Outcome:
        """Keep and publish what a batch has changed."""
        snapshots = self.learner.snapshots(now)
        if not snapshots and not self.tested:
            return Skip("nothing_learned")
        self.tested = False
        states = self.learner.states(now, self.offset, self.instructed)
        puts = tuple(_put(name, state, now) for name, state in states.items())
        frozen = self.learner.frozen
        drifts = (_alert(drift, now, frozen=frozen) for drift in self.learner.drifts())
        returns = (_return(back, now) for back in self.learner.returns())
        sends = (*_publications(snapshots), *drifts, *returns)
        return Emit(sends, puts, "taught") if sends else Skip("tested", puts)


def _publications(snapshots: list[ModelState]) -> tuple[Send, ...]:
    return tuple(
        Send(MODEL_STATE.name, s.part, s, ids.derive("model-state", s.part, s.version))
        for s in snapshots
    )


def _refused(told: Instruction, why: LookupError) -> Send:
    detail = f"what {told.by} told the learner was not done: {why}"
    alert = Alert(kind="rollback", detail=detail, subject="learner", at=told.at)
    name = ids.derive("alert", alert.kind, told.instruction_id)
    return Send(ALERTS.name, alert.kind, alert, name)


def _return(back: Return, now: datetime) -> Send:
    """Weights that were given up, named by the version that they had reached."""
    if back.worse is None:
        why = "as an operator told it"
    else:
        why = (
            f"since what was learned after it predicted worse: squared error greater by"
            f" {back.worse:.3f} a lesson, over {back.lessons} lessons"
        )
    detail = f"the learner went back from version {back.left} to what version {back.to} was, {why}"
    alert = Alert(kind="rollback", detail=detail, subject="learner", at=now)
    name = ids.derive("alert", alert.kind, back.left, back.to, back.lessons)
    return Send(ALERTS.name, alert.kind, alert, name)


def _alert(drift: Drift, now: datetime, *, frozen: bool) -> Send:
    """A model found to have changed, named by the lesson that showed it."""
    then = "nothing is learned of it: frozen" if frozen else "earlier ones count less from now on"
    if drift.cost:
        detail = (
            f"answers of {drift.model} cost {math.exp(drift.by):.2g} times what was predicted,"
            f" after {drift.lessons} bills"
        )
    else:
        side = "below" if drift.by < 0 else "above"
        detail = (
            f"{drift.model} is judged {abs(drift.by):.2f} {side} what was predicted of it,"
            f" after {drift.lessons} lessons: {then}"
        )
    alert = Alert(kind="drift", detail=detail, subject=drift.model, at=now)
    return Send(
        ALERTS.name,
        alert.kind,
        alert,
        ids.derive("alert", alert.kind, drift.model, int(drift.cost), drift.lessons),
    )


def _state(kept: Learned) -> LearnerState:
    state = kept.part or kept.progress or kept.marks or kept.voices
    if state is None:
        raise ValueError("an entry of the learner's table holds nothing")
    return state


def _put(name: str, state: LearnerState, now: datetime) -> Put:
    if isinstance(state, LearnerProgress):
        learned = Learned(at=now, progress=state)
    elif isinstance(state, LearnerMarks):
        learned = Learned(at=now, marks=state)
    elif isinstance(state, Voices):
        learned = Learned(at=now, voices=state)
    else:
        learned = Learned(at=now, part=state)
    return Put(LEARNER.name, name, learned, partition=0)

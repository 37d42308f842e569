"""lessons → model-state: the one learner; what a batch taught is kept, then published."""

import math
from collections.abc import Mapping
from datetime import datetime

from streams import ids
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Put, Record, Send, Skip
from streams.events.control import ModelState
from streams.events.feedback import Alert, Lesson
from streams.kafka import codec
from streams.learning.learner import Drift, Learner
from streams.learning.standing import PROGRESS, Learned, LearnerProgress, LearnerState
from streams.topology import ALERTS, LEARNER, MODEL_STATE


def learn(states: Mapping[str, Learned]) -> Bound:
    """Teach the learner, and publish the parts that changed.

    A version is kept before it is published, so that no version is ever given to two states;
    every binding publishes what is in force again, since that may not have happened. An alert is
    published with the version that shows it, once: a crash between keeping and publishing loses it.
    Bills that wait to be kept with others are lost by one as well, ten or those of five seconds.

    Args:
        states: The table, read whole once, here.
    """
    kept = {name: _state(state) for name, state in states.items()}
    learner = Learner.from_states(kept)
    progress = kept.get(PROGRESS)
    offset = progress.offset if isinstance(progress, LearnerProgress) else -1
    announced = learner.version == 0

    async def handle(record: Record) -> Outcome:
        nonlocal offset
        lesson = codec.decode(Lesson, record.value)
        if isinstance(lesson, codec.Rejected):
            return Bury(lesson.reason, lesson.detail)
        if record.offset <= offset:
            return Skip("contained")
        new = learner.learn(lesson)
        offset = record.offset
        return Skip("learned" if new else "repeated")

    async def close(now: datetime) -> Outcome:
        snapshots = learner.snapshots(now)
        if not snapshots:
            return Skip("nothing_learned")
        puts = (_put(name, state) for name, state in learner.states(now, offset).items())
        alerts = (_alert(drift, now) for drift in learner.drifts())
        return Emit((*_publications(snapshots), *alerts), tuple(puts), "taught")

    async def tick(now: datetime) -> Outcome:
        nonlocal announced
        if announced:
            return Skip("idle")
        announced = True
        return Emit(_publications(learner.in_force(now)), label="published")

    return Bound(handle, close, tick, learner.standing)


def _publications(snapshots: list[ModelState]) -> tuple[Send, ...]:
    return tuple(
        Send(MODEL_STATE.name, s.part, s, ids.derive("model-state", s.part, s.version))
        for s in snapshots
    )


def _alert(drift: Drift, now: datetime) -> Send:
    """A model found to have changed, named by the lesson that showed it."""
    if drift.cost:
        detail = (
            f"answers of {drift.model} cost {math.exp(drift.by):.2g} times what was predicted,"
            f" after {drift.lessons} bills"
        )
    else:
        side = "below" if drift.by < 0 else "above"
        detail = (
            f"{drift.model} is judged {abs(drift.by):.2f} {side} what was predicted of it,"
            f" after {drift.lessons} lessons: earlier ones count less from now on"
        )
    alert = Alert(kind="drift", detail=detail, subject=drift.model, at=now)
    return Send(
        ALERTS.name,
        alert.kind,
        alert,
        ids.derive("alert", alert.kind, drift.model, int(drift.cost), drift.lessons),
    )


def _state(kept: Learned) -> LearnerState:
    state = kept.part or kept.progress
    if state is None:
        raise ValueError("an entry of the learner's table holds nothing")
    return state


def _put(name: str, state: LearnerState) -> Put:
    if isinstance(state, LearnerProgress):
        learned = Learned(at=state.at, progress=state)
    else:
        learned = Learned(at=state.at, part=state)
    return Put(LEARNER.name, name, learned, partition=0)

"""Lessons → weights, version by version, and what must be found again after a restart.

Test-then-train: a lesson is predicted before it is learned from. A model whose residuals stay on
one side has changed: that is told, and it forgets quicker for a while. Weights that do worse than
the last good ones are given up for those.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from streams.events.control import ModelState
from streams.events.feedback import Lesson
from streams.learning.estimators import Estimators
from streams.learning.hearing import Hearing, Voices
from streams.learning.keeping import LastGood, Return
from streams.learning.recent import LearnerMarks, Recent, mark_of
from streams.learning.standing import (
    PROGRESS,
    VOICES,
    LearnerPart,
    LearnerProgress,
    LearnerState,
    Standing,
    key_of,
)
from streams.routing import dense
from streams.routing.features import Features, unpack
from streams.routing.quality import (
    SHARED,
)
from streams.routing.snapshot import checksum

BILLS_A_FLUSH, BILLS_S = 10, 5.0
"""Parts that only bills changed wait for so many and so long: every task has one, and few a score."""


class Drift(NamedTuple):
    """A model changed: `by` is judged less predicted quality, a running mean.

    Where `cost` says so, it is about the logarithm of real over predicted cost.
    """

    model: str
    by: float
    lessons: int
    cost: bool = False


class Learner:
    """What quality each model reaches on which tasks, learned from one lesson after another.

    Args:
        version: Version of the last snapshots published.
        lessons: Lessons ever counted, those of tier 0 too.

    Attributes:
        frozen: Whether lessons are tested on and teach nothing.

    Example:
        >>> learner = Learner()
        >>> learner.lessons, learner.version
        (0, 0)
    """

    def __init__(self, version: int = 0, lessons: int = 0) -> None:
        self.version = version
        self.lessons = lessons
        self.frozen = False
        self._estimators = Estimators()
        self._drifts: list[Drift] = []
        self.hearing = Hearing()
        self._returns: list[Return] = []
        self._good = LastGood()
        self._recent = Recent()
        self._unpublished: set[str] = set()
        self._billed: set[str] = set()
        self._bills_waiting = 0
        self._flushed_at: datetime | None = None
        self._unsaved = {SHARED}
        self._heard = False

    @classmethod
    def from_states(cls, states: Mapping[str, LearnerState]) -> "Learner":
        """Go on where the states were written, bit for bit.

        A worker that died while it wrote leaves the first of them: progress is written last. Without
        it nothing was ever kept whole, and all begins anew.

        Args:
            states: What `states` returned, by key; the newest of each. Of the last good parts all
                or none are there, else a first trial begins.

        Raises:
            ValueError: A part is missing or damaged; the message names it.
        """
        progress = states.get(PROGRESS)
        if not isinstance(progress, LearnerProgress):
            return cls()
        learner = cls(progress.version, progress.lessons)
        voices = states.get(VOICES)
        learner.hearing = Hearing(voices if isinstance(voices, Voices) else None)
        marks = (state for state in states.values() if isinstance(state, LearnerMarks))
        learner._recent = Recent.from_states(marks, progress.recent)
        learner.frozen = progress.frozen
        learner._good = LastGood.from_states(progress, states)
        for name in progress.order:
            part = states.get(key_of(name))
            if not isinstance(part, LearnerPart):
                raise ValueError(f"learner states lack part {name!r}")  # noqa: TRY004
            learner._estimators.load(part)
        return learner

    def learn(self, lesson: Lesson) -> bool:
        """Test the present estimate on a lesson, then learn from it.

        A lesson without a model (tier 0) is counted, and teaches nothing. One about cost teaches
        cost alone, and isn't counted. While frozen nothing is taught.

        Returns:
            Whether it was new: a lesson id seen within the last 190,000 changes nothing.

        Raises:
            ValueError: The lesson's features cannot be read; nothing has changed.
        """
        mark = mark_of(lesson.lesson_id)
        if mark in self._recent:
            return False
        if lesson.score is None:
            self._bill(lesson)
        elif lesson.model is not None:
            self._teach(lesson, lesson.model, lesson.score)
        else:
            self._weigh(lesson)
        self.lessons += lesson.score is not None
        self._recent.add(mark)
        changed = {SHARED} if lesson.model is None else {SHARED, lesson.model}
        if self.frozen:
            pass  # tested: what is served stays
        elif lesson.score is None:
            self._billed |= changed
            self._bills_waiting += 1
        else:
            self._unpublished |= changed
        self._unsaved |= changed
        return True

    def predict(self, model: str, features: Features) -> float:
        """The estimate for a model that has been judged, in [0, 1].

        Raises:
            KeyError: The model has never been judged.
        """
        return self._estimators.read(model, features).mixed

    def cost_usd(self, model: str, features: Features, listed_usd: float) -> float:
        """The dollars that a model would take for a task, in place of the listed ones."""
        return self._estimators.bills.predict(model, dense.dense(features), listed_usd)

    def standing(self) -> dict[str, Standing]:
        """Progressive validation by part; `SHARED` is over all lessons."""
        standing = self._estimators.standing
        return {name: each for name, each in standing.items() if each.lessons}

    def drifts(self) -> list[Drift]:
        """The models found to have changed since the last call."""
        found, self._drifts = self._drifts, []
        return found

    def returns(self) -> list[Return]:
        """The times that weights were given up for the last good ones, since the last call."""
        found, self._returns = self._returns, []
        return found

    @property
    def kept_versions(self) -> tuple[int, ...]:
        """The versions that can be gone back to; the first is the last good one."""
        return self._good.versions

    def freeze(self, *, frozen: bool) -> None:
        """Teach nothing from here on, or again; what is served says so."""
        self.frozen = frozen
        self._change(self._estimators)

    def go_back(self, to: int | None = None) -> Return:
        """Serve and learn on from kept parts, what answers cost included.

        Args:
            to: One of `kept_versions`; None: the last good one.

        Raises:
            LookupError: That version is not kept.
        """
        back = self._good.give_up(self.version, to)
        self._restore(back, bills=True)
        return back

    def snapshots(self, now: datetime) -> list[ModelState]:
        """The parts that changed since the last call, under one new version; empty if none did.

        What bills alone changed waits for a score, or for 10 of them and 5 seconds.
        """
        waited = self._flushed_at is None or (now - self._flushed_at).total_seconds() >= BILLS_S
        if self._unpublished or (waited and self._bills_waiting >= BILLS_A_FLUSH):
            self._unpublished |= self._billed
            self._billed.clear()
            self._bills_waiting, self._flushed_at = 0, now
        changed = sorted(name for name in self._unpublished if name in self._estimators)
        if changed:
            self.version += 1
            if self._good.due:
                parts = {name: self._estimators.save(name, now) for name in self._estimators}
                self._good.keep(self.version, parts)
        self._unpublished.clear()
        return [self._snapshot(name, now) for name in changed]

    def in_force(self, now: datetime) -> list[ModelState]:
        """Every part as it was last published, under the present version."""
        return [self._snapshot(name, now) for name in sorted(self._estimators)]

    def states(self, now: datetime, offset: int, instructed: int = -1) -> dict[str, LearnerState]:
        """What the learner must find again after a restart: what changed since the last call.

        To be written in this order: whatever was written of it last, `from_states` goes on from it.

        Args:
            now: Written as the states' time.
            offset: Of the last lesson included. Call `snapshots` first: its version is included.
            instructed: Of the last instruction obeyed.
        """
        found: dict[str, LearnerState] = {
            key_of(name): self._estimators.save(name, now)
            for name in self._estimators
            if name in self._unsaved
        }
        self._unsaved.clear()
        found.update(self._recent.states())
        found.update(self._good.states())
        if self._heard:
            found[VOICES] = self.hearing.voices()
            self._heard = False
        found[PROGRESS] = LearnerProgress(
            at=now, offset=offset, version=self.version, lessons=self.lessons,
            order=tuple(self._estimators), instructed=instructed, frozen=self.frozen,
            kept=self._good.noted(), trial=self._good.trial,
        )  # fmt: skip
        return found

    def _teach(self, lesson: Lesson, model: str, score: float) -> None:
        features = unpack(lesson.features)
        weight, known = self._weigh(lesson), self._estimators
        if not known.knows(model):
            if self.frozen:
                return
            known.welcome(model, lesson.tier, features)
        read = known.read(model, features)
        off = known.test(model, read, score, weight)
        if off is not None:
            self._drifts.append(Drift(model, off, known.standing[model].lessons))
        if self.frozen:
            return
        kept = self._good.predict(model, features, read.row)
        known.learn(model, read, score, weight, changed=off is not None)
        lost = None if kept is None else weight * (kept - score) ** 2
        back = self._good.test(weight * (read.mixed - score) ** 2, lost, self.version)
        if back is not None:
            self._restore(back, bills=False)

    def _restore(self, back: Return, *, bills: bool) -> None:
        """Learn on from kept parts.

        A model that came later begins anew: what it learned stood on weights that are gone.
        """
        self._returns.append(back)
        kept = self._good[back.to].parts
        for name in self._estimators:
            self._estimators.restore(name, kept.get(name), bills=bills)
        self._change(self._estimators)

    def _change(self, parts: Iterable[str]) -> None:
        self._unpublished.update(parts)
        self._unsaved.update(parts)

    def _weigh(self, lesson: Lesson) -> float:
        self._heard = True
        return self.hearing.weigh(lesson)

    def _bill(self, lesson: Lesson) -> None:
        model = lesson.model
        if model is None or not lesson.cost_usd or not lesson.listed_usd:
            return
        row = dense.dense(unpack(lesson.features))
        if self.frozen:
            return
        if model not in self._estimators:
            self._estimators.welcome(model, lesson.tier)
        bills = self._estimators.bills
        off = bills.learn(model, row, float(lesson.cost_usd), float(lesson.listed_usd))
        if off is not None:
            self._drifts.append(Drift(model, off, bills.account(model).bills, cost=True))

    def _snapshot(self, name: str, now: datetime) -> ModelState:
        standing = self._estimators.standing[name]
        weights = self._estimators.weights(name)
        return ModelState(
            part=name, version=self.version, lessons=self.lessons,
            part_lessons=standing.lessons, weights=weights, mean_score=standing.mean_score,
            checksum=checksum(weights), bills=self._estimators.bills.account(name).bills,
            voices=self.hearing.lightest() if name == SHARED else (),
            frozen=self.frozen, kept_versions=self.kept_versions, at=now,
        )  # fmt: skip

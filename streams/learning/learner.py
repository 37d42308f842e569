"""Lessons → weights: quality of each model by two estimates, and what its answers really cost.

The hashed one reads words, the ridge reads structure. Test-then-train: a lesson is predicted
before it is learned from. A model whose residuals stay on one side has changed: that is told, and
it forgets quicker for a while. Weights that do worse than the last good ones are given up for those.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from streams.events.control import ModelState
from streams.events.feedback import Lesson
from streams.learning.bills import Bills
from streams.learning.blend import Blend
from streams.learning.drift import QUALITY, Watch
from streams.learning.hearing import Hearing, Voices
from streams.learning.keeping import LastGood, Return
from streams.learning.packing import pack_numbers, unpack_numbers
from streams.learning.recent import LearnerMarks, Recent, mark_of
from streams.learning.ridge import Ridge, TwoStageRidge
from streams.learning.sparse import Hashed, Inputs
from streams.learning.standing import (
    PROGRESS,
    VOICES,
    Account,
    LearnerPart,
    LearnerProgress,
    LearnerState,
    Standing,
    key_of,
)
from streams.routing import dense, snapshot
from streams.routing.features import Features, unpack
from streams.routing.quality import (
    NEWCOMER_LESSONS,
    PRIOR_QUALITY,
    SHARED,
    logit,
    mixed,
)
from streams.routing.snapshot import WIDTH, Weights, checksum

WIDER = 0.1
"""Variance added to a model's level in the ridge when it has changed: the next lesson moves it by a
tenth. With 1 it moved by half, and one failure after a false alarm shut a good model out."""

BILLS_A_FLUSH, BILLS_S = 10, 5.0
"""Parts that only bills changed wait for so many and so long: every task has one, and few a score."""

UNTAUGHT_RIDGE = Blend(odds=3.0)
"""What a learner begins with whose state was kept before there was a ridge."""


class Drift(NamedTuple):
    """A model changed: `by` is judged less predicted quality, a running mean.

    Where `cost` says so, it is about the logarithm of real over predicted cost.
    """

    model: str
    by: float
    lessons: int
    cost: bool = False


class _Estimates(NamedTuple):
    hashed: float
    ridge: float
    mixed: float


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
        self._standing = {SHARED: Standing(prior=0.0)}
        self._place = {SHARED: 0}
        self._watches = {SHARED: Watch()}
        self._bills = Bills()
        self._blend = Blend()
        self._hashed = Hashed()
        self._ridge = TwoStageRidge(arm="model", width=dense.WIDTH)
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
            learner._load(part)
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
        inputs = self._hashed.inputs(features, self._place[model])
        return self._estimate(model, inputs, dense.dense(features)).mixed

    def cost_usd(self, model: str, features: Features, listed_usd: float) -> float:
        """The dollars that a model would take for a task, in place of the listed ones."""
        return self._bills.predict(model, dense.dense(features), listed_usd)

    def standing(self) -> dict[str, Standing]:
        """Progressive validation by part; `SHARED` is over all lessons."""
        return {name: standing for name, standing in self._standing.items() if standing.lessons}

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
        self._change(self._place)

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
        changed = sorted(self._unpublished & self._place.keys())
        if changed:
            self.version += 1
            if self._good.due:
                parts = {name: self._save(name, now) for name in self._place}
                self._good.keep(self.version, parts)
        self._unpublished.clear()
        return [self._snapshot(name, now) for name in changed]

    def in_force(self, now: datetime) -> list[ModelState]:
        """Every part as it was last published, under the present version."""
        return [self._snapshot(name, now) for name in sorted(self._place)]

    def states(self, now: datetime, offset: int, instructed: int = -1) -> dict[str, LearnerState]:
        """What the learner must find again after a restart: what changed since the last call.

        To be written in this order: whatever was written of it last, `from_states` goes on from it.

        Args:
            now: Written as the states' time.
            offset: Of the last lesson included. Call `snapshots` first: its version is included.
            instructed: Of the last instruction obeyed.
        """
        known = self._unsaved & self._place.keys()
        found: dict[str, LearnerState] = {key_of(name): self._save(name, now) for name in known}
        self._unsaved.clear()
        found.update(self._recent.states())
        found.update(self._good.states())
        if self._heard:
            found[VOICES] = self.hearing.voices()
            self._heard = False
        found[PROGRESS] = LearnerProgress(
            at=now, offset=offset, version=self.version, lessons=self.lessons,
            order=tuple(self._place), instructed=instructed, frozen=self.frozen,
            kept=self._good.noted(), trial=self._good.trial,
        )  # fmt: skip
        return found

    def _estimate(self, model: str, inputs: Inputs, row: dense.Inputs) -> _Estimates:
        standing = self._standing[model]
        hashed = self._hashed.predict(inputs, standing.prior)
        ridge = standing.level + self._ridge.predict(model, row)
        return _Estimates(hashed, ridge, mixed(self._blend.share, hashed, ridge))

    def _teach(self, lesson: Lesson, model: str, score: float) -> None:
        features = unpack(lesson.features)
        weight = self._weigh(lesson)
        if model not in self._place or not self._standing[model].lessons:
            if self.frozen:
                return
            self._welcome(model, lesson.tier, features)
        standing, watch = self._standing[model], self._watches[model]
        inputs = self._hashed.inputs(features, self._place[model])
        row = dense.dense(features)
        estimates = self._estimate(model, inputs, row)
        standing.test(estimates.mixed, score, weight)
        self._standing[SHARED].test(estimates.mixed, score, weight)
        off = watch.mean
        alarm = watch.test(QUALITY, weight * (score - estimates.mixed))
        if alarm:
            self._drifts.append(Drift(model, off, standing.lessons))
        if self.frozen:
            return
        kept = self._good.predict(model, features, row)
        if alarm:
            self._hashed.quicken(self._place[model])
            self._ridge.own(model).widen(0, by=WIDER)
        held = min(max(estimates.ridge, 0.0), 1.0)
        self._blend = self._blend.learned(estimates.hashed, held, score, weight)
        self._hashed.learn(inputs, standing.prior, score, weight)
        self._ridge.learn(model, row, score - standing.level, watch.forget, weight)
        lost = None if kept is None else weight * (kept - score) ** 2
        back = self._good.test(weight * (estimates.mixed - score) ** 2, lost, self.version)
        if back is not None:
            self._restore(back, bills=False)

    def _restore(self, back: Return, *, bills: bool) -> None:
        """Learn on from kept parts; what was counted stays counted.

        A model that came later begins anew: what it learned stood on weights that are gone.
        """
        self._returns.append(back)
        kept = self._good[back.to]
        for name in self._place:
            part = kept.parts.get(name)
            if part is not None:
                standing = self._standing[name]
                standing.prior, standing.level = part.prior, part.level or 0.0
                self._take(part, bills=bills)
                continue
            nothing = np.zeros(WIDTH, dtype=np.float32)
            self._standing[name] = Standing(prior=0.0, level=0.5)
            self._hashed.load(self._place[name], nothing, nothing)
            unsure = Ridge(dense.WIDTH, self._ridge.own_spread)
            self._ridge.own(name).load(unsure.numbers())
        self._change(self._place)

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
        if model not in self._place:
            level = PRIOR_QUALITY.get(lesson.tier, PRIOR_QUALITY[1])
            self._admit(model, Standing(prior=logit(level), level=level))
        off = self._bills.learn(model, row, float(lesson.cost_usd), float(lesson.listed_usd))
        if off is not None:
            bills = self._bills.account(model).bills
            self._drifts.append(Drift(model, off, bills, cost=True))

    def _welcome(self, model: str, tier: int, features: Features) -> None:
        """Start a model at its tier's prior; late, at the level of the best there is."""
        level = PRIOR_QUALITY.get(tier, PRIOR_QUALITY[1])
        prior = logit(level)
        judged = [name for name in self.standing() if name != SHARED]
        if self._standing[SHARED].lessons >= NEWCOMER_LESSONS and judged:
            best = max(self.predict(name, features) for name in judged)
            prior = logit(best) - self._hashed.shared_odds(features)
            level = best - self._ridge.predict(model, dense.dense(features))
        self._admit(model, Standing(prior=prior, level=level))

    def _admit(self, name: str, standing: Standing) -> None:
        self._place.setdefault(name, len(self._place))
        self._standing[name] = standing
        self._watches.setdefault(name, Watch())
        self._hashed.reach(len(self._place))

    def _snapshot(self, name: str, now: datetime) -> ModelState:
        standing = self._standing[name]
        ridge = self._ridge.shared if name == SHARED else self._ridge.own(name)
        weights = snapshot.pack(
            Weights(
                prior=standing.prior,
                hashed=self._hashed.weights(self._place[name]).astype(np.float32),
                level=standing.level,
                odds=self._blend.odds if name == SHARED else 0.0,
                ridge=ridge.weights.astype(np.float32),
                costs=self._bills.part(_owner(name)).weights.astype(np.float32),
                ratio=self._bills.account(name).ratio,
            )
        )
        return ModelState(
            part=name, version=self.version, lessons=self.lessons,
            part_lessons=standing.lessons, weights=weights, mean_score=standing.mean_score,
            checksum=checksum(weights), bills=self._bills.account(name).bills,
            voices=self.hearing.lightest() if name == SHARED else (),
            frozen=self.frozen, kept_versions=self.kept_versions, at=now,
        )  # fmt: skip

    def _save(self, name: str, now: datetime) -> LearnerPart:
        standing, place = self._standing[name], self._place[name]
        ridge = self._ridge.shared if name == SHARED else self._ridge.own(name)
        return LearnerPart(
            at=now, part=name, prior=standing.prior, level=standing.level,
            part_lessons=standing.lessons, score_sum=standing.score_sum,
            weight_sum=standing.weight_sum,
            log_loss_sum=standing.log_loss_sum, brier_sum=standing.brier_sum,
            weights=pack_numbers(self._hashed.weights(place).astype("<f4")),
            squares=pack_numbers(self._hashed.squares(place).astype("<f4")),
            ridge=pack_numbers(ridge.numbers().astype("<f8")),
            odds=self._blend.odds if name == SHARED else None,
            watch=replace(self._watches[name]),
            costs=pack_numbers(self._bills.part(_owner(name)).numbers().astype("<f8")),
            account=_copied(self._bills.account(name)),
        )  # fmt: skip

    def _load(self, part: LearnerPart) -> None:
        """Take in a part; one that was kept before there was a ridge begins it from nothing."""
        standing = Standing(
            part.prior, part.part_lessons, part.score_sum, part.log_loss_sum, part.brier_sum,
        )  # fmt: skip
        weighed = part.weight_sum
        standing.weight_sum = float(part.part_lessons) if weighed is None else weighed
        standing.level = standing.mean_score if part.level is None else part.level
        self._admit(part.part, standing)
        try:
            self._take(part, bills=True)
        except ValueError as error:
            raise ValueError(f"part {part.part!r}: {error}") from None

    def _take(self, part: LearnerPart, *, bills: bool) -> None:
        """Put a part's weights in force, and, if so wanted, what its bills taught."""
        weights = unpack_numbers(part.weights, "<f4", part.part)
        squares = unpack_numbers(part.squares, "<f4", part.part)
        ridge = unpack_numbers(part.ridge, "<f8", part.part)
        self._watches[part.part] = replace(part.watch)
        self._hashed.load(self._place[part.part], weights, squares)
        if part.ridge:
            own = self._ridge.shared if part.part == SHARED else self._ridge.own(part.part)
            own.load(ridge)
        if bills:
            costs = unpack_numbers(part.costs, "<f8", part.part)
            self._bills.load(_owner(part.part), costs, _copied(part.account))
        if part.part == SHARED:
            self._blend = UNTAUGHT_RIDGE if part.odds is None else Blend(part.odds)


def _owner(part: str) -> str | None:
    """Whose own a part is; None: it is what all share."""
    return None if part == SHARED else part


def _copied(account: Account) -> Account:
    return replace(account, watch=replace(account.watch))

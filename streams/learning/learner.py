"""Lessons → weights: one River estimator over what models share and what is each one's own.

Beside `learning.ridge` the only file that knows River. Every input is given twice, once as shared
(valued double) and once as the model's own, so that the weights of a model are 2 x shared + own.
Test-then-train: a lesson is predicted before it is learned.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import linear_model, optim

from streams import ids
from streams.events.control import ModelState
from streams.events.feedback import Lesson
from streams.learning.standing import (
    PROGRESS,
    LearnerPart,
    LearnerProgress,
    LearnerState,
    Standing,
    pack_numbers,
    unpack_numbers,
)
from streams.routing.features import Features, unpack
from streams.routing.quality import (
    DENSE,
    NEWCOMER_LESSONS,
    PRIOR_QUALITY,
    SHARED,
    SHARED_WEIGHT,
    WIDTH,
    checksum,
    dense_inputs,
    hash_input,
    logit,
    pack_weights,
)

LEARNING_RATE = 0.1
FIRST_SQUARE = 0.01
"""What the sum of squared gradients starts from."""

RECENT_LESSONS = 10_000
"""So many lesson ids are remembered, so that one redelivered teaches once."""


class FractionalLog(optim.losses.Log):
    """Log loss for scores between 0 and 1; River's own takes them for 0 or 1."""

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """Slope by the log-odds: prediction less score."""
        return float(self.mean_func(y_pred)) - float(y_true)


class SparseAdaGrad(optim.AdaGrad):
    """River's AdaGrad over integer features, a lesson's features at once.

    Weights and squares are held at float32 values, so that they survive being written.
    """

    def __init__(self, lr: float, eps: float) -> None:
        super().__init__(lr=lr, eps=eps)
        self.squares = np.zeros(WIDTH, dtype=np.float32)

    def reach(self, features: int) -> None:
        """Make room for features up to this number."""
        if features > len(self.squares):
            more = np.zeros(features - len(self.squares), dtype=np.float32)
            self.squares = np.concatenate((self.squares, more))

    def _step_with_vector(self, w: Any, g: Any) -> Any:
        keys = list(g.keys())
        at = np.array(keys)
        slopes = g.to_numpy(keys)
        squares = (self.squares[at] + slopes * slopes).astype(np.float32)
        self.squares[at] = squares
        step = self.learning_rate * slopes / np.sqrt(squares.astype(np.float64) + self.eps)
        moved = (w.to_numpy(keys) - step).astype(np.float32)
        w.update(dict(zip(keys, moved.tolist(), strict=True)))
        return w


class Learner:
    """What quality each model reaches on which tasks, learned from one lesson after another.

    Args:
        version: Version of the last snapshots published.
        lessons: Lessons ever counted, those of tier 0 too.

    Example:
        >>> learner = Learner()
        >>> learner.lessons, learner.version
        (0, 0)
    """

    def __init__(self, version: int = 0, lessons: int = 0) -> None:
        self.version = version
        self.lessons = lessons
        self._standing = {SHARED: Standing(prior=0.0)}
        self._base = {SHARED: 0}
        self._recent: OrderedDict[int, None] = OrderedDict()
        self._unpublished: set[str] = set()
        self._unsaved = {SHARED}
        self._optimizer = SparseAdaGrad(lr=LEARNING_RATE, eps=FIRST_SQUARE)
        self._estimator = linear_model.LogisticRegression(
            optimizer=self._optimizer, loss=FractionalLog(), intercept_lr=0.0
        )

    @classmethod
    def from_states(cls, states: Mapping[str, LearnerState]) -> "Learner":
        """Go on where the states were written, bit for bit.

        Args:
            states: What `states` returned, by key; the newest of each.

        Raises:
            ValueError: A part is missing or damaged; the message names it.
        """
        if not states:
            return cls()
        progress = states.get(PROGRESS)
        if not isinstance(progress, LearnerProgress):
            raise ValueError("learner states lack their progress")  # noqa: TRY004 (a value's fault)
        learner = cls(progress.version, progress.lessons)
        recent = unpack_numbers(progress.recent, "<u8", PROGRESS)
        learner._recent = OrderedDict.fromkeys(recent.tolist())
        for name in progress.order:
            part = states.get(name)
            if not isinstance(part, LearnerPart):
                raise ValueError(f"learner states lack part {name!r}")  # noqa: TRY004
            learner._load(part)
        return learner

    def learn(self, lesson: Lesson) -> bool:
        """Test the present estimate on a lesson, then learn from it.

        A lesson without a model (tier 0) is counted, and teaches nothing.

        Returns:
            Whether it was new: a lesson id seen within the last 10,000 changes nothing.

        Raises:
            ValueError: The lesson's features cannot be read; nothing has changed.
        """
        mark = int(ids.digest(lesson.lesson_id.encode())[:16], 16)
        if mark in self._recent:
            return False
        if lesson.model is not None:
            self._teach(lesson.model, lesson.tier, unpack(lesson.features), lesson.score)
        self.lessons += 1
        self._recent[mark] = None
        if len(self._recent) > RECENT_LESSONS:
            self._recent.popitem(last=False)
        changed = {SHARED} if lesson.model is None else {SHARED, lesson.model}
        self._unpublished |= changed
        self._unsaved |= changed
        return True

    def predict(self, model: str, features: Features) -> float:
        """The estimate for a model that has been judged, in [0, 1].

        Raises:
            KeyError: The model has never been judged.
        """
        self._estimator.intercept = self._standing[model].prior
        inputs = _inputs(features, self._base[model])
        return float(self._estimator.predict_proba_one(inputs)[True])

    def standing(self) -> dict[str, Standing]:
        """Progressive validation by part; `SHARED` is over all lessons."""
        return {name: standing for name, standing in self._standing.items() if standing.lessons}

    def snapshots(self, now: datetime) -> list[ModelState]:
        """The parts that changed since the last call, under one new version; empty if none did."""
        changed = sorted(self._unpublished)
        if changed:
            self.version += 1
        self._unpublished.clear()
        return [self._snapshot(name, now) for name in changed]

    def in_force(self, now: datetime) -> list[ModelState]:
        """Every part as it was last published, under the present version."""
        return [self._snapshot(name, now) for name in sorted(self._base)]

    def states(self, now: datetime, offset: int) -> dict[str, LearnerState]:
        """What the learner must find again after a restart: what changed since the last call.

        Args:
            now: Written as the states' time.
            offset: Of the last lesson included. Call `snapshots` first: its version is included.
        """
        found: dict[str, LearnerState] = {name: self._save(name, now) for name in self._unsaved}
        self._unsaved.clear()
        marks = np.fromiter(self._recent, dtype="<u8", count=len(self._recent))
        found[PROGRESS] = LearnerProgress(
            at=now, offset=offset, version=self.version, lessons=self.lessons,
            order=tuple(self._base),
            recent=pack_numbers(marks),
        )  # fmt: skip
        return found

    def _teach(self, model: str, tier: int, features: Features, score: float) -> None:
        if model not in self._base:
            self._welcome(model, tier, features)
        standing = self._standing[model]
        inputs = _inputs(features, self._base[model])
        self._estimator.intercept = standing.prior
        predicted = float(self._estimator.predict_proba_one(inputs)[True])
        standing.test(predicted, score)
        self._standing[SHARED].test(predicted, score)
        self._estimator.learn_one(inputs, score)

    def _welcome(self, model: str, tier: int, features: Features) -> None:
        """Start a model at its tier's prior; late, at the level of the best there is."""
        prior = logit(PRIOR_QUALITY.get(tier, PRIOR_QUALITY[1]))
        judged = [name for name in self._base if name != SHARED]
        if self._standing[SHARED].lessons >= NEWCOMER_LESSONS and judged:
            best = max(self.predict(name, features) for name in judged)
            prior = logit(best) - self._shared_odds(features)
        self._admit(model, Standing(prior=prior))

    def _admit(self, name: str, standing: Standing) -> None:
        self._base.setdefault(name, WIDTH * len(self._base))
        self._standing[name] = standing
        self._optimizer.reach(WIDTH * len(self._base))

    def _shared_odds(self, features: Features) -> float:
        self._estimator.intercept = 0.0
        inputs = {key: value for key, value in _inputs(features, WIDTH).items() if key < WIDTH}
        return logit(float(self._estimator.predict_proba_one(inputs)[True]))

    def _weights(self, name: str) -> NDArray[np.float64]:
        base = self._base[name]
        found: NDArray[np.float64] = self._estimator._weights.to_numpy(  # noqa: SLF001 (public one copies all)
            list(range(base, base + WIDTH))
        )
        return found

    def _snapshot(self, name: str, now: datetime) -> ModelState:
        standing = self._standing[name]
        weights = pack_weights(standing.prior, self._weights(name))
        return ModelState(
            part=name, version=self.version, lessons=self.lessons,
            part_lessons=standing.lessons, weights=weights, mean_score=standing.mean_score,
            checksum=checksum(weights), at=now,
        )  # fmt: skip

    def _save(self, name: str, now: datetime) -> LearnerPart:
        standing, base = self._standing[name], self._base[name]
        return LearnerPart(
            at=now, part=name, prior=standing.prior, part_lessons=standing.lessons,
            score_sum=standing.score_sum, log_loss_sum=standing.log_loss_sum,
            brier_sum=standing.brier_sum,
            weights=pack_numbers(self._weights(name).astype("<f4")),
            squares=pack_numbers(self._optimizer.squares[base : base + WIDTH].astype("<f4")),
        )  # fmt: skip

    def _load(self, part: LearnerPart) -> None:
        weights = unpack_numbers(part.weights, "<f4", part.part)
        squares = unpack_numbers(part.squares, "<f4", part.part)
        if len(weights) != WIDTH or len(squares) != WIDTH:
            raise ValueError(f"part {part.part!r} has not {WIDTH} weights and squares")
        self._admit(
            part.part,
            Standing(
                part.prior, part.part_lessons, part.score_sum, part.log_loss_sum, part.brier_sum
            ),
        )
        base = self._base[part.part]
        self._optimizer.squares[base : base + WIDTH] = squares
        keys = range(base, base + WIDTH)
        self._estimator._weights.update(dict(zip(keys, weights.tolist(), strict=True)))  # noqa: SLF001


def _inputs(features: Features, base: int) -> dict[int, float]:
    """Every input twice: shared, valued double, and the model's own from `base` on."""
    at = np.concatenate((np.arange(DENSE), features.hashes.astype(np.int64) + DENSE))
    values = np.full(len(at), hash_input(features))
    values[:DENSE] = dense_inputs(features)
    keys = np.concatenate((at, at + base)).tolist()
    return dict(zip(keys, np.concatenate((SHARED_WEIGHT * values, values)).tolist(), strict=True))

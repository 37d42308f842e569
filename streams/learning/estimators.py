"""What is known of each model: quality by two estimates, and what its answers really cost.

The hashed estimate reads words, the ridge reads structure. Each model has a part of its own in all
of them, beside the one that all share.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from streams.learning.bills import Bills
from streams.learning.blend import Blend
from streams.learning.drift import QUALITY, Watch
from streams.learning.packing import pack_numbers, unpack_numbers
from streams.learning.ridge import Ridge, TwoStageRidge
from streams.learning.sparse import Hashed, Inputs
from streams.learning.standing import Account, LearnerPart, Standing
from streams.routing import dense, snapshot
from streams.routing.features import Features
from streams.routing.quality import NEWCOMER_LESSONS, PRIOR_QUALITY, SHARED, logit, mixed
from streams.routing.snapshot import WIDTH, Weights

WIDER = 0.1
"""Variance added to a model's level in the ridge when it has changed: the next lesson moves it by a
tenth. With 1 it moved by half, and one failure after a false alarm shut a good model out."""

UNTAUGHT_RIDGE = Blend(odds=3.0)
"""What a learner begins with whose state was kept before there was a ridge."""


class Read(NamedTuple):
    """A task as the estimators read it for one model, and what they say before they learn from it."""

    inputs: Inputs
    row: dense.Inputs
    hashed: float
    ridge: float
    mixed: float


class Estimators:
    """The two estimates of quality, their blend and the one of cost, with a part for each model.

    Attributes:
        standing: How well each part has predicted, by name.
        bills: What bills taught.

    Example:
        >>> estimators = Estimators()
        >>> list(estimators), estimators.knows("small")
        (['shared'], False)
    """

    def __init__(self) -> None:
        self.standing = {SHARED: Standing(prior=0.0)}
        self.bills = Bills()
        self._place = {SHARED: 0}
        self._watches = {SHARED: Watch()}
        self._blend = Blend()
        self._hashed = Hashed()
        self._ridge = TwoStageRidge(arm="model", width=dense.WIDTH)

    def __iter__(self) -> Iterator[str]:
        """The names of the parts in the order they appeared; what all share is the first."""
        return iter(self._place)

    def __contains__(self, name: str) -> bool:
        return name in self._place

    def knows(self, model: str) -> bool:
        """Whether a model has ever been judged."""
        return model in self._place and self.standing[model].lessons > 0

    def read(self, model: str, features: Features) -> Read:
        """What is thought of a model on a task.

        Raises:
            KeyError: There is no part for the model.
        """
        inputs = self._hashed.inputs(features, self._place[model])
        row = dense.dense(features)
        standing = self.standing[model]
        hashed = self._hashed.predict(inputs, standing.prior)
        ridge = standing.level + self._ridge.predict(model, row)
        return Read(inputs, row, hashed, ridge, mixed(self._blend.share, hashed, ridge))

    def test(self, model: str, read: Read, score: float, weight: float) -> float | None:
        """Count what was thought against the score that came.

        Args:
            model: Whose score it is.
            read: What `read` returned, before this lesson was learned from.
            score: In [0, 1].
            weight: What the lesson counts for, in [0, 1].

        Returns:
            The running mean of scores less predictions, where it says that the model has changed;
            None where it doesn't.
        """
        watch = self._watches[model]
        self.standing[model].test(read.mixed, score, weight)
        self.standing[SHARED].test(read.mixed, score, weight)
        off = watch.mean
        return off if watch.test(QUALITY, weight * (score - read.mixed)) else None

    def learn(self, model: str, read: Read, score: float, weight: float, *, changed: bool) -> None:
        """Learn from a lesson that was tested.

        Args:
            model: Whose score it is.
            read: What `read` returned.
            score: In [0, 1].
            weight: What the lesson counts for, in [0, 1].
            changed: The test said that the model is another one now: its level is unsure again.
        """
        if changed:
            self._hashed.quicken(self._place[model])
            self._ridge.own(model).widen(0, by=WIDER)
        standing, forget = self.standing[model], self._watches[model].forget
        held = min(max(read.ridge, 0.0), 1.0)
        self._blend = self._blend.learned(read.hashed, held, score, weight)
        self._hashed.learn(read.inputs, standing.prior, score, weight)
        self._ridge.learn(model, read.row, score - standing.level, forget, weight)

    def welcome(self, model: str, tier: int, features: Features | None = None) -> None:
        """Make a part for a model: at its tier's prior, or late at the level of the best there is.

        Args:
            model: Its name.
            tier: Where the registry has it.
            features: The first task that it was judged on; None: a bill is all that there is.
        """
        level = PRIOR_QUALITY.get(tier, PRIOR_QUALITY[1])
        prior = logit(level)
        judged = [name for name in self._place if name != SHARED and self.knows(name)]
        late = self.standing[SHARED].lessons >= NEWCOMER_LESSONS
        if features is not None and late and judged:
            best = max(self.read(name, features).mixed for name in judged)
            prior = logit(best) - self._hashed.shared_odds(features)
            level = best - self._ridge.predict(model, dense.dense(features))
        self._admit(model, Standing(prior=prior, level=level))

    def weights(self, name: str) -> str:
        """What serving needs of a part, packed."""
        standing = self.standing[name]
        return snapshot.pack(
            Weights(
                prior=standing.prior,
                hashed=self._hashed.weights(self._place[name]).astype(np.float32),
                level=standing.level,
                odds=self._blend.odds if name == SHARED else 0.0,
                ridge=self._own(name).weights.astype(np.float32),
                costs=self.bills.part(_owner(name)).weights.astype(np.float32),
                ratio=self.bills.account(name).ratio,
            )
        )

    def save(self, name: str, now: datetime) -> LearnerPart:
        """Everything about a part that must be found again, bit for bit."""
        standing, place = self.standing[name], self._place[name]
        return LearnerPart(
            at=now, part=name, prior=standing.prior, level=standing.level,
            part_lessons=standing.lessons, score_sum=standing.score_sum,
            weight_sum=standing.weight_sum,
            log_loss_sum=standing.log_loss_sum, brier_sum=standing.brier_sum,
            weights=pack_numbers(self._hashed.weights(place).astype("<f4")),
            squares=pack_numbers(self._hashed.squares(place).astype("<f4")),
            ridge=pack_numbers(self._own(name).numbers().astype("<f8")),
            odds=self._blend.odds if name == SHARED else None,
            watch=replace(self._watches[name]),
            costs=pack_numbers(self.bills.part(_owner(name)).numbers().astype("<f8")),
            account=_copied(self.bills.account(name)),
        )  # fmt: skip

    def load(self, part: LearnerPart) -> None:
        """Take in a part; one that was kept before there was a ridge begins it from nothing.

        Raises:
            ValueError: It is damaged; the message names it.
        """
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

    def restore(self, name: str, part: LearnerPart | None, *, bills: bool) -> None:
        """Go back to a part; what was counted stays counted.

        Args:
            name: Of the part.
            part: What was kept of it; None: its quality begins from nothing.
            bills: Whether to go back to what bills had taught as well.
        """
        standing = self.standing[name]
        if part is not None:
            standing.prior, standing.level = part.prior, part.level or 0.0
            self._take(part, bills=bills)
            return
        nothing = np.zeros(WIDTH, dtype=np.float32)
        self.standing[name] = Standing(prior=0.0, level=0.5)
        self._hashed.load(self._place[name], nothing, nothing)
        self._own(name).load(Ridge(dense.WIDTH, self._ridge.own_spread).numbers())

    def _admit(self, name: str, standing: Standing) -> None:
        self._place.setdefault(name, len(self._place))
        self.standing[name] = standing
        self._watches.setdefault(name, Watch())
        self._hashed.reach(len(self._place))

    def _take(self, part: LearnerPart, *, bills: bool) -> None:
        """Put a part's weights in force, and, if so wanted, what its bills taught."""
        weights = unpack_numbers(part.weights, "<f4", part.part)
        squares = unpack_numbers(part.squares, "<f4", part.part)
        ridge = unpack_numbers(part.ridge, "<f8", part.part)
        self._watches[part.part] = replace(part.watch)
        self._hashed.load(self._place[part.part], weights, squares)
        if part.ridge:
            self._own(part.part).load(ridge)
        if bills:
            costs = unpack_numbers(part.costs, "<f8", part.part)
            self.bills.load(_owner(part.part), costs, _copied(part.account))
        if part.part == SHARED:
            self._blend = UNTAUGHT_RIDGE if part.odds is None else Blend(part.odds)

    def _own(self, name: str) -> Ridge:
        return self._ridge.shared if name == SHARED else self._ridge.own(name)


def _owner(part: str) -> str | None:
    """Whose own a part is; None: it is what all share."""
    return None if part == SHARED else part


def _copied(account: Account) -> Account:
    return replace(account, watch=replace(account.watch))

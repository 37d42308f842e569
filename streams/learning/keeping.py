"""The last good parts: what they would still predict, and all that is needed to go back to them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.learning.blend import Blend
from streams.learning.lastgood import Finding, Trial
from streams.learning.packing import unpack_numbers
from streams.learning.standing import KeptParts, LearnerPart, LearnerProgress, LearnerState, key_of
from streams.routing import dense
from streams.routing.features import Features
from streams.routing.quality import (
    SHARED,
    SHARED_WEIGHT,
    dense_inputs,
    hash_inputs,
    mixed,
    sigmoid,
)
from streams.routing.snapshot import DENSE

MOST_KEPT = 3
"""Versions kept. The last good one is as many trials old less one: 400 lessons, or more."""


class Return(NamedTuple):
    """The weights of version `left` were given up for those of version `to`.

    `worse` is by how much their squared error a lesson was greater, over `lessons`; None: it was
    done by hand.
    """

    left: int
    to: int
    worse: float | None
    lessons: int


class _Folded(NamedTuple):
    """One model's weights, shared ones added."""

    prior: float
    level: float
    structure: NDArray[np.float32]
    hashed: NDArray[np.float32]
    ridge: NDArray[np.float64]


class Kept:
    """Parts as they were published under one version.

    Args:
        version: Of the snapshot that they were.
        parts: By name; what all share among them.
    """

    def __init__(self, version: int, parts: Mapping[str, LearnerPart]) -> None:
        self.version = version
        self.parts = parts
        self._folded: dict[str, _Folded] = {}
        odds = parts[SHARED].odds
        self._share = Blend(0.0 if odds is None else odds).share

    def predict(self, model: str, features: Features, row: dense.Inputs) -> float | None:
        """What they predict of a model on a task; None of one that was not judged then.

        Args:
            model: Its name.
            features: The task's.
            row: The task's dense inputs.
        """
        part = self.parts.get(model)
        if part is None or not part.part_lessons:
            return None
        found = self._folded.get(model)
        if found is None:
            found = self._folded[model] = _fold(self.parts[SHARED], part)
        odds = found.prior + float(dense_inputs(features) @ found.structure)
        odds += float(hash_inputs(features).dot(found.hashed.take(features.hashes)))
        return mixed(self._share, sigmoid(odds), found.level + float(row @ found.ridge))


class LastGood:
    """Which parts are kept, and how those of now do beside the oldest of them.

    The oldest is the last good one: what is kept becomes that only after the later trials, so
    that a stretch of wrong lessons shorter than those is not what one would go back to.

    Attributes:
        kept: The oldest first.
        due: Whether what is published next is to be kept.
    """

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.due = False
        self._trial = Trial()
        self._places: list[int] = []
        self._unsaved: set[int] = set()

    @classmethod
    def from_states(
        cls, progress: LearnerProgress, states: Mapping[str, LearnerState]
    ) -> "LastGood":
        """Go on with the trial. A version of which some part was not written is not kept.

        Args:
            progress: The learner's.
            states: The table.
        """
        good = cls()
        for kept in progress.kept:
            found = {name: states.get(key_of(name, kept.place)) for name in kept.parts}
            parts = {
                name: part
                for name, part in found.items()
                if isinstance(part, LearnerPart) and part.version == kept.version
            }
            if SHARED in parts and len(parts) == len(found):
                good.kept.append(Kept(kept.version, parts))
                good._places.append(kept.place)
        if len(good.kept) == len(progress.kept):
            good._trial = replace(progress.trial)
        return good

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions that can be gone back to, the oldest, the last good, first."""
        return tuple(kept.version for kept in self.kept)

    @property
    def trial(self) -> Trial:
        """How the trial stands, to be written."""
        return replace(self._trial)

    def predict(self, model: str, features: Features, row: dense.Inputs) -> float | None:
        """What the last good parts say of a model, before it is learned from."""
        return self.kept[0].predict(model, features, row) if self.kept else None

    def test(self, present: float, kept: float | None, version: int) -> Return | None:
        """Set a lesson's squared errors beside each other.

        Before any parts were kept there is nothing to lose. A model that came later is no part
        of the trial.

        Args:
            present: Of the weights of now.
            kept: Of the last good ones; None where they say nothing.
            version: That of the weights of now.

        Returns:
            That the last good ones do better and are to be gone back to; None where they don't.
        """
        if self.kept and kept is None:
            return None
        beside = present if kept is None else kept
        lessons, climb = self._trial.climb_lessons + 1, self._trial.climb + present - beside
        finding = self._trial.test(present, beside)
        if finding is Finding.KEEP:
            self.due = True
        if finding is not Finding.GO_BACK or not self.kept:
            return None
        return self._given_up(Return(version, self.kept[0].version, climb / lessons, lessons))

    def keep(self, version: int, parts: Mapping[str, LearnerPart]) -> None:
        """Keep what is published as this version, in place of the oldest if there are enough."""
        noted = {n: p.model_copy(update={"version": version}) for n, p in parts.items()}
        place = next(n for n in range(MOST_KEPT + 1) if n not in self._places)
        self.kept.append(Kept(version, noted))
        self._places.append(place)
        del self.kept[:-MOST_KEPT], self._places[:-MOST_KEPT]
        self._unsaved.add(version)
        self.due = False

    def give_up(self, version: int, to: int | None) -> Return:
        """Give the weights of a version up by hand, and begin a new trial.

        Args:
            version: That of the weights of now.
            to: The version to go back to; None: the last good.

        Raises:
            LookupError: It is not kept.
        """
        known = " and ".join(map(str, self.versions)) or "none"
        if not self.kept or (to is not None and to not in self.versions):
            wanted = "the last good one" if to is None else to
            raise LookupError(f"version {wanted} is not kept to go back to; kept: {known}")
        self._trial = Trial()
        return self._given_up(Return(version, self.versions[0] if to is None else to, None, 0))

    def __getitem__(self, version: int) -> Kept:
        return next(kept for kept in self.kept if kept.version == version)

    def noted(self) -> tuple[KeptParts, ...]:
        """Which versions are kept and where, for the learner's progress."""
        return tuple(
            KeptParts(version=kept.version, place=place, parts=tuple(kept.parts))
            for kept, place in zip(self.kept, self._places, strict=True)
        )

    def states(self) -> dict[str, LearnerPart]:
        """Kept parts by their keys in the table, once after they were kept."""
        found = {
            key_of(name, place): part
            for kept, place in zip(self.kept, self._places, strict=True)
            if kept.version in self._unsaved
            for name, part in kept.parts.items()
        }
        self._unsaved.clear()
        return found

    def _given_up(self, back: Return) -> Return:
        """What was kept after the version gone back to is not gone back to any more."""
        left = [n for n, kept in enumerate(self.kept) if kept.version <= back.to]
        self.kept = [self.kept[n] for n in left]
        self._places = [self._places[n] for n in left]
        self.due = False
        return back


def _fold(shared: LearnerPart, own: LearnerPart) -> _Folded:
    def read(part: LearnerPart) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        ridge = unpack_numbers(part.ridge, "<f8", part.part)
        return unpack_numbers(part.weights, "<f4", part.part), ridge[: dense.WIDTH]

    (hashes, ridge), (own_hashes, own_ridge) = read(shared), read(own)
    hashed = (SHARED_WEIGHT * hashes + own_hashes).astype(np.float32)
    level = 0.0 if own.level is None else own.level
    return _Folded(own.prior, level, hashed[:DENSE], hashed[DENSE:], ridge + own_ridge)

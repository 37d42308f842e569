"""Features → the 92 dense inputs of the ridges: a constant, structure, random ReLUs of it.

Router and learner make them from the features alone, so nothing of this travels. The random
constants are derived from a fixed name, rounded, and never change: weights learned on them are
worthless on others.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams import ids
from streams.routing.features import STRUCTURE, Features
from streams.routing.scaling import MEANS

SEEN = len(MEANS)
"""Structure numbers of the bytes; what the rules say of them is left out."""

RELUS = 48
WIDTH = 1 + SEEN + RELUS
"""Inputs: 1, then structure, then ReLUs."""

STRUCTURE_NORM = 0.6
"""Root mean square norm of the structure among the inputs; that of the ReLUs is 1."""

Inputs = NDArray[np.float32]

_NAME = "tierflow-dense-1"
_MIX_SPREAD = 0.2
_DIGITS = 3  # so that no machine's logarithm differs from another's


def dense(features: Features) -> Inputs:
    """Make the inputs of the ridges from a task's features.

    Returns:
        `WIDTH` numbers: 1, the structure scaled to a norm of about 0.6, and `RELUS` rectified
        random mixtures of it, centred and scaled to a norm of about 1.

    Source:
        Random features in place of a kernel: Rahimi and Recht, "Weighted sums of random kitchen
        sinks", NIPS 2008. Worth .002 of quality over the structure alone.

    Example:
        >>> from streams.routing.features import extract
        >>> from streams.routing.rules import Verdict
        >>> inputs = dense(extract("Rename x to y", Verdict(1, 0.9, "rename")))
        >>> len(inputs) == WIDTH and float(inputs[0])
        1.0
    """
    inputs = np.empty(WIDTH, dtype=np.float32)
    inputs[0] = 1.0
    np.multiply(features.structure[:SEEN], _STRUCTURE_SCALE, out=inputs[1 : 1 + SEEN])
    np.subtract(rectified(features), _CENTRED, out=inputs[1 + SEEN :])
    return inputs


def rectified(features: Features) -> NDArray[np.float32]:
    """The mixtures of a task's structure, scaled and rectified, before they are centred."""
    mixtures: NDArray[np.float32] = features.structure.dot(_MIXED)
    mixtures += _LEVELLED
    np.maximum(mixtures, _ZERO, out=mixtures)
    return mixtures


class Unfolded(NamedTuple):
    """Weights of the inputs as weights of a constant, the structure, and what is `rectified`.

    With them a task's inputs need not be made: that takes a third of the calls.
    """

    constant: NDArray[np.float32]
    structure: NDArray[np.float32]
    rectified: NDArray[np.float32]


def unfold(weights: NDArray[np.float32]) -> Unfolded:
    """Unfold weights that have a row an input, and a column a prediction."""
    structure = np.zeros((STRUCTURE, weights.shape[1]), dtype=np.float32)
    structure[:SEEN] = weights[1 : 1 + SEEN] * _STRUCTURE_SCALE
    relus = weights[1 + SEEN :]
    return Unfolded(weights[0] - _CENTRED.dot(relus), structure, relus)


def _uniform(purpose: str, n: int) -> float:
    return ids.draw(_NAME, str(n), purpose)


def _normal(purpose: str, n: int) -> float:
    """A standard normal number by the Box-Muller transform of two uniform ones."""
    radius = math.sqrt(-2 * math.log(1 - _uniform(f"{purpose} radius", n)))
    return radius * math.cos(2 * math.pi * _uniform(f"{purpose} angle", n))


def _moments(level: float, spread: float) -> tuple[float, float]:
    """Mean and variance of max(0, z) for a normal z of this mean and spread."""
    at = level / spread
    above = 0.5 * (1 + math.erf(at / math.sqrt(2)))
    slope = math.exp(-at * at / 2) / math.sqrt(2 * math.pi)
    mean = level * above + spread * slope
    square = (level * level + spread * spread) * above + level * spread * slope
    return mean, square - mean * mean


_MIX = np.array(
    [
        [round(_MIX_SPREAD * _normal("mix", row * RELUS + column), _DIGITS) for column in range(RELUS)]
        for row in range(SEEN)
    ],
    dtype=np.float32,
)  # fmt: skip
_LEVEL = np.array([round(2 * _uniform("level", n) - 1, _DIGITS) for n in range(RELUS)], np.float32)

# Structure is scaled to mean 0 and spread 1, so each mixture is about normal with this spread.
_MOMENTS = [
    _moments(float(level), math.sqrt(float(mix @ mix)))
    for level, mix in zip(_LEVEL, _MIX.T, strict=True)
]
_CENTRE = np.array([round(mean, _DIGITS) for mean, _ in _MOMENTS], np.float32)
_RELU_SCALE = np.float32(round(1 / math.sqrt(sum(variance for _, variance in _MOMENTS)), _DIGITS))
_STRUCTURE_SCALE = np.float32(STRUCTURE_NORM / math.sqrt(SEEN))

# The scale is multiplied into the mixtures, since max(z, 0) x s is max(z x s, 0); what the rules
# say is not mixed in.
_MIXED = np.vstack((_MIX, np.zeros((STRUCTURE - SEEN, RELUS), np.float32))) * _RELU_SCALE
_LEVELLED, _CENTRED = _LEVEL * _RELU_SCALE, _CENTRE * _RELU_SCALE
_ZERO = np.float32(0)

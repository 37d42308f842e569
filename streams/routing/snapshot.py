"""The serving snapshot of one part: what its record's weights say, and how they are written.

Base64 of a version byte, the numbers that must be exact as float32, and the hashed weights as
float16: 48 KB a part. Version 1, which had neither a dense part nor edges, is still read.
"""

import base64
import binascii
import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams import ids
from streams.routing import dense
from streams.routing.edges import TEXTS
from streams.routing.features import HASHES, STRUCTURE

DENSE = 1 + STRUCTURE
"""Inputs of the hashed estimate that are no hashes: a constant, then the structure."""

WIDTH = DENSE + HASHES
"""Weights of the hashed estimate of one part."""

EDGELESS = DENSE + TEXTS
"""As many as there were before a prompt's edges were read."""

ALONE = 20.0
"""Log-odds by which the hashed estimate is believed alone."""

_FIRST, _VERSION = 1, 2
_HEADER = struct.Struct("<4f")
_DENSE_BYTES = _HEADER.size + 2 * 4 * dense.WIDTH


class SnapshotError(ValueError):
    """A snapshot that must not serve: keep the last good one."""


class Weights(NamedTuple):
    """What serving needs of one part: the one that all models share, or one model's own.

    Attributes:
        prior: Log-odds that the hashed estimate adds to; of a model.
        hashed: `WIDTH` weights of log-odds.
        level: Quality that the dense estimate adds to; of a model.
        odds: Log-odds by which the hashed estimate is believed more than the dense one; shared.
        ridge: `dense.WIDTH` weights of the dense estimate.
        costs: The same of the logarithm of cost over listed cost.
        ratio: Real dollars for a dollar of predicted cost, since logarithms' means are too low.
    """

    prior: float
    hashed: NDArray[np.floating[Any]]
    level: float = 0.0
    odds: float = ALONE
    ridge: NDArray[np.floating[Any]] = np.zeros(dense.WIDTH, dtype=np.float32)
    costs: NDArray[np.floating[Any]] = np.zeros(dense.WIDTH, dtype=np.float32)
    ratio: float = 1.0


def pack(weights: Weights) -> str:
    """Write a part's weights as text."""
    header = _HEADER.pack(weights.prior, weights.level, weights.odds, weights.ratio)
    rows = np.concatenate((weights.ridge, weights.costs)).astype("<f4").tobytes()
    body = bytes([_VERSION]) + header + rows + weights.hashed.astype("<f2").tobytes()
    return base64.b64encode(body).decode()


def unpack(text: str) -> Weights:
    """Read what `pack` wrote, now or at version 1.

    Raises:
        SnapshotError: No base64, another version or size, or a number that is not finite.
    """
    try:
        body = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SnapshotError(f"weights are no base64: {error}") from None
    if body[:1] == bytes([_FIRST]):
        numbers = _read(body, 1, "<f2", 1 + EDGELESS)
        return Weights(float(numbers[0]), np.pad(numbers[1:], (0, WIDTH - EDGELESS)))
    if body[:1] != bytes([_VERSION]):
        raise SnapshotError(f"weights are not of version {_FIRST} or {_VERSION}")
    hashed = _read(body, 1 + _DENSE_BYTES, "<f2", WIDTH)
    rows = np.frombuffer(body, "<f4", 4 + 2 * dense.WIDTH, offset=1).astype(np.float32)
    if not np.all(np.isfinite(rows)):
        raise SnapshotError("weights are not all finite")
    prior, level, odds, ratio = rows[:4].tolist()
    ridge, costs = rows[4 : 4 + dense.WIDTH], rows[4 + dense.WIDTH :]
    return Weights(prior, hashed, level, odds, ridge, costs, ratio)


def checksum(weights: str) -> str:
    """SHA-256 of a part's packed weights, as its record carries it."""
    return ids.digest(weights.encode())


def _read(body: bytes, offset: int, kind: str, count: int) -> NDArray[np.float32]:
    wanted = offset + 2 * count
    if len(body) != wanted:
        raise SnapshotError(f"weights have {len(body)} bytes, {wanted} are wanted")
    numbers = np.frombuffer(body, dtype=kind, offset=offset).astype(np.float32)
    if not np.all(np.isfinite(numbers)):
        raise SnapshotError("weights are not all finite")
    return numbers

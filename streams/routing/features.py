"""Task → sparse features: structure of the bytes, hashed words, pairs and character 4-grams.

One code for router and learner: a decision carries its packed features, and the lesson learns
from exactly what was decided on. No regex; numpy over at most 1,200 bytes.
"""

import base64
import binascii
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.routing.rules import Verdict
from streams.routing.scaling import MARKS, MEANS, SPREADS

HASH_BITS = 14
HASHES = 1 << HASH_BITS
TIERS = 5
STRUCTURE = len(MEANS) + TIERS + 1
"""Structure numbers: of the bytes, then the rule's tier one-hot, then its confidence."""

HEAD_BYTES = 900
TAIL_BYTES = 300
LIMIT = 4.0  # structure is clipped to this many standard deviations
STEPS = 31  # a structure number is kept in 1/31, so that it packs into one signed byte
LONG_WORD_BYTES = 7

_VERSION = 1
_HEADER = struct.Struct("<BBH")
_CLASSES = 16
_OTHER = 14


def _class_of(byte: int) -> int:
    if byte >= 0x80:  # noqa: PLR2004 (beyond ASCII)
        return 15
    char = chr(byte)
    if char.isupper():
        return 13
    if char.islower():
        return 0
    if char.isdigit():
        return 1
    groups = " ", "\n", "?", "\\$^{}", "+-*/=<>%&|~", "\"'`", "()[]", "_", ".", ",", ":"
    return next((2 + n for n, group in enumerate(groups) if char in group), _OTHER)


_CLASS = np.array([_class_of(byte) for byte in range(256)], dtype=np.intp)
_LOWER = np.array([ord(chr(b).lower()) if b < 0x80 else b for b in range(256)], dtype=np.uint64)  # noqa: PLR2004
_IN_WORD = np.isin(_CLASS, (0, 1, 13, 15, 9))
_MASK = (1 << 64) - 1
_RADIX = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE = pow(_RADIX, -1, 1 << 64)


def _powers(radix: int, count: int) -> NDArray[np.uint64]:
    found, power = np.empty(count, dtype=np.uint64), 1
    for n in range(count):
        found[n] = power
        power = power * radix & _MASK
    return found


_POWERS = _powers(_RADIX, HEAD_BYTES + TAIL_BYTES + 1)
_INVERSES = _powers(_INVERSE, HEAD_BYTES + TAIL_BYTES + 1)
_WORD, _PAIR, _NEXT, _GRAM = (
    np.uint64(odd)
    for odd in (0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3)
)
_SHIFT = np.uint64(64 - HASH_BITS)
_FOLD = np.uint64(32)
_EIGHT, _SIXTEEN, _TWENTY_FOUR = np.uint64(8), np.uint64(16), np.uint64(24)
_GRAM_BYTES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What is known of a task before any model sees it.

    `structure` has `STRUCTURE` numbers in [-4, 4]; `hashes` are sorted, unique, below `HASHES`.
    """

    structure: NDArray[np.float32]
    hashes: NDArray[np.uint16]


def extract(text: str, verdict: Verdict) -> Features:
    """Read a prompt's features: a long one by its first 900 and last 300 bytes.

    Args:
        text: What the router may read of the task, any length.
        verdict: What the rules say of the same text.

    Source:
        The recipe and its 68 us: `infra/docs/learning.md`.

    Example:
        >>> from streams.routing.rules import Verdict
        >>> found = extract("Rename x to y", Verdict(1, 0.9, "rename"))
        >>> found.structure.shape == (STRUCTURE,) and int(found.hashes.max()) < HASHES
        True
    """
    whole = text.encode("utf-8", "replace")
    raw = whole
    if len(whole) > HEAD_BYTES + TAIL_BYTES:
        raw = whole[:HEAD_BYTES] + whole[-TAIL_BYTES:]
    read = np.frombuffer(raw, dtype=np.uint8)
    starts, ends = _words(read)
    numbers = _structure(whole, raw, read, ends - starts)
    scaled = np.zeros(STRUCTURE)
    scaled[: len(MEANS)] = (numbers - MEANS) * SPREADS
    scaled[len(MEANS) + verdict.tier] = 1.0
    scaled[-1] = verdict.confidence
    clipped = np.rint(np.minimum(np.maximum(scaled, -LIMIT), LIMIT) * STEPS) + 0.0  # no -0
    structure = (clipped / STEPS).astype(np.float32)
    return Features(structure, _hash(read, starts, ends))


def pack(features: Features) -> str:
    """Write features as text: base64 of a version, two counts, signed bytes, little-endian ids."""
    steps = np.rint(features.structure * np.float32(STEPS)).astype(np.int8)
    header = _HEADER.pack(_VERSION, len(steps), len(features.hashes))
    body = header + steps.tobytes() + features.hashes.astype("<u2").tobytes()
    return base64.b64encode(body).decode()


def unpack(packed: str) -> Features:
    """Read what `pack` wrote, bit for bit.

    Raises:
        ValueError: `packed` was not written by this version of `pack`; the message says why.
    """
    try:
        body = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"features are no base64: {error}") from None
    if len(body) < _HEADER.size:
        raise ValueError(f"features have {len(body)} bytes, less than their header")
    version, numbers, hashes = _HEADER.unpack_from(body)
    if version != _VERSION:
        raise ValueError(f"features of version {version}, this is version {_VERSION}")
    if numbers != STRUCTURE:
        raise ValueError(f"features have {numbers} structure numbers, {STRUCTURE} are wanted")
    wanted = _HEADER.size + numbers + 2 * hashes
    if len(body) != wanted:
        raise ValueError(f"features have {len(body)} bytes, {wanted} are wanted")
    steps = np.frombuffer(body, dtype=np.int8, count=numbers, offset=_HEADER.size)
    ids = np.frombuffer(body, dtype="<u2", offset=_HEADER.size + numbers).astype(np.uint16)
    if np.any(ids >= HASHES) or np.any(ids[1:] <= ids[:-1]):
        raise ValueError(f"feature hashes must be unique, sorted and below {HASHES}")
    return Features((steps / STEPS).astype(np.float32), ids)


def _words(read: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where words begin and end: runs of letters, digits, underscores and non-ASCII."""
    inside = np.zeros(len(read) + 2, dtype=np.int8)
    inside[1:-1] = _IN_WORD[read]
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    return edges[::2], edges[1::2]


def _structure(
    whole: bytes, raw: bytes, read: NDArray[np.uint8], lengths: NDArray[np.intp]
) -> NDArray[np.float64]:
    """The 43 unscaled numbers: classes, sizes, shares and marks; see `scaling`."""
    counts = np.bincount(_CLASS[read], minlength=_CLASSES)
    size, words = max(len(raw), 1), max(len(lengths), 1)
    last = whole.rstrip()[-1:]
    sizes = (len(whole), len(lengths))
    shares = (
        (int(counts[0]) + int(counts[13])) / words / 10,
        int(np.count_nonzero(lengths > LONG_WORD_BYTES)) / words,
        int(counts[13]) / size,
        int(counts[1]) / size,
        last == b"?",
        last == b":",
    )
    marks = [raw.count(mark) for mark in MARKS]
    logs = np.log1p(np.concatenate((counts, sizes, marks)))
    return np.concatenate((logs[:_CLASSES] / 2, logs[_CLASSES : _CLASSES + 2], shares, logs[18:]))


def _hash(
    read: NDArray[np.uint8], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> NDArray[np.uint16]:
    """Sorted unique ids of words, neighbouring words and character 4-grams.

    A word's hash is the difference of two prefix sums of a polynomial, moved to power 0.
    """
    low = _LOWER[read]
    sums = np.zeros(len(low) + 1, dtype=np.uint64)
    np.cumsum(low * _POWERS[: len(low)], out=sums[1:])
    words = (sums[ends] - sums[starts]) * _INVERSES[starts]
    words ^= words >> _FOLD
    pairs = words[:-1] * _PAIR + words[1:] * _NEXT
    found = [(words * _WORD) >> _SHIFT, (pairs ^ (pairs >> _FOLD)) * _WORD >> _SHIFT]
    if len(low) >= _GRAM_BYTES:
        grams = low[:-3] | low[1:-2] << _EIGHT | low[2:-1] << _SIXTEEN | low[3:] << _TWENTY_FOUR
        found.append(grams * _GRAM >> _SHIFT)
    ids = np.concatenate(found).astype(np.uint16)
    ids.sort()
    keep = np.ones(len(ids), dtype=bool)
    keep[1:] = ids[1:] != ids[:-1]
    return ids[keep]

"""Task → sparse features: structure of the bytes, hashed words, pairs, character 4-grams, edges.

One code for router and learner: a decision carries its packed features, and the lesson learns
from exactly what was decided on. No regex; numpy over at most 1,200 bytes.
"""

import binascii
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.routing.edges import EDGES, TEXTS, edges_of
from streams.routing.rules import Verdict
from streams.routing.scaling import MEANS
from streams.routing.structure import (
    HEAD_BYTES,
    READ_BYTES,
    STEPS,
    TAIL_BYTES,
    flags_of,
    step_of,
    structure_of,
)

HASHES = TEXTS + EDGES
TIERS = 5
STRUCTURE = len(MEANS) + TIERS + 1
"""Structure numbers: of the bytes, then the rule's tier one-hot, then its confidence."""

_VERSION = 2
_READ = (1, _VERSION)  # at version 1 there were no edges
_HEADER = struct.Struct("<BBH")
_NUMBERS = (np.arange(256, dtype=np.uint8).view(np.int8) / STEPS).astype(np.float32)
"""What a step is as a number, by the step as an unsigned byte."""

_RULES = tuple(bytes(STEPS * (tier == n) for n in range(TIERS)) for tier in range(TIERS))
_MASK = (1 << 64) - 1
_RADIX = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE = pow(_RADIX, -1, 1 << 64)


def _powers(radix: int, count: int) -> NDArray[np.uint64]:
    found, power = np.empty(count, dtype=np.uint64), 1
    for n in range(count):
        found[n] = power
        power = power * radix & _MASK
    return found


_POWERS = _powers(_RADIX, READ_BYTES + 1)
_INVERSES = _powers(_INVERSE, READ_BYTES + 1)
_WORD, _PAIR, _NEXT, _GRAM = (
    np.uint64(odd)
    for odd in (0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3)
)
_SHIFT = np.uint64(64 - TEXTS.bit_length() + 1)
_FOLD = np.uint64(32)
_GRAM_BYTES, _GRAM_KIND = 4, np.dtype("<u4")
_END = np.array([0xFFFF], dtype=np.uint64)  # sorts behind every id


class Features(NamedTuple):
    """What is known of a task before any model sees it.

    `structure` has `STRUCTURE` numbers in [-4, 4], `steps` the same in 1/31 as signed bytes;
    `hashes` are sorted, unique, below `HASHES`; those from `TEXTS` on are the edges'.
    """

    structure: NDArray[np.float32]
    hashes: NDArray[np.uint16]
    steps: bytes


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
    read = whole
    if len(whole) > READ_BYTES:
        read = whole[:HEAD_BYTES] + whole[-TAIL_BYTES:]
    flags = flags_of(read)
    told = _RULES[verdict.tier] + bytes((step_of(verdict.confidence),))
    steps = structure_of(whole, read, flags) + told
    return Features(_NUMBERS.take(np.frombuffer(steps, np.uint8)), _hash(whole, read, flags), steps)


def pack(features: Features) -> str:
    """Write features as text: base64 of a version, two counts, signed bytes, little-endian ids."""
    header = _HEADER.pack(_VERSION, len(features.steps), len(features.hashes))
    body = header + features.steps + features.hashes.astype("<u2", copy=False).tobytes()
    return binascii.b2a_base64(body, newline=False).decode()


def unpack(packed: str) -> Features:
    """Read what `pack` wrote, bit for bit.

    Raises:
        ValueError: `packed` was not written by this version of `pack`; the message says why.
    """
    try:
        body = binascii.a2b_base64(packed, strict_mode=True)  # half of b64decode's time
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"features are no base64: {error}") from None
    if len(body) < _HEADER.size:
        raise ValueError(f"features have {len(body)} bytes, less than their header")
    version, numbers, hashes = _HEADER.unpack_from(body)
    if version not in _READ:
        raise ValueError(f"features of version {version}, this is version {_VERSION}")
    if numbers != STRUCTURE:
        raise ValueError(f"features have {numbers} structure numbers, {STRUCTURE} are wanted")
    wanted = _HEADER.size + numbers + 2 * hashes
    if len(body) != wanted:
        raise ValueError(f"features have {len(body)} bytes, {wanted} are wanted")
    ids = np.frombuffer(body, dtype="<u2", offset=_HEADER.size + numbers)
    if hashes and (ids[-1] >= HASHES or (ids[1:] <= ids[:-1]).any()):
        raise ValueError(f"feature hashes must be unique, sorted and below {HASHES}")
    steps = body[_HEADER.size : _HEADER.size + numbers]
    structure = _NUMBERS.take(np.frombuffer(steps, dtype=np.uint8))
    return Features(structure, ids.astype(np.uint16), steps)


def _hash(whole: bytes, read: bytes, flags: bytes) -> NDArray[np.uint16]:
    """Sorted unique ids of words, neighbouring words and character 4-grams, then those of edges.

    A word's hash is its part of a polynomial over all bytes, moved to power 0.
    """
    inside = np.frombuffer(flags, dtype=np.int8)
    bounds = (inside[1:] != inside[:-1]).nonzero()[0]  # where words begin and end, in turn
    low = read.lower()
    terms = np.frombuffer(low + b"\0", dtype=np.uint8) * _POWERS[: len(low) + 1]
    words = np.add.reduceat(terms, bounds)[::2] * _INVERSES.take(bounds[::2])
    words ^= words >> _FOLD
    pairs = words[:-1] * _PAIR + words[1:] * _NEXT
    pairs ^= pairs >> _FOLD
    found = [(words * _WORD) >> _SHIFT, (pairs * _WORD) >> _SHIFT, _END]
    if len(low) >= _GRAM_BYTES:  # every four bytes that follow each other, as one number
        grams = np.ndarray((len(low) - _GRAM_BYTES + 1,), _GRAM_KIND, low, strides=(1,))
        found.append((grams * _GRAM) >> _SHIFT)
    ids = np.concatenate(found, dtype=np.uint16, casting="unsafe")
    ids.sort()
    edges = edges_of(whole, [*words[:2].tolist(), *words[-1:].tolist()])
    return np.concatenate((ids[:-1][ids[:-1] != ids[1:]], np.array(edges, dtype=np.uint16)))

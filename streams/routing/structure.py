"""The structure of a prompt's bytes: 43 numbers, each in steps of a 31st of a standard deviation.

The steps of a count are looked up: what logarithm, scaling, clipping and rounding make of every
count that 1,200 bytes can have is worked out beforehand. That takes 13 us; with some thirty small
numpy calls a prompt it took 30.
"""

import math

import numpy as np
from numpy.typing import NDArray

from streams.routing.scaling import MARKS, MEANS, SPREADS

HEAD_BYTES = 900
TAIL_BYTES = 300
READ_BYTES = HEAD_BYTES + TAIL_BYTES
"""Of a longer prompt so many bytes are read."""

LIMIT = 4.0  # structure is clipped to this many standard deviations
STEPS = 31  # a structure number is kept in 1/31, so that it packs into one signed byte
LONG_WORD_BYTES = 7

_CLASSES = 16
_OTHER = 14
_LETTERS, _DIGITS, _CAPITALS, _BEYOND = 0, 1, 13, 15
_UNDERSCORE = 9
_GROUPS = " ", "\n", "?", "\\$^{}", "+-*/=<>%&|~", "\"'`", "()[]", "_", ".", ",", ":"
_ASCII = 0x80


def _class_of(byte: int) -> int:
    if byte >= _ASCII:
        return _BEYOND
    char = chr(byte)
    if char.isupper():
        return _CAPITALS
    if char.islower():
        return _LETTERS
    if char.isdigit():
        return _DIGITS
    return next((2 + n for n, group in enumerate(_GROUPS) if char in group), _OTHER)


def _bytes_of(steps: NDArray[np.float64]) -> bytes:
    """Steps as signed bytes."""
    limited = np.minimum(np.maximum(steps, -LIMIT), LIMIT)
    return np.rint(limited * STEPS).astype(np.int8).tobytes()


_CLASS = bytes(_class_of(byte) for byte in range(256))
_WORDLY = {_LETTERS, _DIGITS, _CAPITALS, _BEYOND, _UNDERSCORE}
_IN_WORD = bytes(found in _WORDLY for found in _CLASS)

_LOGS = np.log1p(np.arange(READ_BYTES + 1))
_SHARES = _CLASSES + 2  # where the shares stand: after the classes, the length and the words
_MARKS = len(MEANS) - len(MARKS)
_COUNTED = *range(_SHARES), *range(_MARKS, len(MEANS))
_STEPS_OF = tuple(
    _bytes_of((_LOGS / (2 if n < _CLASSES else 1) - MEANS[n]) * SPREADS[n]) for n in _COUNTED
)
"""By structure number and count: its step, as a byte."""

_SCALES = tuple(zip(MEANS.tolist(), SPREADS.tolist(), strict=True))
_LENGTH_SCALE, _SHARE_SCALES = _SCALES[_CLASSES], _SCALES[_SHARES : _MARKS - 2]
_QUESTION, _COLON = (
    _bytes_of((np.arange(2) - mean) * spread) for mean, spread in _SCALES[_MARKS - 2 : _MARKS]
)


def words_in(read: bytes) -> NDArray[np.intp]:
    """Where words begin and end, in turn: runs of letters, digits, underscores and non-ASCII."""
    inside = np.frombuffer(b"\0%b\0" % read.translate(_IN_WORD), dtype=np.int8)
    return (inside[1:] != inside[:-1]).nonzero()[0]


def structure_of(whole: bytes, read: bytes, edges: NDArray[np.intp]) -> bytes:
    """The structure: byte classes, length, words, six shares, marks.

    Args:
        whole: A prompt.
        read: What is read of it, at most `READ_BYTES`.
        edges: Its words, see `words_in`.

    Returns:
        A signed byte each.
    """
    classes = np.bincount(np.frombuffer(read.translate(_CLASS), np.uint8), minlength=_CLASSES)
    counts = classes.tolist()
    size, words = max(len(read), 1), len(edges) // 2
    long = (edges[1::2] - edges[::2] > LONG_WORD_BYTES).tobytes().count(1)
    last = whole.rstrip()[-1:]
    shares = (
        (counts[_LETTERS] + counts[_CAPITALS]) / max(words, 1) / 10,
        long / max(words, 1),
        counts[_CAPITALS] / size,
        counts[_DIGITS] / size,
    )
    counts += len(read), words, *[read.count(mark) for mark in MARKS]
    found = [steps[count] for steps, count in zip(_STEPS_OF, counts, strict=True)]
    if len(whole) > len(read):
        found[_CLASSES] = step_of(math.log1p(len(whole)), *_LENGTH_SCALE)
    found[_SHARES:_SHARES] = [
        *[step_of(share, *scale) for share, scale in zip(shares, _SHARE_SCALES, strict=True)],
        _QUESTION[last == b"?"],
        _COLON[last == b":"],
    ]
    return bytes(found)


def step_of(number: float, mean: float = 0.0, spread: float = 1.0) -> int:
    """The step of a number once it is scaled, as an unsigned byte."""
    return round(min(max((number - mean) * spread, -LIMIT), LIMIT) * STEPS) & 0xFF

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
LONG_WORD_BYTES = 8

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
    return bytes(np.rint(limited * STEPS).astype(np.int8))


_CLASS = bytes(_class_of(byte) for byte in range(256))
_WORDLY = {_LETTERS, _DIGITS, _CAPITALS, _BEYOND, _UNDERSCORE}
_IN_WORD = bytes(found in _WORDLY for found in _CLASS)
_WORD, _LONG_WORD = b"\0\1", b"\0" + LONG_WORD_BYTES * b"\1"

_LOGS = np.log1p(np.arange(READ_BYTES + 1))
_SHARES = _CLASSES + 2  # where the shares stand: after the classes, the length and the words
_MARKS = len(MEANS) - len(MARKS)
_COUNTED = *range(_SHARES), *range(_MARKS, len(MEANS))
_STEPS_OF = tuple(
    _bytes_of((_LOGS / (2 if n < _CLASSES else 1) - MEANS[n]) * SPREADS[n]) for n in _COUNTED
)
"""By structure number and count: its step, as a byte."""

_SCALES = tuple(zip(MEANS.tolist(), SPREADS.tolist(), strict=True))
_LENGTH_SCALE = _SCALES[_CLASSES]
_SHARE_MEANS, _SHARE_SPREADS = zip(*_SCALES[_SHARES : _MARKS - 2], strict=True)
_QUESTION, _COLON = (
    _bytes_of((np.arange(2) - mean) * spread) for mean, spread in _SCALES[_MARKS - 2 : _MARKS]
)


def flags_of(read: bytes) -> bytes:
    """One byte a byte: 1 in words, which are runs of letters, digits, underscores and non-ASCII.

    A 0 stands before and behind.
    """
    return b"\0%b\0" % read.translate(_IN_WORD)


def structure_of(whole: bytes, read: bytes, flags: bytes) -> bytes:
    """The structure: byte classes, length, words, six shares, marks.

    Args:
        whole: A prompt.
        read: What is read of it, at most `READ_BYTES`.
        flags: Its words, see `flags_of`.

    Returns:
        A signed byte each.
    """
    classes = np.bincount(np.frombuffer(read.translate(_CLASS), np.uint8), minlength=_CLASSES)
    counts = classes.tolist()
    size, words = max(len(read), 1), flags.count(_WORD)
    every = *counts, len(read), words, *map(read.count, MARKS)
    steps = bytes([steps[count] for steps, count in zip(_STEPS_OF, every, strict=True)])
    if len(whole) > len(read):
        length = step_of(math.log1p(len(whole)), *_LENGTH_SCALE)
        steps = b"%b%c%b" % (steps[:_CLASSES], length, steps[_CLASSES + 1 :])
    shares = (
        (counts[_LETTERS] + counts[_CAPITALS]) / max(words, 1) / 10,
        flags.count(_LONG_WORD) / max(words, 1),
        counts[_CAPITALS] / size,
        counts[_DIGITS] / size,
    )
    last = whole.rstrip()[-1:]
    ends = _QUESTION[last == b"?"], _COLON[last == b":"]
    found = bytes((*map(step_of, shares, _SHARE_MEANS, _SHARE_SPREADS), *ends))
    return steps[:_SHARES] + found + steps[_SHARES:]


def step_of(number: float, mean: float = 0.0, spread: float = 1.0) -> int:
    """The step of a number once it is scaled, as an unsigned byte."""
    return round(min(max((number - mean) * spread, -LIMIT), LIMIT) * STEPS) & 0xFF

import math
import re

import numpy as np
import pytest

from streams.routing.scaling import MARKS, MEANS, SPREADS
from streams.routing.structure import (
    HEAD_BYTES,
    LIMIT,
    LONG_WORD_BYTES,
    READ_BYTES,
    STEPS,
    TAIL_BYTES,
    flags_of,
    step_of,
    structure_of,
)

TEXTS = (
    "Which of these is a prime number?\n(A) 4 (B) 7\nAnswer:",
    "def f(x):\n    return x  # How many? How so?\n\n",
    "",
    "?",
    " ends in spaces:  ",
    "é" * 700,
    "UPPER lower 0123 under_score \U0001f600",
    "supercalifragilistic " * 80,
    "a" * READ_BYTES,
    "(B)" * 2000,
)


def worked_out(text: str) -> list[int]:
    """The structure from logarithms and shares, one number after another."""
    whole = text.encode()
    read = whole if len(whole) <= READ_BYTES else whole[:HEAD_BYTES] + whole[-TAIL_BYTES:]
    words = re.findall(rb"[A-Za-z0-9_\x80-\xff]+", read)
    size, count = max(len(read), 1), max(len(words), 1)
    classes = [0] * 16
    groups = " ", "\n", "?", "\\$^{}", "+-*/=<>%&|~", "\"'`", "()[]", "_", ".", ",", ":"
    for byte in read:
        char = chr(byte)
        if byte > 127:
            classes[15] += 1
        elif char.isupper():
            classes[13] += 1
        elif char.islower():
            classes[0] += 1
        elif char.isdigit():
            classes[1] += 1
        else:
            classes[next((2 + n for n, group in enumerate(groups) if char in group), 14)] += 1
    last = whole.rstrip()[-1:]
    numbers = [math.log1p(found) / 2 for found in classes]
    numbers += [math.log1p(len(whole)), math.log1p(len(words))]
    numbers += [(classes[0] + classes[13]) / count / 10]
    numbers += [sum(len(word) >= LONG_WORD_BYTES for word in words) / count]
    numbers += [classes[13] / size, classes[1] / size, last == b"?", last == b":"]
    numbers += [math.log1p(read.count(mark)) for mark in MARKS]
    scaled = (np.array(numbers) - MEANS) * SPREADS
    return [int(step) for step in np.rint(np.clip(scaled, -LIMIT, LIMIT) * STEPS)]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_looked_up_is_what_would_be_worked_out(text: str) -> None:
    whole = text.encode()
    read = whole if len(whole) <= READ_BYTES else whole[:HEAD_BYTES] + whole[-TAIL_BYTES:]
    steps = np.frombuffer(structure_of(whole, read, flags_of(read)), dtype=np.int8)
    assert steps.tolist() == worked_out(text)


def test_a_step_is_rounded_and_held_to_the_limit() -> None:
    assert [step_of(number) for number in (0.0, 1.0, 1.5 / STEPS, 99.0)] == [0, STEPS, 2, 124]
    assert np.array([step_of(-99.0)], dtype=np.uint8).view(np.int8).tolist() == [-124]

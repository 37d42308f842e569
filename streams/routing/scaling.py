"""Fixed constants that scale a prompt's structure: written once, never learned.

Mean and spread over recorded prompts of four public benchmarks (multiple choice, arithmetic, code,
questions, open instructions), each benchmark weighing the same. Other prompts do not need others:
with constants of one benchmark routing on another lost nothing.
"""

import numpy as np

MARKS = (
    b"(B)",
    b"\nB",
    b"```",
    b"def ",
    b"import ",
    b" not ",
    b"How many",
    b"How ",
    b"What ",
    b"Which",
    b"Who ",
    b"Answer",
    b"Write ",
    b"function",
    b" if ",
    b" each ",
    b" following",
    b"\n\n",
    b"test",
)
"""Marks of a prompt's form, counted each."""

MEANS = np.array(
    [
        2.46, 0.372, 1.72, 0.433, 0.215, 0.0684, 0.17, 0.124, 0.25, 0.0288,
        0.564, 0.348, 0.19, 0.923, 0.0178, 0.0561, 5.24, 3.53, 0.438, 0.135,
        0.034, 0.0123, 0.317, 0.23, 0.0881, 0.159, 0.0, 0.00465, 0.000944, 0.076,
        0.0348, 0.0755, 0.0834, 0.108, 0.0051, 0.232, 0.034, 0.0327, 0.0415, 0.0542,
        0.106, 0.109, 0.0243,
    ]
)  # fmt: skip
"""Sixteen byte classes, length, words; word size, long words, capitals, digits, ends; the marks."""

SPREADS = np.array(
    [
        2.13, 1.94, 2.18, 2.2, 5.55, 3.98, 3.11, 3.65, 2.17, 6.42,
        2.33, 2.37, 3.94, 2.22, 9.15, 4.25, 1.04, 1.14, 12.7, 10.6,
        31.4, 33.3, 2.15, 2.37, 4.33, 3.42, 10, 10, 10, 3.89,
        6.61, 4.61, 4.38, 3.98, 10, 3.05, 6.68, 6.5, 5.66, 4.73,
        3.9, 3.16, 6.41,
    ]
)  # fmt: skip
"""One over the standard deviation, at most 10 for logarithms and 33 for shares."""

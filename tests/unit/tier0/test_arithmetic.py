"""Which sums the arithmetic skill answers, to the letter, and which it leaves."""

import pytest

from streams.tier0.arithmetic import calculate

ANSWERED = {
    "What is 17 * 23?": "391",
    "what's 17 x 23": "391",
    "Calculate 3.5 + 2": "5.5",
    "Compute (1 + 2) * (3 - 4) / 8.": "-0.375",
    "What is 0.1 + 0.2?": "0.3",
    "what's 12% of 250": "30",
    "What is 15 percent of 80?": "12",
    "How much is 12 times 12?": "144",
    "2^10": "1024",
    "What is 2 to the power of 10?": "1024",
    "17 // 5 + 17 % 5 =": "5",
    "Calculate 10 / 3 to 2 decimal places": "3.33",
    "What is 2 divided by 3, rounded to the nearest hundredth?": "0.67",
    "What is 1,234,567 plus 1?": "1234568",
    "What is the sum of 3 and 4?": "7",
    "Multiply 6 by 7": "42",
    "Subtract 4 from 10": "6",
    "Divide 84 by 2.": "42",
    "What is the square root of 144?": "12",
    "What is 9 squared?": "81",
    "What is 17 * 23? Answer with just the number.": "391",
    "Hi! Could you please calculate 2 + 2? Thanks!": "4",
    "What is the remainder when 17 is divided by 5?": "2",
    "Evaluate 2 ** -2": "0.25",
    "5 - -3": "8",
    "What is 6 ÷ 4?": "1.5",
    "Calculate 9/12": "0.75",
    "What does 3 + 4 equal?": "7",
    "What is 100 - 7 * (2 + 3)?": "65",
}

LEFT = (
    "What is 17 * 23, and why is multiplication commutative?",
    "What is 9/11?",
    "What is 24/7?",
    "What is 4x4?",
    "What is 404?",
    "555-1234",
    "What is 2024-02-29?",
    "What is 12/25/2024?",
    "10 / 3",
    "Calculate 1 / 0",
    "-2 ** 2",
    "2 ** 3 ** 2",
    "-7 % 3",
    "Calculate 0 ** 0",
    "9 ** 99999",
    "2 ** 0.5",
    "What is the square root of 2?",
    "What is 15% of $80?",
    "100 + 10%",
    "50% - 3",
    "2 * (3 + 4",
    "2(3 + 4)",
    "What is 1.2.3 + 1?",
    "What is 007 + 1?",
    "What is 1 + 1 in binary?",
    "If I have 3 apples and eat 1, how many are left?",
    "Solve x + 3 = 5",
    "3 + 4 = 8",
    "2 + 2 or 2 * 2",
    "(" * 60 + "1+1" + ")" * 60,
)


@pytest.mark.parametrize(("prompt", "expected"), ANSWERED.items())
def test_a_sum_is_worked_out_exactly(prompt: str, expected: str) -> None:
    assert calculate(prompt) == expected


@pytest.mark.parametrize("prompt", LEFT)
def test_a_sum_in_doubt_is_left_to_a_model(prompt: str) -> None:
    assert calculate(prompt) is None

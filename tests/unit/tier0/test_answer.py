"""The first sure skill answers, and most prompts have none."""

import pytest

from streams.tier0.answer import SKILLS, TEXT_CHARS, Answer, answer


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ('Minify this JSON: {"a": 1}', Answer("json_format", '{"a":1}')),
        ("Format this SQL: select 1", Answer("sql_format", "SELECT 1")),
        ('Convert "a b" to snake case', Answer("case", "a_b")),
        ("Is 2000 a leap year?", Answer("dates", "Yes")),
        ("Convert 1 km to m", Answer("units", "1000 m")),
        ("2 + 2 =", Answer("arithmetic", "4")),
    ],
)
def test_the_skill_that_is_sure_answers(prompt: str, expected: Answer) -> None:
    assert answer(prompt) == expected


@pytest.mark.parametrize(
    "prompt",
    ["", " ", "\x00", "\ud800", "Write a poem.", "Why is 2 + 2 = 4?", "What is JSON? {", "1" * 300],
)
def test_what_no_skill_knows_is_left(prompt: str) -> None:
    assert answer(prompt) is None


def test_a_prompt_over_the_limit_is_no_skills() -> None:
    asked = 'Minify this JSON: ["%s"]'
    fits = TEXT_CHARS - len(asked) + 2
    assert answer(asked % ("x" * fits)) is not None
    assert answer(asked % ("x" * (fits + 1))) is None


def test_every_skill_has_a_name_of_its_own() -> None:
    assert len({known.name for known in SKILLS}) == len(SKILLS) == 16

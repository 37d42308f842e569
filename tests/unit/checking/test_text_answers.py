"""Choices, patterns, code and plain text: what passes, what is repaired, what is not."""

import pytest

from streams.checking.chains import checks, checks_of
from streams.checking.check import PASS, Answer, Check, Fault, Refused, Repaired
from streams.checking.choices import AlikeError, one_of
from streams.checking.plan import Plan

MOODS = one_of(["positive", "negative", "very negative"])
LETTERS = one_of(["A", "B", "C", "D"])
CODE = checks_of(Plan(("thoughts", "fence", "truncation", "python")))
SQL = checks_of(Plan(("fence", "truncation"), language="sql"))
PLAIN = checks({}).chain_for("story", None, json_output=False)
FUNCTION = "def add(a, b):\n    return a + b\n"


@pytest.mark.parametrize(
    ("check", "text", "choice"),
    [
        (MOODS, "Positive", "positive"),
        (MOODS, " positive.\n", "positive"),
        (MOODS, '"Positive"', "positive"),
        (MOODS, "**Positive**", "positive"),
        (MOODS, "`positive`", "positive"),
        (MOODS, "[positive]", "positive"),
        (MOODS, "Very-Negative", "very negative"),
        (MOODS, "VERY_NEGATIVE", "very negative"),
        (MOODS, "Sentiment: Positive", "positive"),
        (MOODS, "**Sentiment:** Positive", "positive"),
        (MOODS, "The sentiment is positive.", "positive"),
        (MOODS, "The overall sentiment is: very negative", "very negative"),
        (MOODS, "Positive\n\nThe customer praises the food.", "positive"),
        (MOODS, "The reviewer liked it, with negative remarks.\n\nAnswer: positive", "positive"),
        (LETTERS, "b", "B"),
        (LETTERS, "B.", "B"),
        (LETTERS, "(B)", "B"),
        (LETTERS, "B) Paris", "B"),
        (LETTERS, "(B) Paris", "B"),
        (LETTERS, "Answer: B", "B"),
        (LETTERS, "The correct answer is (B).", "B"),
        (LETTERS, "Final answer: **B**", "B"),
        (LETTERS, "Let me see. A is too small.\nSo, the answer is C.", "C"),
    ],
)
def test_a_choice_is_known_in_other_clothes(check: Check, text: str, choice: str) -> None:
    assert check(Answer(text)) == Repaired(choice, ("choice",))
    assert check(Answer(choice)) == PASS


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (MOODS, ""),
        (MOODS, "neutral"),
        (MOODS, "not positive"),
        (MOODS, "The sentiment is not positive."),
        (MOODS, "positive and negative"),
        (MOODS, "positive/negative"),
        (MOODS, "Positive\n\nThough some would call it negative."),
        (MOODS, "Positive\n\nActually, no."),
        (MOODS, "It is positive I think"),
        (MOODS, "Answer: positive\nAnswer: negative"),
        (MOODS, "Answer: positive\nI changed my mind: negative"),
        (MOODS, "mostly negative"),
        (LETTERS, "A and B"),
        (LETTERS, "A. Smith wrote it"),
        (LETTERS, "E"),
        (LETTERS, "AB"),
        (LETTERS, "1) Paris"),
        (LETTERS, "A" * 30_000),
    ],
)
def test_what_names_no_choice_or_two_is_refused(check: Check, text: str) -> None:
    said = check(Answer(text))
    assert isinstance(said, Refused)
    assert said.because is Fault.NO_CHOICE


def test_choices_that_look_alike_are_no_choices() -> None:
    with pytest.raises(AlikeError, match=r"'YES\.' can't be told from 'yes'"):
        one_of(["yes", "YES."])
    assert one_of(["C", "C++", "C#"])(Answer("c++.")) == Repaired("C++", ("choice",))


@pytest.mark.parametrize(
    "text",
    [
        FUNCTION,
        "import os\nprint(os.getcwd())",
        "x = 1",
        "sorted(words, key=len)",
        'print("```not a fence```")',
        "pattern = '\\d+'  # an escape that Python warns of",
        "async def f():\n    return [x async for x in y]",
    ],
)
def test_python_passes(text: str) -> None:
    assert CODE(Answer(text, "stop")) == PASS


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{FUNCTION}```",
        f"```py\n{FUNCTION}```\n",
        f"~~~\n{FUNCTION}~~~",
        f"Here is the function:\n\n```python\n{FUNCTION}```\n\nIt adds (a) to b, for example 1 and 2.",
        f"1. Do this:\n\n   ```python\n{''.join(f'   {line}' for line in FUNCTION.splitlines(keepends=True))}   ```",
        f"<think>a fence: ```python\nno\n``` </think>\n```python\n{FUNCTION}```",
    ],
)
def test_code_is_taken_from_its_one_fence(text: str) -> None:
    said = CODE(Answer(text, "stop"))
    assert isinstance(said, Repaired)
    assert said.text == FUNCTION.rstrip("\n")
    assert CODE(Answer(said.text, "stop")) == PASS


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", Fault.NOT_PYTHON),
        ("# nothing", Fault.NOT_PYTHON),
        ("Sure", Fault.NOT_PYTHON),
        ("Answer: yes", Fault.NOT_PYTHON),
        ("a is not b", Fault.NOT_PYTHON),
        ("42", Fault.NOT_PYTHON),
        ("Sure! Here is the code.", Fault.NOT_PYTHON),
        ("def f(:\n    pass", Fault.NOT_PYTHON),
        ("print 'hello'", Fault.NOT_PYTHON),
        ("  x = 1\ny = 2", Fault.NOT_PYTHON),
        ("function f() { return 1; }", Fault.NOT_PYTHON),
        ("```bash\npip install x\n```", Fault.NOT_PYTHON),
        (f"```python\n{FUNCTION}```\n\nor\n\n```python\n{FUNCTION}```", Fault.NOT_PYTHON),
        (f"```bash\npip install x\n```\n```python\n{FUNCTION}```", Fault.NOT_PYTHON),
        ("x = 'a\0b'", Fault.NOT_PYTHON),
        ("x = '\ud800'", Fault.NOT_PYTHON),
        ("x = " + "9" * 5000, Fault.NOT_PYTHON),
        ("-" * 50_000 + "1", Fault.NOT_PYTHON),
        ("a" + ".a" * 30_000, Fault.NOT_PYTHON),
        ("a+" * 30_000 + "a", Fault.NOT_PYTHON),
        ("if a:\n pass\n" + "elif a:\n pass\n" * 4_000, Fault.NOT_PYTHON),
        ("(" * 70 + "1" + ")" * 70, Fault.TOO_LARGE),
        ("x = 1\n" * 20_000, Fault.TOO_LARGE),
        ("print(1", Fault.TRUNCATED),
        ('x = """begun', Fault.TRUNCATED),
        ("def f():", Fault.TRUNCATED),
        (f"```python\n{FUNCTION}", Fault.TRUNCATED),
    ],
)
def test_what_is_no_python_is_refused(text: str, because: Fault) -> None:
    said = CODE(Answer(text, "stop"))
    assert isinstance(said, Refused)
    assert said.because is because


def test_code_that_reached_its_length_is_cut_even_where_it_parses() -> None:
    assert CODE(Answer("x = 1\ny = 2", "length")) == Refused(
        Fault.TRUNCATED, "finish_reason length"
    )


def test_code_of_another_language_is_taken_from_its_fence_and_not_parsed() -> None:
    assert SQL(Answer("Here:\n```sql\nselect 1\n```")) == Repaired("select 1", ("fence",))
    assert SQL(Answer("Here:\n```python\nx = 1\n```")) == PASS


def test_a_text_keeps_its_fences_unless_it_is_one_fence() -> None:
    check = checks_of(Plan(("fence",)))
    essay = "First:\n```sh\nls\n```\nthen look."
    assert check(Answer(essay)) == PASS
    assert check(Answer("```markdown\n# Title\n```")) == Repaired("# Title", ("fence",))
    assert check(Answer("````markdown\n```sh\nls\n```\n````")) == PASS


def test_a_text_that_was_cut_is_refused_unless_the_task_asked_for_that_length() -> None:
    assert PLAIN(Answer("Once upon a time, ", "stop")) == PASS
    assert PLAIN(Answer("Once upon a", "length", is_bounded=True)) == PASS
    for reason in ("length", "content_filter"):
        assert PLAIN(Answer("Once upon a", reason)) == Refused(
            Fault.TRUNCATED, f"finish_reason {reason}"
        )
    assert PLAIN(Answer("Do this:\n```sh\nls", "stop")) == Refused(
        Fault.TRUNCATED, "a code fence is never closed"
    )


def test_thoughts_are_taken_away_and_talk_about_them_is_not() -> None:
    check = checks_of(Plan(("thoughts",)))
    assert check(Answer("<think>\nhm\n</think>\n\nParis")) == Repaired("Paris", ("thoughts",))
    assert check(Answer("hm\n</think>\nParis")) == Repaired("Paris", ("thoughts",))
    for text in (
        "I think so.",
        "The tag </think> closes <think>.",
        "<think>a</think><think>b</think>c",
        "<think>a</think>b <think>",
    ):
        assert check(Answer(text)) == PASS


def test_an_answer_matches_its_pattern_from_end_to_end() -> None:
    check = checks_of(Plan(("pattern",), pattern=r"[A-Z]{3}-\d{2}"))
    assert check(Answer("ABC-12")) == PASS
    assert check(Answer("\nABC-12 ")) == Repaired("ABC-12", ("white space",))
    for text in ("It is ABC-12", "ABC-123", ""):
        said = check(Answer(text))
        assert isinstance(said, Refused)
        assert said.because is Fault.OFF_PATTERN


def test_a_pattern_that_would_backtrack_for_ever_answers_at_once() -> None:
    check = checks_of(Plan(("pattern",), pattern=r"(\w+\s?)*!"))
    said = check(Answer("word " * 13_000))
    assert isinstance(said, Refused)
    assert said.because is Fault.OFF_PATTERN
    too_long = check(Answer("word " * 20_000))
    assert isinstance(too_long, Refused)
    assert too_long.because is Fault.TOO_LARGE


def test_a_kind_has_its_own_chain_and_json_goes_before_it() -> None:
    found = checks({"label": Plan(("choices",), choices=("yes", "no")), "default": Plan(())})
    assert found.chain_for("label", None, json_output=False)(Answer("Yes")) == Repaired(
        "yes", ("choice",)
    )
    assert found.chain_for("other", None, json_output=False)(Answer("half a", "length")) == PASS
    assert found.chain_for(None, None, json_output=False)(Answer("half a", "length")) == PASS
    assert found.chain_for("label", None, json_output=True)(Answer("{}")) == PASS
    assert found.chain_for("label", {"type": "array"}, json_output=False)(Answer("[]")) == PASS

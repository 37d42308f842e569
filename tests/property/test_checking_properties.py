"""Of any answer: no check raises, what passes is untouched, what is repaired passes, values stay."""

import re
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streams.checking.automaton import UnsupportedError
from streams.checking.chains import Checks, checks
from streams.checking.check import Answer, Pass, Refused, Repaired, Unfit
from streams.checking.linear import CostlyError, Linear
from streams.checking.plan import Plan
from tests.hostile import UNITS

SCHEMA: dict[str, Any] = {
    "properties": {"n": {"type": ["integer", "null"]}, "s": {"type": "string"}, "l": {"items": {"type": "number"}}},
    "additionalProperties": {"$ref": "#"},
}  # fmt: skip
PLANS = {
    "code": Plan(("thoughts", "fence", "truncation", "python")),
    "text": Plan(("thoughts", "fence", "truncation")),
    "label": Plan(("thoughts", "fence", "choices"), choices=("yes", "no", "not sure", "A")),
    "id": Plan(("pattern",), pattern=r"\s*(?:[a-z]+-?)+\d{1,3}"),
    "json": Plan(("fence", "json")),
}
CHECKS: Checks = checks(PLANS)
CHAINS = {
    **{kind: CHECKS.chain_for(kind, None, json_output=False) for kind in PLANS},
    "any json": CHECKS.chain_for(None, None, json_output=True),
    "schema": CHECKS.chain_for(None, SCHEMA, json_output=False),
}
PIECES = (
    *UNITS, "```json\n", "\n```", "```", "```python\n", "~~~\n", "<think>", "</think>\n", "Answer: ", "yes", "No.", "True", "None", '{"n": "1"}', "{'s': 'x'}",
    "[1,2,]", '{"s": "a\nb"}', "Here is the JSON:\n", "\n\nHope this helps!", "}", "]", "def f():\n", "    return 1\n", "<|im_end|>", "“s”: ", "n: ", '\\"', "\\'",
)  # fmt: skip
ANSWERS = st.builds(
    Answer,
    st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)),
    st.sampled_from(["stop", "length", "content_filter", None]),
    st.booleans(),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
).filter(lambda value: isinstance(value, dict | list))


@pytest.mark.parametrize("kind", CHAINS)
@settings(max_examples=150)
@given(answer=ANSWERS)
def test_any_answer_has_a_verdict_and_a_repaired_one_passes(kind: str, answer: Answer) -> None:
    said = CHAINS[kind](answer)
    assert isinstance(said, Pass | Repaired | Refused)
    if isinstance(said, Repaired):
        assert said.text != answer.text
        assert said.by
        assert CHAINS[kind](Answer(said.text, answer.finish_reason, answer.is_bounded)) == Pass()


@settings(max_examples=150)
@given(value=VALUES, spaced=st.booleans())
def test_json_passes_as_it_is(value: Any, *, spaced: bool) -> None:
    option = orjson.OPT_INDENT_2 if spaced else 0
    text = orjson.dumps(value, option=option).decode()
    assert CHAINS["any json"](Answer(text)) == Pass()


def loosely(value: Any, style: int) -> str:
    """A value as models write it: as Python, with commas too many, or with line breaks in strings."""
    if style == 0:
        return python(value)
    strict = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if style == 1:
        return re.sub(r"(?<=[^\[{\s])(\n *[\]}])", r",\1", strict)
    return f"```json\n{strict}\n```\n\nLet me know!"


def python(value: Any) -> str:
    """As Python's `repr`, but for escapes that JSON hasn't."""
    if isinstance(value, str):
        inner = orjson.dumps(value).decode()[1:-1].replace('\\"', '"').replace("'", "\\'")
        return f"'{inner}'"
    if isinstance(value, list):
        return f"[{', '.join(map(python, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{python(k)}: {python(v)}' for k, v in value.items())}}}"
    return repr(value)


@settings(max_examples=200)
@given(value=VALUES, style=st.integers(0, 2))
def test_a_repair_keeps_the_value(value: Any, style: int) -> None:
    text = loosely(value, style)
    said = CHAINS["any json"](Answer(text))
    read = said.text if isinstance(said, Repaired) else text
    assert isinstance(said, Pass | Repaired)
    assert orjson.loads(read) == value


@settings(max_examples=150)
@given(value=VALUES, cut=st.floats(0, 1, exclude_max=True))
def test_json_without_its_end_is_never_taken(value: Any, cut: float) -> None:
    text = orjson.dumps(value).decode()
    said = CHAINS["any json"](Answer(text[: int(len(text) * cut)], "stop"))
    assert isinstance(said, Refused)


@settings(max_examples=200)
@given(schema=st.dictionaries(
    st.sampled_from(["type", "items", "$ref", "pattern", "enum", "anyOf", "$schema", "properties", "not", "multipleOf"]),
    st.sampled_from(["string", {}, [], [{}], "#", "(", 0, -1, True, None, {"a": {"$ref": "#"}}, ["a", "a"], "x" * 99]),
    max_size=4,
))  # fmt: skip
def test_any_schema_has_a_verdict(schema: dict[str, Any]) -> None:
    said = CHECKS.chain_for(None, schema, json_output=False)(Answer('{"a": ["x"]}'))
    assert isinstance(said, Pass | Repaired | Refused | Unfit)


ATOMS = (
    "a", "b", "B", "é", "1", " ", "\\n", ".", "\\d", "\\W", "\\s", "[ab]", "[^a1]", "[b-é]", "^", "$", "\\b", "\\B", "\\A", "\\Z",
    "(?=a)", "(?!b)", "(?<=a)", "(?<!1)", "(?=.*1)", "(?:a|b1)", "(a|)", "(?i:b)", "(?:ab)", "(?m:^b$)", "(?s:.)",
)  # fmt: skip
PATTERNS = st.lists(
    st.tuples(st.sampled_from(ATOMS), st.sampled_from(["", "", "*", "+", "?", "{2}", "{0,2}", "*?", "|"])),
    max_size=5,
).map(lambda parts: "".join(map("".join, parts)))  # fmt: skip


@settings(max_examples=600)
@given(pattern=PATTERNS, text=st.text("abB1é \n", max_size=8))
def test_linear_time_finds_what_backtracking_finds(pattern: str, text: str) -> None:
    assume(text or "\\B" not in pattern)  # Python before 3.14 knows no \B in an empty text
    try:
        expected = re.compile(pattern)
    except re.error:
        with pytest.raises(UnsupportedError):
            Linear(pattern)
        return
    try:
        linear = Linear(pattern)
    except UnsupportedError as error:
        assert "lookarounds" in str(error)  # noqa: PT017 (all else is supported)
        return
    assert linear.search(text) == bool(expected.search(text))
    assert linear.matches(text) == bool(expected.fullmatch(text))


@settings(max_examples=100)
@given(pattern=st.text("ab()|*+?{}[]\\^$.12,=!<:P", max_size=14))
def test_any_pattern_is_taken_or_refused(pattern: str) -> None:
    try:
        found = Linear(pattern).search("aab1" * 8)
    except (UnsupportedError, CostlyError):
        return
    assert found in (True, False)

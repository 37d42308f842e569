"""Hostile input: no skill raises, none answers past its limit, and what it answers is true."""

import base64
import csv
import io
import re
import urllib.parse
from xml.etree import ElementTree as ET

import orjson
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.tier0 import regex, xml_nodes, yaml_nodes
from streams.tier0.answer import ANSWER_CHARS, answer
from streams.tier0.json_nodes import BrokenError, parse
from streams.tier0.regex_syntax import PatternError
from tests.hostile import ALIASES, BOMB, REQUESTS, UNITS, hostile

ASKED = st.sampled_from([request for requests in REQUESTS.values() for request in requests])
ANYTHING = st.text(st.characters(), max_size=120)
SCRAPS = st.lists(st.sampled_from(UNITS), max_size=25).map("".join)
ENDS = st.sampled_from(["", '"', "'", "`", '"?', "\n```", '" from "abc"', " Thanks!"])
WORDS = st.text("abcdefgh é", min_size=1, max_size=12).map(str.strip).filter(bool)
TREES = st.dictionaries(
    WORDS,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)
CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r"), max_size=8
) | st.sampled_from(
    ["a, b", 'say "hi"', "7", "true", "two\nlines", "& <x>", "]]>", "a`b", "null", "it's"]
)
ATOMS = st.sampled_from(
    ["a", "b", "ab", ".", r"\d", r"\w", r"\s", "[ab]", "[^a]", "[a-c1-3]", r"\b", "(?:a|b)", "(?:ab|a)", "1", r"\."]
)  # fmt: skip
SIGNS = st.sampled_from(
    ["", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "??", "{1,2}?"]
)
PATTERNS = st.lists(st.tuples(ATOMS, SIGNS).map("".join), min_size=1, max_size=6).map("".join)


@given(ASKED, ANYTHING | SCRAPS, ENDS)
def test_no_text_makes_a_skill_raise(request: str, rest: str, end: str) -> None:
    found = answer(request + rest + end)
    assert found is None or 0 < len(found.output) <= ANSWER_CHARS


def test_no_hostile_text_makes_a_skill_raise() -> None:
    for _, text in hostile():
        found = answer(text)
        assert found is None or 0 < len(found.output) <= ANSWER_CHARS


@given(TREES)
def test_yaml_made_of_json_is_the_same_value(value: dict[str, object]) -> None:
    found = answer(f"Convert this JSON to YAML: {orjson.dumps(value).decode()}")
    assume(found is not None)
    assert found is not None
    assert yaml.safe_load(found.output) == value


@given(TREES)
def test_json_made_of_yaml_is_the_same_value(value: dict[str, object]) -> None:
    written = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
    found = answer(f"Convert this YAML to JSON:\n```yaml\n{written}```")
    assume(found is not None)
    assert found is not None
    assert orjson.loads(found.output) == value


@given(
    PATTERNS | st.lists(PATTERNS, min_size=2, max_size=3).map("|".join),
    st.text("ab1c. \n", max_size=30),
)
def test_a_pattern_finds_what_python_finds(pattern: str, text: str) -> None:
    try:
        program = regex.compiled(pattern)
    except PatternError:
        return
    assert regex.find_all(program, text) == [found[0] for found in re.finditer(pattern, text)]


@pytest.mark.parametrize(
    ("pattern", "unit"),
    [
        ("(?:a+)+b", "a"), ("(?:a|a)+c", "a"), (".*.*.*x", "b"), ("(?:a|aa|aaa)+$", "ab"), ("[a-z ]{1,99}!", "x"),
        (r"\w+\w+\w+@", "a"), ("(?:x{1,9}y?){1,9}z", "x"),
    ],
)  # fmt: skip
def test_a_pattern_that_runs_away_is_given_up_after_a_fixed_number_of_steps(
    pattern: str, unit: str
) -> None:
    with pytest.raises(PatternError):
        regex.find_all(regex.compiled(pattern), unit * 2_000)


@pytest.mark.parametrize(
    "document", [BOMB, "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "<!DOCTYPE a><a/>"]
)
def test_a_dtd_is_refused(document: str) -> None:
    with pytest.raises(BrokenError):
        xml_nodes.read(document)


@pytest.mark.parametrize(
    "document",
    [
        ALIASES, "a: &x 1\nb: *x", "a: !!python/object/apply:os.getcwd []", "a: !!str x", "!<tag> {a: b}", "%YAML 1.1\n---\na: !x b",
        "a: " + "[" * 300, "- " * 900, "{a: " * 40, "\n".join(" " * n + "a:" for n in range(60)), "a: 1\n---\nb: 2",
    ],
)  # fmt: skip
def test_anchors_tags_and_deep_nests_are_refused(document: str) -> None:
    for read in (yaml_nodes.to_node, yaml_nodes.lay_out):
        with pytest.raises(BrokenError):
            read(document)


@pytest.mark.parametrize(
    "document", ["[" * 5_000, '{"a":' * 5_000, "[" + "1," * 5_000 + "1]", '"' * 5_001]
)
def test_json_beyond_depth_or_size_is_refused(document: str) -> None:
    with pytest.raises(BrokenError):
        parse(document)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_what_is_encoded_can_be_decoded(text: str) -> None:
    found = answer(f'Base64-encode "{text}"')
    assume(found is not None)
    assert found is not None
    assert base64.b64decode(found.output).decode() == text
    percent = answer(f'URL-encode "{text}"')
    assert percent is None or urllib.parse.unquote(percent.output) == text


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4))
def test_json_made_of_csv_has_the_same_fields(rows: list[tuple[str, str]]) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([("first", "second"), *rows])
    asked = "Convert this CSV to JSON with all values as strings:\n```csv\n{}```"
    found = answer(asked.format(written.getvalue()))
    assume(found is not None)
    assert found is not None
    assert orjson.loads(found.output) == [{"first": one, "second": two} for one, two in rows]


@given(st.lists(CELLS, min_size=2, max_size=4))
def test_json_made_of_xml_has_the_same_texts(texts: list[str]) -> None:
    root = ET.Element("root")
    for text in texts:
        ET.SubElement(root, "item").text = text
    written = ET.tostring(root, encoding="unicode")
    found = answer(f"Convert this XML to JSON with all values as strings:\n```xml\n{written}\n```")
    assume(found is not None)
    assert found is not None
    assert orjson.loads(found.output) == {"root": {"item": texts}}

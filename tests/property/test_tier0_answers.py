"""Whatever the text, tier 0 does not raise, ends soon, and alters no value."""

import ast
from fractions import Fraction

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.tier0.answer import TEXT_CHARS, answer

REQUESTS = (
    "Format this JSON: ", "Sort the keys of this JSON: ", "Minify this JSON: ", "Format this SQL: select ",
    "Convert to upper case: ", "Convert to camelCase: ", 'Convert "', "Convert 5 ", "How many m in ",
    "What is ", "2024-02-29 + ", "What day is ", "How many days from 2024-01-01 to ", "Add 5 days to ", "",
)  # fmt: skip
SCRAPS = (
    "{ } [ ] \" ' ` ``` : , \\ \n 1 0 -1 1.5 1e9 99999 * ** ^ / // % ( ) to in and is km miles GB °C"
    " select from where case when end -- /* */ \u2212 \u00d7 days 2024-02-29 May , upper case?"
)
PIECES = st.sampled_from(SCRAPS.split(" "))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé_", max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    st.sampled_from(REQUESTS), st.text(max_size=200) | st.lists(PIECES, max_size=30).map(" ".join)
)
def test_no_text_makes_tier_0_raise(request: str, rest: str) -> None:
    found = answer(request + rest)
    assert found is None or found.output


@given(st.lists(JSON_VALUES, max_size=4), st.sampled_from(["Format", "Minify", "Pretty-print"]))
def test_json_keeps_its_values_and_the_order_of_its_keys(value: list[object], verb: str) -> None:
    written = orjson.dumps(value).decode()
    found = answer(f"{verb} this JSON: {written}")
    assert found is not None
    assert orjson.dumps(orjson.loads(found.output)).decode() == written
    if verb == "Minify":
        assert found.output == written


@given(
    st.lists(
        st.tuples(st.sampled_from([" + ", " - ", " * "]), st.integers(0, 10**6)),
        min_size=1, max_size=6,
    ),
    st.integers(0, 10**6),
)  # fmt: skip
def test_integer_sums_agree_with_python(terms: list[tuple[str, int]], first: int) -> None:
    expression = str(first) + "".join(f"{sign}{term}" for sign, term in terms)
    found = answer(f"Calculate {expression}")
    expected = _value(ast.parse(expression, mode="eval").body)
    assert found is not None
    assert Fraction(found.output) == expected


def _value(node: ast.expr) -> int:
    """What Python's own parse of the sum comes to."""
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int)
        return node.value
    assert isinstance(node, ast.BinOp)
    left, right = _value(node.left), _value(node.right)
    if isinstance(node.op, ast.Mult):
        return left * right
    return left + right if isinstance(node.op, ast.Add) else left - right


@pytest.mark.timeout(5)
@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize(
    "unit", ["[", '{"a":', '"', "'", "\\", "(", "1", " ", "-", "*", "a ", ", ", "``` ", "--", "/*", "/**", "“", "''", "a.", "\n"]
)  # fmt: skip
def test_the_longest_hostile_text_is_answered_or_left_soon(request_: str, unit: str) -> None:
    text = (request_ + unit * TEXT_CHARS)[:TEXT_CHARS]
    found = answer(text)
    assert found is None or len(found.output) <= 2 * TEXT_CHARS

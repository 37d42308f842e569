"""A key is nowhere told: whole, shortened, or echoed into an answer."""

import base64
import html
import urllib.parse
from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.providers.keys import hide, hide_in_answer, hide_in_calls, is_sendable, key_in
from tests.leaks import leaks

KEY = "sk-canary-0123456789abcdef"


def test_a_key_is_hidden_wherever_it_stands() -> None:
    assert hide(f"Incorrect key {KEY}, {KEY}!", [KEY]) == "Incorrect key ****, ****!"
    assert hide("nothing here", [KEY]) == "nothing here"
    assert hide("a", ["a"]) == "a"


@given(st.integers(8, len(KEY)), st.sampled_from(["", "'", '"', "…", "'."]))
def test_the_beginning_of_a_key_at_the_end_of_a_shortened_text_is_hidden(
    length: int, end: str
) -> None:
    assert "sk-canar" not in hide(f"HTTP 400: bad key {KEY[:length]}{end}", [KEY])


def test_an_answer_is_changed_for_a_real_key_and_not_for_a_dummy() -> None:
    assert hide_in_answer(f"You sent {KEY}", [KEY]) == "You sent ****"
    assert hide_in_answer("ollama is a word", ["ollama"]) == "ollama is a word"
    call = {"id": "1", "function": {"name": "f", "arguments": f'{{"k": "{KEY}"}}'}}
    assert KEY not in str(hide_in_calls([call], [KEY]))


@pytest.mark.parametrize(
    ("key", "is_one"), [(KEY, True), ("a b", False), ("ä", False), ("", False)]
)
def test_a_key_is_one_line_of_ascii(key: str, is_one: bool) -> None:
    assert is_sendable(key) is is_one


def test_a_key_is_read_without_blanks_and_shown_by_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", f" {KEY}\n")
    monkeypatch.setenv("NO_KEY", "  ")
    found = key_in("A_KEY")
    assert found is not None
    assert found.get_secret_value() == KEY
    assert KEY not in repr(found)
    assert key_in("NO_KEY") is key_in("NOT_SET") is key_in(None) is None


WRITTEN: tuple[Callable[[str], str], ...] = (
    str,
    str.lower,
    lambda key: urllib.parse.quote(key, safe=""),
    lambda key: urllib.parse.quote(key).lower(),
    urllib.parse.quote_plus,
    html.escape,
    lambda key: orjson.dumps({"said": key}).decode(),
    repr,
    lambda key: repr(orjson.dumps(key).decode()),
    lambda key: key.encode().hex(),
    lambda key: base64.b64encode(f"u:{key}".encode()).decode(),
    lambda key: base64.urlsafe_b64encode(f"Bearer {key}!".encode()).decode(),
)
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=20, max_size=60)


@given(KEYS, st.sampled_from(WRITTEN), st.sampled_from(["", "no such key: "]))
def test_a_key_is_hidden_however_it_is_written(
    key: str, written: Callable[[str], str], before: str
) -> None:
    said = before + written(key)
    assert leaks(said.encode(), [key])
    assert not leaks(hide(said, [key]).encode(), [key])
    assert not leaks(hide_in_answer(said, [key]).encode(), [key])
    label = hide(said[: len(said) // 2], [key])
    assert not leaks(label.encode(), [key])

"""JSON as small models write it: what passes, what is mended in the one way there is, what is refused."""

from typing import Any

import orjson
import pytest

from streams.checking.chains import checks
from streams.checking.check import PASS, Answer, Fault, Refused, Repaired

CHAIN_FOR = checks({}).chain_for
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "is_member": {"type": "boolean"},
    },
    "required": ["name"],
    "additionalProperties": False,
}
ANY = CHAIN_FOR(None, None, json_output=True)
SCHEMED = CHAIN_FOR(None, PERSON, json_output=False)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Ann"}',
        '\n  {"name": "Ann", "age": null, "tags": []}\n\n',
        '{"name": "a ```json fence``` and <think>thoughts</think> within"}',
        '{"name": "Ann", "age": 30.0}',
    ],
)
def test_json_that_fits_passes_untouched(text: str) -> None:
    assert SCHEMED(Answer(text, "stop")) == PASS


@pytest.mark.parametrize(
    ("text", "repaired", "by"),
    [
        ('```json\n{"name": "Ann"}\n```', '{"name": "Ann"}', ("fence",)),
        ('```\n{"name": "Ann"}\n```\n', '{"name": "Ann"}', ("fence",)),
        ('```json\n{"name": "Ann"}```', '{"name": "Ann"}', ("fence",)),
        ('```json {"name": "Ann"} ```', '{"name": "Ann"}', ("fence",)),
        ('`{"name": "Ann"}`', '{"name": "Ann"}', ("fence",)),
        ('```json\n{"name": "Ann"}\n', '{"name": "Ann"}', ("fence",)),
        ('Sure!\n\n```json\n{"name": "Ann"}\n```\n\nLet me know!', '{"name": "Ann"}', ("fence",)),
        ('<think>Braces {like this}…</think>\n\n{"name": "Ann"}', '{"name": "Ann"}', ("thoughts",)),
        ('who is it?\n</think>\n{"name": "Ann"}', '{"name": "Ann"}', ("thoughts",)),
        ('Here is the JSON:\n{"name": "Ann"}', '{"name": "Ann"}', ("words around",)),
        ('json\n{"name": "Ann"}', '{"name": "Ann"}', ("words around",)),
        ('{"name": "Ann"}\n\nI hope this helps!', '{"name": "Ann"}', ("words around",)),
        ('{"name": "Ann"}<|im_end|>', '{"name": "Ann"}', ("words around",)),
        ('{"name": "Ann"};', '{"name": "Ann"}', ("words around",)),
        ('{"name": "Ann"}}', '{"name": "Ann"}', ("bracket",)),
        ('\ufeff{"name":\u00a0"Ann"}', '{"name": "Ann"}', ("white space",)),
        ('{"name": "Ann", "tags": ["a", "b",],}', '{"name": "Ann", "tags": ["a", "b"]}', ("comma",)),
        ("{'name': 'Ann', 'is_member': True, 'age': None}",
         '{"name": "Ann", "is_member": true, "age": null}', ("quotes", "literals")),
        ("{'name': 'say \"hi\" to \\'em'}", '{"name": "say \\"hi\\" to \'em"}', ("quotes", "escapes")),
        ("{“name”: “Ann”}", '{"name": "Ann"}', ("quotes",)),
        ('{name: "Ann"}', '{"name": "Ann"}', ("keys",)),
        ('{"name": "Ann\nLee\t"}', '{"name": "Ann\\nLee\\t"}', ("line breaks",)),
        ('{"name": "it\\\'s"}', '{"name": "it\'s"}', ("escapes",)),
        ('{"name": "Ann", "age": "30"}', '{"name": "Ann", "age": 30}', ("types",)),
        ('{"name": "Ann", "is_member": "true", "age": "null"}',
         '{"name": "Ann", "is_member": true, "age": null}', ("types",)),
        ('{"tags": ["1"], "age": "7", "name": "1"}', '{"tags": ["1"], "age": 7, "name": "1"}', ("types",)),
        ('"{\\"name\\": \\"Ann\\"}"', '{"name": "Ann"}', ("string",)),
        ("```json\n{'name': 'Ann', 'age': '30',}\n```", '{"name": "Ann", "age": 30}',
         ("fence", "quotes", "comma", "types")),
    ],
)  # fmt: skip
def test_what_can_be_read_in_one_way_is_mended(
    text: str, repaired: str, by: tuple[str, ...]
) -> None:
    assert SCHEMED(Answer(text, "stop")) == Repaired(repaired, by)
    assert SCHEMED(Answer(repaired, "stop")) == PASS


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", Fault.EMPTY),
        ("<think>hm</think>", Fault.EMPTY),
        ("<think>hm, the name is {", Fault.TRUNCATED),
        ('{"name": "An', Fault.TRUNCATED),
        ('{"name": "Ann", "tags": ["a"', Fault.TRUNCATED),
        ('{"name": "Ann", "is_member": tru', Fault.TRUNCATED),
        ('{"name": "Ann\\', Fault.TRUNCATED),
        ('```json\n{"name": "Ann",', Fault.TRUNCATED),
        ("I can't tell.", Fault.NOT_JSON),
        ('{"name": "Ann", "name": "Bob"}', Fault.DUPLICATE_KEY),
        ('{"name": "Ann", "n\\u0061me": "Bob",}', Fault.DUPLICATE_KEY),
        ('{"name": "Ann"} {"name": "Bob"}', Fault.NOT_JSON),
        ('{"name": "Ann"}\n{"name": "Bob"}', Fault.NOT_JSON),
        ('```json\n{"name": "Ann"}\n```\nor\n```json\n{"name": "Bob"}\n```', Fault.NOT_JSON),
        ('{"name": "Ann"}\n\nWait, that is wrong.', Fault.NOT_JSON),
        ('{"name": "Ann"}\n\nActually, the name is Bob.', Fault.NOT_JSON),
        ('I cannot tell. It would look like:\n{"name": "Ann"}', Fault.NOT_JSON),
        ('For example:\n{"name": "Ann"}', Fault.NOT_JSON),
        ('{"name": "Ann"}]', Fault.NOT_JSON),
        ('{"name": "Ann" "age": 3}', Fault.NOT_JSON),
        ('{"name": "Ann",, "age": 3}', Fault.NOT_JSON),
        ('{"name": "she said "hi" to us"}', Fault.NOT_JSON),
        ("{'name': 'it's'}", Fault.NOT_JSON),
        ('{"name": "Ann", "tags": ["a", ...]}', Fault.NOT_JSON),
        ('{"name": "Ann", // and so on\n "age": 3}', Fault.NOT_JSON),
        ('{"name": "Ann", "age": 1,000}', Fault.NOT_JSON),
        ('{"name": "Ann", "age": NaN}', Fault.NOT_JSON),
        ('{"name": "Ann", "age": undefined}', Fault.NOT_JSON),
        ('{"name": "Ann", "age": 007}', Fault.NOT_JSON),
        ('{"name": "a \\d+ b"}', Fault.NOT_JSON),
        ("{True: 1}", Fault.NOT_JSON),
        ('{"name": \'Ann"}', Fault.TRUNCATED),
        ("[" * 200 + "]" * 200, Fault.NOT_JSON),
        ('{"example": "\n```json\n{"name": "Ann"}\n```"}', Fault.NOT_JSON),
        ('{"name": 12}', Fault.OFF_SCHEMA),
        ('{"name": "Ann", "age": "thirty"}', Fault.OFF_SCHEMA),
        ('{"name": "Ann", "age": "1,000"}', Fault.OFF_SCHEMA),
        ('{"name": "Ann", "age": " 30"}', Fault.OFF_SCHEMA),
        ('{"name": "Ann", "age": "30 years"}', Fault.OFF_SCHEMA),
        ('{"name": "Ann", "is_member": "yes"}', Fault.OFF_SCHEMA),
        ('{"name": "Ann", "is_member": 1}', Fault.OFF_SCHEMA),
        ('{"name": "Ann", "tags": "a"}', Fault.OFF_SCHEMA),
        ('{"name": "Ann", "notes": ""}', Fault.OFF_SCHEMA),
        ('{"age": "30"}', Fault.OFF_SCHEMA),
        ('[{"name": "Ann"}]', Fault.OFF_SCHEMA),
        ('{"result": {"name": "Ann"}}', Fault.OFF_SCHEMA),
        ("null", Fault.OFF_SCHEMA),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: str, because: Fault) -> None:
    said = SCHEMED(Answer(text, "stop"))
    assert isinstance(said, Refused)
    assert said.because is because
    assert len(said.detail) <= 300
    assert "\n" not in said.detail


def test_a_number_that_reaches_the_length_may_have_more_digits() -> None:
    check = CHAIN_FOR(None, {"type": "integer"}, json_output=False)
    assert check(Answer("12", "stop")) == PASS
    assert check(Answer("12", "length")) == Refused(Fault.TRUNCATED, "finish_reason length")


def test_json_that_is_whole_is_taken_though_the_model_went_on_until_its_length() -> None:
    assert SCHEMED(Answer('{"name": "Ann"}' + "\n" * 400, "length")) == PASS


def test_json_without_a_schema_is_any_object_or_array() -> None:
    assert ANY(Answer('{"a": [1, 2]}')) == PASS
    assert ANY(Answer("[]")) == PASS
    assert ANY(Answer('"[1]"')) == Repaired("[1]", ("string",))
    for text in ("42", "null", '"yes"', "Paris"):
        said = ANY(Answer(text))
        assert isinstance(said, Refused)
        assert said.because is Fault.NOT_JSON


def test_a_string_is_a_number_only_where_the_schema_has_no_string() -> None:
    either = CHAIN_FOR(None, {"type": ["integer", "string"]}, json_output=False)
    assert either(Answer('"12"')) == PASS
    one_of_numbers = CHAIN_FOR(None, {"enum": [1, 2]}, json_output=False)
    assert one_of_numbers(Answer('"2"')) == Repaired("2", ("types",))
    assert isinstance(one_of_numbers(Answer('"3"')), Refused)


def test_digits_are_never_changed() -> None:
    check = CHAIN_FOR(None, {"items": {"type": "number"}}, json_output=False)
    text = '[12345678901234567890123.50, "1e5", 0.1000,]'
    assert check(Answer(text)) == Repaired(
        "[12345678901234567890123.50, 1e5, 0.1000]", ("comma", "types")
    )


def test_what_is_wrong_is_told_in_the_schemas_words_and_not_in_the_answers() -> None:
    said = SCHEMED(Answer('{"name": ["SECRET"], "is_member": "SECRET", "the SECRET key": 1}'))
    assert isinstance(said, Refused)
    assert "SECRET" not in said.detail
    assert '$.name: type "string"' in said.detail
    said = SCHEMED(Answer("{}"))
    assert said == Refused(Fault.OFF_SCHEMA, "$: 'name' is a required property")


def test_an_answer_that_calls_tools_is_not_read() -> None:
    assert SCHEMED(Answer("", "tool_calls")) == PASS


def test_a_long_answer_that_fits_is_taken_and_one_that_takes_too_long_is_refused() -> None:
    rows = CHAIN_FOR(None, {"type": "array", "items": PERSON}, json_output=False)
    assert rows(Answer(orjson.dumps([{"name": "Ann"}] * 500).decode())) == PASS
    said = rows(Answer(orjson.dumps([{"name": "Ann"}] * 20_000).decode()))
    assert isinstance(said, Refused)
    assert said.because is Fault.TOO_LARGE

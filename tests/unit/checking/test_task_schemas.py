"""Schemas of strangers: which are taken, which are refused before a call is paid, and how long they take."""

from typing import Any

import orjson
import pytest

from streams.checking import keywords
from streams.checking.chains import checks, schema_fault
from streams.checking.check import PASS, Answer, Fault, Refused, Unfit, Verdict

DEEP: dict[str, Any] = {
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)} | {"d30": {}},
    "$ref": "#/$defs/d0",
}  # fmt: skip


def said(schema: dict[str, Any], value: object) -> Verdict:
    check = checks({}).chain_for(None, schema, json_output=False)
    return check(Answer(orjson.dumps(value).decode(), "stop"))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "text"}, "['type']"),
        ({"required": "name"}, "['required']"),
        ({"properties": {"a": {"minimum": "1"}}}, "['properties']['a']['minimum']"),
        ({"$ref": "https://example.com/other.json"}, "nothing is fetched"),
        ({"$ref": "file:///etc/hostname"}, "nothing is fetched"),
        ({"$ref": "#/$defs/missing"}, "leads nowhere"),
        ({"$id": "https://example.com/a", "$ref": "b"}, "nothing is fetched"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "metaschema"),
        ({"$ref": "#"}, "refers to itself"),
        ({"anyOf": [{"$ref": "#"}]}, "refers to itself"),
        (DEEP, "too many steps"),
        ({"pattern": "("}, "unterminated"),
        ({"pattern": r"(a)\1"}, "groupref"),
        ({"patternProperties": {"[": {}}}, "unterminated"),
        ({"properties": {"a": {"$schema": "http://json-schema.org/draft-04/schema#"}}}, "$schema"),
        ({"$schema": 4}, "$schema"),
        ({"anyOf": [{}] * 2000}, "1000 objects"),
        ({"description": "x" * 70_000}, "65536 bytes"),
        ({"const": 1 << 70}, "64-bit"),
        ({"unevaluatedProperties": False, "patternProperties": {"a": {}}}, "unevaluatedProperties"),
        ({"$schema": "http://json-schema.org/draft-03/schema#", "type": "text"}, "UnknownType"),
    ],
)
def test_a_schema_that_nothing_can_be_checked_against_is_nobodys_fault_but_its_authors(
    schema: dict[str, Any], words: str
) -> None:
    fault = schema_fault(schema)
    assert fault is not None
    assert fault.startswith("response_schema")
    assert words in fault
    assert said(schema, {}) == Unfit(fault)


@pytest.mark.parametrize(
    ("schema", "fits", "fails"),
    [
        ({"$schema": "http://json-schema.org/draft-03/schema#",
          "properties": {"a": {"required": True, "divisibleBy": 2}}}, {"a": 4}, {"a": 3}),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}, 2, 1),
        ({"$schema": "http://json-schema.org/draft-06/schema#", "contains": {"const": 1}}, [2, 1], [2]),
        ({"$schema": "http://json-schema.org/draft-07/schema#",
          "if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1, "b": 2}, {"a": 1}),
        ({"$schema": "https://json-schema.org/draft/2019-09/schema",
          "items": [{"type": "string"}]}, ["a", 1], [1]),
        ({"prefixItems": [{"type": "string"}]}, ["a", 1], [1]),
        ({"$schema": "https://example.com/our-own-dialect", "type": "object"}, {}, []),
        ({"$defs": {"p": {"type": "object", "properties": {"child": {"$ref": "#/$defs/p"}}}},
          "$ref": "#/$defs/p"}, {"child": {"child": {}}}, {"child": {"child": 1}}),
        ({"$id": "https://example.com/root", "$defs": {"n": {"$id": "n", "type": "integer"}},
          "$ref": "n"}, 3, "x"),
        ({"$ref": "#word", "$defs": {"w": {"$anchor": "word", "type": "string"}}}, "x", 3),
        ({"properties": {"$schema": {"type": "string"}}}, {"$schema": "x"}, {"$schema": 1}),
        ({"properties": {"pattern": {"type": "string"}}}, {"pattern": "("}, {"pattern": 1}),
        ({"enum": [{"pattern": "("}]}, {"pattern": "("}, {"pattern": ")"}),
        ({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}], [{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]),
        ({"multipleOf": 0.1}, 0.3, 0.35),
        ({"pattern": "^(?!.*foo)[a-z]+$"}, "bar", "barfoo"),
        ({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False},
         {"x-a": "b"}, {"y": 1}),
        ({"additionalProperties": {"type": "integer"}, "properties": {"a": {}}}, {"a": "x", "b": 1}, {"b": "x"}),
        ({"properties": {"a": {}}, "unevaluatedProperties": False}, {"a": 1}, {"b": 1}),
        ({"format": "email"}, "no address", None),
    ],
)  # fmt: skip
def test_every_draft_is_read_as_it_was_meant(
    schema: dict[str, Any], fits: object, fails: object
) -> None:
    assert schema_fault(schema) is None
    assert said(schema, fits) == PASS
    if fails is not None:
        refused = said(schema, fails)
        assert isinstance(refused, Refused)
        assert refused.because is Fault.OFF_SCHEMA


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "(a+)+b"}, "a" * 60_000),
        ({"patternProperties": {"(a+)+b": False}}, {"a" * 60_000: 1}),
        ({"patternProperties": {"(a+)+b": {}}, "additionalProperties": False}, {"a" * 60_000: 1}),
        ({"uniqueItems": True}, [{"n": n} for n in range(20_000)]),
        ({"anyOf": [{"type": "string"}] * 300}, ["x" * 600_000]),
        ({"items": {"enum": list(range(900))}}, [899] * 20_000),
        ({"properties": {"a": {}}, "unevaluatedProperties": False}, dict.fromkeys(map(str, range(30_000)))),
        ({"type": "array", "contains": False}, [0] * 100_000),
        ({"not": {"items": {"not": {"type": "string"}}}}, [0] * 100_000),
    ],
)  # fmt: skip
def test_no_schema_and_no_answer_take_more_than_their_steps(
    schema: dict[str, Any], value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = list[int]()
    spend = keywords.Meter.spend

    def counted(meter: keywords.Meter, steps: int) -> None:
        spent.append(1)
        spend(meter, steps)

    monkeypatch.setattr(keywords.Meter, "spend", counted)
    assert isinstance(said(schema, value), Refused | type(PASS))
    assert len(spent) <= keywords.STEPS + 100


def test_a_schema_is_compiled_once() -> None:
    schema = {"type": "object", "title": "compiled once"}
    from streams.checking.schema import schema_of  # noqa: PLC0415 (what is remembered is its own)

    assert schema_of(schema) is schema_of(dict(schema))

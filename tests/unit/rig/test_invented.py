"""What the simulator makes up is what the schema allows."""

from typing import Any

import jsonschema
import pytest

from streams.rig.invented import instance_of

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name"],
        }
    },
}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string", "minLength": 30},
        {"type": "string", "maxLength": 3},
        {"type": "integer", "exclusiveMinimum": 4, "multipleOf": 5},
        {"type": "number", "minimum": 0.5, "maximum": 1},
        {"type": "integer", "maximum": -3},
        {"type": ["null", "boolean"]},
        {"type": "null"},
        {"enum": [7, "a"]},
        {"const": {"a": 1}},
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        {"type": "array", "items": {"type": "string"}, "minItems": 3},
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "integer"}}},
                {"required": ["a"]},
            ]
        },
        {"type": "object", "required": ["x"]},
        {"type": "string", "format": "date-time"},
        TREE,
    ],
)
def test_it_is_valid(schema: dict[str, Any]) -> None:
    jsonschema.validate(instance_of(schema), schema)

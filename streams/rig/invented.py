"""Makes up what a JSON Schema allows: the same for the same schema, and as little as it wants."""

import math
from collections.abc import Mapping
from typing import Any

from streams.events.envelope import JsonObject

DEEPEST = 8
"""Below this only what is required is made up: a schema may contain itself."""

FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance_of(schema: JsonObject, text: str = "simulated") -> Any:
    """A value that a schema allows; patterns and unusual combinations are not looked at.

    Args:
        schema: With local references, if any.
        text: What stands in strings.

    Example:
        >>> instance_of({"type": "object", "properties": {"city": {"type": "string"}}}, "Rome")
        {'city': 'Rome'}
        >>> instance_of({"enum": ["a", "b"]}), instance_of({"type": "integer", "minimum": 3})
        ('a', 3)
    """
    return _made(schema, schema, text, 0)


def _made(schema: Any, root: JsonObject, text: str, depth: int) -> Any:
    known = _resolved(schema, root)
    if "const" in known:
        return known["const"]
    if known.get("enum"):
        return known["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if known.get(choice):
            return _made({**known[choice][0]}, root, text, depth + 1)
    return _typed(known, root, text, depth)


def _resolved(schema: Any, root: JsonObject) -> dict[str, Any]:
    """The schema with its reference followed and its `allOf` put together."""
    known: dict[str, Any] = dict(schema) if isinstance(schema, Mapping) else {}
    for _ in range(DEEPEST):
        reference = known.pop("$ref", None)
        if not isinstance(reference, str):
            break
        found: Any = root
        for name in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(name, {}) if isinstance(found, Mapping) and name else found
        known = {**(found if isinstance(found, Mapping) else {}), **known}
    for part in known.pop("allOf", ()):
        more = _resolved(part, root)
        properties = {**known.get("properties", {}), **more.get("properties", {})}
        required = [*known.get("required", ()), *more.get("required", ())]
        known = {**known, **more, "properties": properties, "required": required}
    return known


def _typed(known: dict[str, Any], root: JsonObject, text: str, depth: int) -> Any:
    kind = known.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind == "object" or (kind is None and known.get("properties")):
        return _object(known, root, text, depth)
    if kind == "array":
        count = max(known.get("minItems", 0), 0 if depth > DEEPEST else 1)
        return [_made(known.get("items", {}), root, text, depth + 1) for _ in range(count)]
    if kind in ("integer", "number"):
        return _number(known, whole=kind == "integer")
    if kind in ("boolean", "null"):
        return True if kind == "boolean" else None
    made = FORMATS.get(known.get("format", ""), text)
    return made.ljust(known.get("minLength", 0), ".")[: known.get("maxLength", len(made) + 10**6)]


def _object(known: dict[str, Any], root: JsonObject, text: str, depth: int) -> JsonObject:
    properties = known.get("properties", {})
    required = known.get("required", ())
    wanted = [name for name in properties if depth <= DEEPEST or name in required]
    wanted += [name for name in required if name not in properties]
    return {name: _made(properties.get(name, {}), root, text, depth + 1) for name in wanted}


def _number(known: dict[str, Any], *, whole: bool) -> float:
    low: float = known.get("minimum", known.get("exclusiveMinimum", 0))
    high: float | None = known.get("maximum", known.get("exclusiveMaximum"))
    value: float = low + (1 if known.get("exclusiveMinimum") == low else 0)
    if "minimum" not in known and "exclusiveMinimum" not in known and high is not None:
        value = min(value, high - (1 if "exclusiveMaximum" in known else 0))
    if step := known.get("multipleOf"):
        value = math.ceil(value / step) * step
    return math.ceil(value) if whole else value

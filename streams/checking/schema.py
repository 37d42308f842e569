"""A task's JSON Schema, made ready to check answers: bounded in size and steps, nothing is fetched.

The schema comes from a stranger and the answer from a model, so neither may cost the worker more than a
little: each keyword that is looked at takes a step from a budget, patterns are matched in linear time,
and a `$ref` leads nowhere but into the schema itself. `keywords` has the bounds.

`format` is an annotation, as in the standard's default: nothing is refused for it.

Source: https://json-schema.org/draft/2020-12; drafts 3, 4, 6, 7 and 2019-09 by `$schema`.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson
import referencing
import referencing.exceptions
import referencing.jsonschema
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import Draft202012Validator, validator_for

from streams.checking.automaton import UnsupportedError
from streams.checking.keywords import ExhaustedError, Meter, meter, metered
from streams.checking.linear import CostlyError, compiled
from streams.events.envelope import JsonObject

SCHEMA_BYTES = 65_536
SCHEMA_PARTS = 1_000
"""Most objects and arrays of a schema: checking it against its metaschema takes 0.2 ms for each."""
ERRORS = 16
"""Most errors that are gathered of one answer."""

_DATA = frozenset(["const", "enum", "default", "examples"])
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_PROBES: tuple[Any, ...] = (None, {}, [], "", 0)


class UnfitError(ValueError):
    """A schema that no answer can be checked against; the message says why, for its author."""


class Schema:
    """A compiled schema.

    Args:
        schema: As the task has it; without NaN and the like, for it was JSON.

    Raises:
        UnfitError: Nothing can be checked against it.
    """

    def __init__(self, schema: JsonObject) -> None:
        _measure(schema)
        draft = _draft_of(schema)
        try:
            draft.check_schema(schema)
        except SchemaError as error:
            where = "".join(f"[{part!r}]" for part in error.absolute_path)
            raise UnfitError(f"response_schema{where}: {error.message[:200]}") from None
        # A `$schema` would hand parts of the work to the draft's own, unmetered validator.
        root = {name: value for name, value in schema.items() if name != "$schema"}
        _resolve_all(root, draft)
        self._validator = metered(draft)(root, registry=referencing.Registry())
        for probe in _PROBES:
            try:
                self.errors(probe)
            except ExhaustedError:
                raise UnfitError("response_schema: takes too many steps to check") from None

    def errors(self, value: Any) -> list[ValidationError]:
        """What is wrong with a value; nothing where it is as asked.

        Raises:
            ExhaustedError: It takes more than STEPS.
            UnfitError: The schema turns out to be wrong where this value leads.
        """
        token = meter.set(Meter())
        try:
            return list(islice(self._validator.iter_errors(value), ERRORS))
        except (ExhaustedError, CostlyError):
            raise ExhaustedError from None
        except RecursionError:
            raise UnfitError("response_schema: refers to itself without end") from None
        except Exception as error:  # noqa: BLE001 (another's code on a stranger's schema: it must not end the worker)
            raise UnfitError(f"response_schema: {type(error).__name__} while checking") from None
        finally:
            meter.reset(token)


def _measure(schema: JsonObject) -> None:
    """Refuse what is too large, has what can't be bounded, or has broken patterns."""
    stack: list[Any] = [schema]
    parts = 0
    words: set[str] = set()
    while stack:
        part = stack.pop()
        parts += 1
        if parts > SCHEMA_PARTS:
            raise UnfitError(f"response_schema: more than {SCHEMA_PARTS} objects and arrays")
        if isinstance(part, list):
            stack += [held for held in part if isinstance(held, dict | list)]
            continue
        _look_at(part, is_root=part is schema)
        words |= part.keys()
        stack += [
            held for name, held in part.items()
            if isinstance(held, dict | list) and name not in _DATA
        ]  # fmt: skip
    if words >= {"unevaluatedProperties", "patternProperties"}:
        raise UnfitError("response_schema: unevaluatedProperties beside patternProperties")


def _look_at(part: JsonObject, *, is_root: bool) -> None:
    if not is_root and isinstance(part.get("$schema"), str):
        raise UnfitError("response_schema: a $schema within")
    for word in _REFERENCES:
        target = part.get(word)
        if isinstance(target, str) and "//json-schema.org/" in target:
            raise UnfitError(f"response_schema: {word} to a metaschema")
    patterns = [part["pattern"]] if isinstance(part.get("pattern"), str) else []
    if isinstance(part.get("patternProperties"), dict):
        patterns += part["patternProperties"]
    for pattern in patterns:
        try:
            compiled(pattern)
        except UnsupportedError as error:
            raise UnfitError(f"response_schema: pattern {pattern[:80]!r}: {error}") from None


def _draft_of(schema: JsonObject) -> Any:
    named = schema.get("$schema")
    if named is not None and not isinstance(named, str):
        raise UnfitError("response_schema: $schema must be a string")
    return validator_for(schema, default=Draft202012Validator)


def _resolve_all(schema: JsonObject, draft: Any) -> None:
    """Follow every reference once, so that one that leads nowhere is known before a call is paid."""
    dialect = draft.META_SCHEMA.get("$schema", "")
    specification = referencing.jsonschema.specification_with(dialect)
    root = specification.create_resource(schema)
    stack = [(root, referencing.Registry().resolver_with_root(root))]
    while stack:
        resource, resolver = stack.pop()
        here: Any = resource.contents
        for word in _REFERENCES:
            target = here.get(word) if isinstance(here, dict) else None
            if not isinstance(target, str):
                continue
            try:
                resolver.lookup(target)
            except (referencing.exceptions.Unresolvable, ValueError) as error:
                why = f"{word} {target[:80]!r} leads nowhere within it, and nothing is fetched"
                raise UnfitError(f"response_schema: {why}") from error
        stack += [(inner, resolver.in_subresource(inner)) for inner in resource.subresources()]


@lru_cache(maxsize=256)
def _known(written: bytes) -> Schema | str:
    try:
        return Schema(orjson.loads(written))
    except UnfitError as error:
        return str(error)


def schema_of(schema: JsonObject) -> Schema:
    """Compile a schema, or find it compiled: the last 256 are remembered.

    Raises:
        UnfitError: Nothing can be checked against it.
    """
    try:
        written = orjson.dumps(schema)
    except TypeError as error:
        raise UnfitError(f"response_schema: {error}") from None
    if len(written) > SCHEMA_BYTES:
        raise UnfitError(f"response_schema: more than {SCHEMA_BYTES} bytes")
    known = _known(written)
    if isinstance(known, str):
        raise UnfitError(known)
    return known


def told(errors: Sequence[ValidationError]) -> str:
    """The first errors in the schema's own words: nothing of the answer but names of properties."""
    return "; ".join(_told(error) for error in errors[:3])


def _told(error: ValidationError) -> str:
    where = "$" + "".join(_step(part) for part in error.absolute_path)
    if error.validator == "required":
        return f"{where}: {error.message[:120]}"
    value = orjson.dumps(error.validator_value, default=str, option=orjson.OPT_NON_STR_KEYS)
    wanted = value.decode()
    return f"{where}: {error.validator or 'false'} {wanted if len(wanted) <= 80 else ''}".rstrip()  # noqa: PLR2004 (a line's length)


def _step(part: object) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    name = str(part)
    return f".{name}" if name.isidentifier() and len(name) <= 40 else "[…]"  # noqa: PLR2004 (a name's length)

"""The keywords of JSON Schema, each counted, and without what could take long.

What `jsonschema` does in quadratic time (`uniqueItems`), by `re` (`pattern`, `patternProperties`,
`additionalProperties`) or in floats (`multipleOf`) is done here; all else is its own, with a step taken
from the budget of the answer in hand.
"""

import contextvars
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from streams.checking.linear import compiled

STEPS = 40_000
"""Most keywords that one answer may need looked at; 2 to 4 µs each."""

_TEXT_A_STEP = 64
_REFERENCE = 6


class ExhaustedError(Exception):
    """An answer that takes more than STEPS to check."""


@dataclass(slots=True)
class Meter:
    """What is left of the budget."""

    left: int = STEPS

    def spend(self, steps: int) -> None:
        """Take steps."""
        self.left -= steps
        if self.left < 0:
            raise ExhaustedError


meter: contextvars.ContextVar[Meter] = contextvars.ContextVar("steps of the answer in hand")

Rule = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


def _counted(rule: Rule) -> Rule:
    """A keyword's rule that takes steps: for its value's length, and for what it has to say."""

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        here = meter.get()
        here.spend(1 + (len(value) >> 3 if isinstance(value, list | dict) else 0))
        for error in rule(validator, value, instance, schema) or ():
            here.spend(1 + len(error.message) // _TEXT_A_STEP)
            yield error

    return check


def _pattern(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _found(value, instance):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, value: Any, instance: Any, _: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, schema in value.items():
        for name, held in instance.items():
            if _found(pattern, name):
                yield from validator.descend(held, schema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, value: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, held in instance.items():
        if name in known or any(_found(pattern, name) for pattern in patterns):
            continue
        if value is False:
            yield ValidationError("a property too many")
            return
        meter.get().spend(1)
        yield from validator.descend(held, value, path=name)


def _unique_items(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if value and validator.is_type(instance, "array"):
        meter.get().spend(len(instance) >> 2)
        if len({_hashable(item) for item in instance}) < len(instance):
            yield ValidationError("not unique")


def _multiple_of(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    """Exact, as the numbers are written: 0.3 is a multiple of 0.1."""
    if validator.is_type(instance, "number"):
        quotient = Fraction(repr(instance)) / Fraction(repr(value))
        if quotient.denominator != 1:
            yield ValidationError("no multiple")


def _quadratic(rule: Rule) -> Rule:
    """A rule that looks for each element in a list of them."""

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        if isinstance(instance, list | dict):
            meter.get().spend(len(instance) ** 2 // _TEXT_A_STEP)
        return rule(validator, value, instance, schema)

    return check


def _dear(rule: Rule) -> Rule:
    """A rule that follows a reference: it takes ten times as long as others."""

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        meter.get().spend(_REFERENCE)
        return rule(validator, value, instance, schema)

    return check


def _found(pattern: str, text: str) -> bool:
    meter.get().spend(1 + len(text) // _TEXT_A_STEP)
    return compiled(pattern).search(text)


def _hashable(value: Any) -> Any:
    """Equal where JSON Schema calls two values equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, list):
        return ("list", *map(_hashable, value))
    if isinstance(value, dict):
        return frozenset((name, _hashable(held)) for name, held in value.items())
    return value


_OWN: dict[str, Rule] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "multipleOf": _multiple_of,
    "divisibleBy": _multiple_of,
}


@lru_cache(maxsize=8)  # as many as there are drafts
def metered(draft: Any) -> Any:
    """A draft's validator whose every keyword takes steps."""
    rules = {word: _OWN.get(word, rule) for word, rule in draft.VALIDATORS.items()}
    for word in rules.keys() & {"unevaluatedItems", "unevaluatedProperties"}:
        rules[word] = _quadratic(rules[word])
    for word in rules.keys() & {"$ref", "$dynamicRef", "$recursiveRef"}:
        rules[word] = _dear(rules[word])
    return extend(draft, {word: _counted(rule) for word, rule in rules.items()})

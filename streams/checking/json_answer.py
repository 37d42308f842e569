"""The answer parsed as the JSON that was asked for, against the task's own schema.

JSON as it stands passes untouched. What is almost JSON is mended where there is one way to (`mending`),
strings that should be numbers lose their quotes where the schema leaves nothing else (`coercion`), and
JSON within a JSON string is taken out where the schema wants no string. Everything else is refused.
"""

from collections.abc import Callable

from streams.checking.check import (
    PASS,
    Answer,
    Check,
    Fault,
    Repaired,
    Unfit,
    Verdict,
    refused,
)
from streams.checking.coercion import unquoted
from streams.checking.json_text import RepeatedKeyError, strict
from streams.checking.keywords import ExhaustedError
from streams.checking.mending import BrokenError, CutError, mend
from streams.checking.schema import Schema, UnfitError, schema_of, told
from streams.checking.truncation import cut
from streams.events.envelope import JsonObject

Faulty = Callable[[object], str | None]


def json_answer(schema: JsonObject | None = None) -> Check:
    """Read the answer as JSON.

    Args:
        schema: What it must fit; None: any object or array.

    Example:
        >>> check = json_answer({"properties": {"n": {"type": "integer"}}, "required": ["n"]})
        >>> check(Answer('{"n": "12",}'))
        Repaired(text='{"n": 12}', by=('comma', 'types'))
        >>> check(Answer('{"n": 12'))
        Refused(because=<Fault.TRUNCATED: 'truncated'>, detail='ends within an object or array')
    """
    try:
        compiled = None if schema is None else schema_of(schema)
    except UnfitError as error:
        verdict = Unfit(str(error))
        return lambda _: verdict

    def check(answer: Answer) -> Verdict:
        try:
            return _read(answer, compiled)
        except RepeatedKeyError as error:
            return refused(Fault.DUPLICATE_KEY, str(error))
        except CutError as error:
            return refused(Fault.TRUNCATED, str(error))
        except BrokenError as error:
            return cut(answer) or refused(Fault.NOT_JSON, str(error))
        except ExhaustedError:
            return refused(Fault.TOO_LARGE, "takes too many steps to check against response_schema")
        except UnfitError as error:
            return Unfit(str(error))

    return check


def _read(answer: Answer, schema: Schema | None) -> Verdict:
    text, by = answer.text, tuple[str, ...]()
    if not text.strip():
        return cut(answer) or refused(Fault.EMPTY, "no text")
    try:
        value = strict(text)
    except BrokenError:
        text, by = mend(text)
        value = strict(text)
    if not isinstance(value, dict | list) and (end := cut(answer)):
        return end  # `12` may have been going to be 123
    if schema is None:
        return _unschemed(text, value, by)
    errors = schema.errors(value)
    if not errors:
        return Repaired(text, by) if by else PASS
    if isinstance(value, str) and (inner := _within(value)) is not None:
        text, value, by = value, inner, (*by, "string")
        errors = schema.errors(value)
    if errors and (without := unquoted(text, errors)) is not None:
        text, by = without, (*by, "types")
        errors = schema.errors(strict(text))
    return refused(Fault.OFF_SCHEMA, told(errors)) if errors else Repaired(text, by)


def _unschemed(text: str, value: object, by: tuple[str, ...]) -> Verdict:
    if isinstance(value, str) and _within(value) is not None:
        return Repaired(value, (*by, "string"))
    if not isinstance(value, dict | list):
        return refused(Fault.NOT_JSON, "no object and no array")
    return Repaired(text, by) if by else PASS


def _within(text: str) -> object | None:
    """The object or array that a string holds; None: none."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return strict(text)  # type: ignore[no-any-return]
    except (BrokenError, RepeatedKeyError):
        return None

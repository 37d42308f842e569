"""Whether an answer is what was asked for: the words of it, and how small checks make a chain.

A check looks at an answer and lets it pass, repairs it or refuses it. Each wraps what came before it:
it sees the text as those before it left it. None of them guesses: where a repair could be read in more
than one way the answer is refused, and a better model is asked. All are pure and bounded: no answer can
hold up the worker, and none raises.
"""

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

DETAIL_CHARS = 300


class Fault(enum.StrEnum):
    """Why an answer was refused; a closed list, so that it may be counted by."""

    EMPTY = "empty"  # nothing is left when what surrounds the answer is taken away
    TRUNCATED = "truncated"  # it ends before its end
    NOT_JSON = "not_json"
    DUPLICATE_KEY = "duplicate_key"  # readers differ about which value counts
    OFF_SCHEMA = "off_schema"  # JSON, but not what the task's schema asks for
    OFF_PATTERN = "off_pattern"
    NO_CHOICE = "no_choice"  # none of the choices, or more than one
    NOT_PYTHON = "not_python"
    TOO_LARGE = "too_large"  # it can't be checked in bounded time


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer.

    `finish_reason` is why it ended, as replies say it: `stop`, `length`, `tool_calls`,
    `content_filter`, or the provider's own word. `is_bounded` says that the task itself set the
    length at which it was to end.
    """

    text: str
    finish_reason: str | None = None
    is_bounded: bool = False


@dataclass(frozen=True, slots=True)
class Pass:
    """The answer is what was asked for, as it is."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """The answer is `text`, in the one way it could be read; `by` names what was done to it."""

    text: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer is not what was asked for. `detail` says what is wrong and quotes none of it."""

    because: Fault
    detail: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """The check itself can't be made: the task asks for what no answer can be checked against.

    That is the publisher's fault, not the model's: another model would not help, and none is to
    learn from it.
    """

    detail: str


Verdict: TypeAlias = Pass | Repaired | Refused | Unfit
Check: TypeAlias = Callable[[Answer], Verdict]

PASS = Pass()


def refused(because: Fault, detail: str) -> Refused:
    """Refuse with a detail of bounded length, without line breaks."""
    return Refused(because, " ".join(detail.split())[:DETAIL_CHARS])


def chain(checks: Sequence[Check]) -> Check:
    """Make one check of many, each of which sees what those before it made of the answer.

    The first that refuses ends it. An answer that calls tools is none of text, and passes.

    Args:
        checks: In the order in which they look; none: everything passes.

    Example:
        >>> def shout(answer: Answer) -> Verdict:
        ...     return PASS if answer.text.isupper() else Repaired(answer.text.upper(), ("shout",))
        >>> chain([shout, shout])(Answer("yes"))
        Repaired(text='YES', by=('shout',))
    """
    if not checks:
        return _pass

    def check(answer: Answer) -> Verdict:
        if answer.finish_reason == "tool_calls":
            return PASS
        seen, by = answer, tuple[str, ...]()
        for verdict in _verdicts(checks, answer):
            if isinstance(verdict, Refused | Unfit):
                return verdict
            if isinstance(verdict, Repaired):
                seen, by = replace(seen, text=verdict.text), (*by, *verdict.by)
        return Repaired(seen.text, by) if seen.text != answer.text else PASS

    return check


def _pass(answer: Answer) -> Verdict:  # noqa: ARG001 (a check takes an answer)
    return PASS


def _verdicts(checks: Sequence[Check], answer: Answer) -> Iterator[Verdict]:
    """What each check says of what those before it left."""
    for one in checks:
        verdict = one(answer)
        if isinstance(verdict, Repaired):
            answer = replace(answer, text=verdict.text)
        yield verdict

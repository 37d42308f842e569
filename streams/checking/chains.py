"""A kind's plan → the chain of checks that its answers go through; and the chain of a task that asks for JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from streams.checking.check import Check, chain
from streams.checking.choices import one_of
from streams.checking.fence import unfenced
from streams.checking.json_answer import json_answer
from streams.checking.pattern import matching
from streams.checking.plan import DEFAULT, PLAIN, Plan
from streams.checking.python_source import parses_as_python
from streams.checking.schema import UnfitError, schema_of
from streams.checking.thinking import without_thoughts
from streams.checking.truncation import untruncated
from streams.events.envelope import JsonObject


def checks_of(plan: Plan) -> Check:
    """Build a plan's chain.

    Raises:
        ValueError: Its pattern or its choices can't be.
    """
    made: Mapping[str, Callable[[], Check]] = {
        "thoughts": lambda: without_thoughts,
        "fence": lambda: unfenced(plan.wanted),
        "truncation": lambda: untruncated,
        "json": json_answer,
        "python": lambda: parses_as_python,
        "pattern": lambda: matching(plan.pattern),
        "choices": lambda: one_of(plan.choices),
    }
    return chain([made[step]() for step in plan.steps])


@dataclass(frozen=True, slots=True)
class Checks:
    """Every kind's chain, built once.

    Args:
        by_kind: Chains by kind; DEFAULT is among them.
    """

    by_kind: Mapping[str, Check]

    def chain_for(
        self, kind: str | None, response_schema: JsonObject | None, *, json_output: bool
    ) -> Check:
        """The chain that an answer goes through.

        A task that asks for JSON has its answer read as JSON, whatever its kind; the plan of its
        kind is for tasks that don't say themselves what they want.

        Args:
            kind: The task's; None: it has none.
            response_schema: The task's.
            json_output: Whether the task wants JSON of any form.
        """
        if response_schema is not None:
            return chain([*_JSON_FRAME, json_answer(response_schema)])
        if json_output:
            return _ANY_JSON
        found = None if kind is None else self.by_kind.get(kind)
        return self.by_kind[DEFAULT] if found is None else found


_JSON_FRAME: Sequence[Check] = (without_thoughts, unfenced("json"))
_ANY_JSON = chain([*_JSON_FRAME, json_answer()])


def checks(plans: Mapping[str, Plan]) -> Checks:
    """Build all chains.

    Args:
        plans: By kind; DEFAULT is for all others, and is PLAIN unless given.

    Raises:
        ValueError: A pattern or choices can't be.

    Example:
        >>> from streams.checking.check import Answer
        >>> found = checks({"label": Plan(("choices",), choices=("yes", "no"))})
        >>> found.chain_for("label", None, json_output=False)(Answer("Yes."))
        Repaired(text='yes', by=('choice',))
    """
    return Checks({kind: checks_of(plan) for kind, plan in {DEFAULT: PLAIN, **plans}.items()})


def schema_fault(response_schema: JsonObject) -> str | None:
    """Why no answer can be checked against a task's schema; None: one can.

    Known before a call is paid for, so that such a task need not be called at all.

    Example:
        >>> schema_fault({"type": "word"})
        "response_schema['type']: 'word' is not valid under any of the given schemas"
    """
    try:
        schema_of(response_schema)
    except UnfitError as error:
        return str(error)
    return None

"""Which checks an answer meets: by the kind of its task, and by the JSON that the task asks for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from streams.checking.check import Check, chain
from streams.checking.choices import one_of
from streams.checking.fence import unfenced
from streams.checking.json_answer import json_answer
from streams.checking.pattern import matching
from streams.checking.python_source import parses_as_python
from streams.checking.schema import UnfitError, schema_of
from streams.checking.thinking import without_thoughts
from streams.checking.truncation import untruncated
from streams.events.envelope import JsonObject

Step = Literal["thoughts", "fence", "truncation", "json", "python", "pattern", "choices"]
STEPS: tuple[Step, ...] = get_args(Step)
DEFAULT = "default"
"""The kind of tasks whose own kind has no plan."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the answers to one kind of task go through.

    Args:
        steps: In their order.
        pattern: What the step `pattern` wants.
        choices: What the step `choices` wants.
        language: Of the code that is the whole answer, where `fence` is to take it from among prose
            and neither `json` nor `python` says so; None: the answer may be anything.
    """

    steps: tuple[Step, ...] = ("truncation",)
    pattern: str = ""
    choices: tuple[str, ...] = ()
    language: str | None = None

    @property
    def wanted(self) -> str | None:
        """The language that the whole answer is to be in."""
        if self.language is not None:
            return self.language
        return next((step for step in ("json", "python") if step in self.steps), None)


PLAIN = Plan()


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


def faults(plan: Plan) -> Iterator[tuple[str, str]]:
    """What of a plan can't be: the parameter that is wrong, and why.

    Example:
        >>> list(faults(Plan(("choices",), choices=("yes", "Yes."))))
        [('choices', "'Yes.' can't be told from 'yes'")]
    """
    if twice := sorted({step for step in plan.steps if plan.steps.count(step) > 1}):
        yield "steps", f"{', '.join(twice)} stands there twice"
    if {"json", "python"} <= set(plan.steps):
        yield "steps", "an answer can't be json and python"
    if plan.language is not None and "fence" not in plan.steps:
        yield "language", "only the step fence has a use for it"
    for step, given in (("pattern", plan.pattern), ("choices", plan.choices)):
        if (step in plan.steps) is not bool(given):
            because = "is set, and not among the steps" if given else "is a step and needs a value"
            yield step, because
    yield from _parameters(plan)


def _parameters(plan: Plan) -> Iterator[tuple[str, str]]:
    if len(plan.choices) == 1:
        yield "choices", "one is no choice"
    made: Mapping[str, Callable[[], object]] = {
        "pattern": lambda: matching(plan.pattern),
        "choices": lambda: one_of(plan.choices),
    }
    for step, make in made.items():
        try:
            make()
        except ValueError as error:
            yield step, str(error)


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

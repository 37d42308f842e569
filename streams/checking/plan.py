"""What the answers to one kind of task are to go through, as an operator sets it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from streams.checking.choices import one_of
from streams.checking.pattern import matching

Step = Literal["thoughts", "fence", "truncation", "json", "python", "pattern", "choices"]
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

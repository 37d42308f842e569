"""A task's answer put to the checks of its kind, in the words of the tiers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from streams.checking.chains import Checks, checks, schema_fault
from streams.checking.check import Answer, Refused, Repaired, Unfit
from streams.checking.plan import DEFAULT, Plan
from streams.events.task import Task
from streams.providers.port import Reply

TELLING = frozenset({"json", "python", "pattern", "choices"})
"""Steps that tell right from wrong; the others only tidy up."""


class Verdict(NamedTuple):
    """What the checks say of an answer: its text, repaired where that was needed.

    `because` says why it failed; `telling` whether something was checked that tells right from
    wrong, so that passing it teaches too.
    """

    text: str
    because: str | None = None
    telling: bool = False


Checking = Callable[[Task, Reply], Verdict]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The checks of a deployment.

    Args:
        chains: By kind, built once.
        plans: What they were built from.
    """

    chains: Checks
    plans: Mapping[str, Plan]

    def check(self, task: Task, reply: Reply) -> Verdict:
        """Look at an answer, and repair it where there is one way to read it."""
        chain = self.chains.chain_for(task.kind, task.response_schema, json_output=task.json_output)
        bounded = task.max_output_tokens is not None
        found = chain(Answer(reply.text, reply.finish_reason, bounded))
        unread = reply.finish_reason == "tool_calls" or isinstance(found, Unfit)
        telling = not unread and self.tells(task)
        if isinstance(found, Refused):
            return Verdict(reply.text, f"{found.because}: {found.detail}", telling)
        text = found.text if isinstance(found, Repaired) else reply.text
        return Verdict(text, None, telling)

    def tells(self, task: Task) -> bool:
        """Whether a task's answers are checked by what tells right from wrong."""
        if task.response_schema is not None or task.json_output:
            return True
        plan = self.plans.get(task.kind or DEFAULT) or self.plans.get(DEFAULT)
        return plan is not None and not TELLING.isdisjoint(plan.steps)


def judgement_of(plans: Mapping[str, Plan]) -> Judgement:
    """Build the checks of all kinds.

    Raises:
        ValueError: A pattern or choices can't be.
    """
    return Judgement(checks(plans), plans)


def unfit(task: Task) -> str | None:
    """Why no answer could ever be checked against what a task asks for; None: it can."""
    return None if task.response_schema is None else schema_fault(task.response_schema)

"""One task with what its answer must be."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sure:
    """A task that a skill should answer.

    Args:
        skill: Whose task it is.
        prompt: What is asked.
        expected: The answer to the letter, or None where `check` tells.
        check: Whether an answer is right.
        given: What the answer was made from, for a message.
    """

    skill: str
    prompt: str
    expected: str | None = None
    check: Callable[[str], bool] | None = None
    given: object = None

    def agrees(self, output: str) -> bool:
        """Whether this is the right answer."""
        return output == self.expected if self.check is None else self.check(output)

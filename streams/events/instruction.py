"""What an operator tells the learner; it obeys each instruction once, in their order."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from streams.events.envelope import Event, Label


class Instruction(Event):
    """Go back to the last good weights, teach nothing from here on, or teach again.

    `to_version` is the version that whoever tells it saw as the last good one: if another was kept
    since, nothing is done and an alert says so.
    """

    TYPE: ClassVar[str] = "tierflow.instruction.v1"

    instruction_id: str
    what: Literal["rollback", "freeze", "thaw"]
    to_version: int | None = Field(default=None, ge=0)
    by: Label
    at: datetime

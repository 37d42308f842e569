"""What an operator sent again: one mark a letter, so that no letter is sent twice."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from streams.events.envelope import Event

MOST_REDRIVES = 999
"""So often a record may be sent again."""

Count = Annotated[int, Field(ge=0)]


class Redrive(Event):
    """A dead letter that was sent back to where its record came from.

    `letter_partition` and `letter_offset` say where the letter lies in `dead-letters`; `topic`
    (its full name), `partition` and `offset` where the buried record lay. `redrive` is the number
    that the record carries now.
    """

    TYPE: ClassVar[str] = "tierflow.redrive.v1"

    letter_partition: Count
    letter_offset: Count
    reason: str
    stage: str
    topic: str
    partition: Count
    offset: Count
    redrive: Annotated[int, Field(ge=1, le=MOST_REDRIVES)]
    at: datetime

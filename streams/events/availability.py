"""What a worker says of a model: whether it can be called, and until when it stays loaded."""

from datetime import datetime
from typing import ClassVar, Literal

from streams.events.envelope import Event, Label, Share


class Availability(Event):
    """How one worker sees one model; the newest record of a worker and model is in force.

    `state` is its breaker's; `retry_at` is when an open one lets a probe go. `held_until` is when
    a hold ends that a 429 began, `warm_until` until when a local model stays loaded if nobody
    calls it. `share` is the part of the tier's tasks that this worker does.
    """

    TYPE: ClassVar[str] = "tierflow.availability.v1"

    model: Label
    provider: Label
    tier: int
    worker: Label
    share: Share = 1.0
    state: Literal["closed", "open", "half_open"]
    because: str = ""
    retry_at: datetime | None = None
    held_until: datetime | None = None
    warm_until: datetime | None = None
    at: datetime

"""How the simulator misbehaves on demand: faults with a share, drawn from the call's id."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from streams import ids
from streams.events.envelope import Part, Share

SALT = "simulator"
ANY = "*"


class Kind(enum.StrEnum):
    """What goes wrong with a call."""

    SLOW = "slow"  # answers, but only after `seconds`
    TIMEOUT = "timeout"  # takes the call and never answers
    RATE_LIMITED = "429"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    OVERLOADED = "529"
    CUT = "cut"  # half an answer, then the connection ends
    GARBAGE = "garbage"  # 200 with something that is no JSON
    EMPTY = "empty"  # 200 with an answer without text

    @property
    def status(self) -> int | None:
        """The HTTP status of a refusal; None where there is none."""
        return int(self.value) if self.value.isdigit() else None


REFUSALS = (Kind.SERVER_ERROR, Kind.UNAVAILABLE, Kind.OVERLOADED, Kind.RATE_LIMITED)
"""What the script refuses first calls with; none of them is billed."""

Seconds = Annotated[float, Field(ge=0, le=3600)]


class Fault(Part):
    """`share` of the calls to `model` (`*`: any) go wrong in this way.

    `seconds` are the bounds of a slow call's latency, waited as given whatever the speed.
    """

    model: str = ANY
    kind: Kind
    share: Share = 1.0
    seconds: tuple[Seconds, Seconds] | None = None

    @model_validator(mode="after")
    def _slow_says_how_slow(self) -> Self:
        if self.kind is Kind.SLOW and self.seconds is None:
            raise ValueError("seconds [low, high] is required for slow")
        if self.seconds is not None and self.seconds[0] > self.seconds[1]:
            raise ValueError("seconds must be [low, high]")
        return self

    def strikes(self, model: str, call_id: str) -> bool:
        """Whether this call is one of the share; the same for the same call, always."""
        if self.model not in (ANY, model):
            return False
        return ids.draw(SALT, call_id, f"fault {self.kind}") < self.share

    def slow_s(self, call_id: str) -> float:
        """How long a slow call takes, in seconds."""
        low, high = self.seconds or (0.0, 0.0)
        return low + (high - low) * ids.draw(SALT, call_id, "slow")


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one call: how long it takes if not as usual, and what goes wrong."""

    slow_s: float | None = None
    fault: Kind | None = None


def with_fault(
    faults: Mapping[tuple[str, Kind], Fault], fault: Fault
) -> dict[tuple[str, Kind], Fault]:
    """The faults in force once `fault` is added; it replaces one of the same model and kind."""
    return {**faults, (fault.model, fault.kind): fault}


def fate(faults: Iterable[Fault], *, model: str, call_id: str) -> Fate:
    """Draw what becomes of a call. Slowness goes with any other fault; of those the first strikes."""
    slow_s: float | None = None
    kind: Kind | None = None
    for fault in faults:
        if not fault.strikes(model, call_id):
            continue
        if fault.kind is Kind.SLOW:
            slow_s = fault.slow_s(call_id) if slow_s is None else slow_s
        elif kind is None:
            kind = fault.kind
    return Fate(slow_s, kind)


def scripted(task_key: str, share: float) -> Kind | None:
    """The script: how the first call for a task is refused, or None for most tasks.

    Args:
        task_key: What tells the task from others; the draw is made from it alone.
        share: Of all tasks, in [0, 1].

    Example:
        >>> scripted("any", 0.0) is None, scripted("any", 1.0) in REFUSALS
        (True, True)
    """
    drawn = ids.draw(SALT, task_key, "script")
    if drawn >= share:
        return None
    return REFUSALS[int(ids.draw(SALT, task_key, "refusal") * len(REFUSALS))]

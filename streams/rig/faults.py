"""How the simulator misbehaves on demand: faults with a share, drawn from the call's id."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import Field, model_validator

from streams import ids
from streams.events.envelope import Part, Share

SALT = "simulator"
ANY = "*"


class Kind(enum.StrEnum):
    """What goes wrong with a call."""

    SLOW = "slow"  # answers, but only after `seconds`
    SLOW_FIRST = "slow_first"  # takes the call at once, its first byte comes after `seconds`
    SLOW_TOKENS = "slow_tokens"  # `seconds` between the tokens, or parts, of the answer
    TIMEOUT = "timeout"  # takes the call and never answers
    RATE_LIMITED = "429"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    OVERLOADED = "529"
    CUT = "cut"  # half an answer, then the connection ends
    GARBAGE = "garbage"  # 200 with something that is no JSON
    EMPTY = "empty"  # 200 with an answer without text
    HALF_JSON = "half_json"  # 200 and a whole HTTP response, whose JSON or event ends in the middle
    UNENDED = "unended"  # a stream that ends between two events, without the format's own end
    ERROR_INSIDE = "error_inside"  # 200, and then an error in place of the answer, or in its middle
    WRONG_MODEL = "wrong_model"  # says that another model answered: `answered_by`
    HUGE = "huge"  # an answer of `size_bytes`
    REDIRECT = "redirect"  # 307 to `location`, on another host by default
    ABANDONED = "abandoned"  # a call whose client leaves is made to its end, and billed
    LIMIT = "limit"  # 429 beyond `per_minute`, with the time until there is room

    @property
    def status(self) -> int | None:
        """The HTTP status of a refusal; None where there is none."""
        return int(self.value) if self.value.isdigit() else None


REFUSALS = (Kind.SERVER_ERROR, Kind.UNAVAILABLE, Kind.OVERLOADED, Kind.RATE_LIMITED)
"""What the script refuses first calls with; none of them is billed."""

SLOWNESS = (Kind.SLOW, Kind.SLOW_FIRST, Kind.SLOW_TOKENS)
"""What goes with any other fault."""

HUGE_BYTES = 20 << 20

Seconds = Annotated[float, Field(ge=0, le=3600)]


class Fault(Part):
    """`share` of the calls to `model` (`*`: any) go wrong in this way.

    `seconds` are the bounds of a slow call's latency, waited as given whatever the speed.
    `retry_after_s` goes with a refusal as `Retry-After`; None sends none. A limit knows no share: it
    is kept for each model apart, `per_minute` calls in the long run and `burst` at once (those of a
    second, by default).
    """

    model: str = ANY
    kind: Kind
    share: Share = 1.0
    seconds: tuple[Seconds, Seconds] | None = None
    retry_after_s: Seconds | None = None
    per_minute: Annotated[float, Field(gt=0)] | None = None
    burst: Annotated[float, Field(ge=1)] | None = None
    answered_by: str | None = None
    location: str | None = None
    size_bytes: Annotated[int, Field(ge=1, le=1 << 30)] = HUGE_BYTES

    @model_validator(mode="after")
    def _says_what_it_must(self) -> Self:
        if self.kind in SLOWNESS and self.seconds is None:
            raise ValueError(f"seconds [low, high] is required for {self.kind}")
        if self.seconds is not None and self.seconds[0] > self.seconds[1]:
            raise ValueError("seconds must be [low, high]")
        if self.kind is Kind.LIMIT and self.per_minute is None:
            raise ValueError("per_minute is required for limit")
        return self

    def strikes(self, model: str, call_id: str) -> bool:
        """Whether this call is one of the share; the same for the same call, always."""
        if self.model not in (ANY, model):
            return False
        return ids.draw(SALT, call_id, f"fault {self.kind}") < self.share

    def slow_s(self, call_id: str) -> float:
        """How long a slow call, or a pause of it, takes, in seconds."""
        low, high = self.seconds or (0.0, 0.0)
        return low + (high - low) * ids.draw(SALT, call_id, str(self.kind))


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one call.

    Args:
        slow_s: How long it takes, if not as usual.
        fault: What goes wrong.
        first_s: How long its first byte is held back.
        pause_s: How long each of its tokens is.
        by: The fault with all that it says.
        abandoned: Whether it is billed even if its client leaves.
    """

    slow_s: float | None = None
    fault: Kind | None = None
    first_s: float = 0.0
    pause_s: float = 0.0
    by: Fault | None = field(default=None, compare=False)
    abandoned: bool = False


def with_fault(
    faults: Mapping[tuple[str, Kind], Fault], fault: Fault
) -> dict[tuple[str, Kind], Fault]:
    """The faults in force once `fault` is added; it replaces one of the same model and kind."""
    return {**faults, (fault.model, fault.kind): fault}


def fate(faults: Iterable[Fault], *, model: str, call_id: str) -> Fate:
    """Draw what becomes of a call. Slowness goes with any other fault; of those the first strikes."""
    slow: dict[Kind, float] = {}
    by: Fault | None = None
    abandoned = False
    for fault in faults:
        if fault.kind is Kind.LIMIT or not fault.strikes(model, call_id):
            continue
        if fault.kind in SLOWNESS:
            slow.setdefault(fault.kind, fault.slow_s(call_id))
        elif fault.kind is Kind.ABANDONED:
            abandoned = True
        elif by is None:
            by = fault
    return Fate(
        slow.get(Kind.SLOW),
        by.kind if by else None,
        slow.get(Kind.SLOW_FIRST, 0.0),
        slow.get(Kind.SLOW_TOKENS, 0.0),
        by,
        abandoned,
    )


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

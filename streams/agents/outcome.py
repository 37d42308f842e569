"""The grammar of a stage: a record comes in, an outcome says what should happen, a loop does it.

Emit(sends, puts)      confirm these publications and table writes, then settle
Skip(because, puts)    right to publish nothing
Bury(reason, detail)   dead letter: value and key untouched
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from streams.events.envelope import Event, Reason, State
from streams.kafka.codec import Record
from streams.learning.standing import Standing


@dataclass(frozen=True, slots=True)
class Send:
    """One publication: an event for a topic of the topology (by its short name).

    `partition` overrides the partitioner where a record must stay on its task's partition.
    `copy_to` is a topic of somebody else's, by its full name, that gets the same record; it is
    confirmed with the rest, but its broker's refusal harms nothing else.
    """

    topic: str
    key: str
    event: Event
    id: str
    cause: str | None = None
    partition: int | None = None
    traceparent: str | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    copy_to: str | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """One table write; a value of None deletes the key.

    `partition` is needed where no record says it: in a closing outcome or a tick.
    """

    table: str
    key: str
    value: State | None
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Emit:
    """Confirm these, then settle. `label` is what the loop counts."""

    sends: tuple[Send, ...]
    puts: tuple[Put, ...] = ()
    label: str = "emitted"


@dataclass(frozen=True, slots=True)
class Skip:
    """Publishing nothing is right; `because` is a closed word, counted."""

    because: str
    puts: tuple[Put, ...] = ()


@dataclass(frozen=True, slots=True)
class Bury:
    """The record goes to the dead letters; `sends` are confirmed with it."""

    reason: Reason
    detail: str
    sends: tuple[Send, ...] = field(default=())


Outcome = Emit | Skip | Bury
Handler = Callable[[Record], Awaitable[Outcome]]
Tick = Callable[[datetime], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Bound:
    """A stage bound to its ports, made anew whenever partitions are assigned.

    Args:
        handle: One record in, one outcome out; told apart by `record.topic`.
        close: What a batch of records comes to, for stages that fold in memory: asked once after
            the batch's records, before anything of the batch is confirmed.
        tick: What the passing of time asks for.
        standing: For a stage that learns: how well it has predicted, by model; asked by whoever
            looks at metrics.
    """

    handle: Handler
    close: Tick | None = None
    tick: Tick | None = None
    standing: Callable[[], Mapping[str, Standing]] | None = None


def said(outcome: Outcome) -> tuple[str, str]:
    """An outcome in two closed words: what was done, and why."""
    if isinstance(outcome, Bury):
        return "buried", outcome.reason.value
    if isinstance(outcome, Skip):
        return "skipped", outcome.because
    return "emitted", outcome.label


__all__ = [
    "Bound",
    "Bury",
    "Emit",
    "Handler",
    "Outcome",
    "Put",
    "Record",
    "Send",
    "Skip",
    "State",
    "Tick",
    "said",
]

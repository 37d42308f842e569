"""A stage's loop on a bench: a recording publisher, tables in memory, a book of what was settled."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from streams.agents.carrier import Carrier, Ports, Taken
from streams.agents.outcome import Emit, Outcome, Put, Record, Send
from streams.clock import Clock
from streams.events.envelope import State
from streams.kafka.tables import TableView
from streams.telemetry import Counters
from streams.topology import ADMITTED, BUGS_IN_A_ROW, RESULTS, TASKS, Kind, Stage, Table
from tests.builders import AT, a_result
from tests.fakes import ManualClock, RecordingPublisher

NOTES = Table("notes", ADMITTED)
CHANGELOG = "notes-changelog"
OUT = RESULTS.full_name("t.")
LETTERS = "t.dead-letters.v1"
ALERTS = "t.alerts.v1"


class Note(State):
    """A table's value."""

    text: str = ""


def a_note(text: str = "") -> Note:
    """Written when everything else was."""
    return Note(at=AT, text=text)


@dataclass
class Bench:
    """A carrier and all that it is given; tests read what it did.

    `generation` is the present one; records taken under another are old.
    """

    kind: Kind = Kind.OUTBOX
    concurrency: int = 1
    tick_s: float = 0.0
    pause_s: float = 0.0
    clock: Clock = field(default_factory=ManualClock)
    publisher: RecordingPublisher = field(default_factory=RecordingPublisher)
    generation: int = 1
    owned: bool = True
    settled: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table = TableView(NOTES, Note, changelog=CHANGELOG)
        self.counters = Counters()
        stage = Stage(
            "bench", "bench", self.kind, (TASKS,), (RESULTS,), (NOTES,),
            concurrency=self.concurrency, tick_s=self.tick_s, pause_s=self.pause_s,
        )  # fmt: skip
        self.carrier = Carrier(
            stage,
            Ports(
                publisher=self.publisher,
                tables={NOTES.name: self.table},
                settle=self._settle,
                current=lambda generation: generation == self.generation,
                owns=lambda: self.owned,
                prefix="t.",
                clock=self.clock,
                counters=self.counters,
                bugs_in_a_row=BUGS_IN_A_ROW,
            ),
        )

    def _settle(self, tp: Any, offset: int, generation: int) -> bool:
        if generation == self.generation:
            self.settled.append(offset)
        return generation == self.generation

    def counted(self) -> dict[tuple[str, ...], float]:
        """Outcomes by word and label."""
        counted = self.counters.counted["tierflow.stage.outcomes"]
        return {labels[1:]: amount for labels, amount in counted.items()}


def taken(offset: int = 0, *, key: str = "k", partition: int = 0, generation: int = 1) -> Taken:
    """A record in hand: its value is its offset."""
    value = str(offset).encode()
    record = Record("tasks", partition, offset, key.encode(), value, (), AT)
    return Taken(record, ("tasks", partition), generation)


def some(offsets: Iterable[int], *, generation: int = 1) -> list[Taken]:
    """Records in hand, each under a key of its own."""
    return [taken(offset, key=f"k{offset}", generation=generation) for offset in offsets]


def told(name: str = "t1", *, note: str | None = None) -> Outcome:
    """One result published and, if there is one, a note kept under the same name."""
    puts = () if note is None else (Put(NOTES.name, name, a_note(note)),)
    return Emit((Send(RESULTS.name, name, a_result(name), f"result-{name}"),), puts, "told")

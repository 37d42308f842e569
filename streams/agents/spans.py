"""A stage's spans: one `process` span a record, below the span that published it.

Names and attributes are those of OpenTelemetry's messaging conventions; what a task says is never
among them, and neither is the key that a publisher chose.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from streams import tracing
from streams.agents.outcome import Bury, Outcome, Record, said
from streams.topology import BY_NAME, Stage
from streams.tracing import Attribute, Context, Kind, Span, Tracer

BEGINS = "admit"
"""The stage that begins a trace where the publisher has not; elsewhere none begins."""


@dataclass(frozen=True, slots=True)
class StageSpans:
    """Derives a stage's spans from records, and hands them over once their work is settled.

    Args:
        tracer: Where spans go.
        stage: Whose they are.
        group: The consumer group that reads for it.
        prefix: Of every topic's name.
    """

    tracer: Tracer
    stage: Stage
    group: str
    prefix: str

    def context(self, record: Record) -> Context | None:
        """The place of a record's span: the same for every redelivery; None where it has none."""
        parent = self._parent(record)
        if parent is not None:
            own = tracing.below(parent, *self._place(record)) if parent.sampled else None
        elif self.stage.name == BEGINS:
            own = tracing.begin(self.tracer, *self._place(record), record.at.isoformat())
        else:
            own = None
        return own if own is not None and own.sampled else None

    def enter(self, record: Record) -> None:
        """Calls made from here on, in this task of the event loop, are for this record."""
        tracing.CURRENT.set(self.context(record))

    def ended(self, record: Record, outcome: Outcome, took_s: float, ended_at: datetime) -> None:
        """Hand over the span of a record that is settled."""
        context = self.context(record)
        if context is None:
            return
        span = Span(
            name=f"process {BY_NAME[record.topic].full_name(self.prefix)}",
            kind=Kind.CONSUMER,
            context=context,
            parent=self._parent(record),
            began_at=ended_at - timedelta(seconds=took_s),
            ended_at=ended_at,
            attributes=self._attributes(record, outcome),
            error=outcome.reason.value if isinstance(outcome, Bury) else None,
        )
        self.tracer.record(span)

    def _attributes(self, record: Record, outcome: Outcome) -> dict[str, Attribute]:
        topic = BY_NAME[record.topic]
        word, label = said(outcome)
        found: dict[str, Attribute] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic.full_name(self.prefix),
            "messaging.destination.partition.id": str(record.partition),
            "messaging.kafka.offset": record.offset,
            "messaging.consumer.group.name": self.group,
            "tierflow.stage": self.stage.name,
            "tierflow.outcome": word,
            "tierflow.reason": label,
        }
        if topic.ours and record.key is not None:
            found["messaging.kafka.message.key"] = record.key.decode("utf-8", "replace")
        if event_id := record.header("ce_id") if topic.ours else None:
            found["messaging.message.id"] = event_id
        return found

    def _parent(self, record: Record) -> Context | None:
        return tracing.parse(record.header("traceparent"), record.header("tracestate"))

    def _place(self, record: Record) -> tuple[str | int, ...]:
        topic = BY_NAME[record.topic].full_name(self.prefix)
        return self.stage.name, topic, record.partition, record.offset

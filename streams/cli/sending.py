"""Traces that begin with a command: one `send` span for each record that it publishes."""

import logging
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.tracing import Context, Span

ROOM = 100_000
"""Spans that may wait at once: all of a file's end together."""

Headers = list[tuple[str, bytes]]


@asynccontextmanager
async def sending(topic: str) -> "AsyncIterator[Callable[[str], Headers]]":
    """What goes with each record, by its key; nothing where no collector is named.

    The spans end with the context, when all records are confirmed. `TRACEPARENT` in the
    environment is their parent.

    Args:
        topic: Full name of the topic.
    """
    from streams import otel, tracing
    from streams.clock import SystemClock
    from streams.tracing import Kind, Span

    clock, above = SystemClock(), tracing.parse(os.environ.get("TRACEPARENT"))
    begun: list[tuple[str, Context]] = []

    # what doesn't leave is said in one line below
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    spans = Counter[str]()
    async with otel.exporting(os.environ, spans, room=ROOM) as tracer:
        began_at = clock.now()

        def headers(key: str) -> Headers:
            if tracer is None:
                return []
            fresh = tracing.begin(tracer)
            context = fresh if above is None else tracing.below(above, fresh.span_id)
            begun.append((key, context))
            return [("traceparent", context.traceparent.encode())]

        def ended(key: str, context: "Context") -> "Span":
            attributes: dict[str, tracing.Attribute] = {
                "messaging.system": "kafka",
                "messaging.operation.name": "send",
                "messaging.operation.type": "send",
                "messaging.destination.name": topic,
                "messaging.kafka.message.key": key,
            }
            name = f"send {topic}"
            return Span(name, Kind.PRODUCER, context, above, began_at, clock.now(), attributes)

        yield headers
        for key, context in begun:
            if tracer is not None and context.sampled:
                tracer.record(ended(key, context))
    if lost := spans["failed"] + spans["dropped"]:
        print(f"tierflow: the collector did not take {lost} spans", file=sys.stderr)

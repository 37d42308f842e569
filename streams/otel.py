"""Spans to an OpenTelemetry collector over OTLP/HTTP: the only door to that library.

Installed as the extra `otel`, switched on by the standard variables. Spans wait in a bounded queue
and leave on a thread of their own: a collector that is slow or away costs spans, which are
counted, and never a task its time.
"""

import asyncio
import importlib.util
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from streams import tracing
from streams.tracing import Context, Kind, Span, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

logger = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"
SERVICE = "tierflow"

FLUSH_S = 3.0
"""Longest that the end of a process waits for its last spans."""


def is_asked_for(environ: Mapping[str, str]) -> bool:
    """Whether the standard variables name a collector for traces that we can speak to."""
    if not any(environ.get(name) for name in ENDPOINTS):
        return False
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "none":
        return False
    protocol = next((environ[name] for name in PROTOCOLS if environ.get(name)), SPOKEN)
    if protocol != SPOKEN:
        logger.warning("no spans: OTLP is spoken as %s here, and %s is set", SPOKEN, protocol)
        return False
    if importlib.util.find_spec("opentelemetry") is None:
        logger.warning("no spans: %s is set, and the extra `otel` is not installed", ENDPOINTS[1])
        return False
    return True


@asynccontextmanager
async def exporting(
    environ: Mapping[str, str], spans: Counter[str], room: int | None = None
) -> AsyncIterator[Tracer | None]:
    """A tracer while the context lasts, or None where no collector is named.

    Args:
        environ: The process's environment: `OTEL_*`.
        spans: Filled: `exported`, `failed`, `dropped`.
        room: Spans that may wait at once; None: `OTEL_BSP_MAX_QUEUE_SIZE`, else 2,048.
    """
    if not is_asked_for(environ):
        yield None
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 (an extra)
        OTLPSpanExporter,
    )

    exporter = OTLPSpanExporter()
    provider, tracer = opened(exporter, spans, room)
    try:
        yield tracer
    finally:
        await asyncio.to_thread(_close, provider, exporter)


def opened(
    exporter: "SpanExporter", spans: Counter[str], room: int | None = None
) -> "tuple[TracerProvider, Tracer]":
    """A tracer that exports in batches.

    Args:
        exporter: Called from a thread of its own.
        spans: Filled: `exported`, `failed`, `dropped`.
        room: Spans that may wait at once.
    """
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 (an extra)
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    resource = Resource.create()
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": SERVICE}))
    given = _given_ids()
    provider = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=given)
    waiting = _processor(exporter, spans, room)
    provider.add_span_processor(waiting)
    return provider, OtelTracer(provider, given, waiting)


class OtelTracer:
    """Hands ended spans to OpenTelemetry, under the ids that they have.

    Args:
        provider: Its sampler decides, at the beginning of a trace, whether it is recorded.
        given: Gives the ids that are set on it.
        waiting: Says whether there is room for one more span.
    """

    def __init__(self, provider: "TracerProvider", given: Any, waiting: Any) -> None:
        self._provider = provider
        self._given = given
        self._waiting = waiting
        self._tracer = provider.get_tracer(SERVICE, schema_url=tracing.SCHEMA_URL)

    def samples(self, trace_id: str) -> bool:
        """As the sampler of `OTEL_TRACES_SAMPLER` says; all unless it is set."""
        verdict = self._provider.sampler.should_sample(None, int(trace_id, 16), "trace")
        return bool(verdict.decision.is_sampled())  # type: ignore[no-untyped-call]

    def record(self, span: Span) -> None:
        """Queue a span; dropped, and counted, where the queue is full."""
        from opentelemetry import trace  # noqa: PLC0415 (an extra)

        if not self._waiting.has_room():
            return
        self._given.set(span.context)
        made = self._tracer.start_span(
            span.name,
            context=_parent(span.parent),
            kind=_kind(span.kind),
            attributes={**span.attributes, **({"error.type": span.error} if span.error else {})},
            start_time=_nanoseconds(span.began_at.timestamp()),
        )
        if span.error is not None:
            made.set_status(trace.StatusCode.ERROR)
        made.end(_nanoseconds(span.ended_at.timestamp()))


def _parent(parent: Context | None) -> Any:
    from opentelemetry import trace  # noqa: PLC0415 (an extra)
    from opentelemetry.context import Context as Ambient  # noqa: PLC0415

    if parent is None:
        return Ambient()
    above = trace.SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(parent.sampled)),
        trace_state=trace.TraceState.from_header([parent.state] if parent.state else []),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(above), Ambient())


def _kind(kind: Kind) -> Any:
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 (an extra)

    return SpanKind[kind.name]


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e6) * 1000


def _given_ids() -> Any:
    """Ids that were derived before: the library asks for them where it would draw its own."""
    from opentelemetry.sdk.trace.id_generator import IdGenerator  # noqa: PLC0415 (an extra)

    class Given(IdGenerator):
        """Gives back what was set last."""

        def set(self, context: Context) -> None:
            self._context = context

        def generate_span_id(self) -> int:
            return int(self._context.span_id, 16)

        def generate_trace_id(self) -> int:
            return int(self._context.trace_id, 16)

    return Given()


def _processor(exporter: "SpanExporter", spans: Counter[str], room: int | None) -> Any:
    """OpenTelemetry's batches, `OTEL_BSP_*` in force, with every span accounted for."""
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 (an extra)
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
        BatchSpanProcessor,
        SpanExporter,
        SpanExportResult,
    )

    class Counting(SpanExporter):
        """Counts what the exporter says; runs on the exporting thread alone."""

        def export(self, batch: Sequence[ReadableSpan]) -> SpanExportResult:
            result = SpanExportResult.FAILURE
            try:
                result = exporter.export(batch)
            finally:
                done = result is SpanExportResult.SUCCESS
                spans["exported" if done else "failed"] += len(batch)
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

    class Bounded(BatchSpanProcessor):
        """Takes no more than its queue holds, and counts what it does not take."""

        def __init__(self) -> None:
            self._most = room or int(self._default_max_queue_size())  # type: ignore[no-untyped-call]
            super().__init__(Counting(), max_queue_size=self._most)
            self._taken = 0

        def has_room(self) -> bool:
            if self._taken - spans["exported"] - spans["failed"] < self._most:
                return True
            spans["dropped"] += 1
            return False

        def on_end(self, span: ReadableSpan) -> None:
            self._taken += 1
            super().on_end(span)

    return Bounded()


def _close(provider: "TracerProvider", exporter: "SpanExporter") -> None:
    """Send what waits, for `FLUSH_S` at most; what is left then ends with the process."""
    flushing = threading.Thread(target=provider.force_flush, daemon=True)
    flushing.start()
    flushing.join(FLUSH_S)
    if flushing.is_alive():
        logger.warning("the collector does not take the last spans")
        exporter.shutdown()
    else:
        provider.shutdown()

"""Spans leave or are counted; whoever hands them over neither waits nor fails."""

from collections import Counter
from datetime import timedelta

import pytest

from streams import otel, tracing
from streams.clock import SystemClock
from streams.tracing import Attribute, Context, Kind, Span
from tests.collector import Collector
from tests.fakes import START

PARENT = Context("a" * 32, "b" * 16, sampled=True, state="vendor=1")
CLOCK = SystemClock()


def a_span(number: int, error: str | None = None) -> Span:
    own = tracing.below(PARENT, number)
    ended_at = START + timedelta(milliseconds=number)
    said: dict[str, Attribute] = {"n": number, "names": ("a", "b")}
    return Span(f"span {number}", Kind.CLIENT, own, PARENT, START, ended_at, said, error)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")


async def test_a_span_arrives_as_it_was_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = Counter[str]()
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with otel.exporting({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}, spans) as tracer:
            assert tracer is not None
            tracer.record(a_span(7, error="timed_out"))
            root = tracing.begin(tracer, "cause")
            tracer.record(Span("root", Kind.PRODUCER, root, None, START, START))
        seen = {span.name: span for span in collector.spans()}
    assert spans == {"exported": 2}
    own = tracing.below(PARENT, 7)
    came = seen["span 7"]
    assert (came.trace_id, came.span_id) == (own.trace_id, own.span_id)
    assert (came.parent_id, came.kind, came.failed) == (PARENT.span_id, "CLIENT", True)
    assert came.ended_ns - came.began_ns == 7_000_000
    assert came.began_ns == int(START.timestamp()) * 10**9
    assert came.attributes == {"n": 7, "names": ["a", "b"], "error.type": "timed_out"}
    assert came.resource["service.name"] == "tierflow"
    assert came.schema_url == tracing.SCHEMA_URL
    assert (seen["root"].trace_id, seen["root"].parent_id) == (root.trace_id, "")


async def test_a_collector_that_is_away_costs_spans_which_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nobody = "http://127.0.0.1:9"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nobody)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "50")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50")
    spans = Counter[str]()
    began_s = CLOCK.monotonic_s()
    async with otel.exporting({"OTEL_EXPORTER_OTLP_ENDPOINT": nobody}, spans) as tracer:
        assert tracer is not None
        for number in range(1000):
            tracer.record(a_span(number))
        handed_over_s = CLOCK.monotonic_s() - began_s
        assert spans["dropped"] >= 900
    assert handed_over_s < 2
    assert CLOCK.monotonic_s() - began_s < otel.FLUSH_S + 3
    assert spans["exported"] == 0


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
async def test_without_a_collector_that_we_can_speak_to_there_is_no_tracer(
    environ: dict[str, str],
) -> None:
    async with otel.exporting(environ, Counter()) as tracer:
        assert tracer is None


async def test_the_sampler_of_the_environment_decides_where_a_trace_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with otel.exporting({"OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, Counter()) as tracer:
            assert tracer is not None
            sampled = [tracing.begin(tracer, "task", n).sampled for n in range(400)]
    assert 120 < sum(sampled) < 280

"""What counting and tracing cost a worker, an update each."""

import statistics
from collections import Counter
from collections.abc import Callable

import pytest

from streams import otel
from streams.agents.outcome import Emit
from streams.agents.spans import StageSpans
from streams.clock import SystemClock
from streams.telemetry import Counters
from streams.topology import STAGES
from tests.builders import a_record
from tests.collector import Collector
from tests.fakes import START

pytestmark = [pytest.mark.bench, pytest.mark.timeout(120)]

CLOCK = SystemClock()
ROUNDS = 15
TRACED = [("ce_id", b"e1"), ("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")]


def each_us(work: Callable[[], object], times: int) -> float:
    """Microseconds of one call: the median of the rounds."""
    took: list[float] = []
    for _ in range(ROUNDS):
        began_s = CLOCK.monotonic_s()
        for _ in range(times):
            work()
        took.append((CLOCK.monotonic_s() - began_s) / times * 1e6)
    return statistics.median(took)


def test_an_update_of_a_metric_is_below_ten_microseconds() -> None:
    counters = Counters()
    outcomes, durations = "tierflow.stage.outcomes", "tierflow.stage.duration_seconds"
    added = each_us(lambda: counters.add(outcomes, 1, "admit", "emitted", "task"), 20_000)
    observed = each_us(lambda: counters.observe(durations, 0.02, "admit"), 20_000)
    shown = each_us(counters.exposition, 20)
    print(f"\ncounter {added:.2f} us, histogram {observed:.2f} us, exposition {shown:.0f} us")  # noqa: T201
    assert max(added, observed) < 10


async def test_a_span_is_below_half_a_millisecond_and_none_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = a_record("admitted", b"x" * 500, key="t1", headers=TRACED)
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        async with otel.exporting(told, Counter(), room=1_000_000) as tracer:
            assert tracer is not None
            spans = StageSpans(tracer, STAGES[1], "tierflow-route", "tierflow.")
            placed = each_us(lambda: spans.context(record), 2_000)
            ended = each_us(lambda: spans.ended(record, Emit(()), 0.1, START), 500)
    print(f"\nplace {placed:.1f} us, span {ended:.1f} us")  # noqa: T201
    assert ended < 500

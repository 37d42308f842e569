"""Metrics are a contract: their names follow Prometheus' rules, and the guide lists every one."""

import re
from pathlib import Path

import pytest

from streams.telemetry import METRICS, Metric

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `(tierflow_[a-z_]+)` \|.*\|$", re.MULTILINE)
BASE_UNITS = {"s": "_seconds", "USD": "_usd", "By": "_bytes"}
CLOSED = {
    "stage", "outcome", "reason", "role", "topic", "tier", "model", "state", "failure",
    "direction", "table", "version", "skill",
}  # fmt: skip
"""Labels whose values are closed sets: of the topology, the registry, the code, the skills installed."""


def row(metric: Metric) -> str:
    """How the guide shows a metric."""
    labels = ", ".join(metric.labels) or "none"
    return f"| `{metric.exposed}` | {metric.kind} | {labels} | {metric.meaning} |"


def test_the_guide_lists_every_metric_as_the_code_has_it() -> None:
    guide = (ROOT / "infra/docs/operating.md").read_text(encoding="utf-8")
    listed = [line for line in guide.splitlines() if ROW.match(line)]
    assert listed == [row(metric) for metric in METRICS]


def test_every_metric_that_a_document_or_an_alert_names_is_one() -> None:
    known = {metric.exposed for metric in METRICS}
    known |= {
        f"{m.exposed}_{end}" for m in METRICS if m.buckets for end in ("bucket", "sum", "count")
    }
    files = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "infra").rglob("*.md")]
    for file in files:
        named = re.findall(r"`(tierflow_[a-z_]+)", file.read_text(encoding="utf-8"))
        assert set(named) <= known, file


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.exposed)
def test_a_metric_is_named_as_prometheus_wants_it(metric: Metric) -> None:
    name = metric.exposed
    assert re.fullmatch(r"tierflow(_[a-z]+)+", name)
    assert name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"_(ms|millis|minutes|gauge|histogram|counter|bucket|sum|count)$", name)
    unit = BASE_UNITS.get(metric.unit)
    if unit is not None:
        assert name.removesuffix("_total").endswith(unit)
    assert set(metric.labels) <= CLOSED
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.kind in ("counter", "gauge", "histogram")


def test_no_two_metrics_have_one_name() -> None:
    assert len({metric.exposed for metric in METRICS}) == len(METRICS)

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.telemetry import BY_NAME, METRICS, Counters

OUTCOMES = "tierflow.stage.outcomes"
LINE = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? [0-9.e+-]+')


def test_what_is_counted_adds_up_by_labels() -> None:
    counters = Counters()
    counters.add(OUTCOMES, 1, "admit", "emitted", "task")
    counters.add(OUTCOMES, 2, "admit", "emitted", "task")
    counters.add(OUTCOMES, 1, "admit", "buried", "not_json")
    assert counters.exposition().splitlines() == [
        f"# HELP tierflow_stage_outcomes_total {BY_NAME[OUTCOMES].meaning}",
        "# TYPE tierflow_stage_outcomes_total counter",
        'tierflow_stage_outcomes_total{stage="admit",outcome="buried",reason="not_json"} 1',
        'tierflow_stage_outcomes_total{stage="admit",outcome="emitted",reason="task"} 3',
    ]


def test_a_gauge_is_asked_when_somebody_looks() -> None:
    counters = Counters()
    versions = iter([3.0, 4.0])
    counters.watch("tierflow.policy.version", lambda: {(): next(versions)})
    shown = [counters.exposition().splitlines()[-1] for _ in range(2)]
    assert shown == ["tierflow_policy_version 3", "tierflow_policy_version 4"]
    assert "# TYPE tierflow_policy_version gauge" not in Counters().exposition()


def test_a_label_can_not_break_a_line() -> None:
    counters = Counters()
    counters.add("tierflow.calls_unpriced", 1, "2", 'a"b\\c\nd')
    line = counters.exposition().splitlines()[-1]
    assert line == 'tierflow_calls_unpriced_total{tier="2",model="a\\"b\\\\c\\nd"} 1'
    assert LINE.fullmatch(line)
    ((_, labels),) = parsed(counters)["tierflow_calls_unpriced"].items()
    assert labels == 1.0


def test_a_metric_that_is_not_in_the_list_can_be_neither_counted_nor_watched() -> None:
    with pytest.raises(KeyError):
        Counters().add("tierflow.invented", 1)
    with pytest.raises(KeyError):
        Counters().watch("tierflow.invented", dict)


def test_labels_in_another_number_than_the_metric_has_are_an_error() -> None:
    counters = Counters()
    counters.add("tierflow.calls", 1, "2")
    with pytest.raises(ValueError, match="shorter"):
        counters.exposition()


def test_no_two_metrics_have_one_name_and_each_says_its_unit_and_meaning() -> None:
    assert len({metric.exposed for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.unit
        assert metric.meaning.endswith(".")
        assert not {"task_id", "call_id", "tenant"} & set(metric.labels)


def parsed(counters: Counters) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by family, then by suffix and labels, as Prometheus' own parser reads them."""
    return {
        family.name: {
            (sample.name.removeprefix(family.name), *sample.labels.values()): sample.value
            for sample in family.samples
        }
        for family in text_string_to_metric_families(counters.exposition())
    }


def test_a_histogram_counts_what_lies_at_or_below_each_bound() -> None:
    counters = Counters()
    for value in (0.001, 0.03, 0.05, 70.0):
        counters.observe("tierflow.stage.duration_seconds", value, "admit")
    counters.observe("tierflow.stage.duration_seconds", 0.004, "admit", times=10)
    found = parsed(counters)["tierflow_stage_duration_seconds"]
    below = {labels[-1]: n for labels, n in found.items() if labels[0] == "_bucket"}
    assert (below["0.001"], below["0.0025"], below["0.005"], below["0.05"]) == (1, 1, 11, 13)
    assert (below["60"], below["+Inf"], found["_count", "admit"]) == (13, 14, 14)
    assert found["_sum", "admit"] == pytest.approx(70.121)
    assert list(below.values()) == sorted(below.values())


def test_no_digit_of_a_large_counter_is_lost() -> None:
    counters = Counters()
    counters.add("tierflow.call.tokens", 12_345_678, "1", "m", "input")
    counters.add("tierflow.call.cost_usd", 1234.567891, "1", "m")
    assert 'direction="input"} 12345678' in counters.exposition()
    assert 'tierflow_call_cost_usd_total{tier="1",model="m"} 1234.567891' in counters.exposition()


def test_an_amount_of_zero_begins_a_series() -> None:
    counters = Counters()
    counters.add("tierflow.dead_letters", 0, "admit", "not_json")
    assert parsed(counters)["tierflow_dead_letters"] == {("_total", "admit", "not_json"): 0.0}

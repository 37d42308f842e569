import re

import pytest

from streams.telemetry import BY_NAME, METRICS, Counters

OUTCOMES = "tierflow.stage.outcomes"
LINE = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? [0-9.e+-]+')


def test_what_is_counted_adds_up_by_labels() -> None:
    counters = Counters()
    counters.add(OUTCOMES, 1, "admit", "emitted", "task")
    counters.add(OUTCOMES, 2, "admit", "emitted", "task")
    counters.add(OUTCOMES, 1, "admit", "buried", "not_json")
    assert counters.exposition().splitlines() == [
        f"# HELP tierflow_stage_outcomes_total {BY_NAME[OUTCOMES].meaning} Unit: {{record}}",
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
    counters.add("tierflow.calls", 1, "2", 'a"b\\c\nd', "completed")
    line = counters.exposition().splitlines()[-1]
    assert line == 'tierflow_calls_total{tier="2",model="a\\"b\\\\c\\nd",outcome="completed"} 1'
    assert LINE.fullmatch(line)


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

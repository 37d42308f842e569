from datetime import timedelta
from decimal import Decimal

import pytest

from streams import ids
from streams.calling.attempts import Failure
from streams.events.outcome import CallState
from streams.kafka import codec
from streams.providers.port import Reply
from streams.topology import STAGES
from tests.builders import AT, a_failure, a_model, a_registry, a_reply, a_task
from tests.memory import MAX_TASK_BYTES, a_story


async def test_a_task_is_decided_run_and_answered() -> None:
    story = a_story(script={"large": [a_reply("blue", latency_s=2.0)]})
    await story.ask(a_task(min_tier=4, metadata={"ticket": 7}, tenant="acme"))
    (result,), (decision,) = story.results(), story.decisions()
    assert (result.status, result.output, result.model) == ("completed", "blue", "large")
    assert (result.tier, decision.tier, result.decision_id) == (4, 4, decision.decision_id)
    assert (result.metadata, result.tenant) == ({"ticket": 7}, "acme")
    assert (result.latency_s, result.accepted_at) == (2.0, AT)
    assert story.provider.models == ["large"]
    assert story.dead_letters() == []


async def test_the_books_hold_a_call_and_its_cost_and_the_result_agrees() -> None:
    story = a_story()
    await story.ask(a_task())
    calls, (cost,) = story.driver.events("calls"), story.driver.events("costs")
    assert [call.state for call in calls] == [CallState.INTENDED, CallState.COMPLETED]
    assert cost.call_id == calls[0].call_id == calls[1].call_id
    assert calls[1].cost_usd == cost.cost_usd == story.results()[0].cost_usd
    assert cost.cost_usd is not None
    assert cost.cost_usd > 0


async def test_every_event_names_what_caused_it() -> None:
    story = a_story()
    await story.driver.publish("tasks", codec.encode(a_task()), headers=(("ce_id", b"mine"),))

    def last(topic: str, header: str) -> str | None:
        return story.driver.records(topic)[-1].header(header)

    assert last("admitted", "ce_cause") == "mine"
    assert last("decisions", "ce_cause") == last("admitted", "ce_id")
    tier = story.decisions()[0].tier
    assert last(f"tier-{tier}", "ce_cause") == last("decisions", "ce_id")
    assert last("results", "ce_cause") == last(f"tier-{tier}", "ce_id")


async def test_a_trace_is_carried_from_the_task_to_its_result() -> None:
    story = a_story()
    trace = (("traceparent", b"00-ab-cd-01"), ("tracestate", b"vendor=1"))
    await story.driver.publish("tasks", codec.encode(a_task()), headers=trace)
    for topic in ("admitted", "decisions", "calls", "costs", "results"):
        record = story.driver.records(topic)[-1]
        assert (record.header("traceparent"), record.header("tracestate")) == (
            "00-ab-cd-01",
            "vendor=1",
        )


async def test_a_tasks_records_meet_on_one_partition() -> None:
    story = a_story()
    for number in range(12):
        await story.ask(a_task(f"t{number}"))
    by_task: dict[str, set[int]] = {}
    for topic in ("admitted", "decisions", "calls", "costs", "results"):
        for record, event in zip(
            story.driver.records(topic), story.driver.events(topic), strict=True
        ):
            by_task.setdefault(event.task_id, set()).add(record.partition)
    assert len(by_task) == 12
    assert all(len(partitions) == 1 for partitions in by_task.values())
    assert len(set.union(*by_task.values())) == 3


async def test_a_skill_answers_without_a_call() -> None:
    story = a_story()
    await story.ask(a_task(prompt="What is 2^6?"))
    (result,) = story.results()
    assert (result.output, result.tier, result.model, result.cost_usd) == (
        "64",
        0,
        None,
        Decimal(0),
    )
    assert story.provider.asked == []
    assert story.driver.events("costs") == []


async def test_a_task_whose_model_fails_climbs_until_one_answers() -> None:
    failing = {name: [a_failure(Failure.TIMED_OUT, latency_s=3.0)] for name in ("tiny", "small")}
    story = a_story(script=failing)
    await story.ask(a_task(max_tier=3, max_cost_usd=Decimal("0.02"), prompt="Rename x to y in x=1"))
    (result,) = story.results()
    assert result.status == "completed"
    assert story.provider.models == [attempt.model for attempt in result.attempts]
    assert result.model not in failing
    assert len(story.driver.records("results")) == 1


async def test_a_task_that_no_model_answers_fails_with_the_whole_trail() -> None:
    names = ("tiny", "small", "medium", "large")
    story = a_story(script={name: [a_failure(Failure.SERVER_ERROR)] for name in names})
    await story.ask(a_task(prompt="Rename x to y in x=1"))
    (result,) = story.results()
    assert result.error is not None
    assert (result.status, result.error.reason) == ("failed", "exhausted")
    assert [a.model for a in result.attempts] == story.provider.models
    assert result.attempts[-1].model == "large"


async def test_a_task_without_a_model_that_may_take_it_fails_at_once() -> None:
    story = a_story(registry=a_registry(a_model("small")))
    await story.ask(a_task(capabilities=("vision",)))
    (result,) = story.results()
    assert result.error is not None
    assert (result.error.reason, result.tier, story.provider.asked) == ("no_model", None, [])
    assert story.decisions() == []


async def test_a_task_past_its_deadline_fails_without_a_call() -> None:
    story = a_story()
    story.clock.move(10)
    await story.ask(a_task(deadline_at=AT + timedelta(seconds=10)))
    (result,) = story.results()
    assert result.error is not None
    assert (result.error.reason, story.provider.asked) == ("deadline", [])


async def test_a_task_sent_twice_is_run_once_and_answered_under_one_id() -> None:
    story = a_story()
    await story.ask(a_task())
    await story.ask(a_task())
    records = story.driver.records("results")
    assert len(records) == 2
    assert len({record.header("ce_id") for record in records}) == 1
    assert records[0].value == records[1].value
    assert len(story.provider.asked) == 1


async def test_another_task_under_a_known_id_fails_and_the_first_result_stands() -> None:
    story = a_story()
    await story.ask(a_task())
    await story.ask(a_task(prompt="Something else."))
    first, second = story.results()
    assert second.error is not None
    assert (first.status, second.error.reason) == ("completed", "task_id_reused")
    assert len({record.header("ce_id") for record in story.driver.records("results")}) == 2
    assert len(story.provider.asked) == 1


async def test_a_redrive_runs_a_task_again_under_another_result() -> None:
    story = a_story()
    await story.ask(a_task())
    await story.driver.publish("tasks", codec.encode(a_task()), headers=((codec.REDRIVE, b"1"),))
    assert [result.redrive for result in story.results()] == [0, 1]
    assert len({record.header("ce_id") for record in story.driver.records("results")}) == 2
    assert len(story.provider.asked) == 2


async def test_a_decision_is_forgotten_after_an_hour_and_the_outcome_later() -> None:
    story = a_story()
    await story.ask(a_task())
    await story.wait(3601)
    await story.ask(a_task())
    assert len(story.provider.asked) == 1
    await story.wait(2 * 3600)
    await story.ask(a_task())
    assert len(story.provider.asked) == 2


UNREADABLE = [b"", b"not json", b"[]", b'"t1"', b"{}", b'{"task_id": "\\ud800"}', b"[" * 3_999]
READABLE = [
    (b'{"task_id": "bad"}', "invalid_task"),
    (b'{"task_id": "bad", "prompt": "a\\u0000b"}', "invalid_task"),
    (b'{"task_id": "bad", "prompt": "x", "metadata": %s1%s}' % (b'{"a":' * 300, b"}" * 300),
     "invalid_task"),
    (b'{"task_id": "bad", "prompt": "%s"}' % (b"x" * MAX_TASK_BYTES), "too_large"),
]  # fmt: skip


@pytest.mark.parametrize("body", UNREADABLE)
async def test_what_is_no_task_is_buried_and_the_next_one_is_answered(body: bytes) -> None:
    story = a_story()
    await story.ask(body)
    await story.ask(a_task())
    ((reason, value),) = story.dead_letters()
    assert (reason in ("not_json", "schema_invalid"), value) == (True, body)
    assert [result.task_id for result in story.results()] == ["t1"]


@pytest.mark.parametrize(("body", "reason"), READABLE)
async def test_a_bad_task_with_a_readable_id_gets_a_failed_result(body: bytes, reason: str) -> None:
    story = a_story()
    await story.ask(body)
    (result,), ((_, value),) = story.results(), story.dead_letters()
    assert result.error is not None
    assert (result.task_id, result.status, result.error.reason) == ("bad", "failed", reason)
    assert result.body_digest == ids.digest(body)
    assert (value == body) == (reason == "invalid_task")


async def test_fifty_hostile_tasks_hold_nothing() -> None:
    story = a_story()
    deep = b'{"task_id": "bad%d", "prompt": "x", "tools": [%s1%s]}'
    for number in range(60):
        await story.ask(deep % (number, b'{"a":' * 300, b"}" * 300))
    await story.ask(a_task())
    assert [result.status for result in story.results()] == ["failed"] * 60 + ["completed"]


async def test_as_many_bugs_in_a_row_as_the_setting_says_hold_a_partition() -> None:
    story = a_story(bugs_in_a_row=2)
    story.provider.call = _broken  # type: ignore[method-assign]
    for number in range(30):
        await story.ask(a_task(f"t{number}", model="small"))
    held = story.driver.stages["tier-2"].carrier.held
    assert held == {("tier-2", partition) for partition in range(3)}
    assert [reason for reason, _ in story.dead_letters()] == ["internal"] * 6


async def _broken(*_: object, **__: object) -> Reply:
    raise KeyError("a bug")


async def test_every_stage_of_the_topology_is_at_work_in_memory() -> None:
    assert set(a_story().driver.stages) == {stage.name for stage in STAGES}

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from streams import ids
from streams.agents.outcome import Bound, Bury, Emit, Outcome, Record, Skip
from streams.agents.tune import STEERING, TunerState, tune
from streams.events.control import Policy
from streams.events.decision import Strategy
from streams.events.envelope import Reason
from streams.learning.debt import MEMORY
from streams.learning.gains import Gains
from tests.builders import AT, a_lesson, a_performance, a_policy, a_record

Table = dict[str, TunerState]
GAINS = Gains(min_judged=10)
INITIAL = a_policy(1, target=0.92)


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def bind(table: Table, initial: Policy = INITIAL) -> Bound:
    return tune(table, initial=initial, gains=GAINS, bucket_s=10, partitions=2, keep_windows=3)


def keep(table: Table, outcome: Outcome) -> Outcome:
    assert not isinstance(outcome, Bury)
    for put in outcome.puts:
        assert put.table == "tuner"
        if put.value is None:
            table.pop(put.key, None)
        else:
            assert isinstance(put.value, TunerState)
            table[put.key] = TunerState.model_validate(put.value.model_dump(mode="json"))
    return outcome


async def tick(bound: Bound, table: Table, seconds: float) -> Outcome:
    assert bound.tick is not None
    return keep(table, await bound.tick(at(seconds)))


async def fold(bound: Bound, table: Table, *records: Record, seconds: float = 0) -> list[str]:
    said = []
    for record in records:
        outcome = await bound.handle(record)
        assert isinstance(outcome, Skip)
        said.append(outcome.because)
    assert bound.close is not None
    keep(table, await bound.close(at(seconds)))
    return said


def published(outcome: Outcome) -> Policy:
    assert isinstance(outcome, Emit)
    (send,) = outcome.sends
    assert isinstance(send.event, Policy)
    assert (send.topic, send.key) == ("policy", "policy")
    assert send.id == ids.derive("policy", send.event.version, send.event.reason)
    return send.event


def said(outcome: Outcome) -> str:
    assert isinstance(outcome, Skip)
    return outcome.because


def lessons(count: int, first: int = 0, seconds: float = 3, score: float = 0.7) -> list[Record]:
    return [
        a_record(
            "lessons",
            a_lesson(
                f"t{n}", score=score, scored_at=at(seconds), best_quality=1.0,
                lesson_id=ids.derive("lesson", n),
            ),
            offset=n,
        )
        for n in range(first, first + count)
    ]  # fmt: skip


def reports(bucket_s: float) -> list[Record]:
    cells = (a_performance(bucket_at=at(bucket_s), partition=p) for p in (0, 1))
    return [a_record("performance", cell, offset=n) for n, cell in enumerate(cells)]


async def started(table: Table) -> Bound:
    bound = bind(table)
    await tick(bound, table, 0)
    return bound


async def test_the_first_tick_publishes_the_initial_policy_as_version_1() -> None:
    table = Table()
    bound = bind(table, a_policy(0, target=0.92))
    policy = published(await tick(bound, table, 0))
    assert (policy.version, policy.thresholds, policy.at) == (1, INITIAL.thresholds, at(0))
    assert said(await tick(bound, table, 1)) == "steady"  # the time before now is closed
    assert said(await tick(bound, table, 2)) == "idle"


async def test_a_window_below_target_raises_the_threshold_in_a_new_version() -> None:
    table = Table()
    bound = await started(table)
    assert await fold(bound, table, *lessons(20)) == ["judged"] * 20
    assert await fold(bound, table, *reports(10)) == ["reported"] * 2
    policy = published(await tick(bound, table, 10.5))
    assert (policy.version, policy.thresholds["2"], policy.changed_by) == (2, 0.82, "tune")
    assert policy.reason.startswith("tier 2: 20 judged from 2026-11-23 12:00:00 to 12:00:10 UTC")
    assert "held 0.700 of the attainable quality, target 0.920" in policy.reason
    assert "0.8000 → 0.8200" in policy.reason
    assert said(await tick(bound, table, 11.5)) == "idle"


async def test_quality_above_target_lowers_the_threshold() -> None:
    table = Table()
    bound = await started(table)
    await fold(bound, table, *lessons(20, score=1.0))
    assert published(await tick(bound, table, 15)).thresholds["2"] == 0.78


async def test_a_restart_goes_on_with_the_same_policy_and_the_open_window() -> None:
    table = Table()
    await fold(await started(table), table, *lessons(9))
    again = bind(table)
    await fold(again, table, *lessons(9, first=9))
    first = published(await tick(again, table, 14))
    assert (first.version, first.at) == (1, at(0))
    assert "tier 2: 18 judged" in published(await tick(again, table, 15)).reason


async def test_a_policy_that_was_kept_but_not_published_is_published_after_a_restart() -> None:
    table = Table()
    bound = await started(table)
    await fold(bound, table, *lessons(20))
    lost = published(await tick(bound, table, 15))
    assert lost.version == 2
    assert published(await tick(bind(table), table, 20)) == lost


async def test_redelivered_and_repeated_lessons_count_once() -> None:
    table = Table()
    bound = await started(table)
    once = lessons(20)
    await fold(bound, table, *once)
    again = bind(table)
    assert await fold(again, table, *once[5:]) == ["contained"] * 15
    repeat = a_record("lessons", a_lesson(lesson_id=ids.derive("lesson", 3)), offset=20)
    assert await fold(again, table, repeat) == ["repeated"]
    assert await fold(again, table, repeat) == ["contained"]
    assert table[STEERING].lessons == 20
    assert table[STEERING].open[0].judged.judged == 20


async def test_explored_and_tier_0_lessons_are_counted_but_move_nothing() -> None:
    table = Table()
    bound = await started(table)
    explored = [
        a_record("lessons", a_lesson(lesson_id=f"x{n}", score=0, explored=True), offset=n)
        for n in range(20)
    ]
    zero = [
        a_record(
            "lessons",
            a_lesson(lesson_id=f"z{n}", score=0, tier=0, model=None, best_quality=None),
            offset=20 + n,
        )
        for n in range(20)
    ]
    await fold(bound, table, *explored, *zero)
    assert said(await tick(bound, table, 60)) == "steady"
    assert table[STEERING].lessons == 40
    steering = table[STEERING].steering
    assert steering is not None
    assert steering.policy.version == 1


async def test_windows_that_close_together_move_a_threshold_one_step() -> None:
    table = Table()
    bound = await started(table)
    for n in range(3):
        await fold(bound, table, *lessons(20, first=20 * n, seconds=10 * n + 3))
    policy = published(await tick(bound, table, 100))
    assert (policy.version, policy.thresholds["2"]) == (2, 0.82)
    assert "60 judged from 2026-11-23 12:00:00" in policy.reason


async def test_a_new_target_in_the_settings_is_a_new_version() -> None:
    table = Table()
    await started(table)
    bound = bind(table, a_policy(1, target=0.8, strategy=Strategy.QUALITY_FIRST))
    assert published(await tick(bound, table, 20)).version == 1
    policy = published(await tick(bound, table, 21))
    assert (policy.version, policy.target, policy.changed_by) == (2, 0.8, "settings")
    assert policy.reason == ("settings: target 0.920 → 0.800, strategy balanced → quality_first")


async def test_old_cells_leave_the_table() -> None:
    table = Table()
    bound = await started(table)
    await fold(bound, table, *reports(0))
    await tick(bound, table, 15)
    assert len(table) == 3
    await tick(bound, table, 50)
    assert list(table) == [STEERING]
    assert await fold(bound, table, *reports(0)) == ["outdated"] * 2


async def test_a_quiet_batch_writes_nothing() -> None:
    bound = await started(Table())
    assert bound.close is not None
    assert await bound.close(at(1)) == Skip("idle")


async def test_a_record_that_is_no_lesson_or_cell_is_buried() -> None:
    bound = bind({})
    for topic in ("lessons", "performance"):
        outcome = await bound.handle(a_record(topic, b"{}"))
        assert isinstance(outcome, Bury)
        assert outcome.reason is Reason.SCHEMA_INVALID


async def test_a_cell_that_grew_too_old_before_it_was_written_is_not_written() -> None:
    table = Table()
    bound = await started(table)
    for record in reports(0):
        await bound.handle(record)
    assert said(await tick(bound, table, 50)) == "steady"
    await fold(bound, table, seconds=50)
    assert list(table) == [STEERING]


async def test_a_window_that_was_closed_before_a_restart_stays_closed() -> None:
    table = Table()
    await tick(await started(table), table, 15)
    again = bind(table)
    await fold(again, table, *lessons(1, seconds=3))
    assert [window.bucket_at for window in table[STEERING].open] == [at(10)]


async def test_a_target_for_the_mean_score_and_a_ceiling_come_with_thresholds_to_begin_at() -> None:
    table: Table = {}
    await tick(bind(table), table, 0)
    changes = {"target_quality": 0.6, "ceiling_usd": Decimal("0.002"), "thresholds": {"2": 0.7}}
    bound = bind(table, INITIAL.model_copy(update=changes))
    await tick(bound, table, 1)
    policy = published(await tick(bound, table, 2))
    assert (policy.version, policy.target_quality) == (2, 0.6)
    assert (policy.ceiling_usd, policy.thresholds) == (Decimal("0.002"), {"2": 0.7})
    assert policy.reason == "settings: target_quality none → 0.600, ceiling_usd none → 0.002"


async def test_a_debt_is_kept_over_a_restart() -> None:
    table: Table = {}
    holding = INITIAL.model_copy(update={"target_quality": 0.6, "thresholds": {"2": 0.6}})
    bound = bind(table, holding)
    await tick(bound, table, 0)
    lessons = [
        a_lesson(f"t{n}", score=0.4, predicted_quality=0.5, scored_at=at(3)) for n in range(12)
    ]
    records = [a_record("lessons", lesson, offset=n) for n, lesson in enumerate(lessons)]
    await fold(bound, table, *records, seconds=4)
    policy = published(await tick(bound, table, 30))
    short = 12 * (0.5 - 0.4) + 12 * (0.6 - 0.4) / MEMORY
    assert policy.thresholds["2"] == pytest.approx(0.6 + short / GAINS.debt_tasks)
    again = bind(table, holding)
    assert published(await tick(again, table, 31)) == policy
    steering = table[STEERING].steering
    assert steering is not None
    assert steering.debt is not None
    assert steering.debt.lessons == 12


def score_sum(table: Table) -> float:
    return sum(window.judged.lesson_sum for window in table[STEERING].open)


async def test_what_is_known_of_voices_is_found_again() -> None:
    table: Table = {}
    bound = bind(table)
    await tick(bound, table, 0)
    for n in range(40):
        good = float(n % 3 > 0)
        for source, score in (("user", 1 - good), ("test", good)):
            lesson = a_lesson(
                f"t{n}", score, source=source, tenant="mallory", lesson_id=f"{source}{n}"
            )
            record = a_record("lessons", lesson, offset=2 * n + (source == "test"))
            await fold(bound, table, record)
    for kept, believed in ((table, True), ({STEERING: table[STEERING]}, False)):
        again, before = bind(kept), score_sum(kept)
        more = a_lesson("new", 0.0, tenant="mallory", lesson_id="new", decision_id="new")
        await fold(again, kept, a_record("lessons", more, offset=99))
        assert (score_sum(kept) - before > 0.5) is believed

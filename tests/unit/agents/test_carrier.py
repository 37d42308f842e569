import asyncio
from datetime import timedelta

import pytest

from streams.agents.carrier import UndeliverableDeadLetterError
from streams.agents.limit import WINDOW_RECORDS
from streams.agents.outcome import Bury, Emit, Outcome, Put, Record, Send, Skip
from streams.agents.spans import StageSpans
from streams.clock import SystemClock
from streams.events.envelope import Reason
from streams.events.feedback import Alert
from streams.kafka import codec
from streams.kafka.publish import Outgoing, Undeliverable
from streams.topology import BUGS_IN_A_ROW, Kind
from tests.builders import AT, a_record, a_result
from tests.fakes import KeptSpans, ManualClock, RecordingPublisher
from tests.stages import ALERTS, CHANGELOG, LETTERS, OUT, Bench, a_note, some, taken, told

BUG = Bury(Reason.INTERNAL, "KeyError: 'x'")


def headers_of(letter: Outgoing) -> dict[str, str]:
    return {name: value.decode() for name, value in letter.headers}


def refusing(topic: str, key: bytes | None = None) -> RecordingPublisher:
    return RecordingPublisher(lambda out: out.topic == topic and key in (None, out.key))


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (Kind.OUTBOX, [CHANGELOG, CHANGELOG, OUT, OUT]),
        (Kind.FOLD, [OUT, OUT, CHANGELOG, CHANGELOG]),
        (Kind.CALLING, [OUT, OUT, CHANGELOG, CHANGELOG]),
    ],
)
async def test_an_outbox_confirms_state_before_output_and_the_others_output_before_state(
    kind: Kind, order: list[str]
) -> None:
    bench = Bench(kind)
    one, two = some([0, 1])
    await bench.carrier.carry([(one, told("a", note="x")), (two, told("b", note="y"))])
    assert bench.publisher.topics == order
    assert {name: note.text for name, note in bench.table.items()} == {"a": "x", "b": "y"}
    assert bench.settled == [0, 1]


async def test_nothing_is_settled_or_kept_before_it_is_confirmed() -> None:
    bench = Bench()
    bench.publisher.open.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.carrier.carry([(taken(), told(note="x"))]))
        for _ in range(5):
            await asyncio.wait_for(_turn(), 1)
        assert (bench.settled, len(bench.table)) == ([], 0)
        bench.publisher.open.set()
    assert (bench.settled, len(bench.table)) == ([0], 1)


async def test_a_skip_publishes_nothing_writes_its_puts_and_settles() -> None:
    bench = Bench(Kind.FOLD)
    await bench.carrier.carry([(taken(), Skip("waiting", (Put("notes", "t1", a_note("x")),)))])
    assert bench.publisher.topics == [CHANGELOG]
    assert bench.settled == [0]
    assert bench.counted() == {("skipped", "waiting"): 1}


async def test_the_last_write_of_a_batch_to_a_key_is_the_one_that_is_kept() -> None:
    bench = Bench()
    one, two = some([0, 1])
    await bench.carrier.carry([(one, told("a", note="old")), (two, told("a", note="new"))])
    assert [out.topic for out in bench.publisher.published].count(CHANGELOG) == 1
    assert bench.table["a"].text == "new"


async def test_what_a_bug_said_goes_with_the_letter_without_what_is_to_be_hidden() -> None:
    bench = Bench()
    bench.carrier.ports.hide = lambda text: text.replace("sk-canary", "****")

    async def buggy(_: Record) -> Outcome:
        raise ValueError(f"{'x' * 175} the key sk-canary is wrong")

    found = await bench.carrier.ask(buggy, taken().record)
    assert isinstance(found, Bury)
    assert found.reason is Reason.INTERNAL
    assert found.detail.endswith("x the key ****")


async def test_a_put_without_a_partition_follows_its_record() -> None:
    bench = Bench()
    told_where = Skip("x", (Put("notes", "b", a_note(), partition=5),))
    await bench.carrier.carry([(taken(partition=3), told(note="x")), (taken(1), told_where)])
    assert [o.partition for o in bench.publisher.to(CHANGELOG)] == [3, 5]


async def test_a_buried_record_keeps_key_and_value_and_its_sends_are_confirmed_with_it() -> None:
    bench = Bench()
    send = Send("results", "t1", a_result(), "result-t1")
    await bench.carrier.carry([(taken(7), Bury(Reason.NOT_JSON, "line 1", (send,)))])
    (letter,) = bench.publisher.to(LETTERS)
    assert (letter.key, letter.value) == (b"k", b"7")
    said = headers_of(letter)
    assert (said["tierflow-reason"], said["tierflow-stage"]) == ("not_json", "bench")
    assert (said["tierflow-topic"], said["tierflow-offset"]) == ("t.tasks.v1", "7")
    assert len(bench.publisher.to(OUT)) == 1
    assert bench.settled == [7]
    assert bench.counted() == {("buried", "not_json"): 1}


async def test_a_bug_in_a_handler_buries_the_record_as_internal() -> None:
    async def handle(record: Record) -> Outcome:
        raise KeyError(record.offset)

    bench = Bench()
    outcome = await bench.carrier.ask(handle, a_record("tasks", b"x", offset=3))
    assert outcome == Bury(Reason.INTERNAL, "KeyError: 3")


async def test_an_intent_that_the_broker_refuses_for_good_is_undeliverable_not_a_bug() -> None:
    async def handle(record: Record) -> Outcome:
        raise Undeliverable("MessageSizeTooLargeError: calls")

    bench = Bench()
    outcome = await bench.carrier.ask(handle, a_record("tasks", b"x"))
    assert outcome == Bury(Reason.UNDELIVERABLE, "MessageSizeTooLargeError: calls")


async def test_fifty_bugs_in_a_row_hold_the_partition_and_raise_one_alert() -> None:
    bench = Bench()
    for one in some(range(BUGS_IN_A_ROW + 5)):
        await bench.carrier.carry([(one, BUG)])
    assert bench.carrier.held == {("tasks", 0)}
    assert bench.settled == list(range(BUGS_IN_A_ROW))
    (raised,) = bench.publisher.to(ALERTS)
    alert = codec.decode(Alert, raised.value)
    assert isinstance(alert, Alert)
    assert (alert.kind, alert.subject) == ("dead_letters", "tasks/0")
    assert bench.counted() == {("buried", "internal"): BUGS_IN_A_ROW}


async def test_what_lies_behind_the_fiftieth_bug_of_a_batch_is_left_as_it_is() -> None:
    bench = Bench()
    bugs = some(range(BUGS_IN_A_ROW + 10))
    await bench.carrier.carry([*((one, BUG) for one in bugs), (taken(99), told("later", note="x"))])
    assert bench.settled == list(range(BUGS_IN_A_ROW))
    assert len(bench.publisher.to(LETTERS)) == BUGS_IN_A_ROW
    assert bench.publisher.to(OUT) == []
    assert "later" not in bench.table


async def test_a_good_record_in_between_begins_the_count_anew() -> None:
    bench = Bench()
    *most, good = some(range(BUGS_IN_A_ROW))
    await bench.carrier.carry([(one, BUG) for one in most])
    await bench.carrier.carry([(good, Skip("fine"))])
    await bench.carrier.carry([(one, BUG) for one in some(range(50, 99))])
    assert bench.carrier.held == set()
    assert len(bench.settled) == 99
    await bench.carrier.carry([(taken(99), BUG)])
    assert bench.carrier.held == {("tasks", 0)}


async def test_bad_records_of_publishers_hold_nothing() -> None:
    bench = Bench()
    bad = Bury(Reason.SCHEMA_INVALID, "prompt: Field required")
    await bench.carrier.carry([(one, bad) for one in some(range(BUGS_IN_A_ROW * 2))])
    assert bench.carrier.held == set()
    assert len(bench.settled) == BUGS_IN_A_ROW * 2


async def test_bugs_of_one_partition_do_not_hold_another() -> None:
    bench = Bench()
    bugs = [(taken(n, key=f"{n}", partition=n % 2), BUG) for n in range(BUGS_IN_A_ROW + 10)]
    await bench.carrier.carry(bugs)
    assert bench.carrier.held == set()


async def test_an_output_refused_for_good_buries_its_record_as_undeliverable() -> None:
    bench = Bench(publisher=refusing(OUT, b"b"))
    one, two = some([0, 1])
    await bench.carrier.carry([(one, told("a")), (two, told("b"))])
    (letter,) = bench.publisher.to(LETTERS)
    assert (letter.key, letter.value) == (b"k1", b"1")
    assert headers_of(letter)["tierflow-reason"] == "undeliverable"
    assert bench.settled == [0, 1]


async def test_a_state_refused_for_good_is_not_kept_and_its_record_is_buried() -> None:
    bench = Bench(publisher=refusing(CHANGELOG, b"t1"))
    await bench.carrier.carry([(taken(), told(note="x"))])
    assert len(bench.table) == 0
    assert headers_of(bench.publisher.to(LETTERS)[0])["tierflow-reason"] == "undeliverable"


async def test_fifty_undeliverables_in_a_row_hold_the_partition_too() -> None:
    bench = Bench(publisher=refusing(OUT))
    await bench.carrier.carry([(one, told()) for one in some(range(60))])
    assert bench.carrier.held == {("tasks", 0)}
    assert bench.settled == list(range(BUGS_IN_A_ROW))


async def test_a_dead_letter_that_is_refused_stops_the_worker_and_settles_nothing() -> None:
    bench = Bench(publisher=refusing(LETTERS))
    one, two = some([0, 1])
    with pytest.raises(UndeliverableDeadLetterError):
        await bench.carrier.carry([(one, told()), (two, BUG)])
    assert bench.settled == []


async def test_of_calling_work_of_an_old_generation_only_what_was_paid_for_is_published() -> None:
    bench = Bench(Kind.CALLING, generation=2)
    await bench.carrier.carry([(taken(generation=1), told(note="x"))])
    assert bench.publisher.topics == [OUT]
    assert (bench.settled, len(bench.table)) == ([], 0)


@pytest.mark.parametrize("kind", [Kind.OUTBOX, Kind.FOLD])
async def test_other_work_of_an_old_generation_is_left_to_the_new_owner(kind: Kind) -> None:
    bench = Bench(kind, generation=2)
    await bench.carrier.carry([(taken(generation=1), told(note="x")), (None, told("t2", note="y"))])
    assert bench.publisher.topics == []
    assert (bench.settled, len(bench.table)) == ([], 0)


async def test_what_a_tick_asks_for_is_left_out_once_the_partitions_are_lost() -> None:
    bench = Bench(owned=False)
    await bench.carrier.carry([(None, told(note="x"))])
    await bench.carrier.prune(AT)
    assert (bench.publisher.topics, len(bench.table)) == ([], 0)


@pytest.mark.parametrize("kind", list(Kind))
async def test_who_was_silent_for_long_writes_nothing_before_it_knows_that_it_is_a_member(
    kind: Kind,
) -> None:
    bench = Bench(kind)
    heard = asyncio.Event()

    async def put_out() -> None:
        await heard.wait()
        bench.generation = 2

    bench.carrier.ports.assured = put_out
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.carrier.carry([(taken(), told(note="x"))]))
        await SystemClock().sleep(0)
        assert bench.publisher.topics == []
        heard.set()
    assert (bench.settled, len(bench.table)) == ([], 0)
    with pytest.raises(asyncio.CancelledError):
        await bench.carrier.confirm_now(taken(), (), (Put("notes", "a", a_note()),))
    assert CHANGELOG not in bench.publisher.topics


async def test_confirming_now_writes_the_table_first_and_settles_nothing() -> None:
    bench = Bench(Kind.CALLING)
    send = Send("results", "t1", a_result(), "result-t1")
    await bench.carrier.confirm_now(taken(), (send,), (Put("notes", "t1", a_note("x")),))
    assert bench.publisher.topics == [CHANGELOG, OUT]
    assert (bench.table["t1"].text, bench.settled) == ("x", [])


async def test_confirming_now_for_an_old_generation_gives_the_work_up() -> None:
    bench = Bench(Kind.CALLING, generation=2)
    with pytest.raises(asyncio.CancelledError):
        await bench.carrier.confirm_now(taken(generation=1), (), (Put("notes", "a", a_note()),))
    assert bench.publisher.published == []


async def test_confirming_now_keeps_nothing_that_the_broker_refuses() -> None:
    bench = Bench(Kind.CALLING, publisher=refusing(CHANGELOG))
    with pytest.raises(Undeliverable):
        await bench.carrier.confirm_now(taken(), (), (Put("notes", "t1", a_note()),))
    assert len(bench.table) == 0


async def test_an_event_carries_its_cause_its_trace_and_the_moment_of_its_cause() -> None:
    bench = Bench()
    trace = ("traceparent", b"00-1-2-01")
    record = a_record("tasks", b"x", headers=[trace], at=AT + timedelta(seconds=3))
    send = Send("results", "t1", a_result(), "r1", cause="d1", headers=(("more", b"1"),))
    one = taken()
    await bench.carrier.carry([(type(one)(record, one.tp, one.generation), Emit((send,)))])
    said = headers_of(bench.publisher.published[0])
    assert (said["ce_id"], said["ce_type"], said["ce_cause"]) == ("r1", "tierflow.result.v1", "d1")
    assert (said["ce_source"], said["ce_time"]) == ("tierflow/bench", "2026-11-23T12:00:03Z")
    assert (said["traceparent"], said["more"]) == ("00-1-2-01", "1")


async def test_what_time_asks_for_is_dated_by_the_clock() -> None:
    bench = Bench()
    await bench.carrier.carry([(None, told())])
    assert headers_of(bench.publisher.published[0])["ce_time"] == "2026-11-23T12:00:00Z"
    assert bench.settled == []


async def test_half_of_two_hundred_records_buried_holds_the_partition_too() -> None:
    bench = Bench()
    outcomes = [
        Bury(Reason.INTERNAL, "") if n % 2 else told(f"t{n}") for n in range(WINDOW_RECORDS)
    ]
    for number, outcome in enumerate(outcomes):
        await bench.carrier.carry([(taken(number), outcome)])
        assert bool(bench.carrier.held) == (number == WINDOW_RECORDS - 1)
    (alert,) = bench.publisher.to(ALERTS)
    assert b"100 of the last 200 records buried" in (alert.value or b"")


async def test_letters_and_durations_are_counted_once_all_is_confirmed() -> None:
    clock = ManualClock()
    bench = Bench(clock=clock)
    work = [(one, Bury(Reason.NOT_JSON, "")) for one in some([0, 1])]
    began_s = clock.monotonic_s()
    clock.move(0.03)
    await bench.carrier.carry([*work, (taken(2), told())], began_s)
    letters = bench.counters.counted["tierflow.dead_letters"]
    assert letters["bench", "not_json"] == 2
    assert letters["bench", "internal"] == 0
    histogram = bench.counters.histograms["tierflow.stage.duration_seconds"]["bench",]
    assert sum(histogram.counts) == 3
    assert round(histogram.total, 6) == 0.09


async def test_an_event_is_below_the_stages_span_and_work_that_is_not_settled_has_none() -> None:
    kept, clock = KeptSpans(), ManualClock()
    bench = Bench(clock=clock)
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    bench.carrier.ports.spans = StageSpans(kept, bench.carrier.stage, "t-bench", "t.")
    record = a_record("tasks", b"x", headers=[("traceparent", parent.encode())])
    one = type(taken())(record, ("tasks", 0), 1)
    await bench.carrier.carry([(one, told())], clock.monotonic_s())
    (span,) = kept.spans
    said = headers_of(bench.publisher.published[0])
    assert said["traceparent"] == span.context.traceparent != parent
    late = type(one)(record, one.tp, 0)
    await bench.carrier.carry([(late, told())], clock.monotonic_s())
    assert len(kept.spans) == 1


async def _turn() -> None:
    await asyncio.get_running_loop().run_in_executor(None, int)


def copied(name: str) -> Outcome:
    """A result that somebody else's topic gets a copy of."""
    send = Send("results", name, a_result(name), f"result-{name}", copy_to="shop.answers")
    return Emit((send,), label="told")


async def test_a_copy_is_the_same_record_and_goes_out_before_its_record_is_settled() -> None:
    bench = Bench(Kind.CALLING)
    await bench.carrier.carry([(taken(partition=3), copied("t1"))])
    original, copy = bench.publisher.published
    assert (original.topic, copy.topic) == (OUT, "shop.answers")
    assert (copy.key, copy.value, copy.headers) == (original.key, original.value, original.headers)
    assert (copy.foreign, copy.partition, bench.settled) == (True, None, [0])


async def test_a_copy_that_is_refused_harms_nothing_else_and_raises_one_alert_an_hour() -> None:
    clock = ManualClock()
    bench = Bench(Kind.CALLING, publisher=refusing("shop.answers"), clock=clock)
    for one in some(range(60)):
        await bench.carrier.carry([(one, copied(f"t{one.record.offset}"))])
    assert len(bench.publisher.to(OUT)) == 60
    assert bench.settled == list(range(60))
    assert (bench.carrier.held, bench.publisher.to(LETTERS)) == (set(), [])
    assert bench.counted()["undelivered", "reply_to"] == 60
    clock.move(3600)
    await bench.carrier.carry([(taken(60), copied("t60"))])
    alerts = [codec.decode(Alert, raised.value) for raised in bench.publisher.to(ALERTS)]
    assert [alert.subject for alert in alerts if isinstance(alert, Alert)] == ["shop.answers"] * 2


async def test_what_is_refused_itself_is_copied_to_nobody() -> None:
    bench = Bench(Kind.CALLING, publisher=refusing(OUT))
    await bench.carrier.carry([(taken(), copied("t1"))])
    assert bench.publisher.to("shop.answers") == []
    assert headers_of(bench.publisher.to(LETTERS)[0])["tierflow-reason"] == "undeliverable"

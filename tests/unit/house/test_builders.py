import inspect

from streams.events.envelope import Event
from streams.kafka import codec
from tests import builders
from tests.builders import a_call, a_record, a_task, an_assignment

MADE = [
    built
    for name, build in inspect.getmembers(builders, inspect.isfunction)
    if name.startswith(("a_", "an_")) and name not in {"a_record", "a_text"}
    for built in [build()]
]


def test_every_built_event_survives_the_wire() -> None:
    events = [built for built in MADE if isinstance(built, Event)]
    assert len(events) >= 13
    for event in events:
        assert codec.decode(type(event), codec.encode(event)) == event


def test_a_record_of_an_event_carries_its_key_and_cloudevents_attributes() -> None:
    record = a_record("tasks", a_task("t9"), partition=3, offset=8)
    assert (record.key, record.partition, record.offset) == (b"t9", 3, 8)
    assert record.header("ce_type") == "tierflow.task.v1"
    assert record.header("ce_id") != a_record("tasks", a_task("t9"), offset=9).header("ce_id")


def test_a_record_of_bytes_has_what_it_is_given_and_no_more() -> None:
    record = a_record("tasks", b"not json", headers=[("k", b"v")])
    assert (record.key, record.value, record.headers) == (None, b"not json", (("k", b"v"),))


def test_defaults_give_way_to_what_the_test_names() -> None:
    assert a_task(messages=[{"content": "hi"}]).prompt is None
    assert an_assignment("t2", tier=4).task == a_task("t2")
    assert a_call(state="intended").ended_at is None

"""Spans of stages over the topology in memory: who is below whom, and what a redelivery does."""

from dataclasses import replace

from streams import ids
from streams.agents.outcome import Bury, Emit
from streams.agents.spans import StageSpans
from streams.events.envelope import Reason
from streams.topology import BY_NAME, STAGES, Stage
from streams.tracing import Kind
from tests.builders import a_record
from tests.fakes import START, KeptSpans

PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
TRACED = (("traceparent", PARENT.encode()), ("ce_id", b"e1"))


def stage(name: str) -> Stage:
    return next(stage for stage in STAGES if stage.name == name)


def spans_of(kept: KeptSpans, name: str) -> StageSpans:
    return StageSpans(kept, stage(name), f"tierflow-{stage(name).role}", "tierflow.")


def test_a_span_is_below_the_one_that_published_its_record() -> None:
    kept = KeptSpans()
    spans = spans_of(kept, "classify")
    record = a_record("admitted", b"x", key="t1", headers=TRACED)
    spans.ended(record, Emit((), label="decided"), 0.25, START)
    (span,) = kept.spans
    assert span.parent is not None
    assert span.parent.traceparent == PARENT
    assert span.context.trace_id == "a" * 32
    assert (span.name, span.kind) == ("process tierflow.admitted.v1", Kind.CONSUMER)
    assert (span.ended_at - span.began_at).total_seconds() == 0.25
    assert span.attributes["tierflow.reason"] == "decided"
    assert span.attributes["messaging.kafka.message.key"] == "t1"
    assert span.attributes["messaging.message.id"] == "e1"
    assert span.error is None


def test_a_redelivery_has_the_span_that_its_first_delivery_had() -> None:
    record = a_record("admitted", b"x", headers=TRACED)
    spans = spans_of(KeptSpans(), "classify")
    again = spans_of(KeptSpans(), "classify")
    moved = a_record("admitted", b"x", headers=TRACED, offset=record.offset + 1)
    assert spans.context(record) == again.context(record)
    assert spans.context(record) != spans.context(moved)
    assert spans.context(record) != spans_of(KeptSpans(), "tier-1").context(record)


def test_admit_begins_a_trace_where_the_publisher_has_not_and_nobody_else_does() -> None:
    kept = KeptSpans()
    record = a_record("tasks", b"x")
    begun = spans_of(kept, "admit").context(record)
    assert begun is not None
    assert begun == spans_of(kept, "admit").context(record)
    late = replace(record, at=record.at.replace(year=record.at.year + 1))
    assert begun != spans_of(kept, "admit").context(late)  # the topic was made anew
    assert spans_of(kept, "classify").context(a_record("admitted", b"x")) is None


def test_what_is_not_sampled_has_no_span() -> None:
    quiet = KeptSpans(sampled=False)
    spans = spans_of(quiet, "admit")
    spans.ended(a_record("tasks", b"x"), Emit(()), 0.1, START)
    unsampled = (("traceparent", f"{PARENT[:-2]}00".encode()),)
    spans.ended(a_record("tasks", b"x", headers=unsampled), Emit(()), 0.1, START)
    assert quiet.spans == []


def test_a_buried_record_is_an_error_by_its_reason_alone() -> None:
    kept = KeptSpans()
    record = a_record("tasks", b"the prompt", key="a key the publisher chose", headers=TRACED)
    buried = Bury(Reason.SCHEMA_INVALID, "prompt: the prompt")
    spans_of(kept, "admit").ended(record, buried, 0.1, START)
    (span,) = kept.spans
    assert span.error == "schema_invalid"
    said = repr(span.attributes)
    assert "the prompt" not in said
    assert "publisher chose" not in said
    assert not BY_NAME["tasks"].ours


def test_ids_are_of_the_length_that_the_wire_wants() -> None:
    own = spans_of(KeptSpans(), "admit").context(a_record("tasks", b"x"))
    assert own is not None
    assert (len(own.trace_id), len(own.span_id)) == (32, 16)
    assert own.trace_id != ids.digest(b"")[:32]

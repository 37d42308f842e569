import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import tracing
from streams.tracing import Context
from tests.fakes import KeptSpans

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = Context(TRACE, SPAN, sampled=True)


def test_a_context_is_read_back_as_it_was_written() -> None:
    assert tracing.parse(PARENT.traceparent) == PARENT
    assert PARENT.traceparent == f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00-ab-cd-01",
        f"00-{TRACE}-{SPAN}",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_a_header_that_names_no_parent_is_none(header: str | None) -> None:
    assert tracing.parse(header) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert tracing.parse(f"cc-{TRACE}-{SPAN}-01-what-comes") == PARENT


def test_flags_say_whether_it_is_recorded() -> None:
    flags = {bits: tracing.parse(f"00-{TRACE}-{SPAN}-{bits}") for bits in ("00", "02", "03")}
    assert {b: c.sampled for b, c in flags.items() if c} == {"00": False, "02": False, "03": True}


def test_an_endless_state_is_not_passed_on_to_the_exporter() -> None:
    kept = tracing.parse(PARENT.traceparent, "vendor=1")
    dropped = tracing.parse(PARENT.traceparent, "v=" + "1" * tracing.STATE_CHARS)
    assert (kept and kept.state, dropped and dropped.state) == ("vendor=1", None)


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    tracing.parse(header, header)


@given(st.text(max_size=20), st.integers(0, 99), st.integers(0, 10**12))
def test_the_same_cause_has_the_same_place_and_another_has_another(
    stage: str, partition: int, offset: int
) -> None:
    own = tracing.below(PARENT, stage, partition, offset)
    assert own == tracing.below(PARENT, stage, partition, offset)
    assert own.span_id != tracing.below(PARENT, stage, partition, offset + 1).span_id
    assert tracing.parse(own.traceparent) == own
    first = tracing.begin(KeptSpans(), stage, partition, offset)
    assert first == tracing.begin(KeptSpans(), stage, partition, offset)
    assert tracing.parse(first.traceparent) == first


def test_a_trace_without_a_cause_is_always_a_new_one() -> None:
    assert tracing.begin(KeptSpans()) != tracing.begin(KeptSpans())

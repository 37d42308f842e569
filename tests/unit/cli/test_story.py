"""The story of a task: in order, each thing once, and what is not known."""

from datetime import timedelta
from decimal import Decimal

from streams.calling.settling import settled
from streams.cli.story import Story, gather, render, tell, unknown
from streams.events.envelope import Event
from streams.events.outcome import CallState, ResultError
from streams.kafka.codec import Record
from tests.builders import (
    AT,
    a_call,
    a_cost,
    a_decision,
    a_lesson,
    a_record,
    a_result,
    a_score,
    a_task,
    an_assignment,
    an_attempt,
)

LATER = AT + timedelta(seconds=9)


def told(*events: Event, topics: tuple[tuple[Record, Event], ...] = ()) -> str:
    story = gather("t1", events, topics)
    return render(story, tell(story), missing(story))


def missing(story: Story, *, books: bool = True, topics: bool = True) -> list[str]:
    return unknown(story, books=books, topics=topics, complete=True)


def test_it_is_told_in_the_order_in_which_it_happened() -> None:
    task = (a_record("tasks", a_task()), a_task())
    whole = told(
        a_lesson(scored_at=LATER), a_score(at=LATER), a_result(), a_call(), a_decision(),
        topics=(task,),
    )  # fmt: skip
    words = ("published", "decided", "called", "result", "feedback", "lesson")
    places = [whole.index(f"  {word}") for word in words]
    assert places == sorted(places)
    assert "not known" not in whole


def test_what_books_and_topics_both_know_is_told_once() -> None:
    again = tuple((a_record("results", event), event) for event in (a_result(), a_call(), a_cost()))
    story = gather("t1", [a_result(), a_call(), a_cost()], again)
    assert (len(story.results), len(story.calls), len(story.costs)) == (1, 1, 1)


def test_of_a_call_the_outcome_counts_whoever_tells_it_first() -> None:
    intent, outcome = a_call(state=CallState.INTENDED), a_call()
    for events in ([intent, outcome], [outcome, intent]):
        (call,) = gather("t1", events, ()).calls
        assert call.state is CallState.COMPLETED


def test_a_fallback_tells_each_failure_with_its_detail_and_whether_it_was_billed() -> None:
    failed = a_call(state=CallState.FAILED, failure="overloaded", cost_usd=Decimal(0))
    doubt = a_call("call-2", state=CallState.IN_DOUBT, failure="timed_out", cost_usd=None)
    trail = (an_attempt(detail="HTTP 503: busy"), an_attempt(call_id="call-2", outcome="timed_out"))
    story = told(failed, doubt, a_result(attempts=trail))
    assert "small in tier 2: overloaded after 1.20 s, cost $0: HTTP 503: busy" in story
    assert "timed_out after 1.20 s, may have been billed: in doubt" in story
    assert "after 2 attempts" in story


def test_a_settled_doubt_is_told_and_counts_over_what_the_books_do_not_have_yet() -> None:
    doubt = a_cost(cost_usd=None, standing="in_doubt", price_version=None)
    end = settled(doubt, Decimal("0.002"), at=AT + timedelta(days=1))
    first = settled(doubt, Decimal("0.009"), at=AT)
    for events in ((doubt, end, first), (end, doubt), (first, doubt, end)):
        story = gather("t1", [*events, a_result()], ())
        assert story.costs == [end]
        said = render(story, tell(story), missing(story))
        assert "small in tier 2: it was in doubt, and cost $0.002" in said


def test_passing_on_tells_to_whom_and_why() -> None:
    passed = an_assignment(tier=3, model="medium", trail=(an_attempt(),))
    story = told(topics=((a_record("tier-3", passed), passed),))
    assert "to tier 3, model medium, after small in tier 2: overloaded" in story


def test_a_failure_says_what_to_do() -> None:
    error = ResultError(reason="deadline", detail="the deadline has passed")
    story = told(a_result(status="failed", output=None, error=error, tier=None, model=None))
    assert "its deadline had passed (deadline)" in story
    assert "next: send it again with a later deadline_at" in story


def test_a_dead_letter_tells_reason_and_detail() -> None:
    headers = [("tierflow-reason", b"too_large"), ("tierflow-stage", b"admit")]
    letter = a_record(
        "dead-letters", b"{}", headers=[*headers, ("tierflow-detail", b"600000 bytes")]
    )
    story = gather("t1", (), (), [letter])
    assert "too_large in admit: 600000 bytes" in render(story, tell(story), missing(story))


def test_what_is_not_known_yet_is_said_step_by_step() -> None:
    task = ((a_record("tasks", a_task()), a_task()),)
    assert "no worker has decided it yet" in missing(gather("t1", (), task))[0]
    assert "no result yet, it waits in tier 2" in missing(gather("t1", [a_decision()], task))[0]
    calling = gather("t1", [a_decision(), a_call(state=CallState.INTENDED)], task)
    assert "small is being called until" in missing(calling)[0]
    assert "no feedback yet" in missing(gather("t1", [a_decision(), a_result()], task))[0]
    scored = gather("t1", [a_decision(), a_result(), a_score()], task)
    assert "no lesson of its feedback" in missing(scored)[0]


def test_a_source_that_cannot_be_asked_is_named() -> None:
    story = gather("t1", [a_decision(), a_result(), a_score(), a_lesson()], ())
    assert "ClickHouse can't be asked" in missing(story, books=False)[0]
    assert "Kafka can't be asked" in missing(story, topics=False)[0]


def test_bounds_of_the_task_are_told_and_its_text_is_not() -> None:
    task = a_task(prompt="a secret plan", min_tier=3, tenant="acme")
    story = told(topics=((a_record("tasks", task), task),))
    assert "13 characters, tenant acme, min_tier 3" in story
    assert "secret" not in story


def test_nothing_known_is_unknown() -> None:
    assert not gather("t1", (), ()).known

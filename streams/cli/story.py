"""The story of one task, in order: pure, from events of the books and of the topics to text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from streams.cli.advice import dollars_of, seconds_of, why_failed
from streams.events.decision import Assignment, Decision
from streams.events.envelope import Event
from streams.events.feedback import Lesson, Score
from streams.events.outcome import Attempt, Call, CallState, Cost, Result
from streams.events.task import Task
from streams.kafka.codec import Record
from streams.routing.constraints import chars
from streams.routing.story import explain

FEW = 2


class Moment(NamedTuple):
    """Something that happened: when, a word for it, and the words; further lines are details."""

    at: datetime
    what: str
    text: str


@dataclass
class Story:
    """All that is known of a task; of one thing known from two sources the later state counts."""

    task_id: str
    tasks: list[tuple[datetime, Task]]
    decisions: list[Decision]
    assignments: list[tuple[datetime, Assignment]]
    calls: list[Call]
    costs: list[Cost]
    results: list[Result]
    scores: list[Score]
    lessons: list[Lesson]
    letters: list[Record]

    @property
    def known(self) -> bool:
        """Whether anything at all is."""
        return any(
            (self.tasks, self.decisions, self.assignments, self.results, self.scores, self.letters)
        )

    def detail(self, call_id: str) -> Attempt | None:
        """What the trail says of a call."""
        trails = [r.attempts for r in self.results] + [a.trail for _, a in self.assignments]
        return next((a for trail in trails for a in trail if a.call_id == call_id), None)


def gather(
    task_id: str,
    books: Iterable[Event],
    topics: Iterable[tuple[Record, Event]],
    letters: Sequence[Record] = (),
) -> Story:
    """Put together what books and topics tell.

    Args:
        task_id: Whose story it is.
        books: Events as ClickHouse holds them.
        topics: Events as Kafka holds them, with their records.
        letters: Its dead letters.
    """
    placed = list(topics)
    events = [*(event for _, event in placed), *books]
    tasks = [(record.at, event) for record, event in placed if isinstance(event, Task)]
    passed = [(record.at, event) for record, event in placed if isinstance(event, Assignment)]
    calls: dict[str, Call] = {}
    for call in _of(Call, events):
        if call.call_id not in calls or call.state is not CallState.INTENDED:
            calls[call.call_id] = call
    results = {(r.body_digest, r.redrive): r for r in _of(Result, events)}
    scores: dict[str, Score] = {}
    for score in _of(Score, events):
        if score.feedback_id not in scores or score.at >= scores[score.feedback_id].at:
            scores[score.feedback_id] = score
    return Story(
        task_id,
        tasks,
        list({d.decision_id: d for d in reversed(_of(Decision, events))}.values()),
        passed,
        list(calls.values()),
        _costs(events),
        list(results.values()),
        list(scores.values()),
        _lessons(events),
        list(letters),
    )


def _costs(events: Iterable[Event]) -> list[Cost]:
    """One a call: of settled ones the last, over any other."""
    costs: dict[str, Cost] = {}
    for cost in _of(Cost, events):
        known = costs.get(cost.call_id)
        before, at = known and known.settled_at, cost.settled_at
        if before is None or (at is not None and at >= before):
            costs[cost.call_id] = cost
    return list(costs.values())


def _lessons(events: Iterable[Event]) -> list[Lesson]:
    """Those that feedback made; the others repeat what a cost already told."""
    lessons = {lesson.lesson_id: lesson for lesson in _of(Lesson, events)}
    return [lesson for lesson in lessons.values() if lesson.score is not None]


def _of(kind: type[Any], events: Iterable[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def tell(story: Story) -> list[Moment]:
    """What happened, in order."""
    moments = [
        *_published(story),
        *(Moment(d.decided_at, "decided", _decided(d)) for d in story.decisions),
        *_passed_on(story),
        *(Moment(c.intended_at, "called", _called(c, story)) for c in story.calls),
        *_settled(story),
        *(Moment(r.completed_at, "result", _ended(r)) for r in story.results),
        *(Moment(s.at, "feedback", _scored(s)) for s in story.scores),
        *(Moment(x.scored_at, "lesson", _taught(x)) for x in story.lessons),
        *(Moment(x.at, "dead letter", _buried(x)) for x in story.letters),
    ]
    return sorted(
        moments, key=lambda moment: moment.at
    )  # a stable sort: ties stay in the flow's order


def unknown(story: Story, *, books: bool, topics: bool, complete: bool) -> list[str]:
    """What is not known yet, and what to do about it.

    Args:
        story: What is known.
        books: Whether ClickHouse could be asked.
        topics: Whether Kafka could be asked.
        complete: Whether the topics were looked through from their beginnings.
    """
    return list(_unknown(story, books=books, topics=topics, complete=complete))


def _unknown(story: Story, *, books: bool, topics: bool, complete: bool) -> Iterator[str]:
    name = story.task_id
    if not books:
        yield "ClickHouse can't be asked, so this is what the topics tell: `tierflow doctor` says why"
    if not topics:
        yield "Kafka can't be asked, so this is what the books tell: `tierflow doctor` says why"
    if not story.decisions and not story.results and not story.letters:
        yield "no worker has decided it yet: is one running? `tierflow status`"
    elif not story.results and not story.letters:
        yield f"no result yet{_waiting(story)}: `tierflow status` shows lag and workers"
    elif not story.scores:
        yield f"no feedback yet: `tierflow feedback {name} SCORE` gives it, from 0 to 1"
    elif not story.lessons and story.decisions:
        seen = "" if complete else "; only the newest records were looked through: `--recent N`"
        yield f"no lesson of its feedback was seen{seen}"
    if not story.decisions and any(r.decision_id for r in story.results):
        yield "its decision is neither in the books nor among the newest records: `--recent N`"


def _waiting(story: Story) -> str:
    tiers = [assignment.tier for _, assignment in story.assignments]
    tiers += [decision.tier for decision in story.decisions]
    open_calls = [call for call in story.calls if call.state is CallState.INTENDED]
    if open_calls:
        return (
            f", {open_calls[-1].model} is being called until {_clock(open_calls[-1].deadline_at)}"
        )
    return f", it waits in tier {max(tiers)}" if tiers else ""


def _published(story: Story) -> Iterator[Moment]:
    for at, task in story.tasks:
        bounds = task.model_dump(
            mode="json", exclude_defaults=True,
            exclude={"task_id", "prompt", "messages", "context", "metadata", "tools", "response_schema"},
        )  # fmt: skip
        asks = ", ".join(f"{key} {value}" for key, value in bounds.items())
        yield Moment(at, "published", f"{chars(task)} characters{', ' if asks else ''}{asks}")
    if story.tasks:
        return
    for result in story.results:
        if result.accepted_at is not None:
            yield Moment(result.accepted_at, "published", f"tenant {result.tenant}")


def _passed_on(story: Story) -> Iterator[Moment]:
    for at, assignment in story.assignments:
        if assignment.trail:
            last = assignment.trail[-1]
            why = f"after {last.model or 'the skill'} in tier {last.tier}: {last.outcome}"
            where = f"tier {assignment.tier}, model {assignment.model}"
            yield Moment(at, "passed on", f"to {where}, {why}")


def _decided(decision: Decision) -> str:
    first, *rest = explain(decision).splitlines()
    return "\n".join([first.removeprefix(f"task {decision.task_id} went "), *rest])


def _called(call: Call, story: Story) -> str:
    who = f"{call.model} in tier {call.tier}"
    if call.state is CallState.INTENDED:
        return f"{who}: no answer yet, waits until {_clock(call.deadline_at)}"
    took = seconds_of(call.latency_s)
    if call.state is CallState.COMPLETED:
        used = (
            f"{_count(call.usage.input_tokens)} tokens in, {_count(call.usage.output_tokens)} out"
        )
        return f"{who}: answered in {took}, {dollars_of(call.cost_usd)}, {used}"
    doubt = call.state is CallState.IN_DOUBT
    billed = "may have been billed: in doubt" if doubt else f"cost {dollars_of(call.cost_usd)}"
    trail = story.detail(call.call_id)
    said = f": {trail.detail}" if trail is not None and trail.detail else ""
    return f"{who}: {call.failure or 'failed'} after {took}, {billed}{said}"


def _settled(story: Story) -> Iterator[Moment]:
    for cost in story.costs:
        if cost.settled_at is not None:
            who = f"{cost.model} in tier {cost.tier}"
            text = f"{who}: it was in doubt, and cost {dollars_of(cost.cost_usd)}"
            yield Moment(cost.settled_at, "settled", text)


def _ended(result: Result) -> str:
    took = f"{seconds_of(result.latency_s)}, of which {seconds_of(result.waiting_s)} waiting"
    cost = dollars_of(result.cost_usd)
    if result.status == "failed":
        said, then = why_failed(result)
        return f"failed, {cost}, {took}\n{said}\nnext: {then}"
    by = "a skill" if result.model is None else f"model {result.model}"
    tries = "" if len(result.attempts) < FEW else f" after {len(result.attempts)} attempts"
    return f"completed in tier {result.tier} by {by}{tries}, {cost}, {took}"


def _scored(score: Score) -> str:
    named = f" ({score.name})" if score.name else ""
    return f"{score.score:g} by {score.source}{named}" + (
        f": {score.comment}" if score.comment else ""
    )


def _taught(lesson: Lesson) -> str:
    if lesson.model is None:
        return f"score {lesson.score or 0:g} credited to tier 0: counted, no model learns from it"
    said = (
        ""
        if lesson.predicted_quality is None
        else f", {lesson.predicted_quality:.2f} was predicted"
    )
    return f"score {lesson.score or 0:g} credited to {lesson.model} in tier {lesson.tier}{said}"


def _buried(letter: Record) -> str:
    reason, stage = letter.header("tierflow-reason"), letter.header("tierflow-stage")
    return f"{reason} in {stage}: {letter.header('tierflow-detail')}"


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S}"


def render(story: Story, moments: Sequence[Moment], missing: Sequence[str]) -> str:
    """The story for a terminal: a line a moment, details under it, and what is not known."""
    lines = [f"task {story.task_id}"]
    if moments:
        lines[0] += f", {moments[0].at.astimezone(UTC):%Y-%m-%d}, times in UTC"
    width = max((len(moment.what) for moment in moments), default=0)
    for moment in moments:
        first, *rest = moment.text.splitlines()
        stamp = f"{moment.at.astimezone(UTC):%H:%M:%S.%f}"[:-3]
        lines.append(f"{stamp}  {moment.what.ljust(width)}  {first}")
        lines += [f"{'':{len(stamp) + width + 4}}{detail}" for detail in rest]
    lines += [f"not known: {said}" for said in missing]
    return "\n".join(lines)

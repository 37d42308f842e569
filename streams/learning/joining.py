"""Decision and feedback, in any order, each feedback once → lesson.

A decision and the scores of its task meet in a `Half`, kept under the task's id until it expires.
Whichever comes second makes the lesson. What was made is remembered with its place in the log, so
that a redelivery makes the same lesson again and anything else makes none.
"""

import enum
from dataclasses import dataclass
from datetime import datetime

from streams import ids
from streams.events.decision import Decision
from streams.events.envelope import Label, Part, Share, Tier
from streams.events.feedback import Lesson, Score, Source
from streams.events.outcome import Result, Usd

HEARD_LIMIT = 16
"""Feedbacks kept a task, so that no task can grow without bound or teach the rest away."""


class Chosen(Part):
    """The decision's half: what a lesson needs of it, and no more."""

    decision_id: str
    tier: Tier
    model: Label | None
    features: str
    propensity: Share
    predicted_quality: Share | None
    best_quality: Share | None
    explored: bool
    decided_at: datetime
    listed_usd: Usd | None = None
    tenant: Label = "default"


class Heard(Part):
    """The first score of one feedback.

    `tier` and `model` say whose answer it judges, where that isn't the task's result. `offset` in
    `scores` tells its redelivery from somebody saying it again; an event id would
    not, since the same words have the same one. `taught_by` names the decision it made a lesson
    with, `early` says that it came before that decision.
    """

    feedback_id: str
    offset: int
    score: Share
    source: Source
    heard_at: datetime
    tier: Tier | None = None
    model: Label | None = None
    taught_by: str | None = None
    early: bool = False


class Answered(Part):
    """Who answered instead of the model that was chosen: a fallback did the work."""

    decision_id: str
    tier: Tier
    model: Label | None


class Billed(Part):
    """What an answer came to, of a result that was read before its decision."""

    decision_id: str
    model: Label
    cost_usd: Usd
    at: datetime


class Half(Part):
    """What is known of one task so far; `offset` is where in `decisions` it was chosen."""

    chosen: Chosen | None = None
    offset: int = -1
    heard: tuple[Heard, ...] = ()
    answered: Answered | None = None
    billed: Billed | None = None


class Step(enum.StrEnum):
    """What a record came to; a closed set, counted."""

    JOINED = "joined"
    WAITING = "waiting"  # a score without its decision; if that never comes, it expires
    REMEMBERED = "remembered"  # a decision without scores
    REPEATED = "repeated"  # known; a redelivery makes its lessons again, under the same ids
    CORRECTED = "corrected"  # another score for a feedback that has taught: the books' matter
    CROWDED = "crowded"  # more feedbacks on one task than are kept
    REDECIDED = "redecided"  # a later decision for the task; scores to come belong to it
    OUTDATED = "outdated"  # an earlier decision than the one known
    AS_DECIDED = "as_decided"  # a result that says nothing new: the chosen model answered
    FELL_BACK = "fell_back"  # another model answered than the chosen one
    BILLED = "billed"  # a result whose cost is a lesson


@dataclass(frozen=True, slots=True)
class Joined:
    """What to remember now, and the lessons to publish."""

    step: Step
    half: Half
    lessons: tuple[Lesson, ...] = ()


def join_decision(half: Half, decision: Decision, offset: int) -> Joined:
    """Meet the scores that came before the decision, and wait for those to come.

    Args:
        half: What is known of the task.
        decision: A decision about the task: its first, the same again, or another.
        offset: Its place on its partition: the same when it is delivered again.
    """
    chosen = _keep(decision)
    if half.chosen is None:
        heard = tuple(
            score.model_copy(update={"taught_by": chosen.decision_id, "early": True})
            for score in half.heard
        )
        kept = half.model_copy(update={"chosen": chosen, "offset": offset, "heard": heard})
        taught = (_teach(decision.task_id, kept, score) for score in heard)
        lessons = (*taught, *_bills(decision.task_id, chosen, half.billed))
        return Joined(Step.JOINED if lessons else Step.REMEMBERED, kept, lessons)
    if half.chosen.decision_id == chosen.decision_id:
        return _decide_again(half, decision, redelivered=offset == half.offset)
    if chosen.decided_at > half.chosen.decided_at:
        changes = {"chosen": chosen, "offset": offset}
        return Joined(Step.REDECIDED, half.model_copy(update=changes))
    return Joined(Step.OUTDATED, half)


def join_score(half: Half, score: Score, offset: int, heard_at: datetime) -> Joined:
    """Meet the decision if it is known, else wait for it.

    Args:
        half: What is known of the task.
        score: Checked feedback on the task.
        offset: Its place on its partition: the same when it is delivered again.
        heard_at: When the score arrived. `score.at` is what the publisher claims and would let
            it choose the window in which it counts.
    """
    known = next((s for s in half.heard if s.feedback_id == score.feedback_id), None)
    if known is not None:
        return _hear_again(half, known, score, offset)
    if len(half.heard) >= HEARD_LIMIT:
        return Joined(Step.CROWDED, half)
    chosen = half.chosen
    heard = Heard(
        feedback_id=score.feedback_id,
        offset=offset,
        score=score.score,
        source=score.source,
        heard_at=heard_at,
        tier=score.tier,
        model=score.model,
        taught_by=None if chosen is None else chosen.decision_id,
    )
    kept = half.model_copy(update={"heard": (*half.heard, heard)})
    if chosen is None:
        return Joined(Step.WAITING, kept)
    return Joined(Step.JOINED, kept, (_teach(score.task_id, kept, heard),))


def join_result(half: Half, result: Result) -> Joined:
    """Note who answered, where that is not the model that the decision chose; learn what it cost.

    A score judges the answer, so its lesson belongs to the model that gave it. What the chosen
    model took is a lesson at once: a result that is repeated makes it again, under the same id.
    """
    billed = _bill(result)
    if half.chosen is not None:
        bills = _bills(result.task_id, half.chosen, billed)
        return Joined(Step.BILLED, half, bills) if bills else _answer(half, result)
    joined = _answer(half, result)
    if billed is None or billed == half.billed:
        return joined
    return Joined(joined.step, joined.half.model_copy(update={"billed": billed}))


def _answer(half: Half, result: Result) -> Joined:
    if result.status != "completed" or result.tier is None or result.decision_id is None:
        return Joined(Step.AS_DECIDED, half)
    chosen = half.chosen
    if chosen is None or chosen.decision_id != result.decision_id:
        as_chosen = result.model is None  # a skill's answer; else nobody knows yet
    else:
        as_chosen = result.model == chosen.model
    if as_chosen:
        return Joined(Step.AS_DECIDED, half)
    answered = Answered(decision_id=result.decision_id, tier=result.tier, model=result.model)
    if answered == half.answered:
        return Joined(Step.REPEATED, half)
    return Joined(Step.FELL_BACK, half.model_copy(update={"answered": answered}))


def _decide_again(half: Half, decision: Decision, *, redelivered: bool) -> Joined:
    if not redelivered:
        return Joined(Step.REPEATED, half)
    early = (s for s in half.heard if s.early and s.taught_by == decision.decision_id)
    taught = (_teach(decision.task_id, half, score) for score in early)
    bills = _bills(decision.task_id, _keep(decision), half.billed)
    return Joined(Step.REPEATED, half, (*taught, *bills))


def _hear_again(half: Half, known: Heard, score: Score, offset: int) -> Joined:
    if known.offset != offset:
        return Joined(Step.REPEATED if known.score == score.score else Step.CORRECTED, half)
    # The lesson may not have been confirmed before a crash. An early score leaves it to its
    # decision, which was settled later and is therefore delivered again as well.
    chosen = half.chosen
    if chosen is None or known.early or known.taught_by != chosen.decision_id:
        return Joined(Step.REPEATED, half)
    return Joined(Step.REPEATED, half, (_teach(score.task_id, half, known),))


def _keep(decision: Decision) -> Chosen:
    model = decision.model
    return Chosen(
        decision_id=decision.decision_id,
        tier=decision.tier,
        model=model,
        features=decision.features,
        propensity=decision.propensity,
        predicted_quality=None if model is None else decision.predicted_quality.get(model),
        best_quality=decision.best_quality,
        explored=decision.explored,
        decided_at=decision.decided_at,
        listed_usd=decision.listed_usd,
        tenant=decision.tenant,
    )


def _teach(task_id: str, half: Half, heard: Heard) -> Lesson:
    if half.chosen is None:
        raise ValueError("a lesson needs its decision")
    context = dict(half.chosen) | {"listed_usd": None}
    judged = _judged(half, half.chosen, heard)
    if judged is not None and judged[1] != half.chosen.model:
        tier, model = judged
        context |= {
            "tier": tier,
            "model": model,
            "propensity": 0.0,  # no draw chose it
            "predicted_quality": None,
            "best_quality": None,
            "explored": True,  # nor did the thresholds
        }
    return Lesson(
        lesson_id=ids.derive("lesson", half.chosen.decision_id, heard.feedback_id),
        task_id=task_id,
        score=heard.score,
        source=heard.source,
        scored_at=heard.heard_at,
        **context,
    )


def _bill(result: Result) -> Billed | None:
    """What the answer alone came to: attempts that failed before it are another matter."""
    if result.status != "completed" or result.model is None or result.decision_id is None:
        return None
    for attempt in result.attempts[::-1]:
        if attempt.outcome == "completed" and attempt.model == result.model:
            if attempt.cost_usd is None:
                return None
            return Billed(
                decision_id=result.decision_id,
                model=result.model,
                cost_usd=attempt.cost_usd,
                at=result.completed_at,
            )
    return None


def _bills(task_id: str, chosen: Chosen, billed: Billed | None) -> tuple[Lesson, ...]:
    """The lesson about cost, where the chosen model answered and both sums are known."""
    if billed is None or (chosen.decision_id, chosen.model) != (billed.decision_id, billed.model):
        return ()
    if not chosen.listed_usd or not billed.cost_usd:
        return ()
    lesson = Lesson(
        lesson_id=ids.derive("lesson", chosen.decision_id, "cost"),
        task_id=task_id,
        score=None,
        source=None,
        cost_usd=billed.cost_usd,
        scored_at=billed.at,
        **dict(chosen),
    )
    return (lesson,)


def _judged(half: Half, chosen: Chosen, heard: Heard) -> tuple[Tier, Label | None] | None:
    """Whose answer a score is about, where it may be another model's than the chosen one's."""
    if heard.tier is not None and heard.model is not None:
        return heard.tier, heard.model
    answered = half.answered
    if answered is None or answered.decision_id != chosen.decision_id:
        return None
    return answered.tier, answered.model

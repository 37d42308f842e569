"""One run: tasks through classify → choose → score → learn → tune, in the agents' own code.

What an agent does with a record is called directly: the price of money, `decide`, the three joins,
the learner, and the tuner's handler; policies and snapshots reach the view by the fold that workers use. Time is
simulated: tasks come at an even pace, snapshots and thresholds as often as in a worker.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from streams import ids
from streams.agents.outcome import Emit, Record
from streams.agents.tune import tune
from streams.clock import Clock, SystemClock
from streams.events.control import Policy
from streams.events.decision import Decision, Refusal
from streams.events.feedback import Lesson, Score, Source
from streams.events.outcome import Attempt, Result
from streams.kafka import codec
from streams.learning.gains import Gains
from streams.learning.hearing import Hearing
from streams.learning.joining import Half, Joined, join_decision, join_result, join_score
from streams.learning.learner import Learner
from streams.learning.warming import Known, lessons_of
from streams.rig.benchmark.pool import SKILLED, Asked, Pool
from streams.rig.benchmark.prices import Prices
from streams.rig.simulation import BEGIN
from streams.routing.control import fold
from streams.routing.decide import View, decide
from streams.routing.price import PriceOfMoney
from streams.routing.quality import SHARED

TASKS_PER_S = 20.0
FLUSH_TASKS = 10
"""Tasks between two snapshots of the learner: half a second, as in a worker."""

TIMED = 300
"""So many decisions at the end of a run are made once more to be timed alone."""

BUCKET_S = 5.0
"""Length of a performance window: 100 tasks."""

MICRO = 1e6
T = TypeVar("T")


@dataclass(frozen=True)
class Terms:
    """How a run is played.

    Args:
        policy: In force at the beginning.
        gains: How thresholds move.
        delay: Scores come so many tasks late; costs come at once.
        graded: Share of tasks that ever get a score.
        known: Whether of the tasks that only teach every model's outcome is known beforehand, as
            `tierflow learner warm` teaches them; they are not played.
        renews: Whether a ceiling's period begins behind what only teaches.
        says: Who judges a task's answer, and what they say; None: a test, and what is so.
        bucket_s: Length of a performance window.
    """

    policy: Policy
    gains: Gains = field(default_factory=Gains)
    delay: int = 0
    graded: float = 1.0
    known: bool = False
    renews: bool = True
    says: "Says | None" = None
    bucket_s: float = BUCKET_S


@dataclass(frozen=True, slots=True)
class Step:
    """One task of a run: who did it, and what that came to.

    `model` is `SKILLED` for tier 0; `predicted` is None there. `spent_usd` is as recorded, even
    where the run was played with other costs.
    """

    row: int
    model: str
    tier: int
    score: float
    spent_usd: Decimal
    predicted: float | None
    bound_by: str | None


Said = tuple[tuple[Source, float], ...]
"""Scores of one answer, each with its source."""

Says = Callable[[Asked, Step], Said]


@dataclass
class Ran:
    """What came of a run: a step a task in the order played, and thresholds by task number.

    `decision_us` are of decisions one after another, as a worker makes them that does not learn;
    `between_us` those of the run, each behind lessons that have used the processor's caches.
    `lesson_us` are of scores, `bill_us` of costs.
    """

    steps: list[Step] = field(default_factory=list)
    thresholds: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)
    decision_us: list[float] = field(default_factory=list)
    between_us: list[float] = field(default_factory=list)
    lesson_us: list[float] = field(default_factory=list)
    bill_us: list[float] = field(default_factory=list)
    snapshot_bytes: int = 0


@dataclass(slots=True)
class _Due:
    """Scores that will be given after the task of that number."""

    after: int
    task_id: str
    said: Said


class Stream:
    """One run.

    Args:
        pool: Tasks and their recorded outcomes.
        prices: What is known of prices.
        terms: How it is played.
        salt: Decides draws and which tasks are graded; another one a run.
        bills: What tasks cost in this run, in the form of the pool's; None: as recorded.
        clock: Measures decisions and lessons.
    """

    def __init__(
        self,
        pool: Pool,
        prices: Prices,
        terms: Terms,
        salt: str,
        bills: Sequence[Sequence[Decimal]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.ran = Ran()
        self._pool, self._prices, self._terms, self._salt = pool, prices, terms, salt
        self._bills = pool.bills if bills is None else bills
        self._clock = clock or SystemClock()
        self._column = {model: number for number, model in enumerate(pool.models)}
        self._learner = Learner()
        self._view = View(prices.registry, terms.policy)
        self._tuner = tune(
            {}, initial=terms.policy, gains=terms.gains, bucket_s=terms.bucket_s, partitions=1
        )
        self._halves: dict[str, Half] = {}
        self._due: deque[_Due] = deque()
        self._money = PriceOfMoney()
        self._lessons = 0
        self._at: datetime = BEGIN
        self._repriced = False

    @property
    def hearing(self) -> Hearing:
        """What is known of those who judge."""
        return self._learner.hearing

    def run(
        self, order: Sequence[int], learning: int = 0, show: Callable[[], None] = lambda: None
    ) -> Ran:
        """Play the tasks in this order.

        Args:
            order: Rows of the pool.
            learning: So many at the beginning only teach.
            show: Told of every task that is done.
        """
        if self._terms.known:
            self._warm(order[:learning])
        for number, row in enumerate(order):
            if self._terms.known and number < learning:
                show()
                continue
            if number == learning:
                self._turn()
            self._at = BEGIN + timedelta(seconds=number / TASKS_PER_S)
            if number % FLUSH_TASKS == 0:
                self._flush(number)
            self._play(number, row)
            while self._due and self._due[0].after <= number:
                self._grade(number, self._due.popleft())
            show()
        self._flush(len(order))
        for row in order[-TIMED:]:  # decided once more, for their time alone
            self._decide(self._pool.asked[row], self.ran.decision_us)
        return self.ran

    def _turn(self) -> None:
        """What comes now is measured."""
        if self._terms.renews:
            self._money.renew()
        self._repriced = self._prices.turn() or self._repriced

    def _warm(self, rows: Sequence[int]) -> None:
        """Learn what every model made of these tasks, before the first is decided."""
        for row in rows:
            for model, bill in zip(self._pool.models, self._bills[row], strict=True):
                self._repriced = self._prices.take(model, bill) or self._repriced
        specs = [self._prices.registry.by_name[model] for model in self._pool.models]
        for row in rows:
            scores, bills = self._pool.scores[row].tolist(), self._bills[row]
            known = (Known(score, bill) for score, bill in zip(scores, bills, strict=True))
            task = self._pool.asked[row].task
            for lesson in lessons_of(task, zip(specs, known, strict=True), self._at):
                self._learn(lesson)

    def _play(self, number: int, row: int) -> None:
        """Decide one task, answer it as recorded, and let its cost be known."""
        asked = self._pool.asked[row]
        decision = self._decide(asked, self.ran.between_us)
        step = self._answer(asked, row, decision)
        self.ran.steps.append(step)
        joined = join_decision(Half(), decision, number)
        joined = join_result(joined.half, self._result(decision, step, row))
        self._teach(joined)
        graded = self._graded(asked)
        if graded is not None:
            self._halves[asked.task.task_id] = joined.half
            self._due.append(
                _Due(
                    number + self._terms.delay, asked.task.task_id, self._said(asked, step, graded)
                )
            )

    def _said(self, asked: Asked, step: Step, graded: float) -> Said:
        if self._terms.says is not None:
            return self._terms.says(asked, step)
        return (("test", step.score if step.model != SKILLED else graded),)

    def _decide(self, asked: Asked, took_us: list[float]) -> Decision:
        task = asked.task
        draw = ids.draw(self._salt, task.task_id, "choice/0")
        began_s = self._clock.monotonic_s()
        quality = self._view.quality
        pricing = self._money.pricing(self._view.policy, quality.lessons_of(SHARED), quality.bills)
        made = decide(
            task, self._view, body_digest="", skill=asked.skill, draw=draw, now=self._at,
            pricing=pricing,
        )  # fmt: skip
        if isinstance(made, Refusal):
            raise ValueError(f"task {asked.own_id!r} was refused: {made.detail}")  # noqa: TRY004
        self._money.take(made)
        took_us.append((self._clock.monotonic_s() - began_s) * MICRO)
        return made

    def _answer(self, asked: Asked, row: int, decision: Decision) -> Step:
        if decision.model is None:
            return Step(row, SKILLED, 0, asked.skill_score or 0.0, Decimal(0), None, None)
        column = self._column[decision.model]
        return Step(
            row,
            decision.model,
            decision.tier,
            float(self._pool.scores[row, column]),
            self._pool.bills[row][column],
            decision.predicted_quality[decision.model],
            decision.bound_by,
        )

    def _result(self, decision: Decision, step: Step, row: int) -> Result:
        """The result as its tier would publish it; the bill is heard by who learns prices."""
        cost, attempts = Decimal(0), tuple[Attempt, ...]()
        if decision.model is not None:
            cost = self._bills[row][self._column[decision.model]]
            self._money.charge(decision.task_id, decision.model, cost)
            self._repriced = self._prices.take(decision.model, cost) or self._repriced
            attempts = (
                Attempt(
                    tier=step.tier,
                    model=decision.model,
                    call_id=ids.derive("call", decision.task_id),
                    outcome="completed",
                    cost_usd=cost,
                ),
            )
        return Result(
            task_id=decision.task_id,
            status="completed",
            tier=step.tier,
            model=decision.model,
            attempts=attempts,
            cost_usd=cost,
            decision_id=decision.decision_id,
            completed_at=self._at,
        )

    def _graded(self, asked: Asked) -> float | None:
        """Whether a task gets a score; of a skill's answer, which one. None: nobody says."""
        if asked.skill is not None:
            return asked.skill_score
        drawn = ids.draw(self._salt, asked.task.task_id, "graded")
        return 1.0 if drawn < self._terms.graded else None

    def _grade(self, number: int, due: _Due) -> None:
        half = self._halves.pop(due.task_id)
        for source, said in due.said:
            score = Score(
                feedback_id=ids.derive("feedback", due.task_id, source, ""),
                task_id=due.task_id,
                score=said,
                source=source,
                name="",
                comment=None,
                at=self._at,
            )
            joined = join_score(half, score, number, self._at)
            self._teach(joined)
            half = joined.half

    def _teach(self, joined: Joined) -> None:
        for lesson in joined.lessons:
            self._learn(lesson)

    def _learn(self, lesson: Lesson) -> None:
        began_s = self._clock.monotonic_s()
        self._learner.learn(lesson)
        took_us = (self._clock.monotonic_s() - began_s) * MICRO
        (self.ran.bill_us if lesson.score is None else self.ran.lesson_us).append(took_us)
        value = codec.encode(lesson)
        record = Record("lessons", 0, self._lessons, None, value, (), self._at)
        _finish(self._tuner.handle(record))
        self._lessons += 1

    def _flush(self, number: int) -> None:
        """Put in force what was learned and tuned since the last time."""
        if self._repriced:
            self._view = replace(self._view, registry=self._prices.registry)
            self._repriced = False
        for state in self._learner.snapshots(self._at):
            self._view = fold(self._view, state)
            self.ran.snapshot_bytes = max(self.ran.snapshot_bytes, len(codec.encode(state)))
        if self._tuner.tick is None:
            return
        outcome = _finish(self._tuner.tick(self._at))
        for send in outcome.sends if isinstance(outcome, Emit) else ():
            self._view = fold(self._view, send.event)
            if isinstance(send.event, Policy):
                self.ran.thresholds.append((number, dict(send.event.thresholds)))


def _finish(work: Awaitable[T]) -> T:
    """The value of work that waits for nothing.

    Raises:
        RuntimeError: It waits for something.
    """
    try:
        next(work.__await__())
    except StopIteration as ended:
        value: T = ended.value
        return value
    raise RuntimeError("a stage waits for something")

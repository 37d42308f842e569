"""A decision with a price of money, and a lesson, step by step, in CPU time of this process.

Each step stands beside baselines of the same run: a hundred small numpy calls, which is what most
of it is made of, and the same lesson by River's own estimator over a dictionary.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from river import linear_model, optim

from streams import ids
from streams.events.decision import Decision
from streams.events.feedback import Lesson
from streams.learning.learner import Learner
from streams.learning.recent import Recent
from streams.learning.ridge import TwoStageRidge
from streams.learning.sparse import FIRST_SQUARE, LEARNING_RATE, FractionalLog, Hashed
from streams.routing import bargain, dense
from streams.routing.constraints import chars, hindrances
from streams.routing.decide import View, decide
from streams.routing.features import extract, pack, unpack
from streams.routing.policy import initial_policy
from streams.routing.price import PriceOfMoney
from streams.routing.quality import QualityView
from streams.routing.registry import register
from streams.routing.rules import propose
from streams.routing.snapshot import WIDTH
from tests.bench import workload
from tests.bench.processor import load
from tests.builders import AT, a_lesson

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

TASKS = 200
ROUNDS = 9
"""Each step is timed so often over all tasks; the fastest round counts, for noise only adds."""

MODELS = 3
CEILING_USD = Decimal("0.0005")
NOW = AT + timedelta(minutes=1)


def time_us(step: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """CPU microseconds a call: the fastest of some rounds over all inputs."""
    rounds = []
    for _ in range(ROUNDS):
        begun_s = time.process_time()
        for one in inputs:
            step(one)
        rounds.append((time.process_time() - begun_s) / len(inputs) * 1e6)
    return min(rounds)


def hundred_calls(row: Any) -> None:
    """A hundred small numpy calls."""
    for _ in range(100):
        row.dot(row)


class Measurement:
    """A router and a learner that have seen some hundred tasks and bills."""

    def __init__(self) -> None:
        specs = workload.registry().models[:: 8 // MODELS][:MODELS]
        self.specs = register(specs).models
        policy = initial_policy(AT, ceiling_usd=CEILING_USD)
        self.view = View(register(specs), policy)
        self.money, self.learner = PriceOfMoney(), Learner()
        self.tasks = [workload.task(number) for number in range(TASKS)]
        self.lessons: list[Lesson] = []
        self.bills: list[Lesson] = []
        for number, task in enumerate(self.tasks):
            decision = self.decide(task, draw=ids.draw(workload.SALT, task.task_id, "choice"))
            self.teach(number, decision)
        quality = QualityView()
        for part in self.learner.snapshots(NOW):
            quality = quality.with_part(part)
        self.view = replace(self.view, quality=quality)

    def decide(self, task: Any, draw: float = 0.5) -> Decision:
        """All that a process does that decides: the price, the decision, and remembering it."""
        pricing = self.money.pricing(self.view.policy)
        made = decide(
            task, self.view, body_digest="d", skill=None, draw=draw, now=NOW, pricing=pricing
        )
        assert isinstance(made, Decision)
        self.money.take(made)
        return made

    def teach(self, number: int, decision: Decision) -> None:
        """A bill, and a score."""
        assert decision.listed_usd is not None
        cost = decision.listed_usd * (1 + number % 5)
        self.money.charge(decision.task_id, decision.model or "", cost)
        same: dict[str, Any] = {
            "tier": decision.tier,
            "model": decision.model,
            "features": decision.features,
        }
        lesson = a_lesson(decision.task_id, (number % 4) / 3, **same)
        bill = a_lesson(
            decision.task_id, lesson_id=f"bill-{number}", **same,
            cost_usd=cost, listed_usd=decision.listed_usd,
        ).model_copy(update={"score": None})  # fmt: skip
        self.lessons.append(lesson)
        self.bills.append(bill)
        self.learner.learn(lesson)
        self.learner.learn(bill)

    def learn(self, lesson: Lesson) -> None:
        """Learn from it as if it were new."""
        self.learner._recent = Recent()
        assert self.learner.learn(lesson)


def test_the_steps_of_a_priced_decision_and_of_a_lesson_are_timed() -> None:
    this = Measurement()
    specs, view, texts = this.specs, this.view, [task.text for task in this.tasks]
    judged = [(text, propose(text)) for text in texts]
    features = [extract(*pair) for pair in judged]
    listed = [{m.name: m.expected_cost_usd(chars(t)) for m in specs} for t in this.tasks]
    read = list(zip(features, listed, strict=True))
    dollars = [view.quality.costs(one, specs, usd) for one, usd in read]
    pricing = this.money.pricing(view.policy)
    assert pricing is not None
    made = [this.decide(task) for task in this.tasks]
    fields = [{name: getattr(one, name) for name in Decision.model_fields} for one in made]
    hashed, ridge = Hashed(), TwoStageRidge(arm="model", width=dense.WIDTH)
    hashed.reach(2)
    inputs = [hashed.inputs(one, 1) for one in features]
    rows = [dense.dense(one) for one in features]
    plain = linear_model.LogisticRegression(
        optimizer=optim.AdaGrad(lr=LEARNING_RATE, eps=FIRST_SQUARE), loss=FractionalLog(),
        intercept_lr=0.0,
    )  # fmt: skip
    named = [dict(zip(x.at.tolist(), x.values.tolist(), strict=True)) for x in inputs]

    def afford(pair: Any) -> object:
        return bargain.afford(pair[0], specs, 500, pair[1], pricing)

    baseline = time_us(hundred_calls, rows)
    steps = {
        "rules": time_us(propose, texts),
        "features": time_us(lambda pair: extract(*pair), judged),
        "pack the features": time_us(pack, features),
        "an id": time_us(lambda t: ids.derive("decision", t.task_id, "body", 0), this.tasks),
        "constraints": time_us(lambda t: hindrances(t, view.registry), this.tasks),
        "quality and cost of each model": time_us(
            lambda pair: view.quality.forecast(pair[0], specs, pair[1]), read
        ),
        "the price of money": time_us(lambda _: this.money.pricing(view.policy), this.tasks),
        "what can be afforded": time_us(afford, list(zip(this.tasks, dollars, strict=True))),
        "the event": time_us(lambda one: Decision(**one), fields),
        "remember what was predicted": time_us(this.money.take, made),
        "a decision": time_us(this.decide, this.tasks),
        "read the features": time_us(lambda one: unpack(one.features), this.lessons),
        "inputs": time_us(lambda one: (hashed.inputs(one, 1), dense.dense(one)), features),
        "predict by River's regression": time_us(lambda one: hashed.predict(one, 0.1), inputs),
        "teach River's regression": time_us(lambda one: hashed.learn(one, 0.1, 0.8), inputs),
        "teach the ridge": time_us(lambda row: ridge.learn("m", row, 0.1), rows),
        "a lesson from a score": time_us(this.learn, this.lessons),
        "a lesson from a bill": time_us(this.learn, this.bills),
        "River's own, over a dictionary": time_us(lambda one: plain.learn_one(one, 0.8), named),
    }
    print(f"\n\na decision and a lesson, {MODELS} models: CPU µs, beside 100 numpy calls; {load()}")  # noqa: T201
    for name, took_us in steps.items():
        print(f"  {name:<32}{took_us:8.1f}{took_us / baseline:8.2f}")  # noqa: T201
    print(f"  {'a hundred small numpy calls':<32}{baseline:8.1f}{1:8.2f}")  # noqa: T201
    assert len(inputs[0].at) < WIDTH
    assert steps["a lesson from a score"] < steps["River's own, over a dictionary"]

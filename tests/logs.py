"""A log of decisions that were really drawn, and of what every model would have made of each task."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from streams import ids
from streams.events.control import Policy
from streams.events.decision import Decision
from streams.events.envelope import Event
from streams.events.task import Task
from streams.routing.decide import View, decide
from streams.routing.price import PriceOfMoney
from streams.routing.quality import QualityView
from streams.routing.registry import Registry
from tests.builders import AT, a_policy, a_registry, a_result, a_score, a_task
from tests.chance import pick, share

PROMPTS = (
    "Rename x to y in: x = 1",
    "Write a function that adds two numbers.",
    "Explain why the sky is blue.",
    "Design the architecture of a payment service.",
    "Which of (A) and (B) is right?",
)
ABILITY = {"tiny": 0.45, "small": 0.6, "medium": 0.75, "large": 0.9}
TOKENS = 100


@dataclass(frozen=True)
class Logged:
    """One task: what was asked and decided, and what came of it."""

    task: Task
    decision: Decision
    score: float
    cost_usd: Decimal

    def events(self) -> Iterator[Event]:
        """As they stand on the topics."""
        name = self.task.task_id
        decision = self.decision
        yield decision
        yield a_result(
            name, decision_id=decision.decision_id, tier=decision.tier, model=decision.model,
            cost_usd=self.cost_usd,
        )  # fmt: skip
        yield a_score(name, self.score)


def score_of(model: str, name: str) -> float:
    """Whether a model does a task well."""
    return float(share("well", model, name) < ABILITY[model])


def cost_of(model: str, name: str) -> Decimal:
    """What it costs there: the list price of an answer of its own length."""
    spec = a_registry().by_name[model]
    usual = spec.expected_cost_usd(TOKENS)
    assert usual is not None
    return (usual * Decimal(repr(0.5 + share("long", model, name)))).quantize(Decimal("1E-12"))


def a_log(
    count: int,
    policy: Policy | None = None,
    registry: Registry | None = None,
    quality: QualityView | None = None,
) -> list[Logged]:
    """So many tasks, each decided by a draw from its own distribution."""
    view = View(registry or a_registry(), policy or a_policy(0), quality or QualityView())
    price = PriceOfMoney()
    return [_logged(f"logged-{n}", view, price, n) for n in range(count)]


def worth(log: list[Logged], chances: list[Mapping[str, float]]) -> tuple[float, float]:
    """The mean score and dollars that these distributions really have on a log's tasks."""
    score = cost = 0.0
    for one, chance in zip(log, chances, strict=True):
        for model, probability in chance.items():
            score += probability * score_of(model, one.task.task_id)
            cost += probability * float(cost_of(model, one.task.task_id))
    return score / len(log), cost / len(log)


def _logged(name: str, view: View, price: PriceOfMoney, number: int) -> Logged:
    task = a_task(name, prompt=pick(PROMPTS, "prompt", name))
    decision = decide(
        task, view, body_digest=ids.digest(name.encode()), skill=None, draw=share("draw", name),
        now=AT + timedelta(seconds=number), pricing=price.pricing(view.policy, lessons=number),
    )  # fmt: skip
    assert isinstance(decision, Decision)
    assert decision.model is not None
    model = decision.model
    price.take(decision)
    price.charge(name, model, cost_of(model, name))
    return Logged(task, decision, score_of(model, name), cost_of(model, name))

"""What another policy would have been worth on logged tasks, in quality and in dollars.

Each logged decision is made once more, with the other models and thresholds and with what was
predicted then; `offpolicy` weighs what came of the logged ones. It answers for a policy beside
what is learned by now: how many lessons there were is taken from the log's end.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from streams.events.control import Policy
from streams.events.decision import Decision, Pricing, Refusal
from streams.events.models import CHARS_PER_TOKEN
from streams.events.task import Task
from streams.learning.history import History, Told
from streams.learning.offpolicy import Drawn, Evaluation, evaluate
from streams.routing.availability import Steering
from streams.routing.constraints import chars
from streams.routing.decide import View, decide
from streams.routing.features import Features
from streams.routing.price import PriceOfMoney
from streams.routing.quality import SHARED, Forecast, QualityView
from streams.routing.registry import ModelSpec, Registry
from streams.routing.rules import Verdict

SKILL = "tier 0"
"""The arm of a task that a skill answered: no policy moves it."""

REFUSED = "refused"
"""The arm of a task that the other policy would give to no model."""

USUAL_CHARS = 1000
"""The size of a task of which nothing is known, for what models are expected to cost."""


@dataclass(frozen=True)
class LoggedQuality(QualityView):
    """What was predicted when a task was decided; of a model that was not there, what is now.

    `now` is what is known by the log's end, `said_usd` what was expected of costs, `repriced` the
    models of which that no longer holds. `counted` stands in for the lessons of each part where the
    log has no learned state.
    """

    now: QualityView = field(default_factory=QualityView)
    said: Mapping[str, float] = field(default_factory=dict)
    said_usd: Mapping[str, Decimal | None] = field(default_factory=dict)
    repriced: frozenset[str] = frozenset()
    counted: Mapping[str, int] | None = None

    def predict(self, features: Features, models: Iterable[ModelSpec]) -> dict[str, float]:
        """Predicted quality by model."""
        models = tuple(models)
        if all(spec.name in self.said for spec in models):
            return {spec.name: self.said[spec.name] for spec in models}
        known = self.now.predict(features, models)
        return {name: self.said.get(name, quality) for name, quality in known.items()}

    def costs(
        self,
        features: Features,
        models: Iterable[ModelSpec],
        listed: Mapping[str, Decimal | None],
    ) -> dict[str, Decimal | None]:
        """Dollars by model: as was expected then, else by what is known now."""
        known = self.now.costs(features, models, listed)
        return {
            name: usd if name in self.repriced else self.said_usd.get(name, usd)
            for name, usd in known.items()
        }

    def forecast(
        self,
        features: Features,
        models: Iterable[ModelSpec],
        listed: Mapping[str, Decimal | None],
    ) -> Forecast:
        """Both together, as a decision asks for them."""
        models = tuple(models)
        return Forecast(self.predict(features, models), self.costs(features, models, listed))

    def lessons_of(self, part: str) -> int:
        """How many lessons taught a part."""
        return self.now.lessons_of(part) if self.counted is None else self.counted.get(part, 0)


class Verdicts(NamedTuple):
    """What a log says of another policy.

    Args:
        decisions: Logged decisions.
        without_task: Those whose task is not in the log: their `critical`, `min_quality` and
            size are not known.
        share: Of tasks by model, as logged and as the other policy would have it.
        quality: Mean score of a task; None where no logged task tells.
        cost_usd: Mean dollars of a task, likewise.
    """

    decisions: int
    without_task: int
    share: dict[str, tuple[float, float]]
    quality: Evaluation | None
    cost_usd: Evaluation | None


def appraise(
    history: History, registry: Registry, policy: Policy, repriced: Iterable[str] = ()
) -> Verdicts:
    """Estimate what another policy would have been worth.

    Args:
        history: The log.
        registry: The other policy's models.
        policy: Its thresholds.
        repriced: Models whose prices are no longer those of the log.

    Raises:
        ValueError: A decision lacks the probability of the model that it chose.
    """
    pairs = decide_again(history, registry, policy, repriced)
    told, targets = [one for one, _ in pairs], [target for _, target in pairs]
    qualities = [
        _drawn(one, target, one.score, _qualities(one.decision, target))
        for one, target in pairs
        if one.score is not None
    ]
    costs = [
        _drawn(one, target, one.cost_usd, _costs(one, target, registry))
        for one, target in pairs
        if one.cost_usd is not None
    ]
    return Verdicts(
        decisions=len(told),
        without_task=sum(one.task is None for one in told),
        share=_shares(told, targets),
        quality=evaluate(qualities),
        cost_usd=evaluate(costs),
    )


def decide_again(
    history: History, registry: Registry, policy: Policy, repriced: Iterable[str] = ()
) -> list[tuple[Told, dict[str, float]]]:
    """Every logged task, in the order of deciding, with the other policy's distribution."""
    told = history.tasks()
    view = _view(history, told, registry, policy)
    if isinstance(view.quality, LoggedQuality):
        view = replace(view, quality=replace(view.quality, repriced=frozenset(repriced)))
    price = PriceOfMoney()
    return [(one, _haggled(one, view, price)) for one in told]


def redistribute(told: Told, view: View, pricing: Pricing | None = None) -> dict[str, float]:
    """The distribution from which another view would have drawn a logged task's model.

    Constraints are the task's own where it is known; else the models that were eligible then, and
    no others. What was out of reach or cold then still is.

    Args:
        told: The task as logged.
        view: The other policy and models; its quality holds what is known by now.
        pricing: What money is worth under that policy, if it holds a ceiling or a quality.
    """
    if told.decision.model is None:
        return {SKILL: 1.0}
    again = _again(told, view, pricing)
    return {REFUSED: 1.0} if again is None else again.probabilities


def _again(told: Told, view: View, pricing: Pricing | None) -> Decision | None:
    """The decision made once more; None where no model may take the task."""
    decision, quality = told.decision, view.quality
    if isinstance(quality, LoggedQuality):
        quality = replace(quality, said=decision.predicted_quality, said_usd=decision.expected_usd)
    registry = view.registry if told.task is not None else _eligible(view.registry, decision)
    if not registry.models:
        return None
    again = decide(
        told.task or _stand_in(told),
        replace(view, registry=registry, quality=quality),
        body_digest="",
        skill=None,
        draw=0.0,
        now=decision.decided_at,
        steering=Steering(decision.unavailable, decision.warming),
        verdict=Verdict(decision.rule_tier, decision.rule_confidence, decision.rule),
        pricing=pricing,
    )
    return None if isinstance(again, Refusal) else again


def _haggled(told: Told, view: View, price: PriceOfMoney) -> dict[str, float]:
    """The same, of one task after another: the price follows what the policy would have spent.

    Each task is booked with what the preferred model is expected to cost. Exploration is that of
    a policy long in force: as many tasks were decided as there are lessons.
    """
    pricing = price.pricing(view.policy)
    if pricing is None or told.decision.model is None:
        return redistribute(told, view)
    known = max(price.tasks, view.quality.lessons_of(SHARED))
    again = _again(told, view, pricing.model_copy(update={"tasks": known}))
    if again is None:
        return {REFUSED: 1.0}
    preferred = max(again.probabilities, key=lambda name: again.probabilities[name])
    price.take(again.model_copy(update={"model": preferred}))
    expected = again.expected_usd.get(preferred)
    if expected is not None:
        price.charge(again.task_id, preferred, expected)
    return again.probabilities


def _view(history: History, told: Sequence[Told], registry: Registry, policy: Policy) -> View:
    now = QualityView()
    for state in history.parts.values():
        with suppress(ValueError):  # one that can't serve tells nothing
            now = now.with_part(state)
    counted = None if SHARED in now.parts else _counted(told)
    quality = LoggedQuality(version=now.version, lessons=now.lessons, now=now, counted=counted)
    return View(registry, policy, quality)


def _counted(told: Sequence[Told]) -> Counter[str]:
    """Judged tasks by model, and in all: the lessons that the log itself tells of."""
    judged = Counter(
        one.decision.model for one in told
        if one.score is not None and one.decision.model is not None
    )  # fmt: skip
    judged[SHARED] = judged.total()
    return judged


def _eligible(registry: Registry, decision: Decision) -> Registry:
    """The models that might take the task then."""
    kept = tuple(spec for spec in registry.models if spec.name in decision.predicted_quality)
    return replace(registry, models=kept)


def _stand_in(told: Told) -> Task:
    """A task as large as the one that is not known: only its size is read of it."""
    return Task(
        task_id=told.decision.task_id, tenant=told.decision.tenant, prompt="x" * _size(told)
    )


def _size(told: Told) -> int:
    """Characters of a task: its own, else what was billed as read, else the usual."""
    if told.task is not None:
        return chars(told.task)
    read = None if told.result is None else told.result.usage.input_tokens
    return USUAL_CHARS if read is None else max(1, read * CHARS_PER_TOKEN)


def _drawn(
    told: Told, target: Mapping[str, float], reward: float, believed: Mapping[str, float]
) -> Drawn:
    decision = told.decision
    if decision.model is None:
        return Drawn(SKILL, {SKILL: 1.0}, target, reward, believed)
    return Drawn(decision.model, decision.probabilities, target, reward, believed)


def _qualities(decision: Decision, target: Mapping[str, float]) -> dict[str, float]:
    known = decision.predicted_quality
    return {
        arm: known[arm] for arm in (*target, decision.model) if arm is not None and arm in known
    }


def _costs(told: Told, target: Mapping[str, float], registry: Registry) -> dict[str, float]:
    """Dollars that were expected when it was decided, else by list price; of all that have them."""
    size = _size(told)
    most = None if told.task is None else told.task.max_output_tokens
    found: dict[str, float] = {}
    for arm in (*target, told.decision.model):
        spec = registry.known.get(arm or "")
        cost = told.decision.expected_usd.get(arm or "")
        if cost is None and spec is not None:
            cost = spec.expected_cost_usd(size, most)
        if arm is not None and cost is not None:
            found[arm] = float(cost)
    return found


def _shares(
    told: Sequence[Told], targets: Sequence[Mapping[str, float]]
) -> dict[str, tuple[float, float]]:
    """By arm, of all tasks: how many went there, and how many would have gone."""
    went = Counter(one.decision.model or SKILL for one in told)
    would: Counter[str] = Counter()
    for target in targets:
        for arm, chance in target.items():
            would[arm] += chance  # type: ignore[assignment]  # typed for whole counts
    count = max(len(told), 1)
    arms = sorted({*went, *would})
    return {arm: (went[arm] / count, would[arm] / count) for arm in arms}

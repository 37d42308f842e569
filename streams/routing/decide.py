"""The composition: a task, what is known, one draw → a decision that explains itself.

Pure: equal prompts, ids, constraints, view and draw give equal decisions.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from streams import ids
from streams.events.control import Policy
from streams.events.decision import (
    Binding,
    Decision,
    Pricing,
    Refusal,
    RefusalReason,
    Strategy,
)
from streams.events.task import Task
from streams.routing import choice, policy, trial
from streams.routing.availability import UNSTEERED, Availabilities, Steering, free, slowed
from streams.routing.bargain import Dollars, Room, afford, best_bargain, booked
from streams.routing.cascade import NEVER, Cascading, asked_first
from streams.routing.constraints import chars, hindrances, refuse
from streams.routing.features import extract, pack
from streams.routing.quality import SHARED, QualityView
from streams.routing.registry import ModelSpec, Registry
from streams.routing.roster import Roster
from streams.routing.rules import Verdict, propose


@dataclass(frozen=True)
class View:
    """All that a decision may know beside its task: models, policy in force, learned quality.

    `registry` is what the roster comes to under this policy and quality; it is read alone.
    Where it does not `steer`, what workers say of models that can't be called moves nothing.
    """

    registry: Registry
    policy: Policy
    quality: QualityView = field(default_factory=QualityView)
    roster: Roster | None = None
    availability: Availabilities = field(default_factory=Availabilities)
    steer: bool = True


class _Facts(NamedTuple):
    """What is known of one task before a tier is chosen; qualities and dollars are by model.

    `listed` is what price lists expect, `costs` what bills have made of that. Without `pricing`
    money has no price: the thresholds decide, and costs are the listed ones.
    """

    verdict: Verdict
    predicted: dict[str, float]
    listed: Dollars
    costs: Dollars
    pricing: Pricing | None


class _Preference(NamedTuple):
    """What policy and choice make of one set of models, before chance."""

    placement: policy.Placement
    chosen: str
    standings: policy.Standings


def decide(
    task: Task,
    view: View,
    *,
    body_digest: str,
    skill: str | None,
    draw: float,
    now: datetime,
    redrive: int = 0,
    verdict: Verdict | None = None,
    cascading: Cascading = NEVER,
    steering: Steering | None = None,
    pricing: Pricing | None = None,
) -> Decision | Refusal:
    """Choose tier and model for a task.

    Args:
        task: What is asked for, with its constraints.
        view: What is known at this moment.
        body_digest: SHA-256 of the task's body; with task id and redrive it names the decision.
        skill: The tier-0 skill that is sure of its answer, if one is.
        draw: A number in [0, 1): the only chance in a decision.
        now: The moment of deciding.
        redrive: How often the task was sent again on purpose.
        verdict: What the rules said of a task whose text is no longer known; None: they are asked.
        cascading: When a cheaper model is asked first.
        steering: What is hindered or cold; None: what the view says. A decision is recomputed with
            what is written on it.
        pricing: What money is worth, see `price.PriceOfMoney`; None: the thresholds decide. It is
            written on the decision too.

    Returns:
        The decision; or a refusal: the deadline has passed, or no model may take the task.
    """
    if task.overdue(now):
        detail = f"the deadline {task.deadline_at} has passed"
        return Refusal(reason=RefusalReason.DEADLINE, detail=detail)
    verdict = verdict or propose(task.text)
    decision_id = ids.derive("decision", task.task_id, body_digest, redrive)
    if skill is not None and _may_answer(task):
        return _answer(task, view, decision_id, skill, now)
    hindered = hindrances(task, view.registry)
    models = tuple([spec for spec in view.registry.models if spec.name not in hindered])
    if not models:
        return refuse(task, hindered, view.registry)
    if steering is None:
        steering = view.availability.steering(models, now) if view.steer else UNSTEERED
    eligible = [spec.name for spec in models]
    known = view.registry
    models, view = _steered(models, view, steering)
    features = extract(task.text, verdict)
    size = chars(task)
    listed = {m.name: m.expected_cost_usd(size, task.max_output_tokens) for m in known.models}
    predicted, learned = view.quality.forecast(features, known.models, listed)
    # Without a price of money the same models and scores make the same choices, whatever bills say.
    facts = _Facts(verdict, predicted, listed, listed if pricing is None else learned, pricing)
    room = Room(models, (), {})
    if pricing is not None:
        room = afford(task, models, size, facts.costs, pricing)
    preference = _prefer(task, room.models, facts, view)
    probabilities = _spread(task, room.models, facts, preference, view)
    drawn = view.registry.by_name[choice.pick(probabilities, draw)]
    explored = drawn.name != preference.chosen
    kept_out = {*hindered, *room.out}
    first = None if explored else _first(task, view.registry, drawn, kept_out, facts, cascading)
    return Decision(
        task_id=task.task_id,
        decision_id=decision_id,
        tenant=task.tenant,
        tier=drawn.tier,
        model=drawn.name,
        confidence=preference.placement.confidence,
        rule=verdict.rule,
        rule_tier=verdict.tier,
        rule_confidence=verdict.confidence,
        probabilities=probabilities,
        predicted_quality={name: facts.predicted[name] for name in eligible},
        best_quality=preference.standings.best,
        threshold=preference.placement.bar,
        bound_by=_bound_by(task, preference, hindered, facts, view)
        or _bound_by_money(task, models, room, facts),
        strategy=_strategy(task, view),
        model_state_version=view.quality.version,
        policy_version=view.policy.version,
        explored=explored,
        unavailable=steering.unavailable,
        warming=dict(steering.warming),
        cold=drawn.cold,
        asked_first=None if first is None else first.name,
        asked_first_tier=None if first is None else first.tier,
        pricing=pricing,
        expected_usd={}
        if pricing is None
        else {name: booked(facts.costs[name]) for name in eligible},
        unaffordable=room.out,
        reserved_usd=booked(room.reserves_usd.get(drawn.name)),
        listed_usd=booked(facts.listed[drawn.name]),
        features=pack(features),
        decided_at=now,
    )


def _may_answer(task: Task) -> bool:
    """Whether tier 0 may take a task: nothing asks for a model, or for what only a model gives."""
    by_model = (task.model, task.min_tier, task.capabilities, task.tools, task.response_schema)
    return not any(by_model)


def _answer(task: Task, view: View, decision_id: str, skill: str, now: datetime) -> Decision:
    return Decision(
        task_id=task.task_id,
        decision_id=decision_id,
        tenant=task.tenant,
        tier=0,
        model=None,
        confidence=1.0,
        rule=skill,
        rule_tier=0,
        rule_confidence=1.0,
        probabilities={},
        predicted_quality={},
        best_quality=None,
        threshold=0.0,
        bound_by=None,
        strategy=view.policy.strategy,
        model_state_version=view.quality.version,
        policy_version=view.policy.version,
        explored=False,
        skill=skill,
        features="",
        decided_at=now,
    )


def _strategy(task: Task, view: View) -> Strategy:
    return Strategy.QUALITY_FIRST if task.critical else view.policy.strategy


def _steered(
    models: tuple[ModelSpec, ...], view: View, steering: Steering
) -> tuple[tuple[ModelSpec, ...], View]:
    """The candidates that can be called now, and the view without the others."""
    if not steering.unavailable and not steering.warming:
        return models, view
    left = free(models, steering)
    out = {spec.name for spec in models} - {spec.name for spec in left}
    known = tuple(spec for spec in view.registry.models if spec.name not in out)
    registry = Registry(slowed(known, steering))
    return slowed(left, steering), replace(view, registry=registry)


def _admitted(models: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
    """Who may be preferred: cold models only where there is no other."""
    cold = [spec for spec in models if spec.cold]
    return tuple([spec for spec in models if not spec.cold]) or models if cold else models


def _prefer(task: Task, models: tuple[ModelSpec, ...], facts: _Facts, view: View) -> _Preference:
    models = _admitted(models)
    if facts.pricing is not None:
        return _haggle(task, models, facts, facts.pricing, view)
    lessons = view.quality.lessons_of(SHARED)
    standings = policy.believe(facts.predicted, models, facts.verdict, lessons)
    placement = policy.place(
        task, models, standings, facts.costs, facts.verdict, view.policy, view.quality
    )
    there = [spec for spec in models if spec.tier == placement.tier]
    weights = choice.WEIGHTS[_strategy(task, view)]
    chosen = choice.prefer(there, facts.predicted, facts.costs, weights)
    return _Preference(placement, chosen, standings)


def _haggle(
    task: Task,
    models: tuple[ModelSpec, ...],
    facts: _Facts,
    pricing: Pricing,
    view: View,
) -> _Preference:
    """The model that is worth its dollars most, of whatever tier.

    What is believed is what was predicted, of which the price was solved; the rules are among the
    features.
    """
    best = max([facts.predicted[spec.name] for spec in models])
    standings = policy.Standings(facts.predicted, facts.predicted, best)
    chosen = best_bargain(task, models, facts.predicted, facts.costs, pricing.price)
    tier = view.registry.by_name[chosen].tier
    placement = policy.settle(
        task, tier, chosen, standings, facts.verdict, view.policy, view.quality
    )
    return _Preference(placement, chosen, standings)


def _spread(
    task: Task,
    eligible: tuple[ModelSpec, ...],
    facts: _Facts,
    preference: _Preference,
    view: View,
) -> dict[str, float]:
    """The distribution over the models; a critical task explores nothing.

    A task that names its `min_quality` explores only what is believed to reach it, and nothing
    that is cold.
    """
    models, quality = _admitted(eligible), view.quality
    if task.min_quality is not None:
        believed = preference.standings.believed
        models = tuple(
            spec for spec in models
            if spec.name == preference.chosen or believed[spec.name] >= task.min_quality
        )  # fmt: skip
    if task.critical:
        return {spec.name: float(spec.name == preference.chosen) for spec in models}
    spread = _explored(models, facts, preference, quality)
    if task.min_quality is not None or len(models) == len(eligible):
        return choice.lift(spread)
    cold = [spec for spec in eligible if spec.name not in spread]
    rivals = [spec for spec in view.registry.models if not spec.cold]
    tried = trial.tries(
        facts.costs[preference.chosen], cold, facts.costs, rivals, view.policy, quality
    )
    return choice.mix(choice.lift(spread, choice.FLOOR / (1 - sum(tried.values()))), tried)


def _explored(
    models: tuple[ModelSpec, ...], facts: _Facts, preference: _Preference, quality: QualityView
) -> dict[str, float]:
    """The choice and what explores beside it: evenly where money has a price."""
    if facts.pricing is not None:
        explore = choice.exploring_evenly(facts.pricing.tasks, len(models))
        return choice.evenly(preference.chosen, models, explore)
    explore = choice.exploring(quality.lessons_of(SHARED), len(models), facts.verdict.confidence)
    lessons = {spec.name: quality.lessons_of(spec.name) for spec in models}
    costs = {spec.name: facts.costs[spec.name] for spec in models}
    believed = preference.standings.believed
    return choice.distribute(preference.chosen, models, believed, costs, lessons, explore)


def _first(
    task: Task,
    registry: Registry,
    decided: ModelSpec,
    hindered: Collection[str],
    facts: _Facts,
    cascading: Cascading,
) -> ModelSpec | None:
    """The cheaper model that a cascade asks before the one that was drawn."""
    wanted = decided.tier in cascading.tiers if task.cascade is None else task.cascade
    if not wanted or task.critical:
        return None
    return asked_first(
        decided, registry, hindered, facts.predicted, facts.costs, checked=cascading.checked
    )


def _bound_by(
    task: Task, preference: _Preference, hindered: dict[str, str], facts: _Facts, view: View
) -> str | None:
    """The constraint without which another model would have been preferred."""
    if task.critical and preference.placement.bumped:
        return "critical"
    if hindered:
        free = _prefer(task, view.registry.models, facts, view).chosen
        if free in hindered:
            return hindered[free]
    if task.min_quality is not None:
        freed = task.model_copy(update={"min_quality": None})
        models = tuple(spec for spec in view.registry.models if spec.name not in hindered)
        if _prefer(freed, models, facts, view).chosen != preference.chosen:
            return "min_quality"
    return None


def _bound_by_money(
    task: Task, models: tuple[ModelSpec, ...], room: Room, facts: _Facts
) -> str | None:
    """Ceiling or target: what the price is for, or that a better bargain could not be afforded."""
    if facts.pricing is None:
        return None

    def bargain(one: Task, among: tuple[ModelSpec, ...]) -> str:
        return best_bargain(one, _admitted(among), facts.predicted, facts.costs, price)

    price = facts.pricing.price
    if task.critical:
        plain = task.model_copy(update={"critical": False})
        if bargain(task, room.models) != bargain(plain, room.models):
            return "critical"
    if room.out and bargain(task, models) in room.out:
        return Binding.CEILING
    return facts.pricing.binding

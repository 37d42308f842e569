"""Which models may take a task: what it asks for, and what it may still cost."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from streams.events.decision import Refusal, RefusalReason
from streams.events.models import VISION
from streams.events.outcome import Attempt
from streams.events.task import Task
from streams.routing.registry import ModelSpec, Registry, tokens

NOTHING_SPENT = Decimal(0)
_UNBOUND = (None,) * 5


def chars(task: Task) -> int:
    """The length of all that a model is sent: prompt or turns, and context."""
    size = len(task.prompt or "") + len(task.context or "")
    return size + sum([len(message.text) for message in task.messages]) if task.messages else size


def hindrances(
    task: Task, registry: Registry, spent_usd: Decimal | None = NOTHING_SPENT
) -> dict[str, str]:
    """The models that may not take a task, each with the constraint that keeps it from it.

    Args:
        task: What it asks for.
        registry: All models.
        spent_usd: What earlier attempts have cost, see `spent`; None, where nobody knows, leaves
            nothing of `max_cost_usd`.
    """
    size = chars(task)
    found: dict[str, str] = {}
    if not _asks(task) and tokens(size) <= registry.narrowest_tokens:
        return found
    for spec in registry.models:
        because = _hindrance(task, spec, size, spent_usd)
        if because is not None:
            found[spec.name] = because
    return found


def spent(task: Task, registry: Registry, trail: Sequence[Attempt]) -> Decimal | None:
    """Dollars that the attempts so far took of the task's `max_cost_usd`.

    An attempt whose price is unknown counts with what its model was expected to cost: it may have
    been billed.

    Returns:
        The sum, or None where not even that is known.
    """
    total = NOTHING_SPENT
    for attempt in trail:
        cost = attempt.cost_usd
        spec = registry.known.get(attempt.model or "")
        if cost is None and spec is not None:
            cost = spec.expected_cost_usd(chars(task), task.max_output_tokens)
        if cost is None:
            return None
        total += cost
    return total


def refuse(task: Task, hindered: Mapping[str, str], registry: Registry | None = None) -> Refusal:
    """Say why no model may take a task."""
    if registry is not None and task.model not in registry.by_name and task.model in registry.known:
        detail = f"model {task.model!r} is not enabled"
    elif not hindered and task.model is None:
        detail = "no model is enabled"
    elif task.model is not None and task.model not in hindered:
        detail = f"model {task.model!r} is not registered"
    elif task.model is not None and hindered[task.model] != "model":
        detail = f"model {task.model!r} does not meet {hindered[task.model]}"
    else:
        detail = f"no model meets {', '.join(sorted(set(hindered.values())))}"
    return Refusal(reason=RefusalReason.NO_MODEL, detail=detail)


def _asks(task: Task) -> bool:
    """Whether a task has any constraint beside its size: most have none."""
    bounds = task.model, task.min_tier, task.max_tier, task.max_output_tokens, task.max_cost_usd
    return bounds != _UNBOUND or bool(task.capabilities or task.messages)


def _hindrance(task: Task, spec: ModelSpec, size: int, spent_usd: Decimal | None) -> str | None:
    """The first constraint of the task that a model does not meet."""
    answer = task.max_output_tokens or 0
    checks = (
        ("model", task.model is not None and spec.name != task.model),
        ("min_tier", task.min_tier is not None and spec.tier < task.min_tier),
        ("max_tier", task.max_tier is not None and spec.tier > task.max_tier),
        ("capabilities", not set(task.capabilities) <= set(spec.capabilities)),
        ("image parts", task.has_images and VISION not in spec.capabilities),
        ("context", tokens(size) + answer > spec.context_tokens),
        ("max_output_tokens", answer > spec.max_tokens),
        ("max_cost_usd", _too_dear(task, spec, size, spent_usd)),
    )
    return next((name for name, hindered in checks if hindered), None)


def _too_dear(task: Task, spec: ModelSpec, size: int, spent_usd: Decimal | None) -> bool:
    """Whether the model would likely take the task beyond what it may cost; unknown is too dear."""
    if task.max_cost_usd is None:
        return False
    cost = spec.expected_cost_usd(size, task.max_output_tokens)
    return cost is None or spent_usd is None or spent_usd + cost > task.max_cost_usd

"""Whom a cascade asks first: a cheaper model, where that is expected to save money.

Source: FrugalGPT, arXiv 2305.05176. With the cost c of the first and C of the model decided for, and
q the chance that the first's answer is kept, asking it first costs c + (1 - q) C instead of C.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import NamedTuple

from streams.routing.registry import ModelSpec, Registry

LOGPROBS = "logprobs"
"""The capability of a model whose provider tells the probabilities of its tokens."""


class Cascading(NamedTuple):
    """When a cascade begins.

    `tiers` are those whose tasks begin with a cheaper model unless they say otherwise; `checked`
    says whether this task's answers are checked by what can tell right from wrong.
    """

    tiers: frozenset[int] = frozenset()
    checked: bool = False


NEVER = Cascading()


def asked_first(
    decided: ModelSpec,
    registry: Registry,
    hindered: Collection[str],
    quality: Mapping[str, float],
    costs: Mapping[str, Decimal | None],
    *,
    checked: bool,
) -> ModelSpec | None:
    """The model that is asked before the one that was decided for.

    Args:
        decided: The decision's model.
        registry: All models.
        hindered: Those that may not take the task.
        quality: Predicted quality by model: how likely its answer is kept.
        costs: Expected dollars by model.
        checked: Whether the task's answers are checked by what can tell right from wrong.

    Returns:
        The one that makes the task cheapest; None where none saves anything, or nobody could say
        whether its answer is to be trusted.
    """
    whole = costs.get(decided.name)
    if whole is None:
        return None
    expected = {
        spec: cost + (1 - Decimal(repr(quality.get(spec.name, 0.0)))) * whole
        for spec in registry.models
        if spec.name not in hindered and spec.tier <= decided.tier and not spec.cold
        if (checked or LOGPROBS in spec.capabilities)
        if (cost := costs.get(spec.name)) is not None and cost < whole
    }
    if not expected:
        return None
    best = min(expected, key=lambda spec: (expected[spec], spec.name))
    return best if expected[best] < whole else None

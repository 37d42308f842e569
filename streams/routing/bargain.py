"""Who is preferred where money has a price: the affordable model that is worth its dollars most."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from streams.events.decision import Pricing
from streams.events.task import Task
from streams.money.pricing import MTOK, PLACES
from streams.routing import choice
from streams.routing.price import reserve_usd, unaffordable
from streams.routing.registry import ModelSpec

Dollars = Mapping[str, Decimal | None]


class Room(NamedTuple):
    """What the headroom leaves of the models that may take a task.

    `out` are those whose reserve it does not have, `reserves_usd` what each would have to leave.
    """

    models: tuple[ModelSpec, ...]
    out: tuple[str, ...]
    reserves_usd: Dollars


def afford(
    task: Task, models: tuple[ModelSpec, ...], size: int, costs: Dollars, pricing: Pricing
) -> Room:
    """Leave out the models that could take spending over its ceiling.

    Args:
        task: Its `max_output_tokens` bounds an answer.
        models: Those that may take the task.
        size: Characters that a model is sent.
        costs: Expected dollars by model.
        pricing: The headroom, and the most that each model was seen to cost.
    """
    if pricing.headroom_usd is None:
        return Room(models, (), {})
    reserves = {
        spec.name: reserve_usd(
            costs[spec.name],
            longest_usd(spec, size, task.max_output_tokens),
            pricing.largest_usd.get(spec.name),
            pricing.overrun.get(spec.name),
        )
        for spec in models
    }
    out = unaffordable(pricing.headroom_usd, reserves)
    if not out:
        return Room(models, (), reserves)
    left = tuple([spec for spec in models if spec.name not in out])
    return Room(left, tuple([spec.name for spec in models if spec.name in out]), reserves)


def longest_usd(spec: ModelSpec, size: int, max_output_tokens: int | None) -> Decimal | None:
    """What a task costs by a model's prices if each character is a token and the answer the longest.

    Returns:
        Dollars; None where the model has no prices.

    Example:
        >>> spec = ModelSpec(
        ...     name="m", provider="p", tier=1, input_usd_per_mtok=1, output_usd_per_mtok=5
        ... )
        >>> longest_usd(spec, 4000, max_output_tokens=1000)
        Decimal('0.009')
    """
    reads, writes = spec.input_usd_per_mtok, spec.output_usd_per_mtok
    if reads is None or writes is None:
        return None
    answer = min(spec.max_tokens, max_output_tokens or spec.max_tokens)
    return (size * reads + answer * writes) / MTOK


def best_bargain(
    task: Task,
    models: Sequence[ModelSpec],
    believed: Mapping[str, float],
    costs: Dollars,
    price: float,
) -> str:
    """The model that is preferred at a price of money.

    A critical task is not haggled over; one that names its `min_quality` takes what is worth most
    of the models that reach it, the best where none does.

    Args:
        task: What is asked for.
        models: Those that may take it and can be afforded, at least one.
        believed: Quality by model.
        costs: Expected dollars by model.
        price: The quality that a dollar must bring.
    """
    least = task.min_quality
    good = models
    if least is not None:
        good = [spec for spec in models if believed[spec.name] >= least]
    haggled = bool(good) and not task.critical
    return choice.worth(good or models, believed, costs, price if haggled else 0.0)


def booked(cost: Decimal | None) -> Decimal | None:
    """An expected cost as an event may carry it."""
    return None if cost is None else cost.quantize(PLACES)

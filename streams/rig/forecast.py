"""What tasks without recorded outcomes would come to: where they go, and what that should cost.

Pure: tasks, models and simulated results in, figures and a text out. Dollars are expected ones, by
price list; quality nobody can tell.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from streams.events.envelope import Part
from streams.events.outcome import Result
from streams.events.task import Task
from streams.rig.figures import (
    Criterion,
    Fallback,
    Latency,
    Mixture,
    Money,
    Reference,
    Standing,
)
from streams.rig.summary import LOW_TIER, TIERS, Done, fallback_of, simple_latency
from streams.routing.constraints import chars
from streams.routing.registry import ModelSpec, Registry

UNKNOWN = "-"


class Used(Part):
    """One model's part: its tier, the tasks it answered, their expected dollars."""

    tier: int
    tasks: int
    cost_usd: Money | None


class Forecast(Part):
    """The figures; those that a summary has too have its names, and None where they need outcomes.

    `failures` counts failed tasks by reason, `unpriced` those whose model has no known price,
    which `cost_usd` lacks. `singles` says what all tasks would cost with one model.
    """

    tasks: int
    completed: int
    failed: int
    dead_letters: int
    tier_mix: dict[str, int]
    cost_usd: Money
    quality: float | None = None
    reference: Reference = Reference()
    singles: dict[str, Standing]
    random: Standing = Standing()
    mixture: Mixture = Mixture()
    dominated_by: tuple[str, ...] = ()
    saved_share: float | None = None
    quality_share: float | None = None
    low_tier_share: float
    fallback: Fallback
    simple_latency_s: Latency
    policy_changes: int
    criteria: tuple[Criterion, ...] = ()
    unpriced: int
    failures: dict[str, int]
    models: dict[str, Used]


def forecast(
    tasks: Sequence[Task],
    registry: Registry,
    results: Mapping[str, Result],
    done: Sequence[Done],
    *,
    dead_letters: int = 0,
    policy_changes: int = 0,
) -> Forecast:
    """Add up a simulation.

    Args:
        tasks: All that was asked.
        registry: The models.
        results: What came of each task, by its id.
        done: The same in the summary's words.
        dead_letters: Records in the dead letters.
        policy_changes: Versions of the policy after the first.
    """
    ended = [results[task.task_id] for task in tasks if task.task_id in results]
    completed = [result for result in ended if result.status == "completed"]
    mix = Counter(str(result.tier) for result in completed)
    low = sum(mix[str(tier)] for tier in range(LOW_TIER + 1))
    reasons = Counter(result.error.reason for result in ended if result.error is not None)
    return Forecast(
        tasks=len(tasks),
        completed=len(completed),
        failed=len(tasks) - len(completed),
        dead_letters=dead_letters,
        tier_mix={str(tier): mix[str(tier)] for tier in range(TIERS)},
        low_tier_share=low / len(tasks) if tasks else 0.0,
        cost_usd=sum((r.cost_usd for r in ended if r.cost_usd is not None), Decimal(0)),
        fallback=fallback_of(done),
        simple_latency_s=simple_latency(done, speed=1.0),
        policy_changes=policy_changes,
        unpriced=sum(entry.is_unpriced for entry in done),
        failures=dict(sorted(reasons.items())),
        models={spec.name: _used(spec, completed) for spec in registry.models},
        singles={spec.name: _alone(spec, tasks) for spec in registry.models},
    )


def _used(spec: ModelSpec, completed: Sequence[Result]) -> Used:
    own = [result.cost_usd for result in completed if result.model == spec.name]
    known = [cost for cost in own if cost is not None]
    total = sum(known, Decimal(0)) if len(known) == len(own) else None
    return Used(tier=spec.tier, tasks=len(own), cost_usd=total)


def _alone(spec: ModelSpec, tasks: Sequence[Task]) -> Standing:
    costs = [spec.expected_cost_usd(chars(task), task.max_output_tokens) for task in tasks]
    known = [cost for cost in costs if cost is not None]
    return Standing(cost_usd=sum(known, Decimal(0)) if len(known) == len(costs) else None)


def render(found: Forecast) -> str:
    """The figures for a terminal of a hundred columns."""
    rows = [("", "tier", "tasks", "expected $", "all tasks to it, $"), *_rows(found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = "\n".join(
        "  ".join([row[0].ljust(widths[0]), *_right(row[1:], widths[1:])]).rstrip() for row in rows
    )
    mix = " · ".join(
        f"tier {tier}: {count} ({count / max(found.tasks, 1):.1%})"
        for tier, count in found.tier_mix.items()
    )
    parts = [
        f"{found.tasks} tasks: {found.completed} completed, {found.failed} failed", table, mix,
        "\n".join(_notes(found)),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _right(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    return (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def _rows(found: Forecast) -> Iterator[tuple[str, str, str, str, str]]:
    yield "tierflow", "all", str(found.completed), _dollars(found.cost_usd), ""
    yield "no model (skills)", "0", str(found.tier_mix["0"]), _dollars(Decimal(0)), ""
    for name, used in found.models.items():
        alone = _dollars(found.singles[name].cost_usd)
        yield name, str(used.tier), str(used.tasks), _dollars(used.cost_usd), alone


def _dollars(cost: Decimal | None) -> str:
    return UNKNOWN if cost is None else f"{cost:.6f}"


def _notes(found: Forecast) -> Iterator[str]:
    for reason, count in found.failures.items():
        yield f"{count} tasks would fail: {reason}."
    if found.unpriced:
        yield (
            f"{found.unpriced} tasks go to models without a price, which the sum lacks: set "
            "input_usd_per_mtok and output_usd_per_mtok."
        )
    yield (
        "No outcomes are recorded in this file, so quality is unknown. Costs are expected: a "
        "quarter of a prompt's characters as input tokens, 200 output tokens. Decisions are those "
        "of a new deployment, before any lesson."
    )

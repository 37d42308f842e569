"""The summary as a text for people: a table, the tier mix, who dominates, the criteria."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from streams.rig.figures import Criterion, Standing, Summary, missed

UNKNOWN = "-"
SAID = {
    "saved": "saved against the reference",
    "quality": "quality of the reference kept",
    "low_tiers": "tasks in tiers 0 to 2",
    "fallback": "tasks completed after a failed attempt",
    "simple_latency": "simple tasks (tiers 0 and 1), simulated, on average",
}
"""The criteria in words."""


class Line(NamedTuple):
    """One line of the table, in words."""

    name: str
    tier: str
    cost: str
    quality: str
    saved: str


def render(summary: Summary, waiting: str = "waiting as measured") -> str:
    """Tell how the run went, for a terminal of a hundred columns.

    Args:
        summary: The figures.
        waiting: What latencies hold beside calls.
    """
    parts = [
        _opening(summary),
        "\n".join(_aligned([Line("", "tier", "cost $", "quality", "saved"), *_lines(summary)])),
        _tier_mix(summary),
        _domination(summary),
        "\n".join(_criteria(summary)),
        "\n".join(_notes(summary, waiting)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(summary: Summary) -> str:
    return (
        f"{summary.tasks} tasks: {summary.completed} completed, {summary.failed} failed; "
        f"{summary.dead_letters} dead letters, {summary.policy_changes} policy changes"
    )


def _lines(summary: Summary) -> Iterator[Line]:
    ours = Standing(cost_usd=summary.cost_usd, quality=summary.quality)
    yield _line("tierflow", "all", ours, summary)
    by_cost = sorted(summary.singles.items(), key=lambda item: (-_spent(item[1]), item[0]))
    by_cost.sort(key=lambda item: item[0] != summary.reference.model)
    for model, standing in by_cost:
        name = f"{model} (reference)" if model == summary.reference.model else model
        yield _line(name, str(summary.tiers[model]), standing, summary)
    yield _line("random choice", UNKNOWN, summary.random, summary)
    shares = zip(summary.mixture.models, summary.mixture.shares, strict=True)
    mixed = " + ".join(f"{model} {_percent(share)}" for model, share in shares)
    yield _line(f"best mixture: {mixed or 'none is as cheap'}", UNKNOWN, summary.mixture, summary)


def _line(name: str, tier: str, standing: Standing, summary: Summary) -> Line:
    whole = summary.reference.cost_usd
    saved = None
    if standing.cost_usd is not None and whole:
        saved = float(1 - standing.cost_usd / whole)
    cost = UNKNOWN if standing.cost_usd is None else f"{standing.cost_usd:.6f}"
    quality = UNKNOWN if standing.quality is None else f"{standing.quality:.3f}"
    return Line(name, tier, cost, quality, _percent(saved))


def _spent(standing: Standing) -> Decimal:
    return standing.cost_usd or Decimal(0)


def _aligned(lines: Sequence[Line]) -> Iterator[str]:
    """Names to the left, figures to the right, each column as wide as it must be."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        figures = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        yield "  ".join([line.name.ljust(widths[0]), *figures])


def _tier_mix(summary: Summary) -> str:
    counted = (
        f"tier {tier}: {count} ({_percent(count / summary.tasks if summary.tasks else None)})"
        for tier, count in summary.tier_mix.items()
    )
    return " · ".join(counted)


def _domination(summary: Summary) -> str:
    if summary.dominated_by:
        names = ", ".join(summary.dominated_by)
        return f"tierflow is dominated by {names}: at least as good for no more money."
    return (
        "Nothing dominates tierflow: no single model and no mixture of two is at least as good "
        "for no more money."
    )


def _criteria(summary: Summary) -> Iterator[str]:
    width = max(map(len, SAID.values()))
    for criterion in summary.criteria:
        sign = "✓ met   " if criterion.met else "✗ missed"
        said = SAID.get(criterion.name, criterion.name).ljust(width)
        yield f"{sign}  {said}  goal {criterion.goal:7}  {_value(criterion)}"
    names = missed(summary)
    yield f"Missed: {', '.join(names)}." if names else "All criteria are met."


def _value(criterion: Criterion) -> str:
    if criterion.value is None:
        return "nothing to measure"
    if criterion.name == "simple_latency":
        return f"{criterion.value:.2f} s"
    return _percent(criterion.value)


def _notes(summary: Summary, waiting: str) -> Iterator[str]:
    if summary.simple_latency_s.p95 is not None:
        yield (
            f"Simple tasks, p95: {summary.simple_latency_s.p95:.2f} s. Latencies are simulated: "
            f"{waiting}, calls as long as the models would take."
        )
    if summary.left_out:
        yield f"Left out, without recorded costs: {', '.join(summary.left_out)}."
    if summary.unpriced:
        yield f"{summary.unpriced} tasks cost something unknown, which the sum lacks."
    if summary.unfinished:
        yield f"{summary.unfinished} tasks had no result yet; they count as failed."


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{share:.1%}"

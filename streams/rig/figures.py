"""The figures of a run over recorded tasks, as `--json` prints them, and the seed criteria."""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from pydantic import PlainSerializer

from streams.events.envelope import Part

SAVED_GOAL, QUALITY_GOAL = Fraction(60, 100), Fraction(85, 100)
LOW_TIERS_GOAL, FALLBACK_GOAL = Fraction(70, 100), Fraction(95, 100)
SIMPLE_LATENCY_GOAL_S = 2.0


def plain(amount: Decimal) -> str:
    """A decimal string without an exponent or trailing zeros.

    Example:
        >>> plain(Decimal("1E-7")), plain(Decimal("2.500"))
        ('0.0000001', '2.5')
    """
    return f"{amount.normalize():f}"


Money = Annotated[Decimal, PlainSerializer(plain, when_used="json")]


class Standing(Part):
    """Dollars for the whole task set and mean quality in [0, 1]; None: there is no such way."""

    cost_usd: Money | None = None
    quality: float | None = None


class Reference(Standing):
    """The single model of the best mean score."""

    model: str | None = None


class Mixture(Standing):
    """The best random mixture of two models at tierflow's cost, with the share of each.

    No models at all: even the cheapest one costs more than tierflow.
    """

    models: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


class Fallback(Part):
    """Tasks with a failed attempt, and those of them that were completed all the same."""

    tasks: int
    completed: int


class Latency(Part):
    """Seconds; None of no tasks."""

    mean: float | None = None
    p95: float | None = None


class Criterion(Part):
    """One seed criterion; a value of None says that there was nothing to measure."""

    name: str
    goal: str
    value: float | None
    met: bool


class Summary(Part):
    """All figures of a run; the first twenty are the contract's, the rest explain them.

    `unpriced` tasks cost something unknown, which `cost_usd` lacks. `unfinished` tasks had no
    result when the books were read; they are among the failed. `left_out` models have no recorded
    costs. `tiers` is the table of models.
    """

    tasks: int
    completed: int
    failed: int
    dead_letters: int
    tier_mix: dict[str, int]
    cost_usd: Money
    quality: float
    reference: Reference
    singles: dict[str, Standing]
    random: Standing
    mixture: Mixture
    dominated_by: tuple[str, ...]
    saved_share: float | None
    quality_share: float | None
    low_tier_share: float
    fallback: Fallback
    simple_latency_s: Latency
    policy_changes: int
    criteria: tuple[Criterion, ...]
    unpriced: int
    unfinished: int
    left_out: tuple[str, ...]
    tiers: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values: money as decimal strings, unknown as None."""
        return self.model_dump(mode="json")


def missed(summary: Summary) -> list[str]:
    """Names of the criteria that were not met."""
    return [criterion.name for criterion in summary.criteria if not criterion.met]


def judge(
    saved: Fraction | None,
    kept: Fraction | None,
    low: Fraction,
    fallback: Fallback,
    latency: Latency,
) -> tuple[Criterion, ...]:
    """Judge the seed criteria.

    With no fallback and with no simple task there is nothing that could have gone wrong: met.
    Without a reference nothing can be said to be saved: missed.

    Args:
        saved: Share of the reference's cost that was not spent; negative where more was.
        kept: Quality as a share of the reference's.
        low: Share of all tasks that ended in tiers 0 to 2.
        fallback: What became of tasks with a failed attempt.
        latency: Simulated latency of simple tasks.
    """
    helped = Fraction(fallback.completed, fallback.tasks) if fallback.tasks else None
    seconds = latency.mean
    return (
        _above("saved", SAVED_GOAL, saved),
        _above("quality", QUALITY_GOAL, kept),
        Criterion(
            name="low_tiers",
            goal=f">= {float(LOW_TIERS_GOAL):.0%}",
            value=float(low),
            met=low >= LOW_TIERS_GOAL,
        ),
        _above("fallback", FALLBACK_GOAL, helped, otherwise=True),
        Criterion(
            name="simple_latency",
            goal=f"< {SIMPLE_LATENCY_GOAL_S:g} s",
            value=seconds,
            met=seconds is None or seconds < SIMPLE_LATENCY_GOAL_S,
        ),
    )


def _above(
    name: str, goal: Fraction, value: Fraction | None, *, otherwise: bool = False
) -> Criterion:
    """Met when the share lies above the goal; `otherwise` says so where nothing was measured."""
    return Criterion(
        name=name,
        goal=f"> {float(goal):.0%}",
        value=None if value is None else float(value),
        met=otherwise if value is None else value > goal,
    )

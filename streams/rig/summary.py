"""The summary of a run over recorded tasks: the figures that `demo` and `simulate` print.

Pure: recorded rows, the table of models and what was done, as read from the books, in; figures out.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from streams.rig.baselines import (
    Mix,
    Point,
    best_mixture,
    dominating,
    random_of,
    reference_of,
    singles_of,
)
from streams.rig.figures import (
    Fallback,
    Latency,
    Mixture,
    Reference,
    Standing,
    Summary,
    judge,
)
from streams.rig.recorded import Recorded, left_out, published_id

LOW_TIER, SIMPLE_TIER, TIERS = 2, 1, 5
"""Highest of the low tiers and of the simple ones, and how many tiers there are."""

P95 = 0.95
_MONEY_DIGITS = Decimal(1).scaleb(-12)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one task, as read from the books.

    Args:
        task_id: The published id.
        status: How the task ended.
        tier: Where it ended: the tier that answered, or was tried last. None: nowhere.
        model: The model that answered; None for tier 0.
        cost_usd: Dollars for all of its calls, failed ones too; None where a price is unknown.
        output: The answer's text.
        call_s: Seconds that its calls really took: simulated latency divided by the speed.
        waiting_s: Real seconds of all the rest: waiting and overhead.
        attempts_failed: Attempts that failed before it ended.
        decided_tier: The tier of the decision; None where it is `tier`.
    """

    task_id: str
    status: Literal["completed", "failed"]
    tier: int | None
    model: str | None
    cost_usd: Decimal | None
    output: str | None = None
    call_s: float = 0.0
    waiting_s: float = 0.0
    attempts_failed: int = 0
    decided_tier: int | None = None

    @property
    def completed(self) -> bool:
        """Whether the task has an answer."""
        return self.status == "completed"

    @property
    def is_simple(self) -> bool:
        """Whether it was decided to be a task of tier 0 or 1."""
        tier = self.tier if self.decided_tier is None else self.decided_tier
        return tier is not None and tier <= SIMPLE_TIER

    @property
    def is_unpriced(self) -> bool:
        """Whether a model was called for it and nobody knows what that cost."""
        return self.cost_usd is None and (self.model is not None or self.attempts_failed > 0)


def done_of(row: Mapping[str, Any], decided_tier: int | None) -> Done:
    """What became of a task, from a row of the books or a result in their words.

    Args:
        row: `task_id, status, tier, model, cost_usd, output, latency_s, waiting_s, attempts`, the
            last a number.
        decided_tier: Where its last decision sent it; None: nowhere.
    """
    latency_s, waiting_s = row["latency_s"] or 0.0, row["waiting_s"] or 0.0
    completed = row["status"] == "completed"
    return Done(
        task_id=row["task_id"],
        status=row["status"],
        tier=row["tier"],
        model=row["model"] or None,
        cost_usd=row["cost_usd"],
        output=row["output"],
        call_s=max(0.0, latency_s - waiting_s),
        waiting_s=waiting_s,
        attempts_failed=max(0, row["attempts"] - 1) if completed else row["attempts"],
        decided_tier=decided_tier,
    )


def summarise(
    rows: Sequence[Recorded],
    tiers: Mapping[str, int],
    done: Iterable[Done],
    *,
    speed: float = 1.0,
    dead_letters: int = 0,
    policy_changes: int = 0,
) -> Summary:
    """Compare what was done with what each model would have done.

    Args:
        rows: The recorded task set, all of it.
        tiers: The table of models: name to tier, 1 to 4. Only these are compared.
        done: One entry a task; of several with one id the last counts, other tasks don't.
        speed: By how much the simulator shortened its latencies.
        dead_letters: Records in the dead letters.
        policy_changes: Versions of the policy after the first.

    Returns:
        The figures. A task without an entry counts as failed, at no cost and quality 0.
    """
    known = {published_id(row) for row in rows}
    by_id = {entry.task_id: entry for entry in done if entry.task_id in known}
    made = list(by_id.values())
    singles = singles_of(rows, sorted(tiers, key=lambda name: (tiers[name], name)))
    ours = Point(_cost(made), _quality(rows, by_id))
    name = reference_of(singles)
    best = None if name is None else singles[name]
    saved = 1 - ours.cost / best.cost if best and best.cost else None
    kept = ours.quality / best.quality if best and best.quality else None
    mix = Counter(str(entry.tier) for entry in made if entry.tier is not None)
    low = Fraction(sum(mix[str(tier)] for tier in range(LOW_TIER + 1)), max(len(rows), 1))
    latency = simple_latency(made, speed)
    fallback = fallback_of(made)
    completed = sum(entry.completed for entry in made)
    return Summary(
        tasks=len(rows),
        completed=completed,
        failed=len(rows) - completed,
        dead_letters=dead_letters,
        tier_mix={str(tier): mix[str(tier)] for tier in range(TIERS)},
        cost_usd=dollars(ours.cost),
        quality=float(ours.quality),
        reference=Reference(model=name, **_standing(best)),
        singles={model: Standing(**_standing(point)) for model, point in singles.items()},
        random=Standing(**_standing(random_of(singles))),
        mixture=_mixture(best_mixture(singles, ours.cost)),
        dominated_by=dominating(singles, ours),
        saved_share=None if saved is None else float(saved),
        quality_share=None if kept is None else float(kept),
        low_tier_share=float(low),
        fallback=fallback,
        simple_latency_s=latency,
        policy_changes=policy_changes,
        criteria=judge(saved, kept, low, fallback, latency),
        unpriced=sum(entry.is_unpriced for entry in made),
        unfinished=len(rows) - len(by_id),
        left_out=left_out(rows),
        tiers=dict(tiers),
    )


def fallback_of(done: Iterable[Done]) -> Fallback:
    """Tasks with a failed attempt, and how many of them were completed all the same."""
    retried = [entry for entry in done if entry.attempts_failed]
    return Fallback(tasks=len(retried), completed=sum(entry.completed for entry in retried))


def simple_latency(done: Iterable[Done], speed: float) -> Latency:
    """Seconds that simple tasks took: waiting as it was, calls as long as they would have been."""
    seconds = sorted(
        entry.waiting_s + entry.call_s * speed
        for entry in done
        if entry.completed and entry.is_simple
    )
    if not seconds:
        return Latency()
    p95 = seconds[math.ceil(P95 * len(seconds)) - 1]
    return Latency(mean=math.fsum(seconds) / len(seconds), p95=p95)


def quality_of(row: Recorded, done: Done | None) -> float:
    """How well a task was done, in [0, 1].

    A failed task counts 0, a tier-0 answer 1 if it is what was expected, a model's answer the
    score recorded for it; where none is recorded nobody can vouch for it, and it counts 0.
    """
    if done is None or not done.completed:
        return 0.0
    if done.model is None:
        right = row.expected is not None and (done.output or "").strip() == row.expected.strip()
        return float(right)
    outcome = row.outcomes.get(done.model)
    return 0.0 if outcome is None else outcome.score


def dollars(cost: Fraction) -> Decimal:
    """A fraction of dollars to 10⁻¹²."""
    return (Decimal(cost.numerator) / cost.denominator).quantize(_MONEY_DIGITS)


def _cost(done: Iterable[Done]) -> Fraction:
    """All that was spent, on failed tasks too, as far as it is known."""
    known = (Fraction(entry.cost_usd) for entry in done if entry.cost_usd is not None)
    return sum(known, Fraction(0))


def _quality(rows: Sequence[Recorded], by_id: Mapping[str, Done]) -> Fraction:
    total = sum(
        (Fraction(quality_of(row, by_id.get(published_id(row)))) for row in rows), Fraction(0)
    )
    return total / len(rows) if rows else Fraction(0)


def _standing(point: Point | None) -> dict[str, Any]:
    if point is None:
        return {}
    return {"cost_usd": dollars(point.cost), "quality": float(point.quality)}


def _mixture(mix: Mix | None) -> Mixture:
    if mix is None:
        return Mixture()
    shares = tuple(float(share) for share in mix.shares.values())
    return Mixture(models=tuple(mix.shares), shares=shares, **_standing(mix.point))

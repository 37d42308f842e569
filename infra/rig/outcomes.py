"""Made-up models and what they would make of a task: a logistic curve of ability and difficulty.

Nothing here was measured. The figures are chosen so that a model of tier n does tasks up to
tier n well (mean score about 0.9) and the next tier's clearly worse (about 0.6).
"""

import math
from decimal import Decimal
from typing import NamedTuple

from infra.rig.chance import bell, share

MARGIN, SLOPE, CEILING = 2.6, 2.1, 0.985
"""Log-odds of a good answer where ability equals difficulty and per tier of difference, and the
grade that no answer passes but by luck."""

EXACT_MARGIN, EXACT_SLOPE = 1.4, 0.5
"""The same for tier-0 tasks, of a tiny model and per tier above: exactly right, or wrong."""


class Model(NamedTuple):
    """A made-up model: ability on the scale of tiers, dollars a million tokens, wordiness."""

    name: str
    ability: float
    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    wordiness: float


MODELS = (
    Model("sample-tiny-a", 1.00, Decimal("0.05"), Decimal("0.10"), 0.90),
    Model("sample-tiny-b", 1.12, Decimal("0.08"), Decimal("0.20"), 0.95),
    Model("sample-small-a", 2.00, Decimal("0.15"), Decimal("0.60"), 0.95),
    Model("sample-small-b", 2.12, Decimal("0.25"), Decimal("1.00"), 1.00),
    Model("sample-medium-a", 3.00, Decimal("1.50"), Decimal("6.00"), 1.00),
    Model("sample-medium-b", 3.12, Decimal("2.50"), Decimal("9.00"), 1.05),
    Model("sample-large-a", 4.00, Decimal(4), Decimal(14), 1.05),
    Model("sample-large-b", 4.15, Decimal(10), Decimal(30), 1.10),
)


class Outcome(NamedTuple):
    """One row's outcome of one model, as a recorded file has it."""

    score: float
    input_tokens: int
    output_tokens: int
    cost_usd: float


def outcome(model: Model, task_id: str, tier: int, prompt: str, tokens: int) -> Outcome:
    """Make up what a model makes of a task: the same for the same arguments.

    Args:
        model: One of `MODELS`.
        task_id: The row; chance is drawn from it.
        tier: The task's tier, 0 to 4: its difficulty, give or take.
        prompt: What is asked; four characters count as a token.
        tokens: The length of a typical answer.
    """
    input_tokens = -(-len(prompt) // 4)
    length = tokens * model.wordiness * math.exp(0.18 * bell(task_id, f"length {model.name}"))
    output_tokens = max(1, round(length))
    cost_usd = (
        input_tokens * model.input_usd_per_mtok + output_tokens * model.output_usd_per_mtok
    ) / 1_000_000
    return Outcome(_score(model, task_id, tier), input_tokens, output_tokens, float(cost_usd))


def _score(model: Model, task_id: str, tier: int) -> float:
    """Tier 0: 1 or 0. Else a grade in hundredths. What is hard is hard for every model."""
    if tier == 0:
        chance = _logistic(EXACT_MARGIN + EXACT_SLOPE * (model.ability - 1))
        return 1.0 if share(task_id, "right") < chance else 0.0
    difficulty = tier + 0.22 * bell(task_id, "difficulty")
    grade = CEILING * _logistic(MARGIN + SLOPE * (model.ability - difficulty))
    noisy = grade + 0.04 * bell(task_id, f"grade {model.name}")
    return round(min(1.0, max(0.0, noisy)), 2)


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))

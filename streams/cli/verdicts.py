"""What is said of another policy: facts for programs, a table for people; pure."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from streams.learning.evaluation import Verdicts
from streams.learning.offpolicy import Estimate, Evaluation

FEW = 100.0
"""An effective sample size under which intervals are too narrow: a few tasks outweigh the rest."""

FAR = 100.0
"""A task that counts so often: what is rare and large may lie beyond the intervals. Measured by
`tests/bench/test_coverage.py`: up to 50 times they hold the truth in 94 to 98.5 logs of 100, at 200
times in 88 to 100."""

ESTIMATORS = {"dr": "doubly robust", "snips": "SNIPS", "ips": "IPS"}

_UNIT = Decimal("1E-12")


def fact_of(found: Verdicts) -> dict[str, Any]:
    """For a program: money as decimal strings."""
    return {
        "decisions": found.decisions,
        "without_task": found.without_task,
        "share": {arm: {"logged": was, "other": is_} for arm, (was, is_) in found.share.items()},
        "quality": _facts(found.quality, lambda value: value),
        "cost_usd": _facts(found.cost_usd, _dollars),
    }


def _facts(found: Evaluation | None, write: Callable[[float], object]) -> dict[str, Any] | None:
    if found is None:
        return None
    estimates: dict[str, Estimate] = {
        name: getattr(found, name) for name in ("logged", *ESTIMATORS, "gain")
    }
    return {
        "tasks": found.tasks,
        **{
            name: {part: None if n is None else write(n) for part, n in told._asdict().items()}
            for name, told in estimates.items()
        },
        "effective_sample_size": found.effective,
        "largest_weight": found.largest_weight,
        "unsupported_share": found.unsupported,
    }


def _dollars(value: float) -> Decimal:
    return Decimal(value).quantize(_UNIT)


def render(found: Verdicts, name: str) -> str:
    """For a person: shares by model, then quality and cost with their intervals."""
    lines = [f"{name} on {found.decisions} logged decisions", ""]
    width = max((len(arm) for arm in found.share), default=0)
    lines.append(f"{'share of tasks':{width}}  logged   other")
    lines += [f"{arm:{width}}  {was:6.1%}  {is_:6.1%}" for arm, (was, is_) in found.share.items()]
    lines += _block("quality", found.quality, "{:.4f}")
    lines += _block("dollars a task", found.cost_usd, "{:.8f}")
    if found.without_task:
        lines.append("")
        lines.append(
            f"{found.without_task} decisions without their task: what was critical or had a"
            " min_quality of its own is not known of them"
        )
    return "\n".join(lines)


def _block(what: str, found: Evaluation | None, form: str) -> list[str]:
    if found is None:
        return ["", f"{what}: the log says nothing of it"]
    lines = ["", f"{what}, of {found.tasks} tasks, with 95% intervals"]
    for name, title in {"logged": "as logged", **ESTIMATORS, "gain": "difference"}.items():
        told: Estimate = getattr(found, name)
        span = ""
        if told.low is not None and told.high is not None:
            span = f"  {form.format(told.low)} to {form.format(told.high)}"
        lines.append(f"  {title:14}{form.format(told.value)}{span}")
    lines.append(
        f"  worth {found.effective:.0f} tasks of its own; one counts"
        f" {found.largest_weight:.1f} times at most"
    )
    if found.effective < FEW:
        lines.append(f"  under {FEW:.0f} tasks intervals are too narrow: explore more, or longer")
    if found.largest_weight > FAR:
        lines.append(
            f"  one task counts over {FAR:.0f} times: the log hardly ever went there, and what is"
            " rare and large may lie beyond the intervals"
        )
    if found.unsupported > 0:
        lines.append(
            f"  {found.unsupported:.2%} of it goes where the log never went: only believed"
        )
    return lines

"""A decision's story for a person: every number in it stands on the decision."""

from collections.abc import Iterator

from streams.events.decision import Binding, Decision
from streams.routing import trial
from streams.routing.policy import SURE


def explain(decision: Decision) -> str:
    """A decision's story for a person, in a few lines."""
    lines = [f"task {decision.task_id} went to tier {decision.tier}"]
    if decision.model is None:
        lines[0] += f": skill {decision.skill} is sure of its answer, no model was called"
        return lines[0]
    lines[0] += f", model {decision.model}"
    lines.append(
        f"rules: {decision.rule} proposes tier {decision.rule_tier}"
        f" (confidence {decision.rule_confidence:.2f})"
    )
    lines.append(f"quality: {_shares(decision.predicted_quality, decision.model)} predicted;")
    lines[-1] += _enough(decision)
    why = _why(decision)
    among = (
        f" from {_shares(decision.probabilities, decision.model, 3)}"
        if decision.propensity < 1
        else ""
    )
    lines.append(f"choice: {why}, drawn with probability {decision.propensity:.3f}{among}")
    if decision.asked_first is not None:
        lines.append(f"{decision.asked_first} is asked first: its answer stands if it is trusted")
    if decision.unavailable:
        lines.append(f"not to be called just then: {', '.join(decision.unavailable)}")
    if decision.warming:
        cold = (f"{name} {seconds:g} s" for name, seconds in decision.warming.items())
        lines.append(f"slower for a cold start: {', '.join(cold)}")
    lines += _bounds(decision)
    lines.append(
        f"by strategy {decision.strategy}, policy {decision.policy_version},"
        f" model state {decision.model_state_version}"
    )
    return "\n".join(lines)


def _enough(decision: Decision) -> str:
    """What quality was good enough; where money has a price none is, each is weighed."""
    if decision.pricing is not None:
        return f" a dollar had to bring {decision.pricing.price:.4g} of it"
    sure = f"confidence {decision.confidence:.2f}"
    if decision.confidence < SURE:
        sure += f", under {SURE:g}: one tier up where that is predicted to do no worse"
    return f" {decision.threshold:.2f} is good enough here ({sure})"


def _bounds(decision: Decision) -> Iterator[str]:
    """Whom the headroom kept out, and what bound the choice."""
    if decision.unaffordable:
        yield f"too dear for what is left to spend: {', '.join(decision.unaffordable)}"
    if decision.bound_by is not None:
        whose = "policy" if decision.bound_by in set(Binding) else "task"
        yield f"bound by the {whose}'s {decision.bound_by}"


def _why(decision: Decision) -> str:
    if decision.cold and decision.explored:
        share = f"{trial.EXPLORE_USD_SHARE:.0%}"
        return f"new and tried for at most {share} of what the preferred model costs"
    if decision.cold:
        return "new and not yet admitted, but no other may take the task"
    best = "the best of its tier" if decision.pricing is None else "worth its dollars most"
    return "chosen to learn about it" if decision.explored else best


def _shares(shares: dict[str, float], chosen: str, digits: int = 2) -> str:
    """The greatest first, four at most, and the chosen model's whatever it is."""
    ranked = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    shown = [item for rank, item in enumerate(ranked) if rank < 4 or item[0] == chosen]  # noqa: PLR2004
    told = ", ".join(f"{name} {share:.{digits}f}" for name, share in shown)
    return told if len(shown) == len(ranked) else f"{told}, …"

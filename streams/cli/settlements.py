"""Doubts and settlements as facts for programs, as lines for people: pure."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from streams.calling.settling import is_beyond, settlement_id
from streams.cli.advice import dollars_of
from streams.cli.letters import plain
from streams.events.outcome import Cost

COLUMNS = ("since", "call", "task", "tier", "model", "provider", "at most")
TASK_CHARS = 40


class Doing(enum.Enum):
    """What becomes of a settlement."""

    SETTLE = "settled"
    KNOWN = "known"  # the books say so already
    REFUSE = "refused"  # it can't be


@dataclass(frozen=True, slots=True)
class Settlement:
    """One call that is settled.

    Args:
        before: What the books have.
        after: What is to be booked.
        doing: Whether it is.
    """

    before: Cost
    after: Cost
    doing: Doing

    @property
    def figure_usd(self) -> Decimal:
        """What the call cost."""
        return self.after.cost_usd or Decimal(0)

    @property
    def event_id(self) -> str:
        """The id of the event that books it."""
        return settlement_id(self.before, self.figure_usd)


def settlement(before: Cost, after: Cost, *, force: bool) -> Settlement:
    """Judge a settlement.

    Args:
        before: What the books have.
        after: What is to be booked.
        force: Whether a figure is booked that the call's bound says can't be.
    """
    if before.settled_at is not None and before.cost_usd == after.cost_usd:
        return Settlement(before, after, Doing.KNOWN)
    beyond = is_beyond(before, after.cost_usd or Decimal(0)) and not force
    return Settlement(before, after, Doing.REFUSE if beyond else Doing.SETTLE)


def doubt_of(cost: Cost) -> dict[str, Any]:
    """A call in doubt for a program."""
    return {
        "call_id": cost.call_id,
        "task_id": cost.task_id,
        "tenant": cost.tenant,
        "tier": cost.tier,
        "model": cost.model,
        "provider": cost.provider,
        "incurred_at": cost.incurred_at,
        "at_most_usd": cost.at_most_usd,
    }


def fact_of(one: Settlement, *, rehearsed: bool = False) -> dict[str, Any]:
    """A settlement for a program; `outcome` is `settled`, `would_settle`, `known` or `refused`."""
    settle = one.doing is Doing.SETTLE
    return {
        **doubt_of(one.before),
        "cost_usd": one.after.cost_usd,
        "before_usd": one.before.cost_usd,
        "price_version": one.after.price_version,
        "settled_at": one.after.settled_at,
        "outcome": "would_settle" if settle and rehearsed else one.doing.value,
        "because": _beyond(one) if one.doing is Doing.REFUSE else None,
    }


def line_of(one: Settlement, *, rehearsed: bool = False) -> str:
    """A settlement for a person."""
    name, figure = plain(one.before.call_id), dollars_of(one.figure_usd)
    if one.doing is Doing.REFUSE:
        return f"{name}  refused at {figure}: {_beyond(one)}; --force books it all the same"
    if one.doing is Doing.KNOWN:
        return f"{name}  is settled at {figure} already"
    was = "it was in doubt"
    if one.before.settled_at is not None:
        was = f"it was settled at {dollars_of(one.before.cost_usd)}"
    return f"{name}  {'would be ' * rehearsed}settled at {figure}; {was}"


def list_of(doubts: Sequence[Cost]) -> list[str]:
    """Calls in doubt as a table, as wide as what is in it."""
    rows = [COLUMNS, *(_row(doubt) for doubt in doubts)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(COLUMNS))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def summed_up(doubts: Sequence[Cost]) -> str:
    """How many calls are in doubt, and what they can have cost at most."""
    if not doubts:
        return "no call is in doubt"
    bounds = [doubt.at_most_usd for doubt in doubts if doubt.at_most_usd is not None]
    told = f"{_calls(len(doubts))} in doubt"
    if bounds:
        told += f", at most {dollars_of(sum(bounds, Decimal(0)))}"
    if boundless := len(doubts) - len(bounds):
        told += f"; of {boundless} nobody can say how much at most"
    return told


def _calls(number: int) -> str:
    return f"{number} call{'s' * (number > 1)}"


def _row(doubt: Cost) -> tuple[str, ...]:
    task = plain(doubt.task_id)
    return (
        f"{doubt.incurred_at:%Y-%m-%d %H:%M:%SZ}",
        plain(doubt.call_id),
        task if len(task) <= TASK_CHARS else f"{task[: TASK_CHARS - 1]}…",
        str(doubt.tier),
        plain(doubt.model),
        plain(doubt.provider),
        "?" if doubt.at_most_usd is None else dollars_of(doubt.at_most_usd),
    )


def _beyond(one: Settlement) -> str:
    return f"it can't have cost more than {dollars_of(one.before.at_most_usd)}"

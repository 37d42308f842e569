"""The end of a doubt: what a call in doubt turned out to cost, as the event that books it.

in doubt ─► settled ─► settled anew; a cost that a worker confirmed is never touched
"""

import enum
from datetime import datetime, timedelta
from decimal import Decimal

from streams import ids
from streams.events.outcome import Cost, Usage

SETTLED = "settled"
"""The price version of a figure that somebody brought: a bill's, or a person's."""

TICK = timedelta(milliseconds=1)
"""By so much the books tell two settlements of one call apart."""


class Standing(enum.Enum):
    """How a call's cost stands."""

    OPEN = "open"  # in doubt
    SETTLED = "settled"  # it was in doubt; a later figure counts in place of this one
    CONFIRMED = "confirmed"  # a worker knew it


def standing(cost: Cost) -> Standing:
    """Say whether a cost is open, settled or confirmed."""
    if cost.settled_at is not None:
        return Standing.SETTLED
    return Standing.OPEN if cost.standing == "in_doubt" else Standing.CONFIRMED


def is_beyond(cost: Cost, figure_usd: Decimal) -> bool:
    """Whether a figure is more than the call can have cost; False where nobody can say."""
    return cost.at_most_usd is not None and figure_usd > cost.at_most_usd


def settled(
    known: Cost,
    figure_usd: Decimal,
    *,
    at: datetime,
    price_version: str = SETTLED,
    usage: Usage | None = None,
    answered_by: str | None = None,
) -> Cost:
    """The cost event that ends a doubt.

    It counts in the books over what is known, also where this clock is behind that of whoever
    settled the call before.

    Args:
        known: What the books have of the call, open or settled.
        figure_usd: What it cost, to 10⁻¹² dollars.
        at: Now.
        price_version: Where the figure is from.
        usage: What the provider counted, where that is known now.
        answered_by: The model that answered, where that is known now.

    Raises:
        ValueError: The cost was confirmed by a worker, which knew it.
    """
    if standing(known) is Standing.CONFIRMED:
        raise ValueError(f"{known.call_id} is not in doubt")
    if known.settled_at is not None:
        at = max(at, known.settled_at + TICK)
    return known.model_copy(
        update={
            "cost_usd": figure_usd,
            "standing": "confirmed",
            "price_version": price_version,
            "usage": known.usage if usage is None else usage,
            "answered_by": known.answered_by if answered_by is None else answered_by,
            "settled_at": at,
        }
    )


def settlement_id(known: Cost, figure_usd: Decimal) -> str:
    """The id of a settlement: the same for the same figure in place of the same one.

    A command that is typed twice before the books have its first event publishes one event twice,
    and not two.
    """
    before = "" if known.settled_at is None else known.settled_at.isoformat()
    return ids.derive("cost", known.call_id, SETTLED, f"{figure_usd.normalize():f}", before)

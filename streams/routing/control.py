"""Control records into the view that decides: a pure fold; what can't be used changes nothing."""

from dataclasses import replace

from streams.events.control import ModelState, Policy
from streams.events.envelope import Event
from streams.routing.decide import View


def fold(view: View, event: Event) -> View:
    """Take a control record into the view.

    An older policy than the one in force is left aside: compaction may bring it late.

    Raises:
        ValueError: The record can't be used; the last good one stays in force.
    """
    if isinstance(event, Policy):
        return replace(view, policy=event) if event.version >= view.policy.version else view
    if isinstance(event, ModelState):
        return replace(view, quality=view.quality.with_part(event))
    raise ValueError(f"{type(event).__name__} steers nothing")

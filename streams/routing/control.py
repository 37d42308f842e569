"""Control records into the view that decides: a pure fold; what can't be used changes nothing."""

from dataclasses import replace

from streams.events.availability import Availability
from streams.events.control import ModelState, Policy
from streams.events.envelope import Event
from streams.events.models import Model
from streams.routing.decide import View
from streams.routing.roster import Roster


def fold(view: View, event: Event) -> View:
    """Take a control record into the view.

    An older policy than the one in force is left aside: compaction may bring it late.

    Raises:
        ValueError: The record can't be used; the last good one stays in force.
    """
    if isinstance(event, Policy):
        newer = event.version >= view.policy.version
        return _judged(replace(view, policy=event)) if newer else view
    if isinstance(event, ModelState):
        return _judged(replace(view, quality=view.quality.with_part(event)))
    if isinstance(event, Model):
        roster = view.roster or Roster(view.registry.models)
        return _registered(replace(view, roster=roster.with_record(event)))
    if isinstance(event, Availability):
        return replace(view, availability=view.availability.with_record(event))
    raise ValueError(f"{type(event).__name__} steers nothing")


def _judged(view: View) -> View:
    """With the cold models admitted that have earned it by what is known now."""
    roster = view.roster or Roster(view.registry.models)
    return _registered(replace(view, roster=roster)) if roster.has_cold else view


def _registered(view: View) -> View:
    if view.roster is None:
        return view
    return replace(view, registry=view.roster.in_force(view.policy, view.quality))

"""Changes of traffic → availability, alerts: what others are told of breakers, holds and warmth."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from streams import ids
from streams.agents.outcome import Send
from streams.calling.traffic import Change
from streams.events.availability import Availability
from streams.events.feedback import Alert
from streams.topology import ALERTS, AVAILABILITY


def told(
    changes: Iterable[Change], worker: str, shares: Mapping[int, float], now: datetime
) -> tuple[Send, ...]:
    """What to publish of changes.

    Args:
        changes: As `Traffic.changes` gave them at this moment.
        worker: This process' name among all.
        shares: By tier, the part of its tasks that this process does.
        now: The moment.
    """
    sends: list[Send] = []
    for change in changes:
        word = availability(change, worker, shares.get(change.tier, 1.0), now)
        place = f"{word.provider}/{word.model}@{worker}"
        name = ids.derive("availability", place, change.what, now.isoformat())
        sends.append(Send(AVAILABILITY.name, place, word, name))
        if change.what == "opened":
            sends.append(_alert(word, now))
    return tuple(sends)


def availability(change: Change, worker: str, share: float, now: datetime) -> Availability:
    """A change as an event: what was told in seconds becomes moments."""
    standing = change.standing

    def then(seconds: float | None) -> datetime | None:
        return None if seconds is None else now + timedelta(seconds=seconds)

    return Availability(
        model=change.key.model,
        provider=change.key.provider,
        tier=change.tier,
        worker=worker,
        share=share,
        state=standing.state.value,
        because=standing.because,
        retry_at=then(standing.retry_s),
        held_until=then(standing.held_s),
        warm_until=then(standing.warm_s),
        at=now,
    )


def _alert(word: Availability, now: datetime) -> Send:
    """An open breaker is told to people once an hour."""
    detail = f"calls of {word.model} at {word.provider} are not made: {word.because}"
    alert = Alert(kind="breaker", detail=detail, subject=word.model, at=now)
    hour = now.replace(minute=0, second=0, microsecond=0).isoformat()
    name = ids.derive("alert", alert.kind, word.provider, word.model, hour)
    return Send(ALERTS.name, alert.kind, alert, name)

"""One a process: who may call which model now, who waits, who had better go elsewhere.

    enter ─► Go ─► sent ─► settled
      │
      ├────► Wait: `again` after so many seconds, or `leave`
      └────► Shut: another model, or later

Moments are monotonic seconds, as the caller's clock says. Nothing here waits or reads a clock.
"""

from collections.abc import Mapping
from typing import NamedTuple

from streams.calling.attempts import Failure
from streams.calling.breaker import Breaking, Pass, Verdict
from streams.calling.lane import Lane, Outlook, Standing, Terms
from streams.calling.limiter import Place

PATIENCE_S = 5.0
"""A task that would wait longer takes another model."""

ROOM = 16
"""So many may wait for one model: a quarter of a pool, so that the others are not held up."""


class Key(NamedTuple):
    """One model at one provider."""

    provider: str
    model: str


class Ended(NamedTuple):
    """How a call ended.

    Args:
        failure: None: it was answered.
        used_tokens: Input and output as the provider counted them; None: unknown, what was
            reserved counts.
        retry_after_s: How long the provider asks to be left alone.
    """

    failure: Failure | None = None
    used_tokens: float | None = None
    retry_after_s: float | None = None


class Change(NamedTuple):
    """Something to be told: `opened`, `half_opened`, `closed`, `held`, `released`, `warmed`."""

    key: Key
    tier: int
    what: str
    standing: Standing


class Ticket:
    """One call's way through: its place in the queue, then its leave to go."""

    __slots__ = ("key", "lane", "leave", "over", "place", "sent")

    def __init__(self, key: Key, lane: Lane, place: Place) -> None:
        self.key = key
        self.lane = lane
        self.place = place
        self.leave: Pass | None = None
        self.sent = False
        self.over = False


class Go(NamedTuple):
    """The call may go now; a cold start will add `cold_s` to its answer."""

    ticket: Ticket
    cold_s: float


class Wait(NamedTuple):
    """Ask `again` after so many seconds: its turn comes then. Whoever stops waiting must `leave`."""

    seconds: float
    ticket: Ticket


class Shut(NamedTuple):
    """Not this model now: `breaker`, `rate_limit`, `waiting_room` or `gone`; it may be asked at `until_s`."""

    until_s: float
    because: str


class Traffic:
    """Breaker, limiter and warmth of every model, as this process sees them.

    Args:
        room: How many may wait for one model.
        breaking: When breakers open, and for how long.
    """

    def __init__(self, *, room: int = ROOM, breaking: Breaking | None = None) -> None:
        self._room = room
        self._breaking = breaking
        self._lanes: dict[Key, Lane] = {}
        self._shares: dict[int, float] = {}

    def known(self, terms: Mapping[Key, Terms], now_s: float) -> None:
        """Take the registry as it is now: new models are added, gone ones forgotten.

        Calls of a model that is gone end as they would; nobody waits for it any more.
        """
        for key in self._lanes.keys() - terms.keys():
            del self._lanes[key]
        for key, said in terms.items():
            lane = self._lanes.get(key)
            if lane is None:
                self._lanes[key] = self._begun(said, now_s)
            elif lane.terms != said:
                lane.change(said, self._share(said.tier), now_s)

    def share(self, tier: int, fraction: float, now_s: float) -> None:
        """This process has so much of a tier's partitions: its share of the models' limits.

        What was granted stays granted; those who wait, wait longer or shorter.
        """
        self._shares[tier] = fraction
        for lane in self._lanes.values():
            if lane.terms.tier == tier:
                lane.change(lane.terms, fraction, now_s)

    @property
    def shares(self) -> Mapping[int, float]:
        """By tier, the part of its partitions that this process has, where it was told."""
        return self._shares

    def enter(
        self, key: Key, tokens: float, now_s: float, patience_s: float = PATIENCE_S
    ) -> Go | Wait | Shut:
        """Ask to call a model.

        Args:
            key: Which.
            tokens: What the call will likely use at most: its input, and its longest output.
            now_s: The moment.
            patience_s: Rather than wait longer, take another model.
        """
        lane = self._lane(key, now_s)
        outlook = lane.outlook(tokens, now_s)
        if outlook.shut_s > 0:
            return Shut(now_s + outlook.shut_s, "breaker")
        if outlook.wait_s > patience_s:
            return Shut(now_s + outlook.wait_s, "rate_limit")
        if outlook.wait_s > 0 and outlook.waiting >= self._room:
            return Shut(now_s + outlook.wait_s, "waiting_room")
        ticket = Ticket(key, lane, lane.limiter.reserve(tokens, now_s))
        return self.again(ticket, now_s, patience_s)

    def again(
        self, ticket: Ticket, now_s: float, patience_s: float = PATIENCE_S
    ) -> Go | Wait | Shut:
        """Ask again after having waited; what came between may have made the wait longer."""
        lane = ticket.lane
        shut_s = lane.shut_s(now_s)
        wait_s = lane.limiter.ready_s(ticket.place, now_s)
        gone = self._lanes.get(ticket.key) is not lane
        if gone or shut_s > 0 or wait_s > patience_s:
            self.leave(ticket, now_s)
            because = "gone" if gone else "breaker" if shut_s > 0 else "rate_limit"
            return Shut(now_s + max(shut_s, wait_s), because)
        if wait_s > 0:
            return Wait(wait_s, ticket)
        cold_s = lane.warmth.extra_s(now_s)
        lane.limiter.go(ticket.place, now_s)
        ticket.leave = lane.breaker.go(now_s)
        return Go(ticket, cold_s)

    def leave(self, ticket: Ticket, now_s: float) -> None:
        """The call is not made, or its end will never be known; harmless where it has ended."""
        if ticket.leave is not None:
            self.settled(ticket, None, now_s)
        elif not ticket.over:
            ticket.over = True
            ticket.lane.limiter.withdraw(ticket.place)

    def sent(self, ticket: Ticket, now_s: float) -> None:
        """The call goes now: its intent was confirmed since."""
        ticket.sent, ticket.place.sent_s = True, now_s
        ticket.lane.warmth.sent(now_s)

    def settled(self, ticket: Ticket, ended: Ended | None, now_s: float) -> None:
        """The call ended; None: nobody will ever know how (cancelled), or it was never sent."""
        if ticket.over or ticket.leave is None:
            return
        ticket.over = True
        lane, failure = ticket.lane, None if ended is None else ended.failure
        verdict = Verdict.SILENT if ended is None else Verdict.of(failure)
        lane.breaker.ended(ticket.leave, verdict, now_s)
        if ticket.sent:
            lane.warmth.ended(now_s, answered=verdict is Verdict.WELL)
        refused = failure is Failure.RATE_LIMITED
        used = None if ended is None else ended.used_tokens
        lane.limiter.settle(ticket.place, 0.0 if refused or not ticket.sent else used, now_s)
        if refused and ended is not None:
            lane.limiter.refused(ticket.place, ended.retry_after_s, now_s)
        elif ended is not None:
            lane.limiter.taken(ticket.place)

    def look(self, key: Key, tokens: float, now_s: float) -> Outlook:
        """What a call that came now would meet; nothing is reserved."""
        return self._lane(key, now_s).outlook(tokens, now_s)

    def standings(self, now_s: float) -> dict[Key, Standing]:
        """How every model stands."""
        return {key: lane.standing(now_s) for key, lane in self._lanes.items()}

    def changes(self, now_s: float) -> tuple[Change, ...]:
        """What has changed since this was last asked, to be told to others and counted."""
        return tuple(
            Change(key, lane.terms.tier, what, lane.standing(now_s))
            for key, lane in self._lanes.items()
            for what in lane.news(now_s)
        )

    def _lane(self, key: Key, now_s: float) -> "Lane":
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = self._begun(Terms(), now_s)
        return lane

    def _begun(self, terms: Terms, now_s: float) -> "Lane":
        return Lane(terms, self._share(terms.tier), self._breaking, now_s)

    def _share(self, tier: int) -> float:
        return self._shares.get(tier, 1.0)

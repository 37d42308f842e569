"""Predictions as Replicate keeps them: made now, done later, fetched by polls, called off."""

from dataclasses import dataclass, replace

from aiohttp import web

from streams import ids
from streams.clock import Clock
from streams.rig.dialects.replicate_predictions import ReplicateDialect
from streams.rig.faults import Fate, Kind
from streams.rig.sending import JSON, Logged, Sender, as_fated
from streams.rig.speech import Said

CREATED, NOT_FOUND = 201, 404
LONGEST_WAIT_S = 60.0
PREFERS = "wait"


@dataclass(slots=True)
class Prediction:
    """One that was asked for. `ready_s` is the moment at which it is done."""

    said: Said
    entry: Logged
    fated: Fate
    ready_s: float
    canceled: bool = False


class Predictions:
    """All of them, by id.

    Args:
        clock: When they are done.
        speed: What the time that a client is willing to wait is divided by, as all latencies are.
    """

    def __init__(self, clock: Clock, speed: float) -> None:
        self._clock = clock
        self._speed = speed
        self._dialect = ReplicateDialect()
        self._known: dict[str, Prediction] = {}

    def settle(self) -> None:
        """Bill what is done by now, whether or not anybody fetched it."""
        now_s = self._clock.monotonic_s()
        for one in self._known.values():
            if not one.canceled and now_s >= one.ready_s:
                one.entry.billed_usd = one.said.cost_usd

    async def make(
        self, request: web.Request, said: Said, entry: Logged, fated: Fate, usual_s: float
    ) -> web.StreamResponse:
        """Take a prediction; one that says `Prefer: wait` is answered when it is done, or soon."""
        name = ids.digest(f"{len(self._known)} {entry.call_id}".encode())[:26]
        slow_s = usual_s + fated.first_s + fated.pause_s * len(said.tokens)
        made = Prediction(
            replace(said, call_id=name), entry, fated, self._clock.monotonic_s() + slow_s
        )
        self._known[name] = made
        prefers, _, seconds = request.headers.get("prefer", "").partition("=")
        if prefers.strip() == PREFERS:
            longest_s = float(seconds) if seconds.strip().isdigit() else LONGEST_WAIT_S
            longest_s = min(longest_s, LONGEST_WAIT_S) / self._speed
            await self._clock.sleep(min(slow_s, longest_s))
            if slow_s <= longest_s:
                return await self._tell(request, made, CREATED)
        body = self._dialect.prediction(made.said, "starting")
        return web.Response(status=CREATED, body=body, content_type=JSON)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """How a prediction stands."""
        made = self._known.get(request.match_info["id"])
        if made is None:
            return self._unknown()
        return await self._tell(request, made, 200)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Call a prediction off; what is done is done."""
        made = self._known.get(request.match_info["id"])
        if made is None:
            return self._unknown()
        self.settle()
        never = made.fated.fault is Kind.TIMEOUT
        if never or self._clock.monotonic_s() < made.ready_s:
            made.canceled = True
        return web.Response(body=self._dialect.prediction(made.said, "canceled"), content_type=JSON)

    async def _tell(
        self, request: web.Request, made: Prediction, status: int
    ) -> web.StreamResponse:
        self.settle()
        never = made.fated.fault is Kind.TIMEOUT
        if made.canceled or never or self._clock.monotonic_s() < made.ready_s:
            word = "canceled" if made.canceled else "processing"
            body = self._dialect.prediction(made.said, word)
            return web.Response(status=status, body=body, content_type=JSON)
        if made.fated.fault is Kind.ERROR_INSIDE:
            body = self._dialect.prediction(made.said, "failed", "simulated error")
            return web.Response(status=status, body=body, content_type=JSON)
        fated = replace(made.fated, first_s=0.0, pause_s=0.0)
        body = self._dialect.whole(as_fated(made.said, fated))
        return await Sender(request, self._clock, self._dialect, made.entry, fated).body(
            body, status
        )

    def _unknown(self) -> web.Response:
        body = self._dialect.error(NOT_FOUND, "not_found", "no such prediction")
        return web.Response(status=NOT_FOUND, body=body, content_type=JSON)

"""How the simulator sends an answer, or what a fault leaves of it, and what its log says of the call."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import orjson
from aiohttp import web

from streams.clock import Clock
from streams.kafka.codec import stamp
from streams.rig.faults import Fate, Kind
from streams.rig.speech import Dialect, Said

JSON = "application/json"
GARBAGE = b'<html>{"choices": ['
PARTS = 5
"""A whole answer that comes slowly comes in so many parts."""

WAITING_SHARE = 0.2
"""Of the latency of a streamed answer: what passes before its first token."""

SERVED = (Kind.WRONG_MODEL,)
"""Faults that leave the answer whole."""

LUMP = 64 << 10


@dataclass(slots=True)
class Logged:
    """One request in the log.

    `answered`: the whole answer was sent and the client was still there. `billed_usd`: what the
    call cost, zero before the model has done its work, None where its cost is not recorded. `task`
    tells the tasks apart, `fault` is what went wrong on purpose.
    """

    at: datetime
    model: str
    call_id: str
    answered: bool = False
    billed_usd: Decimal | None = Decimal(0)
    task: str = ""
    fault: str | None = None

    def line(self) -> bytes:
        """As a line of `/log`; money is a decimal string."""
        billed = None if self.billed_usd is None else f"{self.billed_usd:f}"
        at = stamp(self.at).decode()
        known = {"at": at, "model": self.model, "call_id": self.call_id}
        ended = {"answered": self.answered, "billed_usd": billed}
        return orjson.dumps({**known, **ended, "task": self.task, "fault": self.fault}) + b"\n"


def as_fated(said: Said, fated: Fate) -> Said:
    """What is said where the fault is in the words."""
    if fated.fault is Kind.EMPTY:
        empty = replace(said, tokens=(), tool=None, arguments=None, finish="stop")
        return replace(empty, logprobs=None if said.logprobs is None else ())
    if fated.fault is Kind.WRONG_MODEL:
        other = fated.by.answered_by if fated.by else None
        return replace(said, model=other or f"{said.model}-other")
    if fated.fault is Kind.HUGE:
        size = fated.by.size_bytes if fated.by else LUMP
        lumps = tuple("x" * LUMP for _ in range(max(1, size // LUMP)))
        return replace(said, tokens=lumps, tool=None, arguments=None, logprobs=None)
    return said


class Sender:
    """Sends the answer to one call. A client that leaves cancels it.

    Args:
        request: Who is answered.
        clock: Waits.
        dialect: The wire format.
        entry: Told what became of it.
        fated: What goes wrong.
    """

    def __init__(
        self, request: web.Request, clock: Clock, dialect: Dialect, entry: Logged, fated: Fate
    ) -> None:
        self._request = request
        self._clock = clock
        self._dialect = dialect
        self._entry = entry
        self._fated = fated

    async def whole(self, said: Said, usual_s: float, status: int = 200) -> web.StreamResponse:
        """Answer in one piece, after `usual_s` seconds."""
        await self._clock.sleep(usual_s)
        self._entry.billed_usd = said.cost_usd  # the model has done its work
        body = self._dialect.whole(as_fated(said, self._fated))
        return await self.body(body, status)

    async def body(self, body: bytes, status: int = 200) -> web.StreamResponse:
        """Send an answer that is made, as the fault will have it."""
        fault = self._fated.fault
        if fault is Kind.TIMEOUT:
            await asyncio.Event().wait()
        if fault is Kind.GARBAGE:
            body = GARBAGE
        elif fault is Kind.ERROR_INSIDE:
            body = self._dialect.error(529, "overloaded", "simulated error")
        elif fault in (Kind.HALF_JSON, Kind.UNENDED):
            body = body[: len(body) // 2]
        response = web.StreamResponse(status=status, headers={"content-type": JSON})
        response.content_length = len(body)
        await response.prepare(self._request)
        await self._clock.sleep(self._fated.first_s)
        if fault is Kind.CUT:
            return await self._cut(response, body[: len(body) // 2])
        if self._fated.pause_s:
            for part in _parts(body):
                await response.write(part)
                await self._clock.sleep(self._fated.pause_s)
        else:
            await response.write(body)
        return await self._end(response)

    async def stream(self, said: Said, usual_s: float, *, paced: bool) -> web.StreamResponse:
        """Answer token by token.

        Args:
            said: The answer.
            usual_s: How long all of it takes.
            paced: Whether that is spread over the tokens, rather than waited before the first.
        """
        fault = self._fated.fault
        pieces = self._dialect.pieces(as_fated(said, self._fated))
        await self._clock.sleep(usual_s * WAITING_SHARE if paced else usual_s)
        self._entry.billed_usd = said.cost_usd  # from the first token on
        if fault is Kind.TIMEOUT:
            await asyncio.Event().wait()
        response = web.StreamResponse(headers={"content-type": self._dialect.stream_type})
        await response.prepare(self._request)
        await self._clock.sleep(self._fated.first_s)
        pause_s = (1 - WAITING_SHARE) * usual_s / len(pieces) if paced else 0.0
        pause_s = self._fated.pause_s or pause_s
        for number, piece in enumerate(self._left_of(pieces)):
            if number and pause_s:
                await self._clock.sleep(pause_s)
            await response.write(piece)
        if fault is Kind.CUT:
            return await self._cut(response, b"")
        return await self._end(response)

    def _left_of(self, pieces: list[bytes]) -> list[bytes]:
        """The pieces that the fault lets through."""
        fault, middle = self._fated.fault, len(pieces) // 2
        if fault is Kind.GARBAGE:
            return [GARBAGE]
        if fault in (Kind.CUT, Kind.UNENDED):
            return pieces[:middle]
        if fault is Kind.HALF_JSON:
            return [*pieces[:middle], pieces[middle][: len(pieces[middle]) // 2]]
        if fault is Kind.ERROR_INSIDE:
            return [*pieces[:middle], self._dialect.error_piece("overloaded", "simulated error")]
        return pieces

    async def _cut(self, response: web.StreamResponse, last: bytes) -> web.StreamResponse:
        if last:
            await response.write(last)
        if self._request.transport is not None:
            self._request.transport.close()
        return response

    async def _end(self, response: web.StreamResponse) -> web.StreamResponse:
        await response.write_eof()
        transport, fault = self._request.transport, self._fated.fault
        there = transport is not None and not transport.is_closing()
        self._entry.answered = there and (fault is None or fault in SERVED)
        return response


def _parts(body: bytes) -> Iterator[bytes]:
    size = max(1, -(-len(body) // PARTS))
    return (body[at : at + size] for at in range(0, len(body), size))

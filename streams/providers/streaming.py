"""Reads a streamed answer event by event; what an event means is the format's."""

from collections.abc import Callable
from typing import Protocol

from streams.calling.attempts import Failure
from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.providers.failing import garbage, unfinished
from streams.providers.lines import Events, Lines
from streams.providers.port import Failed, Pending, Reply
from streams.providers.reading import parsed

DONE = b"[DONE]"
WHOLE_BODY = (b"{", b"[", b"<")
"""What no event of a stream begins with: the host has sent one body, or a page for people."""


class Assembly(Protocol):
    """One answer that comes in events."""

    ended: bool
    """Whether the format's own end has come."""

    def take(self, event: JsonObject) -> bool:
        """Add an event; whether a part of the answer itself came with it."""
        ...

    def done(self) -> None:
        """The mark `[DONE]` has come."""
        ...

    def usage(self) -> Usage:
        """What was counted so far."""
        ...

    def answer(self) -> Reply | Failed:
        """What came in all, after the end or an error."""
        ...


class Streamed:
    """A `StreamReader`: it cuts bytes into events and hands them to the format's assembly.

    Args:
        cut: What parts events: `Events` or `Lines`.
        assembly: Where they go.
        decode: Reads a body that is no stream: hosts that don't stream answer so all the same.
    """

    def __init__(
        self,
        cut: Events | Lines,
        assembly: Assembly,
        decode: Callable[[bytes], Reply | Failed | Pending] | None = None,
    ) -> None:
        self._cut = cut
        self._assembly = assembly
        self._decode = decode
        self._head: bytes | None = b""
        self._body: list[bytes] | None = None
        self._broken: Failed | None = None

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes; whether any part of the answer itself came with them."""
        if self._head is not None:
            chunk = self._head + chunk
            if not chunk.strip():
                self._head = chunk
                return False
            self._head = None
            if self._decode is not None and chunk.lstrip().startswith(WHOLE_BODY):
                self._body = []
        if self._body is not None:
            self._body.append(chunk)
            return True
        return self._took(self._cut.feed(chunk))

    def end(self) -> Reply | Failed:
        """The whole answer; without the format's own end it was cut."""
        if self._body is not None and self._decode is not None:
            return self._whole(b"".join(self._body), self._decode)
        if self._broken is None and not self._assembly.ended:
            self._took([data for data in self._cut.rest() if data == DONE or parsed(data)])
        if self._broken is not None:
            return self._broken
        if not self._assembly.ended:
            usage = unfinished(self._assembly.usage())
            return Failed(Failure.CUT, "the stream ended in the middle", usage)
        return self._assembly.answer()

    def _whole(
        self, body: bytes, decode: Callable[[bytes], Reply | Failed | Pending]
    ) -> Reply | Failed:
        """What a body means that is no stream; half of one was cut, as half a stream is."""
        if not body.lstrip().startswith(b"<") and parsed(body) is None:
            return Failed(Failure.CUT, "the answer ended in the middle")
        answered = decode(body)
        return garbage("no answer yet") if isinstance(answered, Pending) else answered

    def _took(self, found: list[bytes]) -> bool:
        came = False
        for data in found:
            if self._broken is not None or self._assembly.ended:
                break
            came |= self._take(data)
        return came

    def _take(self, data: bytes) -> bool:
        if data.strip() == DONE:
            self._assembly.done()
            return False
        event = parsed(data)
        if isinstance(event, dict):
            return self._assembly.take(event)
        if data.strip():
            usage = unfinished(self._assembly.usage())
            self._broken = garbage("no JSON object in the stream", data, usage)
        return False

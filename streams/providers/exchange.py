"""What one call says over HTTP: a request, a stream or polls, and calling off what nobody waits for.

Nothing is repeated that could buy an answer twice: a POST goes once more only where the same host
sends it elsewhere (307, 308), and only the GET of a poll is tried again.
"""

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

import httpx

from streams.calling.attempts import Failure
from streams.clock import Clock
from streams.providers.guard import ForbiddenAddressError, why_forbidden
from streams.providers.network import REDIRECTS, TROUBLES, failed_by, redirected
from streams.providers.port import (
    Deadlines,
    Failed,
    Pending,
    Prompt,
    Reply,
    Request,
    StreamReader,
    WireFormat,
)

OK, BAD = 200, 400

ERROR_BYTES = 64 << 10
"""So much of a refusal is read: what it means stands at its beginning, or in its status."""

STREAM_FACTOR = 4
"""A streamed answer may be so much longer than a whole one: every token brings its frame."""

POLL_S = 0.05
"""The shortest pause between two polls."""

POLL_MISSES = 3
"""So many polls in a row may fail before the answer is given up."""

CALL_OFF_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Missed:
    """A poll that tells nothing of the answer: the host or the network failed."""

    by: Failed


class Exchange:
    """One call on one connection; used once.

    Args:
        client: The connection.
        wire: How prompts and answers are written.
        base_url: What paths are appended to, without a slash at its end.
        clock: Measures, and waits between polls.
        most_bytes: Longest answer that is read.
        allow_link_local: Whether any address may be called.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        wire: WireFormat,
        base_url: str,
        clock: Clock,
        *,
        most_bytes: int,
        allow_link_local: bool,
    ) -> None:
        self._client = client
        self._wire = wire
        self._base_url = base_url
        self._clock = clock
        self._most_bytes = most_bytes
        self._allow_link_local = allow_link_local
        self._began_s = clock.monotonic_s()
        self._reader: StreamReader | None = None
        self._pending: Pending | None = None
        self._watch = asyncio.timeout(None)
        self._ends_s = 0.0
        self._late = ""
        self._opening: Any = None
        self._sent = False
        self._first_token_s: float | None = None
        self._options: dict[str, Any] = {}
        self._plain: dict[str, Any] = {}

    async def run(
        self, prompt: Prompt, headers: Mapping[str, str], deadlines: Deadlines
    ) -> Reply | Failed:
        """Make the call.

        Args:
            prompt: What is asked.
            headers: Sent with every request.
            deadlines: From now.

        Returns:
            The answer with the time of its first token where it was streamed, or the failure.
        """
        asked = self._wire.encode(prompt)
        if isinstance(asked, Failed):
            return asked
        self._reader = self._wire.reader() if prompt.stream else None
        total_s = deadlines.total_s
        self._options = {
            "headers": {**headers, **asked.headers},
            "timeout": httpx.Timeout(total_s, connect=min(total_s, deadlines.connect_s)),
            "extensions": {"trace": self._trace},
        }
        bare = {name: value for name, value in headers.items() if name != "content-type"}
        self._plain = {**self._options, "headers": bare}
        self._ends_s = asyncio.get_running_loop().time() + total_s
        try:
            async with self._watch:
                self._allow(deadlines.first_token_s if self._reader else None, "no first token in")
                answered = await self._ask(asked, deadlines)
        except TROUBLES as error:
            answered = self._broken(error, total_s)
        finally:
            if self._opening is not None:  # httpcore forgets it where its handshake is cancelled
                await self._opening.aclose()
            if self._pending is not None:
                await self._call_off(self._pending)
        if isinstance(answered, Reply) and self._first_token_s is not None:
            return dataclasses.replace(answered, first_token_s=self._first_token_s)
        return answered

    async def _ask(self, asked: Request, deadlines: Deadlines) -> Reply | Failed:
        """Post it, to where the same host wants it; then read, or ask until it is done."""
        url = self._base_url + asked.path
        for _ in range(2):
            async with self._client.stream(
                "POST", url, content=asked.body, **self._options
            ) as response:
                if response.status_code not in REDIRECTS:
                    answered = await self._answer(response, deadlines)
                    break
                found = redirected(response.status_code, url, response.headers.get("location"))
            if isinstance(found, Failed):
                return found
            url = found
        else:
            return Failed(Failure.REFUSED, "redirected twice")
        return await self._poll(answered) if isinstance(answered, Pending) else answered

    async def _answer(
        self, response: httpx.Response, deadlines: Deadlines
    ) -> Reply | Failed | Pending:
        kind = response.headers.get("content-type", "")
        # A host that can't stream answers whole, and an error may come as one object with status 200.
        if (
            self._reader is None
            or response.status_code != OK
            or kind.startswith("application/json")
        ):
            self._reader = None
            self._allow(None, "")
            return await self._whole(response)
        return await self._streamed(response, self._reader, deadlines.between_tokens_s)

    async def _whole(self, response: httpx.Response) -> Reply | Failed | Pending:
        refused = response.status_code >= BAD
        most, body = ERROR_BYTES if refused else self._most_bytes, bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > most:
                    break
        except httpx.TransportError:
            if not refused:
                raise
        if len(body) > most and not refused:
            return Failed(Failure.GARBAGE, f"longer than {most} bytes")
        return self._wire.decode(response.status_code, response.headers, bytes(body[:most]))

    async def _streamed(
        self, response: httpx.Response, reader: StreamReader, between_tokens_s: float | None
    ) -> Reply | Failed:
        taken, most = 0, STREAM_FACTOR * self._most_bytes
        async for chunk in response.aiter_bytes():
            taken += len(chunk)
            if taken > most:
                return Failed(Failure.GARBAGE, f"longer than {most} bytes", reader.end().usage)
            if reader.feed(chunk):
                if self._first_token_s is None:
                    self._first_token_s = self._clock.monotonic_s() - self._began_s
                self._allow(between_tokens_s, "after a token nothing for")
        return reader.end()

    async def _poll(self, pending: Pending) -> Reply | Failed:
        """Ask until the answer is made; what is left in `_pending` is called off."""
        misses, after_s = 0, pending.after_s
        while True:
            self._pending = pending
            if not pending.path.startswith("/"):  # it would name another host
                return Failed(Failure.GARBAGE, f"asks to be polled at {pending.path[:100]!r}")
            await self._clock.sleep(max(after_s, POLL_S))
            found = await self._look(pending)
            if isinstance(found, Missed):
                misses, after_s = misses + 1, max(pending.after_s, found.by.retry_after_s or 0.0)
                if misses >= POLL_MISSES:
                    return Failed(Failure.CUT, f"the answer can't be fetched: {found.by.detail}")
            elif isinstance(found, Pending):
                pending, misses, after_s = found, 0, found.after_s
            else:
                self._pending = None
                return found

    async def _look(self, pending: Pending) -> Reply | Failed | Pending | Missed:
        """One poll."""
        url = self._base_url + pending.path
        try:
            async with self._client.stream("GET", url, **self._plain) as response:
                found = await self._whole(response)
        except httpx.HTTPError as error:
            return Missed(failed_by(error))
        status = response.status_code
        if isinstance(found, Failed) and (status in REDIRECTS or status >= BAD):
            return Missed(found)
        return found

    async def _call_off(self, pending: Pending) -> None:
        """Tell the host that nobody waits any more; it may be away as well."""
        path = pending.cancel_path
        if path is None or not path.startswith("/"):
            return
        try:
            async with asyncio.timeout(CALL_OFF_S):
                await self._client.post(self._base_url + path, **self._plain)
        except TROUBLES:
            return

    def _allow(self, seconds: float | None, late: str) -> None:
        """Wait for the next part of the answer no longer than so, nor beyond the end of all."""
        if self._watch.expired():
            return
        until_s, self._late = self._ends_s, ""
        if seconds is not None:
            part_s = asyncio.get_running_loop().time() + seconds
            if part_s < until_s:
                until_s, self._late = part_s, f"{late} {seconds:g} s"
        if until_s != self._watch.when():
            self._watch.reschedule(until_s)

    def _broken(self, error: Exception, total_s: float) -> Reply | Failed:
        """What an exchange came to that did not end by itself.

        A stream whose own end was read is an answer, whatever its connection did afterwards.
        """
        known = None if self._reader is None else self._reader.end()
        if isinstance(known, Reply):
            return known
        failed = failed_by(error)
        if type(error) is TimeoutError:
            failed = Failed(Failure.TIMED_OUT, self._late or f"no answer in {total_s:g} s")
        if failed.failure.may_be_billed and not self._sent:
            return Failed(Failure.UNREACHABLE, f"nothing was sent: {failed.detail}")
        if known is None:
            return failed
        if known.failure not in (Failure.CUT, Failure.EMPTY):  # the host had said why before
            return known
        return dataclasses.replace(failed, usage=known.usage)

    async def _trace(self, event: str, told: Mapping[str, Any]) -> None:
        """Hear of httpx what no exception tells: who was connected to, and that sending began."""
        if event == "connection.connect_tcp.complete":
            self._opening = told["return_value"]
            host, *_ = self._opening.get_extra_info("server_addr") or ("",)
            why = None if self._allow_link_local else why_forbidden(str(host))
            if why is not None:
                raise ForbiddenAddressError(why)
        elif event == "http11.send_request_headers.started":
            self._opening, self._sent = None, True

"""The only file that sends HTTP to models. One call is one request: no retry, no redirect."""

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import AsyncIterator, Mapping
from typing import Self

import httpx

from streams.calling.attempts import Failure
from streams.clock import Clock
from streams.providers.port import (
    CALL_ID_HEADER,
    Deadlines,
    Failed,
    Pending,
    Prompt,
    Reply,
    WireFormat,
)
from streams.providers.probe import Listed, Unlisted, read_error, read_listing

KEEPALIVE_S = 5.0
RESPONSE_BYTES = 16 << 20
"""Largest response that is read; what is longer is garbage."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")

FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (httpx.PoolTimeout, Failure.UNREACHABLE),  # nothing was sent
    (httpx.ConnectTimeout, Failure.UNREACHABLE),
    (httpx.ConnectError, Failure.UNREACHABLE),
    (httpx.ProxyError, Failure.UNREACHABLE),
    (httpx.UnsupportedProtocol, Failure.UNREACHABLE),
    (httpx.LocalProtocolError, Failure.UNREACHABLE),
    (httpx.InvalidURL, Failure.UNREACHABLE),
    (httpx.TimeoutException, Failure.TIMED_OUT),
    (TimeoutError, Failure.TIMED_OUT),
    (httpx.DecodingError, Failure.GARBAGE),
    (httpx.HTTPError, Failure.CUT),  # read, write and remote protocol errors: it was sent
)
"""How the network fails, the special before the general."""


class HttpProvider:
    """A provider behind HTTP, its connections kept open.

    Each connection is a client of its own: a pool of httpx looks through all of its connections
    on every request, which at 256 of them costs 16 ms of processor time a call, and this 1 ms.

    Args:
        base_url: What the wire format's path is appended to, such as `https://host/v1`.
        wire: How prompts and answers are written there.
        clock: Measures latency.
        api_key_env: Name of the environment variable that holds the key; None sends none.
        connections: Calls at once, at most; more wait within their own timeout.
    """

    def __init__(
        self,
        base_url: str,
        wire: WireFormat,
        clock: Clock,
        *,
        api_key_env: str | None = None,
        connections: int = 256,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._wire = wire
        self._clock = clock
        self._key = os.environ.get(api_key_env, "").strip() if api_key_env else None
        self._tls = httpx.create_ssl_context()
        self._room = asyncio.Semaphore(connections)
        self._idle: list[httpx.AsyncClient] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; no call may be in flight."""
        while self._idle:
            await self._idle.pop().aclose()

    async def call(self, prompt: Prompt, deadlines: Deadlines) -> Reply | Failed:
        """Make one call, once.

        Args:
            prompt: What to ask; its call id goes with the request.
            deadlines: The whole counts from waiting for a connection to the end of the answer.

        Returns:
            The answer, or how the call failed. Only cancellation is raised.
        """
        began_s = self._clock.monotonic_s()
        try:
            async with self._connection(deadlines.total_s) as client:
                left_s = deadlines.total_s - (self._clock.monotonic_s() - began_s)
                async with asyncio.timeout(left_s):
                    outcome = await self._ask(client, prompt, deadlines)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            outcome = _failed(error)
        latency_s = self._clock.monotonic_s() - began_s
        if isinstance(outcome, Reply) and not outcome.model:
            outcome = dataclasses.replace(outcome, model=prompt.model)
        return dataclasses.replace(outcome, latency_s=latency_s)

    async def list_models(self, *, timeout_s: float) -> Listed | Unlisted:
        """Ask which models there are: it costs nothing, and wants the key that a call wants."""
        try:
            async with self._connection(timeout_s) as client, asyncio.timeout(timeout_s):
                answer = await client.get(f"{self._base_url}/models", timeout=timeout_s)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return read_error(error)
        return read_listing(answer.status_code, answer.content)

    @contextlib.asynccontextmanager
    async def _connection(self, timeout_s: float) -> AsyncIterator[httpx.AsyncClient]:
        """The connection that was used last, so that few stay open when there is little to do."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._room.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no free connection") from None
        client = self._idle.pop() if self._idle else self._open()
        try:
            yield client
        finally:
            self._room.release()
            self._idle.append(client)

    def _open(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=[(n.encode(), v.encode()) for n, v in self._wire.authorize(self._key).items()]
            if self._key
            else None,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=KEEPALIVE_S),
            verify=self._tls,
            follow_redirects=False,
            trust_env=not _is_loopback(self._base_url),  # no proxy between us and this machine
        )

    async def _ask(
        self, client: httpx.AsyncClient, prompt: Prompt, deadlines: Deadlines
    ) -> Reply | Failed:
        asked = self._wire.encode(prompt)
        if isinstance(asked, Failed):
            return asked
        total_s = deadlines.total_s
        timeout = httpx.Timeout(total_s, connect=min(total_s, deadlines.connect_s))
        async with client.stream(
            "POST",
            self._base_url + asked.path,
            content=asked.body,
            headers={**_headers(prompt), **asked.headers},
            timeout=timeout,
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > RESPONSE_BYTES:
                    return Failed(Failure.GARBAGE, f"longer than {RESPONSE_BYTES} bytes")
        answered = self._wire.decode(response.status_code, response.headers, bytes(body))
        if isinstance(answered, Pending):
            return Failed(Failure.GARBAGE, "an answer that is still being made")
        return answered


def _headers(prompt: Prompt) -> Mapping[str, str]:
    return {
        "content-type": "application/json",
        CALL_ID_HEADER: prompt.call_id,
        "idempotency-key": prompt.call_id,
    }


def _failed(error: Exception) -> Failed:
    failure = next(failure for kind, failure in FAILURES if isinstance(error, kind))
    if isinstance(error, httpx.LocalProtocolError):  # quotes the header that it refuses: the key
        return Failed(failure, "the request is no HTTP: is the key one line of ASCII?")
    return Failed(failure, f"{type(error).__name__}: {error}".rstrip(": "))


def _is_loopback(url: str) -> bool:
    return httpx.URL(url).host in LOOPBACK

"""The way to models over HTTP: connections, keys, deadlines. One call is one exchange."""

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Self

import httpx
from pydantic import SecretStr

from streams.calling.attempts import Failure
from streams.clock import Clock
from streams.providers import guard
from streams.providers.exchange import Exchange
from streams.providers.keys import hide, hide_in_answer, hide_in_calls, is_sendable, key_in
from streams.providers.network import TROUBLES, failed_by
from streams.providers.port import (
    CALL_ID_HEADER,
    Deadlines,
    Failed,
    Prompt,
    Reply,
    WireFormat,
)
from streams.providers.probe import Listed, Unlisted, read_error, read_listing

KEEPALIVE_S = 5.0
RESPONSE_BYTES = 16 << 20
"""Longest answer that is read; what is longer is garbage."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class HttpProvider:
    """A provider behind HTTP, its connections kept open.

    Each connection is a client of its own: a pool of httpx looks through all of its connections
    on every request, which at 256 of them costs 16 ms of processor time a call, and this 1 ms.

    Args:
        base_url: What the wire format's path is appended to, such as `https://host/v1`.
        wire: How prompts and answers are written there.
        clock: Measures latency.
        api_key_env: Name of the environment variable that holds the key; None sends none.
        api_key: The key itself, in place of a variable.
        connections: Calls at once, at most; more wait within their own timeout.
        stream: Whether every answer is asked for as a stream, where the format has one.
        connect_s: Longest wait for a connection, in place of a call's own.
        first_token_s: Longest wait for the first token, where a call says nothing of it.
        between_tokens_s: Longest wait between two tokens, likewise.
        allow_link_local: Whether link-local and metadata addresses may be called.
        response_bytes: Longest answer that is read, a stream's frames beside it.

    Raises:
        ForbiddenAddressError: The URL itself names an address that may not be called.
    """

    def __init__(
        self,
        base_url: str,
        wire: WireFormat,
        clock: Clock,
        *,
        api_key_env: str | None = None,
        api_key: SecretStr | None = None,
        connections: int = 256,
        stream: bool = False,
        connect_s: float | None = None,
        first_token_s: float | None = None,
        between_tokens_s: float | None = None,
        allow_link_local: bool = False,
        response_bytes: int = RESPONSE_BYTES,
    ) -> None:
        if not allow_link_local:
            guard.refuse(base_url)
        self._base_url = base_url.rstrip("/")
        self._wire = wire
        self._clock = clock
        self._key = api_key or key_in(api_key_env)
        self._stream = stream
        self._connect_s = connect_s
        self._first_token_s = first_token_s
        self._between_tokens_s = between_tokens_s
        self._allow_link_local = allow_link_local
        self._response_bytes = response_bytes
        self._tls = _tls(base_url)
        self._room = asyncio.Semaphore(connections)
        self._idle: list[httpx.AsyncClient] = []

    async def __aenter__(self) -> Self:
        """Look once where the name leads, so that a forbidden address is told at the start.

        Raises:
            ForbiddenAddressError: It leads to an address that may not be called.
        """
        if not self._allow_link_local:
            await guard.refuse_resolved(self._base_url)
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
        key = key_in(prompt.api_key_env) if prompt.api_key_env else self._key
        lacking = _lacking(prompt.api_key_env, key)
        if lacking is not None:
            return lacking
        if self._stream and not prompt.stream:
            prompt = dataclasses.replace(prompt, stream=True)
        try:
            async with self._connection(deadlines.total_s) as client:
                left_s = deadlines.total_s - (self._clock.monotonic_s() - began_s)
                outcome = await Exchange(
                    client,
                    self._wire,
                    self._base_url,
                    self._clock,
                    most_bytes=self._response_bytes,
                    allow_link_local=self._allow_link_local,
                ).run(prompt, self._headers(prompt, key), self._within(deadlines, left_s))
        except TROUBLES as error:
            outcome = failed_by(error)
        latency_s = self._clock.monotonic_s() - began_s
        return _told(outcome, prompt.model, latency_s, key)

    async def list_models(self, *, timeout_s: float) -> Listed | Unlisted:
        """Ask which models there are: it costs nothing, and wants the key that a call wants."""
        url = self._base_url + self._wire.listing_path
        headers = self._authorized(self._key)
        body = bytearray()
        try:
            async with (
                self._connection(timeout_s) as client,
                asyncio.timeout(timeout_s),
                client.stream("GET", url, timeout=timeout_s, headers=headers) as answer,
            ):
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > self._response_bytes:
                        break
        except TROUBLES as error:
            return read_error(error)
        found = read_listing(answer.status_code, bytes(body))
        if isinstance(found, Unlisted) or self._key is None:
            return found
        keys = [self._key.get_secret_value()]
        return dataclasses.replace(
            found, models=tuple(hide_in_answer(name, keys) for name in found.models)
        )

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
            headers={"accept-encoding": "identity"},  # a compressed stream comes in lumps
            limits=httpx.Limits(max_connections=1, keepalive_expiry=KEEPALIVE_S),
            verify=self._tls,
            follow_redirects=False,
            trust_env=not _is_loopback(self._base_url),  # no proxy between us and this machine
        )

    def _within(self, deadlines: Deadlines, left_s: float) -> Deadlines:
        """A call's deadlines with those of the provider's settings."""
        first_s, between_s = deadlines.first_token_s, deadlines.between_tokens_s
        if first_s is None:
            first_s = self._first_token_s
        return Deadlines(
            left_s,
            deadlines.connect_s if self._connect_s is None else self._connect_s,
            None if first_s is None else first_s + deadlines.cold_start_s,
            self._between_tokens_s if between_s is None else between_s,
        )

    def _headers(self, prompt: Prompt, key: SecretStr | None) -> dict[str, str]:
        named = {"content-type": "application/json", CALL_ID_HEADER: prompt.call_id}
        if self._wire.idempotency_header is not None:
            named[self._wire.idempotency_header] = prompt.call_id
        return {**named, **self._authorized(key)}

    def _authorized(self, key: SecretStr | None) -> Mapping[str, str]:
        return {} if key is None else self._wire.authorize(key.get_secret_value())


def _lacking(variable: str | None, key: SecretStr | None) -> Failed | None:
    """Why nothing can be sent with this key; None: it can, or none is wanted."""
    if key is None:
        if variable is None:
            return None
        return Failed(Failure.REFUSED, f"variable {variable} with the model's key is not set")
    if not is_sendable(key.get_secret_value()):
        return Failed(Failure.REFUSED, "the key is more than one line of ASCII without blanks")
    return None


def _told(
    outcome: Reply | Failed, model: str, latency_s: float, key: SecretStr | None
) -> Reply | Failed:
    """The outcome as it leaves this room: with its latency, without the key."""
    keys = [] if key is None else [key.get_secret_value()]
    if isinstance(outcome, Failed):
        detail = hide(outcome.detail, keys)
        return dataclasses.replace(outcome, detail=detail, latency_s=latency_s)
    return dataclasses.replace(
        outcome,
        text=hide_in_answer(outcome.text, keys),
        tool_calls=hide_in_calls(outcome.tool_calls, keys) if keys else outcome.tool_calls,
        model=hide_in_answer(outcome.model or model, keys),
        finish_reason=outcome.finish_reason and hide_in_answer(outcome.finish_reason, keys),
        latency_s=latency_s,
    )


def _tls(base_url: str) -> ssl.SSLContext:
    """Whom to trust; reading all authorities takes 40 ms, which no plain connection needs."""
    if guard.scheme_of(base_url) == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context()


def _is_loopback(url: str) -> bool:
    return guard.host_of(url) in LOOPBACK

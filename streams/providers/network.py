"""How the network fails a call, and where a redirected one goes: pure."""

import httpx

from streams.calling.attempts import Failure
from streams.providers.guard import ForbiddenAddressError
from streams.providers.port import Failed

REDIRECTS = (301, 302, 303, 307, 308)
KEEPS_METHOD = (307, 308)

TROUBLES = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ForbiddenAddressError)
"""Whatever the network does, it is one of these."""

FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (ForbiddenAddressError, Failure.REFUSED),
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


def redirected(status: int, url: str, location: str | None) -> str | Failed:
    """Where a redirected POST goes, or why it goes nowhere.

    Example:
        >>> redirected(308, "https://host/v1/chat", "/v2/chat")
        'https://host/v2/chat'
        >>> redirected(307, "https://host/v1/chat", "https://other/v1/chat").detail
        'HTTP 307: redirected to another host: other'
        >>> redirected(302, "https://host/v1/chat", "/login").detail
        'HTTP 302: redirected, and a POST would become a GET'
    """
    if not location:
        return Failed(Failure.REFUSED, f"HTTP {status}: redirected without saying where")
    here = httpx.URL(url)
    try:
        there = here.join(location)
    except httpx.InvalidURL:
        return Failed(Failure.REFUSED, f"HTTP {status}: redirected to no address")
    if there.host != here.host:
        return Failed(
            Failure.REFUSED, f"HTTP {status}: redirected to another host: {there.host[:200]}"
        )
    if (there.scheme, there.port) != (here.scheme, here.port):
        said = f"{there.scheme}://{there.netloc.decode('ascii', 'replace').rpartition('@')[2]}"
        return Failed(Failure.REFUSED, f"HTTP {status}: redirected to another server: {said[:200]}")
    if status not in KEEPS_METHOD:
        return Failed(Failure.REFUSED, f"HTTP {status}: redirected, and a POST would become a GET")
    return str(there.copy_with(username=None, password=None))


def failed_by(error: Exception) -> Failed:
    """How a call failed that the network broke; the detail holds no header, so no key."""
    failure = next(failure for kind, failure in FAILURES if isinstance(error, kind))
    if isinstance(error, httpx.LocalProtocolError):  # quotes the header that it refuses: the key
        return Failed(failure, "the request is no HTTP: is the key one line of ASCII?")
    return Failed(failure, f"{type(error).__name__}: {error}".rstrip(": "))

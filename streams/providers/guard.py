"""Which addresses are never called: those by which a cloud hands out its machines' credentials.

A `base_url`, a name that resolves, a connection that was made: each is checked, the last one because
a name may mean another address a moment later. Loopback and private networks are where local models
run, and are allowed.
"""

import asyncio
import ipaddress
import socket

import httpx

LOOKUP_S = 2.0

METADATA_NAMES = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.platformequinix.com",
        "metadata.packet.net",
        "metadata.tencentyun.com",
    }
)
"""Names under which clouds answer machines about themselves.

Source: the instance metadata pages of Google Cloud, AWS EC2, Equinix Metal and Tencent Cloud.
"""

METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's host, WireServer
        "192.0.0.192",  # Oracle Cloud, older images
        "fd00:ec2::254",  # AWS EC2
        "fd00:ec2::23",  # AWS EKS Pod Identity
        "fd20:ce::254",  # Google Cloud
    )
)
"""Metadata addresses that are not link-local."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")


class ForbiddenAddressError(ValueError):
    """A provider's host is link-local or a cloud's metadata service, and that was not allowed."""


def why_forbidden(host: str) -> str | None:
    """Why a host, as a URL or a socket names it, is not called; None: it may be.

    Args:
        host: A name or an address, without brackets or port.

    Example:
        >>> why_forbidden("169.254.169.254")
        '169.254.169.254 is link-local'
        >>> why_forbidden("Metadata.Google.Internal.")
        "metadata.google.internal is a cloud's metadata service"
        >>> why_forbidden("127.0.0.1"), why_forbidden("api.example.com")
        (None, None)
    """
    name = host.strip("[]").rstrip(".").lower()
    if name in METADATA_NAMES:
        return f"{name} is a cloud's metadata service"
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    meant = _embedded(address)
    if meant.is_link_local:
        return f"{name} is link-local"
    return f"{name} is a cloud's metadata service" if meant in METADATA_ADDRESSES else None


def _embedded(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def refuse(base_url: str) -> None:
    """Refuse a URL that says by itself where it must not go.

    Raises:
        ForbiddenAddressError: Its host is forbidden.
    """
    why = why_forbidden(host_of(base_url))
    if why is not None:
        raise ForbiddenAddressError(why)


async def refuse_resolved(base_url: str) -> None:
    """Refuse a URL whose name means a forbidden address now; a name that nobody knows passes.

    Raises:
        ForbiddenAddressError: One of its addresses is forbidden.
    """
    host = host_of(base_url)
    for address in await _addresses(host):
        why = why_forbidden(address)
        if why is not None:
            raise ForbiddenAddressError(f"{host} resolves to {address}: {why}")


async def _addresses(host: str) -> list[str]:
    if not host:
        return []
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOKUP_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # TimeoutError is an OSError
        return []
    return [str(address[0]) for *_, address in found]


def host_of(url: str) -> str:
    """The host of a URL; empty where it has none."""
    found = _parsed(url)
    return found.host if found else ""


def scheme_of(url: str) -> str:
    """The scheme of a URL; empty where it has none."""
    found = _parsed(url)
    return found.scheme if found else ""


def _parsed(url: str) -> httpx.URL | None:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        return None

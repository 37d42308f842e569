"""Which addresses are never called."""

import pytest

from streams.providers.guard import (
    ForbiddenAddressError,
    refuse,
    refuse_resolved,
    scheme_of,
    why_forbidden,
)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.0.1",
        "fe80::1",
        "[fe80::1]",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "metadata",
        "instance-data",
    ],
)
def test_link_local_and_metadata_hosts_are_forbidden(host: str) -> None:
    assert why_forbidden(host)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "::1", "localhost", "10.0.0.7", "192.168.1.4", "fd12::1", "api.example.com", "",
     "metadata.example.com", "169.253.0.1", "8.8.8.8"],
)  # fmt: skip
def test_local_private_and_public_hosts_are_not(host: str) -> None:
    assert why_forbidden(host) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/v1",
        "http://169.254.169.254.:80/v1",
        "https://[fe80::1]:8080/v1",
        "http://[::ffff:a9fe:a9fe]/v1",
        "http://metadata.google.internal/computeMetadata",
        "http://METADATA.GOOGLE.INTERNAL/",
    ],
)
def test_a_url_that_names_one_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        refuse(url)


@pytest.mark.parametrize("url", ["http://", "ftp://x", "http://[", "", "https://host/v1"])
def test_what_is_no_such_url_is_left_to_others(url: str) -> None:
    refuse(url)
    assert scheme_of(url) in {"", "http", "https", "ftp"}


@pytest.mark.parametrize("number", ["2852039166", "0xA9FEA9FE"])
async def test_an_address_in_another_spelling_is_seen_once_it_is_resolved(number: str) -> None:
    with pytest.raises(ForbiddenAddressError, match=r"resolves to 169\.254\.169\.254"):
        await refuse_resolved(f"http://{number}/v1")


async def test_a_name_that_nobody_knows_passes() -> None:
    await refuse_resolved("http://no-such-host.invalid/v1")
    await refuse_resolved("http://127.0.0.1:8080/v1")

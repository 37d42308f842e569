"""Where a redirected call goes: nowhere but to another path of the same server."""

import pytest

from streams.calling.attempts import Failure
from streams.providers.network import redirected
from streams.providers.port import Failed

HERE = "https://host.example/v1/chat/completions"


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("/v2/chat", "https://host.example/v2/chat"),
        ("completions/", "https://host.example/v1/chat/completions/"),
        ("https://host.example:443/v1/x", "https://host.example/v1/x"),
        ("//host.example/x", "https://host.example/x"),
        ("https://user:word@host.example/x", "https://host.example/x"),
    ],
)
def test_another_path_of_the_same_server_is_followed(location: str, there: str) -> None:
    assert redirected(308, HERE, location) == there


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/v1/chat/completions",
        "//evil.example/",
        "https://host.example.evil.example/",
        "https://host.example@evil.example/",
        "http://host.example/v1/chat/completions",
        "https://host.example:8443/v1",
        "http://169.254.169.254/latest/meta-data/",
        "ftp://host.example/",
        "",
        None,
        "https://[",
    ],
)
def test_nothing_else_is(location: str | None) -> None:
    found = redirected(307, HERE, location)
    assert isinstance(found, Failed)
    assert found.failure is Failure.REFUSED


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_that_would_become_a_get_is_not_followed(status: int) -> None:
    assert isinstance(redirected(status, HERE, "/v2/chat"), Failed)

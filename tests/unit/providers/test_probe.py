"""What the answer to a request for a list of models means."""

import socket
import ssl

import httpx
import pytest

from streams.providers.probe import Listed, Trouble, Unlisted, read_error, read_listing


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (401, Trouble.KEY_REFUSED),
        (403, Trouble.KEY_REFUSED),
        (404, Trouble.NO_LIST),
        (405, Trouble.NO_LIST),
        (429, Trouble.BUSY),
        (503, Trouble.BUSY),
        (302, Trouble.ODD),
        (400, Trouble.ODD),
    ],
)
def test_each_status_has_its_trouble(status: int, trouble: Trouble) -> None:
    found = read_listing(status, b'{"error": {"message": "bad key sk-secret"}}')
    assert isinstance(found, Unlisted)
    assert (found.trouble, found.reached) == (trouble, True)
    assert "sk-secret" not in found.detail


@pytest.mark.parametrize("body", [b"<html>", b"", b"{}", b'{"data": 7}', b"[" * 100_000])
def test_a_page_for_people_is_no_list(body: bytes) -> None:
    found = read_listing(200, body)
    assert isinstance(found, Unlisted)
    assert found.trouble is Trouble.ODD


def test_a_list_is_read_tolerantly() -> None:
    assert read_listing(200, b'{"data": [{"id": "a"}, {"id": 7}, "b", {}]}') == Listed(("a",))
    assert read_listing(200, b'[{"id": "a"}]') == Listed(("a",))


def test_every_vendor_writes_its_list_in_a_way_of_its_own() -> None:
    ollama = (
        b'{"models": [{"name": "llama3:latest", "model": "llama3:latest"}, {"name": "phi:2.7b"}]}'
    )
    assert read_listing(200, ollama) == Listed(("llama3:latest", "llama3", "phi:2.7b"))
    anthropic = b'{"data": [{"type": "model", "id": "claude-3-opus"}], "has_more": false}'
    assert read_listing(200, anthropic) == Listed(("claude-3-opus",))
    replicate = b'{"next": "https://x/more", "results": [{"owner": "meta", "name": "llama"}]}'
    assert read_listing(200, replicate) == Listed(("meta/llama",), whole=False)


def caused(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = OSError("All connection attempts failed")
    error.__cause__.__cause__ = (
        ExceptionGroup("several", [cause]) if isinstance(cause, Exception) else None
    )
    return error


def test_the_cause_of_a_failed_connection_is_found_however_deep() -> None:
    unknown = socket.gaierror(-2, "Name or service not known")
    assert read_error(caused(unknown)).trouble is Trouble.NO_SUCH_HOST
    refused = read_error(caused(ConnectionRefusedError(111, "Connection refused")))
    assert refused == Unlisted(Trouble.NOBODY_THERE, "Connection refused")
    assert read_error(caused(ssl.SSLError(1, "bad"))).trouble is Trouble.NOT_TRUSTED
    assert read_error(httpx.ReadTimeout("")).trouble is Trouble.TIMED_OUT
    assert not refused.reached


def test_an_error_that_quotes_the_key_is_not_repeated() -> None:
    found = read_error(httpx.LocalProtocolError("Illegal header value b'Bearer sk-secret'"))
    assert "sk-secret" not in found.detail

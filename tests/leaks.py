"""Finds a secret in what was written, whichever way it was written there."""

import base64
import binascii
import html
import re
import urllib.parse
from collections.abc import Iterable, Iterator

ENCODED = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
STEM_CHARS = 12
"""So much of a secret is searched for: a shortened one is a leak too."""


def stem(secret: str) -> bytes:
    """What is searched for."""
    return secret[:STEM_CHARS].encode()


def leaks(written: bytes, secrets: Iterable[str]) -> list[str]:
    """Which secrets are there, with what stands around them."""
    wanted = [stem(secret).lower() for secret in secrets]
    return [
        f"…{text[max(0, at - 60) : at + 40]!r}"
        for text in (way.lower() for way in ways(written))
        for known in wanted
        if (at := text.find(known)) >= 0
    ]


def ways(written: bytes) -> Iterator[bytes]:
    """It as it is, and with every encoding taken off that somebody might have put on."""
    yield written
    once = ESCAPED.sub(rb"\1", written)
    yield once
    yield ESCAPED.sub(rb"\1", once)
    if b"%" in written:
        yield urllib.parse.unquote_to_bytes(written)
        yield urllib.parse.unquote_to_bytes(written.replace(b"+", b" "))
    if b"&" in written:
        yield html.unescape(written.decode("utf-8", "replace")).encode()
    yield b" ".join(_decoded(run) for run in ENCODED.findall(written))
    yield b" ".join(binascii.unhexlify(run) for run in HEX.findall(written))


def _decoded(run: bytes) -> bytes:
    """A run of base64, from each of the four places where a group may begin."""
    plain = run.translate(bytes.maketrans(b"-_", b"+/"))
    parts = (plain[at:] for at in range(4))
    return b" ".join(base64.b64decode(part[: len(part) // 4 * 4]) for part in parts)

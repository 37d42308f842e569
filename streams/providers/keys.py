"""Keys of providers: where they are read, and how a text is told without them."""

import base64
import functools
import html
import os
import re
import urllib.parse
from collections.abc import Iterable

import orjson
from pydantic import SecretStr

from streams.events.envelope import JsonObject

HIDDEN = "****"
SHORT = 4
"""A shorter text is no key: hiding it would only shred what it stands in."""

REAL = 16
"""An answer is changed only for a key of so many characters: dummies such as `none` are words."""

PREFIX_CHARS = 8
"""So much of a key at the end of a shortened text is hidden too, and no shorter code of one is."""


def key_in(variable: str | None) -> SecretStr | None:
    """The key in an environment variable, without the blanks around it; None where there is none."""
    key = os.environ.get(variable, "").strip() if variable else ""
    return SecretStr(key) if key else None


def hide(text: str, keys: Iterable[str]) -> str:
    """A text for people without any of these keys, however written, also where it ends within one.

    Example:
        >>> hide("bad key sk-1234567890", ["sk-1234567890"])
        'bad key ****'
        >>> hide("bad key sk-12345678", ["sk-1234567890"])
        'bad key ****'
        >>> hide("Basic OnNrLTEyMzQ1Njc4OTA=", ["sk-1234567890"])
        'Basic On****A='
    """
    for key in keys:
        if len(key) < SHORT:
            continue
        for form in forms(key):
            if form in text:
                text = text.replace(form, HIDDEN)
        for form in forms(key):
            text = _without_beginning(text, form)
    return text


def hide_in_answer(text: str, keys: Iterable[str]) -> str:
    """A model's answer without the key that a host echoed into it."""
    return hide(text, (key for key in keys if len(key) >= REAL))


def hide_in_calls(calls: Iterable[JsonObject], keys: Iterable[str]) -> tuple[JsonObject, ...]:
    """Tool calls that hold no key in any of their texts."""
    return tuple({name: _hidden(value, keys) for name, value in call.items()} for call in calls)


def _hidden(value: object, keys: Iterable[str]) -> object:
    if isinstance(value, str):
        return hide_in_answer(value, keys)
    if isinstance(value, dict):
        return {hide_in_answer(name, keys): _hidden(known, keys) for name, known in value.items()}
    return [_hidden(entry, keys) for entry in value] if isinstance(value, list) else value


@functools.cache
def forms(key: str) -> tuple[str, ...]:
    """All ways in which hosts, proxies and libraries write a key, the longest first.

    As it is, in small letters, percent-encoded, as HTML, as JSON, quoted by Python, in hex, and in
    base64, where it may begin at any place of a group: `Basic` encodes it behind a user.

    Example:
        >>> "sk-a%2Fb%2Bcdef" in forms("sk-a/b+cdef")
        True
    """
    written = [key, key.lower(), html.escape(key), html.escape(key, quote=False)]
    for quoted in (urllib.parse.quote(key, safe=""), urllib.parse.quote(key)):
        written += [quoted, quoted.lower(), re.sub("%..", _small, quoted)]
    written += [orjson.dumps(key).decode()[1:-1], *_repeated(key)]
    written += [w.replace("/", "\\/") for w in (key, orjson.dumps(key).decode()[1:-1])]
    written += [part for w in tuple(written) for part in _repeated(w)]
    octets = key.encode()
    codes = [octets.hex(), octets.hex().upper(), *_in_base64(octets)]
    found = dict.fromkeys([*written, *(code for code in codes if len(code) >= PREFIX_CHARS)])
    return tuple(sorted(found, key=len, reverse=True))


def is_sendable(key: str) -> bool:
    """Whether a key can stand in an HTTP header: one line of printable ASCII without blanks."""
    return re.fullmatch(r"[!-~]+", key) is not None


def _without_beginning(text: str, form: str) -> str:
    """A text that was shortened within a key, without what is left of that."""
    cut = text[-len(form) - 4 :].rstrip("'\"….")
    if form[:PREFIX_CHARS] not in cut:
        return text
    cut = text.rstrip("'\"….")
    for length in range(min(len(form), len(cut)), PREFIX_CHARS - 1, -1):
        if cut.endswith(form[:length]):
            return cut[:-length] + HIDDEN
    return text


def _small(found: re.Match[str]) -> str:
    return found[0].lower()


def _repeated(text: str) -> tuple[str, str]:
    """As Python's `repr` writes it, between either kind of quotes."""
    doubled = text.replace("\\", "\\\\")
    return doubled, doubled.replace("'", "\\'")


def _in_base64(octets: bytes) -> list[str]:
    """The characters of its code that hold nothing of what stands before or behind it."""
    found = []
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + octets).decode()
        first, last = -(-before * 8 // 6), (before + len(octets)) * 8 // 6
        found.append(coded[first:last])
    return [*found, *(code.translate(str.maketrans("+/", "-_")) for code in found)]

"""Keys of providers: where they are read, and how a text is told without them."""

import os
import re
from collections.abc import Iterable

from pydantic import SecretStr

from streams.events.envelope import JsonObject

HIDDEN = "****"
SHORT = 4
"""A shorter text is no key: hiding it would only shred what it stands in."""

REAL = 16
"""An answer is changed only for a key of so many characters: dummies such as `none` are words."""

PREFIX_CHARS = 8
"""So much of a key at the end of a shortened text is hidden too."""


def key_in(variable: str | None) -> SecretStr | None:
    """The key in an environment variable, without the blanks around it; None where there is none."""
    key = os.environ.get(variable, "").strip() if variable else ""
    return SecretStr(key) if key else None


def hide(text: str, keys: Iterable[str]) -> str:
    """A text for people without any of these keys, also where it was shortened within one.

    Example:
        >>> hide("bad key sk-1234567890", ["sk-1234567890"])
        'bad key ****'
        >>> hide("bad key sk-12345678", ["sk-1234567890"])
        'bad key ****'
    """
    for key in keys:
        if len(key) < SHORT:
            continue
        text = text.replace(key, HIDDEN)
        cut = text.rstrip("'\"….")
        for length in range(min(len(key), len(cut)), PREFIX_CHARS - 1, -1):
            if cut.endswith(key[:length]):
                text = cut[:-length] + HIDDEN
                break
    return text


def hide_in_answer(text: str, keys: Iterable[str]) -> str:
    """A model's answer without the key that a host echoed into it."""
    for key in keys:
        if len(key) >= REAL and key in text:
            text = text.replace(key, HIDDEN)
    return text


def hide_in_calls(calls: Iterable[JsonObject], keys: Iterable[str]) -> tuple[JsonObject, ...]:
    """Tool calls whose arguments hold no key."""
    return tuple({name: _hidden(value, keys) for name, value in call.items()} for call in calls)


def _hidden(value: object, keys: Iterable[str]) -> object:
    if isinstance(value, str):
        return hide_in_answer(value, keys)
    if isinstance(value, dict):
        return {name: _hidden(found, keys) for name, found in value.items()}
    return value


def is_sendable(key: str) -> bool:
    """Whether a key can stand in an HTTP header: one line of printable ASCII without blanks."""
    return re.fullmatch(r"[!-~]+", key) is not None

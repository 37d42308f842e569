"""Whether a provider can be reached with its key, told by its list of models: pure.

`GET base_url/models` costs nothing, and wants the same key and the same base URL as a call.
"""

import enum
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NO_METHOD, BUSY, SERVER = 200, 401, 403, 404, 405, 429, 500
DETAIL_CHARS = 200


class Trouble(enum.Enum):
    """Why a provider's models can't be listed."""

    NO_SUCH_HOST = "no_such_host"  # DNS knows no such name
    NOBODY_THERE = "nobody_there"  # refused, or no route
    NOT_TRUSTED = "not_trusted"  # TLS: the certificate is not accepted
    TIMED_OUT = "timed_out"
    KEY_REFUSED = "key_refused"  # 401, 403
    NO_LIST = "no_list"  # 404, 405: a wrong path, or a host without the list
    BUSY = "busy"  # 429 and 5xx: there, and not able now
    ODD = "odd"  # anything else, such as a page for people


@dataclass(frozen=True, slots=True)
class Listed:
    """The models that a provider says it has."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Why there is no list. `detail` never holds the key."""

    trouble: Trouble
    detail: str

    @property
    def reached(self) -> bool:
        """Whether something answered over HTTP."""
        return self.trouble in (Trouble.KEY_REFUSED, Trouble.NO_LIST, Trouble.BUSY, Trouble.ODD)


def read_listing(status: int, body: bytes) -> Listed | Unlisted:
    """What the answer to `GET …/models` means, in OpenAI's format.

    Source:
        https://platform.openai.com/docs/api-reference/models/list.

    Example:
        >>> read_listing(200, b'{"data": [{"id": "tiny-1"}]}')
        Listed(models=('tiny-1',))
        >>> read_listing(401, b"").trouble
        <Trouble.KEY_REFUSED: 'key_refused'>
    """
    said = f"HTTP {status}"
    if status in (UNAUTHORIZED, FORBIDDEN):
        return Unlisted(Trouble.KEY_REFUSED, said)  # what it says may repeat the key
    if status in (NOT_FOUND, NO_METHOD):
        return Unlisted(Trouble.NO_LIST, said)
    if status == BUSY or status >= SERVER:
        return Unlisted(Trouble.BUSY, said)
    found = _names(body) if status == OK else None
    if found is None:
        return Unlisted(Trouble.ODD, f"{said}, and no list of models in it")
    return Listed(found)


def _names(body: bytes) -> tuple[str, ...] | None:
    try:
        found = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        return None
    entries = found.get("data") if isinstance(found, dict) else found
    if not isinstance(entries, list):
        return None
    names = (entry.get("id") for entry in entries if isinstance(entry, dict))
    return tuple(name for name in names if isinstance(name, str))


def read_error(error: BaseException) -> Unlisted:
    """What it means that no answer came, by the first cause that says more than "failed"."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return Unlisted(Trouble.NO_SUCH_HOST, cause.strerror or "name not known")
        if isinstance(cause, ssl.SSLError):
            words = (getattr(cause, name, None) for name in ("verify_message", "reason"))
            said = next(filter(None, words), "TLS failed")
            return Unlisted(Trouble.NOT_TRUSTED, str(said)[:DETAIL_CHARS])
        if isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__:
            return Unlisted(Trouble.TIMED_OUT, "no answer in time")
    return Unlisted(Trouble.NOBODY_THERE, _last_words(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that led to it, groups opened."""
    waiting, seen = [error], set[int]()
    while waiting:
        known = waiting.pop()
        if id(known) in seen:
            continue
        seen.add(id(known))
        yield known
        waiting += [e for e in (known.__context__, known.__cause__) if e is not None]
        if isinstance(known, BaseExceptionGroup):
            waiting += known.exceptions


def _last_words(error: BaseException) -> str:
    """The operating system's words if it has any, else the kind of error; no headers, no key."""
    words = [e.strerror for e in _causes(error) if isinstance(e, OSError) and e.strerror]
    return words[-1][:DETAIL_CHARS] if words else type(error).__name__

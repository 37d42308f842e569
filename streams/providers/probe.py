"""Whether a provider can be reached with its key, told by its list of models: pure.

A GET of the wire format's `listing_path` costs nothing, and wants the same key and the same base
URL as a call.
"""

import enum
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from streams.events.envelope import JsonObject
from streams.providers.reading import at, objects, parsed, text

OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NO_METHOD, BUSY, SERVER = 200, 401, 403, 404, 405, 429, 500
DETAIL_CHARS = 200
LATEST = ":latest"


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
    """The models that a provider says it has; `whole` is false where there are more of them."""

    models: tuple[str, ...]
    whole: bool = True


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
    """What the answer to a request for the list of models means, in any vendor's format.

    OpenAI and Anthropic write `data[].id`, Ollama `models[].name`, Replicate `results[]` with `owner`
    and `name`.

    Source:
        https://platform.openai.com/docs/api-reference/models/list;
        https://docs.anthropic.com/en/api/models-list;
        https://github.com/ollama/ollama/blob/main/docs/api.md#list-local-models;
        https://replicate.com/docs/reference/http#models.list.

    Example:
        >>> read_listing(200, b'{"data": [{"id": "tiny-1"}]}')
        Listed(models=('tiny-1',), whole=True)
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
    found = _listed(body) if status == OK else None
    if found is None:
        return Unlisted(Trouble.ODD, f"{said}, and no list of models in it")
    return found


def _listed(body: bytes) -> Listed | None:
    found = parsed(body)
    lists = [found, *(at(found, key) for key in ("data", "models", "results"))]
    entries = next((entry for entry in lists if isinstance(entry, list)), None)
    if entries is None:
        return None
    names = (name for entry in objects(entries) for name in _names(entry))
    return Listed(tuple(names), not at(found, "has_more") and not at(found, "next"))


def _names(entry: JsonObject) -> Iterator[str]:
    """What one model may be called by; Ollama takes `llama3` for `llama3:latest`."""
    owner, name = text(entry.get("owner")), text(entry.get("name"))
    told = text(entry.get("id")) or (f"{owner}/{name}" if owner and name else name)
    if told is not None:
        yield told
        if told.endswith(LATEST):
            yield told.removesuffix(LATEST)


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

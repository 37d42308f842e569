"""How a provider says that a call failed: statuses, words, texts; shared by the wire formats."""

import re
from collections.abc import Collection, Mapping

from streams.calling.attempts import Failure
from streams.events.envelope import JsonObject
from streams.events.outcome import Usage
from streams.providers.port import Failed
from streams.providers.reading import at, objects, parsed, text
from streams.providers.retry_after import retry_after_s

OK = 200
UNAUTHORIZED = 401
DETAIL_CHARS = 300
STATUS_FAILURES = {
    404: Failure.WRONG_MODEL,
    408: Failure.SERVER_ERROR,
    429: Failure.RATE_LIMITED,
    498: Failure.OVERLOADED,  # Groq: no capacity for this service tier
    502: Failure.CUT,  # a gateway lost the model: it may have answered
    503: Failure.OVERLOADED,
    504: Failure.TIMED_OUT,
    520: Failure.CUT,  # Cloudflare, of the host behind it: so too 524
    524: Failure.TIMED_OUT,
    529: Failure.OVERLOADED,
}

WORDS = {
    "insufficient_quota": Failure.REFUSED,  # OpenAI's 429 of an account without money
    "billing_hard_limit_reached": Failure.REFUSED,
    "model_not_found": Failure.WRONG_MODEL,
    "model_decommissioned": Failure.WRONG_MODEL,
}
"""Codes that say more than their status does."""

ERRORS = {
    **WORDS,
    "api_error": Failure.SERVER_ERROR,
    "server_error": Failure.SERVER_ERROR,
    "internal_server_error": Failure.SERVER_ERROR,
    "internal_error": Failure.SERVER_ERROR,
    "overloaded_error": Failure.OVERLOADED,
    "overloaded": Failure.OVERLOADED,
    "service_unavailable": Failure.OVERLOADED,
    "rate_limit_error": Failure.RATE_LIMITED,
    "rate_limit_exceeded": Failure.RATE_LIMITED,
    "timeout_error": Failure.TIMED_OUT,
    "not_found_error": Failure.WRONG_MODEL,
    "authentication_error": Failure.REFUSED,
    "billing_error": Failure.REFUSED,
    "invalid_prompt": Failure.REFUSED,
    "invalid_request_error": Failure.REFUSED,
    "permission_error": Failure.REFUSED,
    "request_too_large": Failure.REFUSED,
}
"""What an error's `code` or `type` means where there is no status to go by: within a stream."""

WORD = re.compile(r"[a-z0-9_.-]{1,64}", re.IGNORECASE)


def failure_of(status: int) -> Failure:
    """What an HTTP status other than 200 means for the call.

    Example:
        >>> failure_of(529).label, failure_of(400).label, failure_of(500).label
        ('overloaded', 'refused', 'server_error')
    """
    other = Failure.SERVER_ERROR if status >= 500 else Failure.REFUSED  # noqa: PLR2004 (5xx)
    return STATUS_FAILURES.get(status, other)


def opened(
    status: int, headers: Mapping[str, str], body: bytes, fine: Collection[int] = (OK,)
) -> JsonObject | Failed:
    """The JSON object that a whole response carries; a failure where it carries none.

    Args:
        status: Its HTTP status.
        headers: Names in small letters.
        body: All of it.
        fine: The statuses with which an answer comes.
    """
    if status not in fine:
        return refused(status, headers, body)
    found = parsed(body)
    return found if isinstance(found, dict) else garbage("no JSON object", body)


def refused(status: int, headers: Mapping[str, str], body: bytes) -> Failed:
    """A response with a status that is no success.

    What comes with a 401 is left out but for its code: it may repeat the key.
    """
    found = parsed(body)
    words = [word for word in _words(found) if word in WORDS]
    failure = WORDS[words[0]] if words else failure_of(status)
    said = _code(found) if status == UNAUTHORIZED else error_text(found, body)
    limited = failure is Failure.RATE_LIMITED
    wait_s = retry_after_s(headers, found, limited=limited)
    return Failed(failure, f"HTTP {status}: {said}", retry_after_s=wait_s)


def told(found: object, usage: Usage, *, begun: bool = False) -> Failed:
    """An error that came with status 200, as the whole answer or within a stream.

    Args:
        found: The object with the `error`.
        usage: What was counted all the same.
        begun: Whether part of an answer had come: then it may be billed, whatever the error.
    """
    detail = error_text(found, b"an error without words")
    code = at(found, "error", "code")
    known = [ERRORS[word] for word in _words(found) if word in ERRORS]
    if begun:
        return Failed(Failure.CUT, detail, usage)
    if type(code) is int and 400 <= code < 600:  # noqa: PLR2004 (a status)
        return Failed(failure_of(code), detail, usage)
    return Failed(known[0] if known else Failure.GARBAGE, detail, usage)


def garbage(why: str, body: bytes = b"", usage: Usage | None = None) -> Failed:
    """An answer that is not the wire format."""
    said = f"{why}: {printable(body)}" if body else why
    return Failed(Failure.GARBAGE, said, usage or Usage())


def lacks(wire: str, what: str) -> Failed:
    """A prompt asks for what a wire format can't carry; nothing was sent.

    Example:
        >>> lacks("ollama_chat", "images by URL").detail
        'ollama_chat carries no images by URL'
    """
    return Failed(Failure.REFUSED, f"{wire} carries no {what}")


def unfinished(usage: Usage) -> Usage:
    """What is known of a call that ended in the middle: its input; what it put out is nobody's count."""
    output = ("output_tokens", "reasoning_tokens", "output_audio_tokens", "reported_cost_usd")
    return usage.model_copy(update=dict.fromkeys(output))


def error_text(found: object, body: bytes) -> str:
    """What an error says, cut to 300 characters; the body itself where it is no known form."""
    for entry in found if isinstance(found, list) else [found]:
        error = at(entry, "error")
        for said in (at(error, "message"), error, at(entry, "detail"), at(entry, "message")):
            if isinstance(said, str):
                return said[:DETAIL_CHARS]
    return printable(body)


def printable(body: bytes) -> str:
    """The beginning of a body, whatever it is."""
    return repr(body[:DETAIL_CHARS].decode("utf-8", "replace"))


def _words(found: object) -> list[str]:
    entries = found if isinstance(found, list) else [found]
    errors = [at(entry, "error") for entry in objects(entries)]
    return [word for e in errors for word in (text(at(e, "code")), text(at(e, "type"))) if word]


def _code(found: object) -> str:
    words = [word for word in _words(found) if WORD.fullmatch(word)]
    return f"the key is refused ({words[0]})" if words else "the key is refused"

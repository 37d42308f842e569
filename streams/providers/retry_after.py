"""How long a provider asks to be left alone: its headers and its words, read as seconds."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from streams.providers.reading import at, objects, text

LONGEST_S = 86_400.0
EPOCH_S, EPOCH_MS = 1e9, 1e12
"""From here up a number is a moment, in seconds or milliseconds since 1970, and no duration."""

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
WHOLE_DURATION = re.compile(rf"(?:{DURATION.pattern})+")
ADVICE = re.compile(rf"(?:try|retry)[^.]{{0,30}}? in ((?:{DURATION.pattern})+)", re.IGNORECASE)
LIMITS = (
    ("x-ratelimit-", ("requests", "tokens")),
    ("anthropic-ratelimit-", ("requests", "tokens", "input-tokens", "output-tokens")),
)
"""Prefix and names of the limits that vendors tell: `anthropic-ratelimit-tokens-reset`."""


def retry_after_s(headers: Mapping[str, str], found: object, *, limited: bool) -> float | None:
    """How long to leave a provider alone, in seconds.

    What it asks for goes first; where it only tells its limits, the slowest of those that are used
    up counts, and where none says it is, what the error's words advise.

    Args:
        headers: Of the response, names in small letters.
        found: The parsed body.
        limited: Whether it was a limit on rates that refused the call.

    Returns:
        Seconds in [0, 86,400]; None where it says nothing that can be read.

    Source:
        RFC 9110, 10.2.3; https://platform.openai.com/docs/guides/rate-limits;
        https://docs.anthropic.com/en/api/rate-limits; google.rpc.RetryInfo.

    Example:
        >>> retry_after_s({"retry-after": "7"}, None, limited=True)
        7.0
        >>> told = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m0.5s"}
        >>> retry_after_s(told, None, limited=True)
        60.5
    """
    now = _moment(headers.get("date"))
    asked = _seconds(headers.get("retry-after-ms"), 0.001)
    if asked is None:
        asked = _wait_s(headers.get("retry-after"), now)
    if asked is None and limited:
        asked = _reset_s(headers, now)
    if asked is None:
        asked = _advised_s(found)
    if asked is None or not math.isfinite(asked):
        return None
    return min(max(asked, 0.0), LONGEST_S)


def _reset_s(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """When the limits that are used up open again."""
    found: list[float] = []
    for prefix, names in LIMITS:
        before = prefix.startswith("x-")  # x-ratelimit-reset-tokens, but anthropic-…-tokens-reset
        for name in names:
            left = headers.get(
                f"{prefix}remaining-{name}" if before else f"{prefix}{name}-remaining"
            )
            said = headers.get(f"{prefix}reset-{name}" if before else f"{prefix}{name}-reset")
            wait_s = _wait_s(said, now)
            if left is not None and left.strip() == "0" and wait_s is not None:
                found.append(wait_s)
    plain_s = _wait_s(headers.get("x-ratelimit-reset"), now)
    return max(found, default=plain_s)


def _advised_s(found: object) -> float | None:
    """What the error itself says: Google's `retryDelay`, or a sentence."""
    entries = found if isinstance(found, list) else [found]
    for entry in objects(entries):
        for detail in objects(at(entry, "error", "details")):
            delay_s = _duration_s(text(detail.get("retryDelay")))
            if delay_s is not None:
                return delay_s
        advice = ADVICE.search(text(at(entry, "error", "message")) or "")
        if advice is not None:
            return _duration_s(advice[1])
    return None


def _wait_s(said: str | None, now: datetime | None) -> float | None:
    """A duration, or the time until a moment; None for a moment where it isn't said what time it is."""
    for read in (_seconds(said), _duration_s(said)):
        if read is not None and read < EPOCH_S:
            return read
    then = _moment(said)
    return None if then is None or now is None else (then - now).total_seconds()


def _seconds(said: str | None, unit_s: float = 1.0) -> float | None:
    try:
        return float(said) * unit_s if said is not None else None
    except ValueError:
        return None


def _duration_s(said: str | None) -> float | None:
    """`6m0s`, `12ms`, `1h2m3.5s`."""
    if said is None or WHOLE_DURATION.fullmatch(said.strip()) is None:
        return None
    return sum(float(number) * UNITS_S[unit] for number, unit in DURATION.findall(said))


def _moment(said: str | None) -> datetime | None:
    """An HTTP date, RFC 3339, or a number since 1970."""
    if said is None:
        return None
    number = _seconds(said)
    for read in (_from_epoch(number), _from_http(said), _from_iso(said)):
        if read is not None:
            return read
    return None


def _from_epoch(number: float | None) -> datetime | None:
    if number is None or not EPOCH_S <= number < 1000 * EPOCH_MS:
        return None
    try:
        return datetime.fromtimestamp(number / 1000 if number >= EPOCH_MS else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _from_http(said: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(said))
    except (ValueError, TypeError, OverflowError):
        return None


def _from_iso(said: str) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(said))
    except ValueError:
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

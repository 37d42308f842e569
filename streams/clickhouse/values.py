"""What events hold, as columns hold it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from streams.events.outcome import Usage

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2262, 1, 1, tzinfo=UTC)
"""What DateTime64 can hold; times beyond are moved to the edge."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNT_LIMIT = 1 << 63
USD_LIMIT = Decimal(1_000_000)
RANK_BITS = 48
"""Milliseconds since 1970 fit below a rank until the year 10889."""

_JSON = TypeAdapter[Any](Any)


def version(at: datetime, rank: int = 0) -> int:
    """Rank first, then time in milliseconds."""
    milliseconds = max(0, (at - EPOCH) // timedelta(milliseconds=1))
    return (rank << RANK_BITS) + milliseconds


def moment(at: datetime) -> datetime:
    """A time as DateTime64 holds it; one beyond is moved to the edge."""
    return min(max(at, EARLIEST), LATEST)


def count(tokens: int | None) -> int | None:
    """A provider's number that no column holds is no number."""
    return None if tokens is None or tokens >= COUNT_LIMIT else tokens


_Tokens = int | None
_Counted = tuple[
    _Tokens, _Tokens, _Tokens, _Tokens, _Tokens, _Tokens, _Tokens, _Tokens,
    str | None, Decimal | None,
]  # fmt: skip


def counted(usage: Usage) -> _Counted:
    """All that a provider told of a call, in the order of the columns."""
    return (
        count(usage.input_tokens),
        count(usage.output_tokens),
        count(usage.cached_input_tokens),
        count(usage.cache_write_5m_tokens),
        count(usage.cache_write_1h_tokens),
        count(usage.input_audio_tokens),
        count(usage.reasoning_tokens),
        count(usage.output_audio_tokens),
        usage.service_tier,
        usd(usage.reported_cost_usd),
    )


def usd(amount: Decimal | None) -> Decimal | None:
    """Money, or None: unknown.

    Raises:
        OverflowError: As `known_usd` does.
    """
    return None if amount is None else known_usd(amount)


def known_usd(amount: Decimal) -> Decimal:
    """Money that fits its column.

    Raises:
        OverflowError: It does not: it is refused rather than cut.
    """
    if amount >= USD_LIMIT:
        raise OverflowError(f"{amount} dollars do not fit Decimal(18, 12)")
    return amount


def json(value: object) -> str:
    """What has no columns of its own, as text."""
    return _JSON.dump_json(value).decode()

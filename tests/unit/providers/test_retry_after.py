"""How long a provider asks to be left alone, in each way that it may say so."""

from typing import Any

import orjson
import pytest

from streams.calling.attempts import Failure
from streams.providers.failing import refused
from streams.providers.retry_after import retry_after_s

DATE = "Mon, 23 Nov 2026 15:00:00 GMT"


def waited(headers: dict[str, str], found: object = None) -> float | None:
    return retry_after_s({"date": DATE, **headers}, found, limited=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "Mon, 23 Nov 2026 15:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 14:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "999999999"}, 86_400.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12ms"}, 0.012),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2026-11-23T15:00:07Z",
                "anthropic-ratelimit-requests-remaining": "9",
                "anthropic-ratelimit-requests-reset": "2026-11-23T16:00:00Z",
            },
            7.0,
        ),
        ({"x-ratelimit-reset": "1795446010"}, 10.0),
        ({"x-ratelimit-reset": "1795446010000"}, 10.0),
        ({"x-ratelimit-reset": "3"}, 3.0),
    ],
)
def test_headers_say_how_long(headers: dict[str, str], seconds: float) -> None:
    assert waited(headers) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"message": "Rate limit reached. Please try again in 41.724s. Visit …"}, 41.724),
        ({"message": "Limit 100. Please try again in 7m12s."}, 432.0),
        ({"message": "Please try again in 20ms."}, 0.02),
        ({"message": "…", "details": [{"@type": "x"}, {"retryDelay": "34.07s"}]}, 34.07),
    ],
)
def test_where_headers_are_silent_the_error_says_how_long(
    error: dict[str, Any], seconds: float
) -> None:
    assert waited({}, {"error": error}) == pytest.approx(seconds)
    assert waited({}, [{"error": error}]) == pytest.approx(seconds)  # as Gemini's host writes it


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": "soon"},
        {"retry-after": "nan"},
        {"retry-after": "inf"},
        {"retry-after": "9" * 400},
        {"x-ratelimit-remaining-tokens": "50", "x-ratelimit-reset-tokens": "1h"},
    ],
)
def test_what_can_not_be_read_is_unknown(headers: dict[str, str]) -> None:
    assert waited(headers) is None


def test_a_moment_is_unknown_where_nobody_says_what_time_it_is() -> None:
    headers = {"retry-after": "Mon, 23 Nov 2026 15:00:30 GMT"}
    assert retry_after_s(headers, None, limited=True) is None


def test_limits_count_only_where_they_refused_the_call() -> None:
    limits = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}
    assert refused(500, limits, b"").retry_after_s is None
    assert refused(429, limits, b"").retry_after_s == 360.0
    assert refused(503, {"retry-after": "2"}, b"").retry_after_s == 2.0


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [
        (429, "insufficient_quota", Failure.REFUSED),
        (429, "rate_limit_exceeded", Failure.RATE_LIMITED),
        (400, "model_decommissioned", Failure.WRONG_MODEL),
        (400, "invalid_request_error", Failure.REFUSED),
        (498, "capacity_exceeded", Failure.OVERLOADED),
        (524, None, Failure.TIMED_OUT),
    ],
)
def test_a_code_may_say_more_than_its_status(
    status: int, code: str | None, failure: Failure
) -> None:
    body = orjson.dumps({"error": {"message": "no", "code": code}})
    assert refused(status, {}, body).failure is failure

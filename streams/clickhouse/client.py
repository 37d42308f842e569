"""One way to connect to ClickHouse: over HTTP, times aware, no session that two threads could share."""

import re
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 60


_ERRNO = re.compile(r"\[Errno -?\d+\] ([^\"'()]+)")
_CODE = re.compile(r"(?:Code: (\d+)\.? ?)?DB::Exception: (.+?)(?:\. \(|$)", re.DOTALL)
DETAIL_CHARS = 200
REFUSED_LOGIN = ("AUTHENTICATION_FAILED", "Authentication failed", "REQUIRED_PASSWORD", "HTTP 401")


def why(error: Exception) -> str:
    """What ClickHouse's client says went wrong, without the wrapping of three libraries.

    Example:
        >>> why(OSError("Error X(Caused by NewConnectionError('<x>: [Errno 111] Connection refused'))"))
        'Connection refused'
    """
    text = str(error).strip()
    if found := _ERRNO.search(text):
        return found[1].strip()
    if found := _CODE.search(text):
        return found[2].strip()[:DETAIL_CHARS]
    return (text.splitlines() or [type(error).__name__])[0][:DETAIL_CHARS]


def refused_login(error: Exception) -> bool:
    """Whether ClickHouse answered, and does not take this user or password."""
    return any(word in str(error) for word in REFUSED_LOGIN)


def connect(
    url: str,
    database: str | None = None,
    *,
    user: str = "default",
    password: str = "",
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
) -> Client:
    """Connect and greet.

    Args:
        url: ClickHouse's HTTP interface, such as `http://127.0.0.1:8123`.
        database: Where unqualified names are looked up; it must exist.
        user: Who asks.
        password: The user's.
        connect_timeout_s: How long to wait for a connection.

    Raises:
        clickhouse_connect.driver.exceptions.Error: Nobody answers, or not to this user.
    """
    at = urlsplit(url)
    secure = at.scheme == "https"
    return clickhouse_connect.get_client(
        interface=at.scheme,
        host=at.hostname or "localhost",
        port=at.port or (8443 if secure else 8123),
        secure=secure,
        proxy_path=at.path.strip("/"),
        username=user,
        password=password,
        database=database or "__default__",
        connect_timeout=max(1, round(connect_timeout_s)),
        send_receive_timeout=ANSWER_TIMEOUT_S,
        autogenerate_session_id=False,
        tz_mode="aware",
    )

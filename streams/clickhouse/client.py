"""One way to connect to ClickHouse: over HTTP, times aware, no session that two threads could share."""

from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 60


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

"""One way to connect to ClickHouse: over HTTP, times aware, no session that two threads could share."""

import re
import ssl
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 60

UNVERIFIED = "CERTIFICATE_VERIFY_FAILED"


class CaFileError(ValueError):
    """`clickhouse.ca_file` can't be used; the message says why."""


class AccessRefusedError(ConnectionError):
    """ClickHouse answers and turns us away, or is not whom it should be.

    Args:
        said: What it says.
        then: What to do.
    """

    def __init__(self, said: str, then: str) -> None:
        super().__init__(said)
        self.said = said
        self.then = then


class Asked(Protocol):
    """What the settings say of ClickHouse and of who we are: their section `clickhouse`."""

    @property
    def url(self) -> str:
        """http[s]://host:port."""

    @property
    def user(self) -> str:
        """Who asks."""

    @property
    def ca_file(self) -> Path | None:
        """Whom an https server's certificate is trusted by; None: whom the system trusts."""

    def read_password(self) -> str:
        """The user's; empty where none is set."""


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


def connect(
    url: str,
    database: str | None = None,
    *,
    user: str = "default",
    password: str = "",
    ca_file: Path | None = None,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
) -> Client:
    """Connect and greet.

    Args:
        url: ClickHouse's HTTP interface, such as `http://127.0.0.1:8123`.
        database: Where unqualified names are looked up; it must exist.
        user: Who asks.
        password: The user's.
        ca_file: Whom an https server's certificate is trusted by; None: whom the system trusts.
        connect_timeout_s: How long to wait for a connection.

    Raises:
        CaFileError: The file can't be read or holds no certificate.
        AccessRefusedError: The certificate doesn't verify, or user and password are wrong.
        clickhouse_connect.driver.exceptions.Error: Nobody answers, or not with a greeting.
    """
    at = urlsplit(url)
    secure = at.scheme == "https"
    if ca_file is not None:
        check_ca(ca_file)
    try:
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
            ca_cert=None if ca_file is None else str(ca_file),
            autogenerate_session_id=False,
            tz_mode="aware",
        )
    except ClickHouseError as error:
        if refusal := _refusal(str(error), url, user):
            raise refusal from error
        raise


def connect_as(
    asked: Asked, database: str = "", *, connect_timeout_s: float = CONNECT_TIMEOUT_S
) -> Client:
    """Connect as the settings say; see `connect`.

    Raises:
        SettingsError: The password's file can't be read.
    """
    return connect(
        asked.url,
        database,
        user=asked.user,
        password=asked.read_password(),
        ca_file=asked.ca_file,
        connect_timeout_s=connect_timeout_s,
    )


def check_ca(ca_file: Path) -> None:
    """See that a file holds certificates, before somebody waits for a server because of it.

    Raises:
        CaFileError: It can't be read or holds none.
    """
    try:
        ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise CaFileError(f"clickhouse.ca_file: {ca_file} holds no certificate in PEM") from None
    except OSError as error:
        raise CaFileError(
            f"clickhouse.ca_file: {ca_file} can't be read: {error.strerror}"
        ) from None


def _refusal(said: str, url: str, user: str) -> AccessRefusedError | None:
    if UNVERIFIED in said:
        cause = said.partition(f"{UNVERIFIED}] ")[2].partition(" (_ssl")[0].rstrip(".")
        return AccessRefusedError(
            f"ClickHouse's certificate at {url} doesn't verify: {cause or UNVERIFIED}",
            "set clickhouse.ca_file to the certificate of whoever signed it, and name the server "
            "in clickhouse.url as its certificate does",
        )
    if any(word in said for word in REFUSED_LOGIN):
        return AccessRefusedError(
            f"ClickHouse at {url} refuses user {user}: wrong user or password",
            "mend clickhouse.user and clickhouse.password_file",
        )
    return None

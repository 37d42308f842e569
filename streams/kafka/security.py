"""How every Kafka client of ours connects: made here from the settings, and nowhere else."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

GREETING_MS = 5_000
TRUST = "set kafka.ca_file to the certificate of whoever signed it"
ADVICE = {
    10: "have it renewed",
    62: "name the brokers in kafka.bootstrap as their certificates do",
    64: "name the brokers in kafka.bootstrap as their certificates do",
}
"""By X509_V_ERR_ number: has expired, is for another host, is for another address."""
WANTS_ONE_OF_US = ("CERTIFICATE_REQUIRED", "UNKNOWN_CA", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")
"""TLS alerts by which a broker refuses our certificate, or that we showed none."""


class CertificateError(ValueError):
    """A certificate or key file can't be used; the message names the setting and the file."""


class AccessRefusedError(ConnectionError):
    """A broker answers and turns us away, or is not whom it should be; asking again won't help.

    Args:
        said: What it says.
        then: What to do.
    """

    def __init__(self, said: str, then: str) -> None:
        super().__init__(said)
        self.said = said
        self.then = then


class Asked(Protocol):
    """What the settings say of a cluster and of who we are: their section `kafka`."""

    @property
    def bootstrap(self) -> str:
        """host:port, or several after commas."""

    @property
    def security_protocol(self) -> str:
        """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""

    @property
    def sasl_mechanism(self) -> str | None:
        """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, with SASL."""

    @property
    def user(self) -> str | None:
        """Who we are, with SASL."""

    @property
    def ca_file(self) -> Path | None:
        """Whom to trust; None: whom the system trusts."""

    @property
    def certificate_file(self) -> Path | None:
        """Our own certificate."""

    @property
    def key_file(self) -> Path | None:
        """Its key."""

    def read_password(self) -> str | None:
        """The user's password."""

    def read_key_password(self) -> str | None:
        """The key's password, where it has one."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where a cluster is, and as whom we come: in the clear and as nobody unless told otherwise.

    Args:
        bootstrap: host:port, or several after commas.
        security: What aiokafka's clients are told besides; it holds the password and is never
            shown.
    """

    bootstrap: str
    security: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def options(self) -> dict[str, Any]:
        """What every client of aiokafka is made with."""
        return {"bootstrap_servers": self.bootstrap, **self.security}

    @property
    def protocol(self) -> str:
        """As `kafka.security_protocol` names it."""
        return str(self.security.get("security_protocol", "PLAINTEXT"))


def access_of(asked: Asked) -> Access:
    """Read passwords and certificates.

    Raises:
        CertificateError: A certificate or key can't be used.
        SettingsError: A password's file can't be read.
    """
    security: dict[str, Any] = {"security_protocol": asked.security_protocol}
    if asked.security_protocol.startswith("SASL_"):
        security["sasl_mechanism"] = asked.sasl_mechanism
        security["sasl_plain_username"] = asked.user
        security["sasl_plain_password"] = asked.read_password()
    if asked.security_protocol.endswith("SSL"):
        security["ssl_context"] = _tls(asked)
    return Access(asked.bootstrap, security)


def _tls(asked: Asked) -> ssl.SSLContext:
    context = _trusting(asked.ca_file)
    if asked.certificate_file is None or asked.key_file is None:
        return context
    for name, path in (("certificate", asked.certificate_file), ("key", asked.key_file)):
        _pem(f"kafka.{name}_file", path)
    secret = asked.read_key_password()

    def password() -> str:
        if secret is None:
            raise CertificateError(
                f"kafka.key_password_file: required, for {asked.key_file} is encrypted"
            )
        return secret

    try:
        context.load_cert_chain(asked.certificate_file, asked.key_file, password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            why = f"{asked.key_file} is not the key of {asked.certificate_file}"
        elif secret is None:
            why = f"{asked.key_file} or {asked.certificate_file} is damaged"
        else:
            why = f"{asked.key_file} is damaged, or kafka.key_password_file holds a wrong password"
        raise CertificateError(f"kafka.key_file: {why}") from error
    return context


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """A context that checks certificate and host name."""
    if ca_file is not None:
        _pem("kafka.ca_file", ca_file)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise CertificateError(f"kafka.ca_file: {ca_file} holds no certificate in PEM") from error


def _pem(name: str, path: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{name}: {path} can't be read: {error.strerror}") from error
    if b"-----BEGIN " not in content:
        raise CertificateError(f"{name}: {path} is no PEM file")


async def diagnose(access: Access) -> str:
    """Connect once to each broker named, to hear in its own words why a client can't.

    aiokafka's clients say of every failure that they could not bootstrap.

    Returns:
        What may be wrong; empty where a broker answers after all, or where nobody does.

    Raises:
        AccessRefusedError: A broker turns us away for good; the message says what to set.
    """
    security = dict(access.security)
    found = ""
    for host, port, _ in collect_hosts(access.bootstrap):
        place = f"{host}:{port}"
        try:
            connection = await create_conn(host, port, request_timeout_ms=GREETING_MS, **security)
            try:
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
        except (KafkaError, OSError, TimeoutError) as error:
            if refusal := _refusal(error, access, place):
                raise refusal from error
            found = found or _suspicion(error, access, place)
        else:
            return ""
    return found


def _refusal(error: Exception, access: Access, place: str) -> AccessRefusedError | None:
    """Why a broker will never have us, and what to do; None where it might."""
    user = access.security.get("sasl_plain_username")
    mechanism = access.security.get("sasl_mechanism")
    match error:
        case ssl.SSLCertVerificationError():
            return AccessRefusedError(
                f"Kafka's certificate at {place} doesn't verify: {error.verify_message.rstrip('.')}",
                ADVICE.get(error.verify_code, TRUST),
            )
        case SaslAuthenticationFailed():
            return AccessRefusedError(
                f"Kafka at {place} refuses user {user} by {mechanism}: wrong user or password",
                "check kafka.user and kafka.password_file, and that the user exists for this "
                "mechanism",
            )
        case UnsupportedSaslMechanismError():
            return AccessRefusedError(
                f"Kafka at {place} doesn't take {mechanism}",
                "set kafka.sasl_mechanism to one that its listener has",
            )
        case IllegalSaslStateError():
            return AccessRefusedError(
                f"Kafka at {place} asks for no user on that listener",
                f"set kafka.security_protocol to {access.protocol.removeprefix('SASL_')}, or "
                "kafka.bootstrap to the other listener",
            )
        case _:
            return None


def _suspicion(error: Exception, access: Access, place: str) -> str:
    """What may be wrong where a broker hangs up without a word."""
    if isinstance(error, ConnectionRefusedError):
        return ""
    if isinstance(error, ssl.SSLError):
        if any(alert in (error.reason or "") for alert in WANTS_ONE_OF_US):
            return f"; {place} refuses our certificate: check kafka.certificate_file"
        return f"; {place} may speak no TLS: kafka.security_protocol is {access.protocol}"
    if isinstance(error, KafkaConnectionError | ConnectionError):
        certificate = (
            " or a client certificate (kafka.certificate_file)"
            if access.protocol.endswith("SSL")
            else ""
        )
        return (
            f"; {place} hangs up, and may want another kafka.security_protocol than "
            f"{access.protocol}{certificate}"
        )
    return ""

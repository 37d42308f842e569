"""A real Apache Kafka behind TLS, users and access control lists, as operators run it."""

from collections.abc import Mapping
from pathlib import Path

from streams import ids
from tests.certificates import Authority
from tests.clusters import ApacheKafka, filled
from tests.processes import free_port

USER = "tierflow"
STRANGER = "stranger"
"""A user who may do nothing."""

PRINCIPALS = (
    "tierflow-admin", "tierflow-worker", "tierflow-sink", "tierflow-monitor", "tierflow-operator",
    "shop",
)  # fmt: skip
"""Users of infra/docs/connecting.md, who may do what it grants."""


class SecuredKafka(ApacheKafka):
    """One broker that wants SASL_SSL of its clients, or a certificate on its other listener.

    Args:
        jars: The broker's.
        folder: For its data, its certificates and its users' passwords.

    Raises:
        UnavailableError: openssl, which makes the certificates, is missing.
    """

    def __init__(self, jars: Path, folder: Path) -> None:
        super().__init__(jars, folder)
        self.authority = Authority(folder / "certificates")
        signed = self.authority.sign("broker")
        self._keystore = folder / "certificates" / "broker.pem"
        self._keystore.write_bytes(signed.key.read_bytes() + signed.certificate.read_bytes())
        self.mutual_port = 0
        for user in (USER, STRANGER, *PRINCIPALS):
            self.password_file(user).write_text(ids.digest(f"{folder} {user}".encode())[:24])

    def password_file(self, user: str) -> Path:
        """Where a user's password lies."""
        return self._folder / f"{user}.password"

    def password(self, user: str) -> str:
        """A user's password."""
        return self.password_file(user).read_text()

    @property
    def environment(self) -> Mapping[str, str]:
        """What an operator would set to reach it by SASL_SSL with SCRAM."""
        return {
            "TIERFLOW_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "TIERFLOW_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
            "TIERFLOW_KAFKA__USER": USER,
            "TIERFLOW_KAFKA__PASSWORD_FILE": str(self.password_file(USER)),
            "TIERFLOW_KAFKA__CA_FILE": str(self.authority.ca_file),
        }

    def _settings(self, salt: str) -> str:
        self.inside_port = free_port(f"{salt} inside")
        self.mutual_port = free_port(f"{salt} mutual")
        words = {
            "port": self.port,
            "inside_port": self.inside_port,
            "mutual_port": self.mutual_port,
            "controller_port": free_port(f"{salt} controller"),
            "log_dir": self._folder / "data",
            "keystore": self._keystore,
            "truststore": self.authority.ca_file,
            "user": USER,
            "password": self.password(USER),
        }
        return filled("server.properties", **words) + filled("secured.properties", **words)

    def _users(self) -> list[str]:
        return [
            word
            for mechanism, user in (
                ("SCRAM-SHA-512", USER),
                ("SCRAM-SHA-256", USER),
                *(("SCRAM-SHA-512", user) for user in (STRANGER, *PRINCIPALS)),
            )
            for word in (
                "--add-scram",
                f"{mechanism}=[name={user},password={self.password(user)}]",
            )
        ]

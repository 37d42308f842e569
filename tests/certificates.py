"""Certificates for one test run: an authority, and what it signs, as PEM files."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.clusters import UnavailableError
from tests.processes import finish

LOOPBACK = "subjectAltName=IP:127.0.0.1,DNS:localhost"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
DAYS = "2"


def find_openssl() -> str:
    """The program that makes certificates.

    Raises:
        UnavailableError: It is missing.
    """
    if openssl := shutil.which("openssl"):
        return openssl
    raise UnavailableError("certificates are made with openssl 3: install it")


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """One that signs certificates for loopback.

    Args:
        folder: Where all files go; made where it is missing.
        name: Its own name.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._own = Signed(folder / f"{name}.crt", folder / f"{name}.key")
        _openssl(
            "req", "-x509", *CURVE, "-nodes", "-days", DAYS, "-subj", f"/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", self._own.key, "-out", self.ca_file,
        )  # fmt: skip

    @property
    def ca_file(self) -> Path:
        """What those are given who are to trust it."""
        return self._own.certificate

    def sign(self, name: str, names: str = LOOPBACK, password: str | None = None) -> Signed:
        """A new certificate for `name`, good for servers and clients.

        Args:
            name: Its common name, and the files'.
            names: As openssl writes the names that it holds for.
            password: Encrypts the key.
        """
        made = Signed(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        locked = ("-passout", f"pass:{password}") if password else ("-nodes",)
        _openssl(
            "req", "-x509", *CURVE, *locked, "-days", DAYS, "-subj", f"/CN={name}",
            "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE",
            "-CA", self._own.certificate, "-CAkey", self._own.key,
            "-keyout", made.key, "-out", made.certificate,
        )  # fmt: skip
        return made


def _openssl(*arguments: str | Path) -> None:
    code, _, said = finish([find_openssl(), *map(str, arguments)])
    assert code == 0, f"openssl: {said}"

"""From settings to what a client is told; certificates are made by openssl where it is."""

import logging
import ssl
from pathlib import Path

import pytest

from streams.kafka.security import Access, CertificateError, access_of
from streams.settings import KafkaSettings, SettingsError
from streams.sources import load
from tests.certificates import Authority, find_openssl
from tests.clusters import UnavailableError

SECRET = "correct-horse"  # noqa: S105 (of this test alone)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    try:
        find_openssl()
    except UnavailableError as error:
        pytest.skip(str(error))
    return Authority(tmp_path / "certificates")


def settings(**told: object) -> KafkaSettings:
    environ = {f"TIERFLOW_KAFKA__{name.upper()}": str(value) for name, value in told.items()}
    return load(environ=environ).kafka


def test_nothing_set_is_in_the_clear_and_as_nobody() -> None:
    assert access_of(settings(bootstrap="a:1,b:2")).options() == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
    }


def test_a_user_is_told_with_the_password_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    told = access_of(
        settings(
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-256",
            user="ann",
            password_file=tmp_path / "password",
        )
    ).options()
    assert told["sasl_mechanism"] == "SCRAM-SHA-256"
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == ("ann", SECRET)
    assert "ssl_context" not in told


def test_tls_checks_certificate_and_name() -> None:
    context = access_of(settings(security_protocol="SSL")).options()["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_nobody_but_the_ca_file_is_trusted(authority: Authority) -> None:
    told = access_of(settings(security_protocol="SSL", ca_file=authority.ca_file))
    (trusted,) = told.options()["ssl_context"].get_ca_certs()
    assert trusted["subject"] == ((("commonName", "authority"),),)


def test_a_password_is_in_no_text_of_an_access(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found = settings(
        security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", user="ann", password=SECRET
    )
    access = access_of(found)
    assert access.options()["sasl_plain_password"] == SECRET
    assert SECRET not in f"{access!r} {access} {found!r} {found} {caplog.text}"
    assert repr(Access("a:1")) == "Access(bootstrap='a:1')"


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    found = settings(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        user="ann",
        password_file=tmp_path / "none",
    )
    with pytest.raises(SettingsError, match=r"kafka\.password_file: .*none can't be read"):
        access_of(found)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read: No such file"),
        ("not a certificate", "is no PEM file"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate"),
    ],
)
def test_a_ca_file_that_is_none_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CertificateError, match=rf"kafka\.ca_file: .*ca\.pem {words}"):
        access_of(settings(security_protocol="SSL", ca_file=file))


def test_a_key_is_unlocked_by_the_password_of_its_file(
    authority: Authority, tmp_path: Path
) -> None:
    locked = authority.sign("locked", password=SECRET)
    told = {
        "security_protocol": "SSL",
        "certificate_file": locked.certificate,
        "key_file": locked.key,
    }
    password = tmp_path / "key-password"
    password.write_text(f"{SECRET}\n")
    access_of(settings(**told, key_password_file=password))
    with pytest.raises(CertificateError, match=r"kafka\.key_password_file: required"):
        access_of(settings(**told))
    password.write_text("wrong-one")
    with pytest.raises(CertificateError, match="holds a wrong password") as refused:
        access_of(settings(**told, key_password_file=password))
    assert "wrong-one" not in str(refused.value)


def test_the_key_of_another_certificate_is_refused(authority: Authority) -> None:
    one, other = authority.sign("one"), authority.sign("other")
    found = settings(security_protocol="SSL", certificate_file=one.certificate, key_file=other.key)
    with pytest.raises(CertificateError, match=r"kafka\.key_file: .*is not the key of .*one\.crt"):
        access_of(found)


def test_a_key_file_without_a_key_is_refused(authority: Authority) -> None:
    one = authority.sign("one")
    found = settings(
        security_protocol="SSL", certificate_file=one.certificate, key_file=one.certificate
    )
    with pytest.raises(CertificateError, match=r"kafka\.key_file: .* is damaged"):
        access_of(found)

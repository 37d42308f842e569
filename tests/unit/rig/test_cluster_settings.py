"""The rig's settings file says how to come to Kafka, and its environment leads nobody astray."""

from pathlib import Path

import pytest

from streams.rig.cluster import SECURITY, foreign, kafka_toml
from streams.settings import KafkaSettings
from streams.sources import load


def reread(folder: Path, settings: KafkaSettings, environ: dict[str, str]) -> KafkaSettings:
    """What a command finds that is given the rig's file."""
    file = folder / "tierflow.toml"
    file.write_text(kafka_toml(settings), encoding="utf-8")
    return load(file, environ=environ).kafka


@pytest.mark.parametrize("password", ["plain", 'qu"ote\\back', "tab\tnew\nline", "Ünï✓"])
def test_a_commands_settings_are_the_rigs(tmp_path: Path, password: str) -> None:
    environ = {
        "TIERFLOW_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "TIERFLOW_KAFKA__SASL_MECHANISM": "PLAIN",
        "TIERFLOW_KAFKA__USER": "ann",
        "TIERFLOW_KAFKA__PASSWORD": password,
        "TIERFLOW_KAFKA__CA_FILE": "/etc/ca.pem",
        "TIERFLOW_KAFKA__REPLICATION": "3",
        "TIERFLOW_KAFKA__RETENTION__RESULTS": "3600",
    }
    asked = load(environ=environ).kafka
    assert reread(tmp_path, asked, {}) == asked
    assert reread(tmp_path, asked, environ) == asked, "in a terminal where they are set as well"


def test_a_path_is_found_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = load(
        environ={"TIERFLOW_KAFKA__SECURITY_PROTOCOL": "SSL", "TIERFLOW_KAFKA__CA_FILE": "ca.pem"}
    ).kafka
    monkeypatch.chdir(tmp_path)
    assert reread(tmp_path, asked, {}).ca_file == tmp_path / "ca.pem"


def test_variables_for_another_cluster_are_emptied() -> None:
    environ = {
        "TIERFLOW_KAFKA__USER": "ann",
        "TIERFLOW_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "TIERFLOW_KAFKA__SESSION_TIMEOUT_S": "4",
        "TIERFLOW_CLICKHOUSE__CA_FILE": "/etc/ca.pem",
        "HOME": "/home/ann",
    }
    emptied = foreign(environ, embedded=True)
    assert emptied == dict.fromkeys(
        (
            "TIERFLOW_KAFKA__USER",
            "TIERFLOW_KAFKA__SECURITY_PROTOCOL",
            "TIERFLOW_CLICKHOUSE__CA_FILE",
        ),
        "",
    )
    assert load(environ={**environ, **emptied}).kafka.security_protocol == "PLAINTEXT"
    assert foreign(environ, embedded=False) == {"TIERFLOW_CLICKHOUSE__CA_FILE": ""}


def test_every_setting_of_security_is_known_here() -> None:
    words = ("security", "sasl", "user", "password", "_file")
    known = {n for n in KafkaSettings.model_fields if any(word in n for word in words)}
    assert set(SECURITY) == known

"""Exit codes, help, and what is said on stderr."""

import sys
from pathlib import Path

import pytest

from streams.cli.main import main, parse
from tests.processes import finish


def test_help_imports_none_of_what_commands_need() -> None:
    code = (
        "import sys\nfrom streams.cli.main import build_parser\nbuild_parser().format_help()\n"
        "print(sorted({'pydantic', 'aiokafka', 'clickhouse_connect', 'faust'} & set(sys.modules)))"
    )
    said, printed, _ = finish([sys.executable, "-c", code])
    assert (said, printed) == (0, "[]\n")


def test_a_wrong_setting_is_exit_2_and_names_the_field(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIERFLOW_KAFKA__PARTITIONS", "many")
    assert main(["config", "show"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "kafka.partitions" in said.err


def test_a_broker_that_is_not_there_is_exit_3_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIERFLOW_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    assert main(["--timeout", "0.3", "status", "--json"]) == 3
    assert "127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    ["status", "topics plan", "feedback t1 1", "sink", "rig --kafka 127.0.0.1:1 --dir {folder}"],
)
def test_a_certificate_file_that_is_not_there_is_exit_2_and_named(
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TIERFLOW_KAFKA__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("TIERFLOW_KAFKA__CA_FILE", str(tmp_path / "ca.pem"))
    assert main(words.format(folder=tmp_path).split()) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "kafka.ca_file" in said
    assert "ca.pem can't be read" in said


def test_a_database_that_is_not_there_is_exit_3_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIERFLOW_CLICKHOUSE__URL", "http://127.0.0.1:1")
    assert main(["clickhouse", "migrate", "--timeout", "1"]) == 3
    assert "http://127.0.0.1:1" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err
    assert main(["config", "show", "--config", str(tmp_path / "none.toml")]) == 2


def test_an_unknown_command_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cook"])
    assert ended.value.code == 2
    assert "cook" in capsys.readouterr().err


def test_a_score_out_of_range_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feedback", "t1", "1.5"]) == 2
    assert "score" in capsys.readouterr().err


def test_common_options_stand_on_either_side_of_the_command() -> None:
    for words in (["--timeout", "3", "status"], ["status", "--timeout", "3"]):
        assert parse(words).timeout == 3
    assert parse(["status"]).timeout == 10
    assert parse(["--config", "a.toml", "topics", "plan"]).config == Path("a.toml")


def test_an_interruption_is_exit_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("streams.cli.topology.run", interrupted)
    assert main(["topology"]) == 130

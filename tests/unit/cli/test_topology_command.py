"""The flow as text, picture and JSON."""

import orjson
import pytest

from streams.cli.main import main
from streams.topology import STAGES


def test_the_picture_has_an_arrow_for_every_read_and_write(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["topology", "--mermaid"]) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "flowchart LR"
    for stage in STAGES:
        for topic in stage.reads:
            assert f"  {topic.name} --> stage-{stage.name}" in said
        for topic in stage.writes:
            assert f"  stage-{stage.name} --> {topic.name}" in said


def test_json_is_one_stage_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["topology", "--json"]) == 0
    said = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [fact["stage"] for fact in said] == [stage.name for stage in STAGES]
    assert all(fact["reads"] for fact in said)

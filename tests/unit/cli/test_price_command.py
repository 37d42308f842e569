"""`tierflow price` as it is typed: what is priced, what is unknown, what can't be read."""

import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.cli.main import main

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}
MODELS = """
[providers.house]
base_url = "http://127.0.0.1:9/v1"

[[models.tier1]]
name = "gpt-4o"
provider = "house"
input_usd_per_mtok = 7
output_usd_per_mtok = 70
"""


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIERFLOW_CONFIG", raising=False)


def written(payload: object) -> str:
    Path("usage.json").write_bytes(orjson.dumps(payload))
    return "usage.json"


def told(capfdbinary: pytest.CaptureFixture[bytes], *words: str) -> tuple[int, dict[str, Any], str]:
    code = main(["price", *words, "--json"])
    out, err = capfdbinary.readouterr()
    return code, orjson.loads(out) if out else {}, err.decode()


def refused(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    with_usage = ["price", *words]
    try:
        code = main(with_usage)
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    return capfd.readouterr().err


def test_facts_for_a_program(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, fact, _ = told(
        capfdbinary, "--provider", "openai", "--model", "gpt-4o", "--usage", written(USAGE),
        "--at", "2026-01-01",
    )  # fmt: skip
    assert code == 0
    assert fact["cost_usd"] == "0.003500000000"
    assert (fact["provider"], fact["vendor"], fact["model"]) == ("openai", "openai", "gpt-4o")
    assert fact["at"] == "2026-01-01T00:00:00Z"
    assert fact["parts"] == [
        {"component": "input", "tokens": 1000, "usd_per_mtok": "2.5", "usd": "0.0025"},
        {"component": "output", "tokens": 100, "usd_per_mtok": "10", "usd": "0.001"},
    ]
    assert (fact["usage"]["input_tokens"], fact["usage"]["cached_input_tokens"]) == (1000, None)
    assert fact["because"] is None


def test_the_body_names_the_model_and_a_pipe_brings_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = orjson.dumps({"model": "gpt-4o-mini-2024-07-18", "usage": USAGE})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
    assert main(["price", "--provider", "openai", "--usage", "-", "--at", "2026-01-01"]) == 0
    out = capfd.readouterr().out
    assert "gpt-4o-mini-2024-07-18" in out
    assert out.endswith("$0.00021\n")


def test_the_registry_s_price_of_a_provider_of_one_s_own(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    Path("tierflow.toml").write_text(MODELS)
    usage = written({"model": "gpt-4o", "usage": USAGE})
    code, fact, _ = told(capfdbinary, "--provider", "house", "--usage", usage)
    assert (code, fact["price_version"], fact["cost_usd"]) == (0, "registry", "0.014000000000")
    code, fact, err = told(capfdbinary, "--provider", "house", "--usage", usage, "--model", "other")
    assert (code, fact["cost_usd"], fact["price_version"]) == (1, None, None)
    assert "no price of house other is known" in err


def test_an_unknown_model_has_no_cost(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    usage = written(USAGE)
    code, fact, err = told(
        capfdbinary, "--provider", "openai", "--model", "gpt-none", "--usage", usage
    )
    assert (code, fact["cost_usd"], fact["parts"]) == (1, None, [])
    assert "no price of openai gpt-none is known" in err
    assert "no price of openai gpt-none is known" in fact["because"]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ({"model": "gpt-4o", "usage": {"prompt_tokens": 5}}, "doesn't tell the output tokens"),
        ({"model": "gpt-4o", "usage": USAGE, "service_tier": "flex"}, "processed as flex"),
        (
            {
                "model": "gpt-4o",
                "usage": {**USAGE, "completion_tokens_details": {"image_tokens": 9}},
            },
            "completion_tokens_details.image_tokens: billed apart",
        ),
    ],
)
def test_what_the_usage_leaves_open_is_unknown_and_named(
    capfdbinary: pytest.CaptureFixture[bytes], payload: object, why: str
) -> None:
    code, fact, err = told(capfdbinary, "--provider", "openai", "--usage", written(payload))
    assert (code, fact["cost_usd"]) == (1, None)
    assert why in err


def test_how_a_call_was_processed_can_be_said(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    usage = written({"model": "gpt-4o", "usage": USAGE})
    words = ("--provider", "openai", "--usage", usage, "--at", "2026-11-01")
    assert told(capfdbinary, *words, "--service-tier", "batch")[1]["cost_usd"] == "0.001750000000"


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({"usage": {**USAGE, "prompt_tokens": "1000"}}, "prompt_tokens: '1000' is no count"),
        ({"usage": {**USAGE, "prompt_tokens": -1}}, "prompt_tokens: -1 is no count"),
        (
            {"usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 1.5}}},
            "prompt_tokens_details.cached_tokens: 1.5 is no count",
        ),
        ({"choices": []}, "usage: none found"),
        ([], "usage: none found"),
        ("text", "usage: none found"),
    ],
)
def test_what_can_t_be_read_is_named(
    capfd: pytest.CaptureFixture[str], payload: object, named: str
) -> None:
    words = ("--provider", "openai", "--model", "gpt-4o", "--usage", written(payload))
    assert named in refused(capfd, *words)


def test_arguments_that_can_t_be_used_are_named(capfd: pytest.CaptureFixture[str]) -> None:
    usage = written(USAGE)
    assert "--model" in refused(capfd, "--provider", "openai", "--usage", usage)
    assert "missing.json" in refused(capfd, "--provider", "openai", "--usage", "missing.json")
    strange = ("--provider", "nobody", "--model", "m", "--usage", usage)
    assert "no provider of the settings and no vendor" in refused(capfd, *strange)
    late = ("--provider", "openai", "--model", "m", "--usage", usage, "--at")
    assert "2026-13-01" in refused(capfd, *late, "2026-13-01")
    assert "zone" in refused(capfd, *late, "2026-01-01T10:00:00")

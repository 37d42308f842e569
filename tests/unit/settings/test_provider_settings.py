"""What may be said of a provider, and what contradicts itself."""

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from streams.cli.findings import PATHS
from streams.providers.wires import WIRES
from streams.settings import WIRE, ProviderSettings

URL = "http://127.0.0.1:8080/v1"


def test_settings_know_every_wire_format_and_doctor_its_path() -> None:
    assert set(get_args(WIRE)) == set(WIRES) == set(PATHS)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"api_key_env": "A", "api_key_file": Path("b")}, "api_key_file"),
        ({"first_token_s": 3}, "first_token_s"),
        ({"between_tokens_s": 3, "stream": False}, "between_tokens_s"),
        ({"connect_s": 0}, "connect_s"),
        ({"wire": "smoke"}, "wire"),
        ({"base_url": "http://user:word@host/v1"}, "base_url"),
        ({"api_key": "sk-1"}, "api_key"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ProviderSettings.model_validate({"base_url": URL, **given})
    (error,) = refused.value.errors()
    assert error.get("ctx", {}).get("field") == named or error["loc"] == (named,)


def test_options_are_what_the_client_takes() -> None:
    given = ProviderSettings(base_url=URL, stream=True, first_token_s=3, api_key_env="A_KEY")
    options = given.options("here")
    assert (options["stream"], options["first_token_s"], options["api_key"]) == (True, 3, None)
    assert (options["connect_s"], options["between_tokens_s"]) == (10, None)

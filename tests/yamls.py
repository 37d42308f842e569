"""YAML files as the tests read them, and what they say of tierflow's own commands and settings."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from streams.cli.main import build_parser
from streams.settings import SettingsError
from streams.sources import ENV_PREFIX, load

ROOT = Path(__file__).resolve().parents[1]
OPS_PATHS = {"/healthz", "/readyz", "/metrics"}
GIVEN = re.compile(r"\$\{(\w+)(?::?[-?]([^}]*))?\}")
SHORT = {"TIERFLOW_CONFIG", "TIERFLOW_LOG"}


def documents(text: str) -> list[Any]:
    """Every document of a YAML text that holds something."""
    return [found for found in YAML(typ="safe", pure=True).load_all(text) if found is not None]


def read(path: Path) -> Any:
    """The one document of a file."""
    (found,) = documents(path.read_text(encoding="utf-8"))
    return found


def interpolated(value: object) -> str:
    """A value of a compose file where no variable is set: `${NAME:-default}` is its default.

    A variable that is wanted (`${NAME:?why}`) reads as `given`.
    """
    return GIVEN.sub(
        lambda m: "given" if ":?" in m[0] else (m[2] or ""), "" if value is None else str(value)
    )


def assert_is_command(words: Sequence[str]) -> None:
    """The real parser takes these words after `tierflow`."""
    try:
        build_parser().parse_args(list(words))
    except SystemExit as ended:
        if ended.code:
            pytest.fail(f"`tierflow {shlex.join(words)}` is no command line")


def assert_are_settings(environment: Mapping[str, str]) -> None:
    """Every variable that begins like ours is one that settings know, with a value they take."""
    ours = {name: value for name, value in environment.items() if name.startswith(ENV_PREFIX)}
    for name in ours:
        assert "__" in name or name in SHORT, f"{name}: no setting has this name"
    try:
        load(environ={name: value for name, value in ours.items() if name != "TIERFLOW_CONFIG"})
    except SettingsError as error:
        pytest.fail(str(error))


def option(words: Sequence[str], name: str) -> str | None:
    """What stands behind an option."""
    return words[words.index(name) + 1] if name in words else None


def urls_in(words: object) -> Iterator[tuple[int, str]]:
    """Port and path of every loopback URL in a health check."""
    for port, path in re.findall(r"http://127\.0\.0\.1:(\d+)(/\w*)", str(words)):
        yield int(port), path

"""Where settings come from: flag > `TIERFLOW_<SECTION>__<KEY>` > file > default.

The only reader of the environment and of `tierflow.toml`; a refusal names the field and its source.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from streams.settings import CheckSettings, ProviderSettings, Settings, SettingsError, TierSettings

ENV_PREFIX = "TIERFLOW_"
DEFAULT_FILE = Path("tierflow.toml")
NAMED: dict[str, Any] = {
    "providers": ProviderSettings,
    "tiers": TierSettings,
    "checks": CheckSettings,
}
"""Sections of which there may be several, by name."""

MASK = "********"


def load(
    config: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read all settings.

    Args:
        config: The file of `--config`; else `TIERFLOW_CONFIG`, else `./tierflow.toml` if there.
        overrides: Values of flags by dotted name, such as `kafka.bootstrap`; None: not given.
        environ: The environment; the process's own unless given.

    Raises:
        SettingsError: A file is missing or no TOML, a name is unknown, a value not allowed.
    """
    environ = os.environ if environ is None else environ
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for path, value, origin in (
        *_from_file(config, environ),
        *_from_environment(environ),
        *((tuple(n.split(".")), v, "flag") for n, v in (overrides or {}).items() if v is not None),
    ):
        _plant(tree, path, value)
        origins[".".join(path)] = origin
    try:
        return Settings.model_validate(tree).traced(origins)
    except ValidationError as error:
        raise SettingsError(_explain(error, origins)) from None


def shown(settings: Settings) -> list[tuple[str, object, str]]:
    """Every setting as (dotted name, value, origin); secrets are masked."""
    return [(name, value, settings.origin(name)) for name, value in _leaves(settings)]


def _leaves(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    for field in type(section).model_fields:
        name, value = f"{prefix}{field}", getattr(section, field)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{name}.")
        elif isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, BaseModel):
                    yield from _leaves(item, f"{name}.{key}.")
                else:
                    yield f"{name}.{key}", item
        else:
            yield name, MASK if isinstance(value, SecretStr) else value


def _from_file(
    config: Path | None, environ: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], object, str]]:
    named = config or Path(environ["TIERFLOW_CONFIG"]) if environ.get("TIERFLOW_CONFIG") else config
    path = named or DEFAULT_FILE
    if named is None and not path.exists():
        return
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: no TOML: {error}") from None
    for at, value in _branches(tree):
        yield at, value, str(path)


def _branches(tree: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[Any, object]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _branches(value, (*at, key))
        else:
            yield (*at, key), value


def _from_environment(
    environ: Mapping[str, str],
) -> Iterator[tuple[tuple[str, ...], object, str]]:
    """Variables with `__` are settings; `TIERFLOW_LOG` is the short form of one.

    An empty variable is not set: compose files pass on what is not there as empty.
    """
    if log := environ.get("TIERFLOW_LOG"):
        yield ("logging", "format"), log, "TIERFLOW_LOG"
    for name in sorted(environ):
        if name.startswith(ENV_PREFIX) and "__" in name and environ[name]:
            path = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
            yield path, environ[name], name


def _plant(tree: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for key in path[:-1]:
        below = tree.get(key)
        tree[key] = below if isinstance(below, dict) else {}
        tree = tree[key]
    tree[path[-1]] = value


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(_problem(problem, origins) for problem in problems)


def _problem(problem: ErrorDetails, origins: Mapping[str, str]) -> str:
    parts = [*problem["loc"], problem.get("ctx", {}).get("field")]
    name = ".".join(str(part) for part in parts if part is not None)
    origin = next((o for at, o in origins.items() if _related(name, at)), "")
    where = f" (from {origin})" if origin else ""
    if problem["type"] == "extra_forbidden":
        allowed = ", ".join(_fields_beside(problem["loc"]))
        return f"{name}: unknown{where}; known here: {allowed}"
    message = problem["msg"].removeprefix("Value error, ")
    if not name:  # what sections say together names its fields itself
        return message
    return f"{name}: {message[:1].lower()}{message[1:]}{where}"


def _related(name: str, at: str) -> bool:
    return f"{name}.".startswith(f"{at}.") or at.startswith(f"{name}.")


def _fields_beside(loc: tuple[int | str, ...]) -> list[str]:
    section: Any = Settings
    for part in loc[:-1]:
        field = section.model_fields.get(part)
        if field is None:  # the name that an operator gave
            continue
        section = NAMED.get(str(part), field.annotation)
    return sorted(section.model_fields)

"""The compose file and the image: valid, and true of the commands, settings and ports there are."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams import ops
from streams.cli.sink import MARGIN_S as SINK_MARGIN_S
from streams.cli.worker import MARGIN_S as WORKER_MARGIN_S
from streams.rig import hosts, simulator
from streams.routing.registry import parse
from streams.sources import load
from tests.processes import finish
from tests.yamls import (
    OPS_PATHS,
    ROOT,
    assert_are_settings,
    assert_is_command,
    interpolated,
    option,
    read,
    urls_in,
)

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "infra" / "docker" / "Dockerfile"
SETTINGS = ROOT / "infra" / "docker" / "tierflow.toml"
CHECK = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema"]
ONE_SHOT = {"topics", "migrate"}
LASTING = {"worker", "sink"}


def services() -> dict[str, Any]:
    return dict(read(COMPOSE)["services"])


def ours() -> dict[str, Any]:
    """The services that run our image."""
    return {name: of for name, of in services().items() if "build" in of}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name, " ".join(rest.split())) for name, rest in lines]


def test_the_compose_file_is_valid_by_the_specification() -> None:
    code, out, err = finish([*CHECK, "vendor.compose-spec", str(COMPOSE)])
    assert code == 0, out + err


def test_a_misspelled_key_would_be_found(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    text = COMPOSE.read_text(encoding="utf-8")
    wrong.write_text(text.replace("healthcheck:", "healthchek:", 1), encoding="utf-8")
    code, out, err = finish([*CHECK, "vendor.compose-spec", str(wrong)])
    assert code == 1
    assert "healthchek" in out + err


def test_commands_are_ours() -> None:
    for name, service in ours().items():
        if name != "simulator":
            assert "entrypoint" not in service, name  # the image's: tierflow
            assert_is_command(service["command"])


def test_the_simulator_takes_its_options() -> None:
    service = services()["simulator"]
    assert service["entrypoint"] == ["python", "-m", simulator.__name__]
    options = simulator.build_parser().parse_args(service["command"])
    served = f"http://simulator:{options.port}/v1"
    known = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    assert known["providers"]["simulator"]["base_url"] == served
    assert options.host == "0.0.0.0"  # noqa: S104 (other containers call it)


def test_variables_are_settings_with_values_that_are_taken() -> None:
    for name, service in ours().items():
        environment = {k: interpolated(v) for k, v in (service.get("environment") or {}).items()}
        assert_are_settings(environment)
        if name != "simulator":
            assert environment["TIERFLOW_CONFIG"] == service["configs"][0]["target"]


def test_the_settings_of_the_first_minute_make_a_registry() -> None:
    settings = load(SETTINGS, environ={})
    models = parse({"models": settings.models}).models
    assert {model.tier for model in models} == {1, 2, 3, 4}
    assert {model.provider for model in models} == set(settings.providers)


def test_without_a_file_of_ones_own_those_settings_are_mounted() -> None:
    source = interpolated(read(COMPOSE)["configs"]["settings"]["file"])
    assert (ROOT / source).resolve() == SETTINGS


async def test_health_checks_ask_where_it_answers() -> None:
    answered = {path async for path in answering()}
    assert answered == OPS_PATHS
    for name in LASTING:
        service = services()[name]
        (asked,) = urls_in(service["healthcheck"]["test"])
        assert asked == (int(option(service["command"], "--ops-port") or 0), "/readyz")
        assert service["expose"] == [str(asked[0])]
        assert asked[1] in answered


async def answering() -> Any:
    """The paths that health, readiness and metrics answer on, asked of the server itself."""
    async with (
        ops.serve("127.0.0.1", 0, unready=list, metrics=lambda: "\n") as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        for path in (*OPS_PATHS, "/nothing"):
            if (await client.get(path)).is_success:
                yield path


def test_the_simulators_health_check_asks_one_of_its_routes() -> None:
    service = services()["simulator"]
    (asked,) = urls_in(service["healthcheck"]["test"])
    app = hosts.Simulator({}, clock=None).app()  # type: ignore[arg-type]
    routes = {route.resource.canonical for route in app.router.routes() if route.resource}
    assert asked[1] in routes
    assert asked[0] == int(option(service["command"], "--port") or 0)


def test_what_depends_waits_for_health_and_for_one_shots_to_end() -> None:
    assert {name for name, of in ours().items() if "restart" not in of} == ONE_SHOT
    for service in services().values():
        for other, how in service.get("depends_on", {}).items():
            done = other in ONE_SHOT
            wanted = "service_completed_successfully" if done else "service_healthy"
            assert how["condition"] == wanted
            assert done or "healthcheck" in services()[other]
    assert set(services()["sink"]["depends_on"]) == ONE_SHOT
    assert set(services()["worker"]["depends_on"]) == {"topics"}


def test_a_container_is_given_longer_than_the_drain_takes() -> None:
    for name, margin_s in (("worker", WORKER_MARGIN_S), ("sink", SINK_MARGIN_S)):
        service = services()[name]
        grace_s = float(option(service["command"], "--grace") or 0)
        assert float(service["stop_grace_period"].removesuffix("s")) > grace_s + margin_s


def test_our_containers_may_write_nothing_but_tmp() -> None:
    for name, service in ours().items():
        assert service["read_only"] is True, name
        assert service["tmpfs"] == ["/tmp"], name  # noqa: S108
        assert service["cap_drop"] == ["ALL"], name
        assert not service.get("volumes"), name


def test_only_loopback_is_published() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_kafka_and_clickhouse_answer_where_our_services_ask() -> None:
    asked = ours()["sink"]["environment"]
    listeners = services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"INSIDE://{asked['TIERFLOW_KAFKA__BOOTSTRAP']}" in listeners
    assert services()["kafka"]["ports"] == ["127.0.0.1:9092:9092"]
    assert "OUTSIDE://127.0.0.1:9092" in listeners
    assert asked["TIERFLOW_CLICKHOUSE__URL"] == "http://clickhouse:8123"
    for key in ("USER", "PASSWORD"):
        known = services()["clickhouse"]["environment"][f"CLICKHOUSE_{key}"]
        assert asked[f"TIERFLOW_CLICKHOUSE__{key}"].split("?")[0] == known.split("?")[0]


def test_images_are_pinned() -> None:
    for name, service in services().items():
        tag = service["image"].rpartition(":")[2]
        assert re.fullmatch(r"\d+\.\d+(\.\d+)?", tag), f"{name}: {service['image']}"


def test_both_stages_have_one_pinned_base() -> None:
    (default,) = [of for name, of in instructions() if name == "ARG"]
    assert re.fullmatch(r"PYTHON=python:3\.\d+\.\d+-slim-[a-z]+", default)
    bases = [of.removesuffix(" AS build") for name, of in instructions() if name == "FROM"]
    assert bases == ["${PYTHON}", "${PYTHON}"]


def test_everything_is_installed_by_hash_or_is_ours() -> None:
    installs = [of for name, of in instructions() if name == "RUN" and " install " in of]
    locked, own = installs
    assert "--require-hashes -r requirements.txt" in locked
    assert "--only-binary :all:" in locked
    assert own.endswith("--no-deps --no-build-isolation .")
    assert not any("apt-get" in of or "curl" in of for _, of in instructions())


def test_the_image_runs_as_nobody_in_particular() -> None:
    final = instructions()[[name for name, _ in instructions()].index("USER") :]
    assert final[0] == ("USER", "10001:10001")
    assert all(name in {"USER", "ENTRYPOINT", "CMD"} for name, _ in final)
    assert ("ENTRYPOINT", '["tierflow"]') in final
    assert ("CMD", '["--help"]') in final


@pytest.mark.parametrize("source", [of for name, of in instructions() if name == "COPY"])
def test_what_is_copied_is_there_and_sent_to_the_builder(source: str) -> None:
    if source.startswith("--from=build"):
        made = [of for name, of in instructions() if name == "RUN" and "-m venv" in of]
        assert made[0].split()[-1] == source.split()[1]
        return
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    assert ignored.splitlines()[0] == "*"
    for path in source.split()[:-1]:
        assert (ROOT / path).exists()
        assert f"!{path}" in ignored.splitlines()

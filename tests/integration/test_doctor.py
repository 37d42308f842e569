"""What doctor finds when it asks the real thing: providers over HTTP, Kafka, ClickHouse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from streams.cli.checks import of_providers, of_settings, specs_of
from streams.cli.findings import PATHS, Finding, Mark, code_of
from streams.clock import SystemClock
from streams.providers.wires import WIRES
from streams.rig.hosts import BASE_PATHS, Simulator
from streams.rig.process import free_port
from streams.rig.recorded import Recorded, by_prompt
from streams.rig.simulator import serving
from streams.settings import Settings
from streams.sources import load
from tests.deployment import TIERFLOW, Deployment, recorded_rows
from tests.processes import finish

KEY = "sk-only-for-this-test"
KNOWN = by_prompt(Recorded.model_validate(row) for row in recorded_rows(6))


@asynccontextmanager
async def simulator(key: str | None = KEY) -> AsyncIterator[str]:
    """The simulator, which wants a key; yields its base URL."""
    served = Simulator(KNOWN, SystemClock(), speed=1000, scripted_share=0, api_key=key)
    async with serving(served, 0) as port:
        yield f"http://127.0.0.1:{port}/v1"


async def findings(
    base_url: str,
    *models: str,
    key_env: str | None = "ACME_KEY",
    call: bool = False,
    **more: Any,
) -> list[Finding]:
    """What is found about one provider with these models."""
    provider = {"base_url": base_url, "api_key_env": key_env, **more}
    tables = {"tier1": [{"name": name, "provider": "acme"} for name in models]}
    settings = Settings.model_validate({"providers": {"acme": provider}, "models": tables})
    specs, misnamed = specs_of(settings)
    assert misnamed == []
    found = await of_providers(settings, specs, 5.0, SystemClock(), call=call)
    assert KEY not in str(found)
    return found


async def test_a_right_key_and_a_listed_model_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", f"{KEY}\n")  # as a file read by a shell leaves it
    async with simulator() as url:
        host, model = await findings(url, "tiny")
    assert (host.mark, model.mark) == (Mark.OK, Mark.OK)
    assert "takes the key" in host.said


@pytest.mark.parametrize("wire", WIRES)
async def test_every_wire_format_is_tried_by_its_list_and_by_a_call(
    monkeypatch: pytest.MonkeyPatch, wire: str
) -> None:
    monkeypatch.setenv("ACME_KEY", KEY)
    async with simulator() as url:
        there = url.removesuffix("/v1") + BASE_PATHS[wire]
        name = "acme/tiny" if wire == "replicate_predictions" else "tiny"
        host, model = await findings(there, name, wire=wire)
        assert host.mark is Mark.OK, host.said
        assert wire == "replicate_predictions" or model.mark is Mark.OK, model.said
        monkeypatch.setenv("ACME_KEY", f"{KEY}-of-yesterday")
        (refused,) = await findings(there, name, wire=wire)
        assert "key refused" in refused.said
        monkeypatch.setenv("ACME_KEY", KEY)
        (astray,) = await findings(there + "/nowhere", name, wire=wire)
        assert PATHS[wire] in astray.then


async def test_a_key_in_a_file_is_taken_and_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key"
    async with simulator() as url:
        (lacking,) = await findings(url, "tiny", key_env=None, api_key_file=file)
        assert str(file) in lacking.said
        file.write_text(f"{KEY}\n")
        host, _ = await findings(url, "tiny", key_env=None, api_key_file=file)
        assert "takes the key" in host.said
        file.write_text("sk-another")
        (refused,) = await findings(url, "tiny", key_env=None, api_key_file=file)
        assert str(file) in refused.then


async def test_a_metadata_address_is_not_called_and_told_how_to_be() -> None:
    (host,) = await findings("http://169.254.169.254/v1", "tiny", key_env=None)
    assert "link-local" in host.said
    assert "allow_link_local" in host.then


async def test_a_wrong_key_is_refused_and_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ACME_KEY", f"{KEY}-of-yesterday")
    async with simulator() as url:
        (host,) = await findings(url, "tiny")
    assert (host.mark, host.reached) == (Mark.WRONG, True)
    assert "key refused: HTTP 401" in host.said
    assert "ACME_KEY" in host.then


async def test_a_key_that_is_wanted_and_not_set_up_is_asked_for() -> None:
    async with simulator() as url:
        (host,) = await findings(url, "tiny", key_env=None)
    assert "set providers.acme.api_key_env" in host.then


async def test_a_variable_that_is_not_set_is_found_without_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ACME_KEY", raising=False)
    (key,) = await findings("http://127.0.0.1:1/v1", "tiny")
    assert "ACME_KEY is not set" in key.said


async def test_a_model_that_is_not_served_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", KEY)
    async with simulator() as url:
        host, model = await findings(url, "tinny")
    assert (host.mark, model.mark) == (Mark.OK, Mark.WRONG)
    assert "tiny" in model.then


async def test_a_wrong_path_is_told_from_a_wrong_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", KEY)
    async with simulator() as url:
        (host,) = await findings(url.removesuffix("/v1"), "tiny")
    assert "no list: HTTP 404" in host.said
    assert "base_url" in host.then


async def test_nobody_there_and_no_such_host_are_told_apart() -> None:
    (refused,) = await findings(f"http://127.0.0.1:{free_port()}/v1", "tiny", key_env=None)
    (unknown,) = await findings("http://no-such-host.invalid/v1", "tiny", key_env=None)
    assert (refused.reached, unknown.reached) == (False, False)
    assert "nobody there" in refused.said
    assert "no such host" in unknown.said
    assert code_of([refused, unknown]) == 3


async def test_a_page_for_people_is_no_provider() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome</html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{any:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        (host,) = await findings(f"http://127.0.0.1:{runner.addresses[0][1]}", "tiny", key_env=None)
    finally:
        await runner.cleanup()
    assert "odd" in host.said
    assert host.mark is Mark.WRONG


async def test_a_host_without_a_list_is_fine_once_a_call_is_answered() -> None:
    async def chat(_: web.Request) -> web.Response:
        choice = {"message": {"role": "assistant", "content": "yes"}, "finish_reason": "length"}
        return web.json_response({"model": "tiny", "choices": [choice], "usage": {}})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        (without,) = await findings(url, "tiny", key_env=None)
        host, model = await findings(url, "tiny", key_env=None, call=True)
    finally:
        await runner.cleanup()
    assert without.mark is Mark.WRONG
    assert (host.mark, model.mark) == (Mark.OK, Mark.OK)
    assert "answered in" in model.said


async def test_a_call_with_a_wrong_key_fails_and_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ACME_KEY", f"{KEY}-of-yesterday")
    async with simulator() as url:
        _, model = await findings(url, "tiny", call=True)
    assert "a call fails, refused: HTTP 401" in model.said


def test_settings_that_lack_the_salt_or_models_are_found() -> None:
    said = " ".join(finding.said for finding in of_settings(Settings()))
    assert "routing.salt" in said
    assert "none is registered" in said


def test_a_misspelled_field_of_a_model_is_found_in_the_file_that_has_it(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('[[models.tier2]]\nname = "m"\nprovider = "p"\nprice = "1"\n', encoding="utf-8")
    specs, (found,) = specs_of(load(file, environ={}))
    assert specs == []
    assert "models.tier2[0].price: unknown" in found.said
    assert found.then == f"mend the field in {file}"


def test_a_model_of_a_provider_that_is_not_set_is_found() -> None:
    tables = {"tier1": [{"name": "tiny", "provider": "acme"}]}
    specs, (found,) = specs_of(Settings.model_validate({"models": tables}))
    assert specs == []
    assert "names provider 'acme'" in found.said


def examined(deployment: Deployment, **env: str) -> tuple[int, dict[str, Any]]:
    """What the command says of a deployment with these variables."""
    code, out, err = finish(
        [TIERFLOW, "doctor", "--json", "--timeout", "5"], env={**deployment.env, **env}
    )
    assert err == ""
    checks = orjson.loads(out)["checks"]
    return code, {check["name"]: check for check in checks}


@pytest.mark.broker
@pytest.mark.clickhouse
class TestOnARunningDeployment:
    def test_all_is_fine(self, deployment: Deployment) -> None:
        code, checks = examined(deployment)
        assert {name: c["mark"] for name, c in checks.items() if c["mark"] == "wrong"} == {}
        assert code == 0
        assert {"kafka", "topics", "clickhouse", "tables", "provider simulator"} <= checks.keys()
        assert checks["model tiny"]["said"] == "tier 1, listed by simulator"

    def test_a_worker_does_not_start_towards_a_metadata_address(
        self, deployment: Deployment
    ) -> None:
        env = {**deployment.env, "TIERFLOW_PROVIDERS__IDS__BASE_URL": "http://169.254.169.254/v1"}
        code, _, err = finish([TIERFLOW, "worker", "--roles", "tier-1"], env=env, timeout_s=60)
        assert code == 2
        assert "providers.ids.base_url: 169.254.169.254 is link-local" in err
        assert "providers.ids.allow_link_local" in err

    def test_missing_topics_and_tables_are_found(self, deployment: Deployment) -> None:
        code, checks = examined(
            deployment,
            TIERFLOW_KAFKA__PREFIX="nobodys.",
            TIERFLOW_CLICKHOUSE__DATABASE="nobodys",
        )
        assert code == 1
        assert checks["topics"]["then"] == "run `tierflow topics apply`"
        assert checks["tables"]["then"] == "run `tierflow clickhouse migrate`"

    def test_a_part_that_is_away_is_exit_1_and_nothing_there_exit_3(
        self, deployment: Deployment
    ) -> None:
        away = {
            "TIERFLOW_KAFKA__BOOTSTRAP": "127.0.0.1:1",
            "TIERFLOW_CLICKHOUSE__URL": "http://127.0.0.1:1",
        }
        code, checks = examined(deployment, **away)
        assert code == 1
        assert "is it running?" in checks["kafka"]["then"]
        assert "Connection refused" in checks["clickhouse"]["said"]
        gone = {"TIERFLOW_PROVIDERS__SIMULATOR__BASE_URL": "http://127.0.0.1:1/v1"}
        assert examined(deployment, **away, **gone)[0] == 3

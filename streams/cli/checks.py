"""What `doctor` tries, each against the real thing: settings, Kafka, ClickHouse, providers."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from streams.cli.findings import (
    Finding,
    note,
    of_forbidden,
    of_key,
    of_model,
    of_unlisted,
    ok,
    wrong,
)
from streams.providers.probe import Listed, Trouble, Unlisted

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from streams.clock import Clock
    from streams.kafka.security import Access
    from streams.providers.http import HttpProvider
    from streams.routing.registry import ModelSpec
    from streams.settings import ProviderSettings, Settings

CALL_S = 30.0
REDACTED = "****"


def of_settings(settings: "Settings") -> list[Finding]:
    """What can be judged without asking anybody."""
    from streams.settings import SettingsError

    found = []
    try:
        settings.routing.read_salt()
        found.append(ok("settings", "salt is set"))
    except SettingsError as error:
        found.append(wrong("settings", str(error), "every worker needs the same one"))
    if not settings.models:
        then = "add [[models.tierN]] tables to tierflow.toml, as the README shows"
        found.append(wrong("models", "none is registered", then))
    return found


def specs_of(settings: "Settings") -> "tuple[list[ModelSpec], list[Finding]]":
    """The models that are registered, and what is wrong with how they are."""
    from streams.routing import registry

    if not settings.models:
        return [], []
    try:
        known = registry.parse({"models": settings.models}).models
    except ValueError as error:
        source = settings.origin(f"models.{next(iter(settings.models))}")
        return [], [wrong("models", str(error), f"mend the field in {source}")]
    strangers = [spec for spec in known if spec.provider not in settings.providers]
    names = ", ".join(sorted(settings.providers)) or "none"
    return [spec for spec in known if spec not in strangers], [
        wrong(
            f"model {spec.name}",
            f"tier {spec.tier}: names provider {spec.provider!r}; providers that are set: {names}",
            f"add [providers.{spec.provider}] with its base_url, or mend the name",
        )
        for spec in strangers
    ]


async def of_kafka(settings: "Settings", timeout_s: float) -> list[Finding]:
    """Broker, topics, groups."""
    from aiokafka.errors import KafkaError

    from streams.kafka import cluster
    from streams.kafka.security import AccessRefusedError, CertificateError, access_of
    from streams.kafka.topics import layout_of
    from streams.settings import SettingsError

    kafka = settings.kafka
    try:
        access = access_of(kafka)
        changes = await cluster.pending(access, layout_of(kafka), timeout_s)
    except (CertificateError, SettingsError) as error:
        return [wrong("kafka", str(error), "mend the setting, or bring the file")]
    except AccessRefusedError as error:
        return [wrong("kafka", error.said, error.then, reached=True)]
    except ConnectionError as error:
        then = "is it running? Mend kafka.bootstrap (TIERFLOW_KAFKA__BOOTSTRAP), or start it"
        return [wrong("kafka", str(error), then, reached=False)]
    except (KafkaError, cluster.RefusedError, TimeoutError) as error:
        said = f"{kafka.bootstrap} answers, and refuses: {error or type(error).__name__}"
        return [wrong("kafka", said, "give this user the right to describe topics", reached=True)]
    found = [ok("kafka", f"{kafka.bootstrap} answers", reached=True), *_topics(changes)]
    if not changes:
        found += await _groups(access, kafka.prefix, timeout_s)
    return found


def _topics(changes: Sequence[Any]) -> list[Finding]:
    from streams.kafka.topics import Action

    if not changes:
        return [ok("topics", "all there, with the right partitions and settings")]
    conflicts = [change for change in changes if change.action is Action.CONFLICT]
    found = [wrong(f"topic {c.subject}", c.detail, "see above") for c in conflicts]
    left = [change for change in changes if change.action is not Action.CONFLICT]
    if left:
        first = f"{left[0].action} {left[0].subject}"
        said = f"{len(left)} changes are pending, such as: {first}"
        found.append(wrong("topics", said, "run `tierflow topics apply`"))
    return found


async def _groups(access: "Access", prefix: str, timeout_s: float) -> list[Finding]:
    from streams.cli.status import roles_without_worker
    from streams.kafka.cluster import groups_without_commits
    from streams.kafka.survey import survey
    from streams.topology import ROLES, SINK_ROLE

    lost = await groups_without_commits(access, prefix, (*ROLES, SINK_ROLE), timeout_s)
    found = [
        wrong(
            f"group {one.group}",
            f"no commit on {one.topic}, which holds {one.records} records",
            "it was renamed or has expired; `tierflow worker --from beginning` works through them",
        )
        for one in lost
    ]
    surveyed = await survey(access, prefix, timeout_s)
    idle = roles_without_worker(surveyed, prefix)
    if idle:
        said = f"no worker runs: {', '.join(idle)}"
        found.append(note("workers", said, "start `tierflow worker`"))
    elif not found:
        found.append(ok("groups", "every group has its commits, and no role is without a worker"))
    return found


def of_clickhouse(settings: "Settings", timeout_s: float) -> list[Finding]:
    """Server, login, tables."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from streams.clickhouse import client as books
    from streams.clickhouse.migrate import MigrationError, ddl_folder, pending
    from streams.settings import SettingsError

    at, url = settings.clickhouse, settings.clickhouse.url
    try:
        client = books.connect_as(at, connect_timeout_s=timeout_s)
    except (books.CaFileError, SettingsError) as error:
        return [wrong("clickhouse", str(error), "mend the setting, or bring the file")]
    except books.AccessRefusedError as error:
        return [wrong("clickhouse", error.said, error.then, reached=True)]
    except (ClickHouseError, OSError) as error:
        then = "is it running? Mend clickhouse.url (TIERFLOW_CLICKHOUSE__URL), or start it"
        return [wrong("clickhouse", f"{url}: {books.why(error)}", then, reached=False)]
    found = [ok("clickhouse", f"{url} answers to {at.user}", reached=True)]
    try:
        left = pending(client, ddl_folder(), at.database)
        doubts = [] if left else _doubts(client, at.database)
    except (ClickHouseError, MigrationError) as error:
        then = "give this user rights on the database, or another clickhouse.database"
        return [*found, wrong("tables", books.why(error), then)]
    finally:
        client.close()
    if left:
        said = f"{len(left)} migrations of {at.database} are pending, such as {left[0]}"
        return [*found, wrong("tables", said, "run `tierflow clickhouse migrate`")]
    return [*found, ok("tables", f"{at.database} is migrated"), *doubts]


def _doubts(client: "Client", database: str) -> list[Finding]:
    """Money that may have been billed, and that nobody has settled."""
    from streams.cli.settlements import summed_up
    from streams.clickhouse.doubts import open_doubts

    client.database = database
    doubts = open_doubts(client)
    then = "`tierflow settle` lists them, and books what they cost by a provider's bill"
    return [note("costs", summed_up(doubts), then)] if doubts else []


async def of_providers(
    settings: "Settings",
    specs: "Sequence[ModelSpec]",
    timeout_s: float,
    clock: "Clock",
    *,
    call: bool,
) -> list[Finding]:
    """Every provider's key and endpoint, and every model."""
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(
                _provider(
                    name, provider, [spec for spec in specs if spec.provider == name], timeout_s,
                    clock, call=call,
                )
            )
            for name, provider in settings.providers.items()
        ]  # fmt: skip
    return [finding for task in asked for finding in task.result()]


async def _provider(
    name: str, provider: "ProviderSettings", specs: "Sequence[ModelSpec]", timeout_s: float,
    clock: "Clock", *, call: bool,
) -> list[Finding]:  # fmt: skip
    from streams.providers.guard import ForbiddenAddressError
    from streams.providers.http import HttpProvider
    from streams.providers.wires import WIRES
    from streams.settings import SettingsError

    try:
        options = provider.options(name)
    except SettingsError as error:
        return [wrong(f"key of {name}", str(error), "mend the setting, or bring the file")]
    held = options["api_key"]
    key_env, key = provider.api_key_env, held.get_secret_value() if held else None
    if key_env is not None:
        key = os.environ.get(key_env)
        lacking = of_key(name, key_env, key)
        if lacking is not None:
            return [lacking]
    key_in = key_env or (str(provider.api_key_file) if provider.api_key_file else None)
    url = provider.base_url.partition("?")[0]
    try:
        async with HttpProvider(provider.base_url, WIRES[provider.wire], clock, **options) as host:
            listing = await host.list_models(timeout_s=timeout_s)
            called = [await _call(host, spec, clock, key) for spec in specs] if call else []
    except ForbiddenAddressError as error:
        return [of_forbidden(name, url, str(error))]
    if isinstance(listing, Unlisted):
        return [_unlisted(name, url, listing, (key_in, provider.wire), specs, called), *called]
    found = ok(
        f"provider {name}", f"{url} answers{', and takes the key' if key else ''}", reached=True
    )
    return [found, *(called or _models(name, specs, listing))]


def _models(name: str, specs: "Sequence[ModelSpec]", listing: Listed) -> list[Finding]:
    return [
        replace(
            of_model(spec.at_provider, spec.tier, name, listing.models, whole=listing.whole),
            name=f"model {spec.name}",
        )
        for spec in specs
    ]


def _unlisted(
    name: str,
    url: str,
    found: Unlisted,
    told: tuple[str | None, str],
    specs: "Sequence[ModelSpec]",
    called: Sequence[Finding],
) -> Finding:
    if found.trouble is Trouble.NO_LIST and called and all(not one.then for one in called):
        return ok(f"provider {name}", f"{url} has no list of models, and answers", reached=True)
    finding = of_unlisted(name, url, found, *told)
    if called or not specs:
        return finding
    untried = f"{finding.said}; its models were not tried: {', '.join(s.name for s in specs)}"
    return replace(finding, said=untried)


async def _call(
    host: "HttpProvider", spec: "ModelSpec", clock: "Clock", key: str | None
) -> Finding:
    """A call of one token: what a worker would see."""
    from streams import ids
    from streams.cli.advice import seconds_of
    from streams.events.task import Message
    from streams.providers.port import Deadlines, Prompt, Reply

    subject = f"model {spec.name}"
    prompt = Prompt(
        call_id=ids.derive("call", "doctor", spec.name, clock.now().isoformat()),
        model=spec.at_provider,
        messages=(Message(content="Say yes."),),
        max_output_tokens=1,
        api_key_env=spec.api_key_env,
    )
    answered = await host.call(prompt, Deadlines(CALL_S))
    if isinstance(answered, Reply):
        return ok(subject, f"tier {spec.tier}, answered in {seconds_of(answered.latency_s)}")
    detail = answered.detail.replace(key, REDACTED) if key else answered.detail
    said = f"tier {spec.tier}: a call fails, {answered.failure.label}: {detail}"
    then = f"mend its name in [[models.tier{spec.tier}]], or its provider {spec.provider}"
    return wrong(subject, said, then)

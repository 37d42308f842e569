"""A laptop's cluster: broker, database and simulator as processes, topics and tables made."""

import asyncio
import os
import shutil
import sys
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import orjson
from pydantic import SecretStr

from streams import ids
from streams.clickhouse.client import connect
from streams.clickhouse.migrate import ddl_folder, migrate
from streams.clock import Clock
from streams.kafka import cluster as kafka
from streams.kafka.security import Access, access_of
from streams.kafka.topics import layout_of
from streams.rig.broker import EmbeddedBroker
from streams.rig.process import Child, port_in, spawn, until_ready
from streams.rig.recorded import Recorded, mean_costs, read_recorded
from streams.routing.registry import ModelSpec, Registry, parse, rank, register, write_toml
from streams.settings import KafkaSettings

SAMPLE = Path(__file__).with_name("tasks.jsonl")
SALT = "a-laptop-needs-no-secret"
PROVIDER = "simulator"
READY_S = 60.0
GRACE_S = 5.0
TYPICAL_OUTPUT_TOKENS = 200

FAULTS = 0.05
"""Share of tasks whose first call fails in the demo, by script."""

EMBEDDED_FETCH_MS = 20
"""The embedded broker ends a fetch only when its wait is over."""

KAFKA_FETCH_MS = 500
"""Apache Kafka ends it as soon as there is something."""

SECURITY = (
    "security_protocol", "sasl_mechanism", "user", "password", "password_file", "ca_file",
    "certificate_file", "key_file", "key_password_file",
)  # fmt: skip
"""Settings of Kafka that the embedded broker has no use for."""

SETTINGS = """\
{kafka}

[clickhouse]
url = "{clickhouse}"

[simulator]
url = "{simulator}"

[providers.simulator]
base_url = "{simulator}/v1"

[routing]
salt = "{salt}"
steer = {steer}

[policy]
bucket_s = 4

[policy.gains]
min_judged = 12

[worker]
longest_call_s = 20

{models}
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What was started: addresses, the settings file, and the environment that names it."""

    access: Access
    prefix: str
    clickhouse_url: str
    simulator_url: str
    config: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a cluster is to be.

    Args:
        tasks: Recorded outcomes; the shipped ones by default.
        models: A registry file; None ranks the recorded models by mean recorded cost.
        kafka: A running cluster to use, and as whom; None starts the embedded broker.
        speed: Simulated latencies are divided by it.
        faults: Share of tasks whose first call fails, by script.
        steer: Whether open breakers, holds and cold starts move decisions.
    """

    tasks: Path = SAMPLE
    models: Path | None = None
    kafka: KafkaSettings | None = None
    speed: float = 10.0
    faults: float = FAULTS
    steer: bool = True


def registry_of(rows: Sequence[Recorded], models: Path | None) -> Registry:
    """The models that are routed to: the file's, else the recorded ones by mean recorded cost.

    Raises:
        ValueError: The file is no registry, or no recorded model has a cost.
    """
    if models is not None:
        known = parse(tomllib.loads(models.read_text(encoding="utf-8")))
        simulated = (spec.model_copy(update={"provider": PROVIDER}) for spec in known.models)
        return register(simulated)
    costs = mean_costs(rows)
    if not costs:
        raise ValueError("no recorded model has a cost: give --models FILE")
    tiers = rank(costs)
    return register(_spec(rows, name, tiers[name], cost) for name, cost in costs.items())


def _spec(rows: Sequence[Recorded], name: str, tier: int, cost: Decimal) -> ModelSpec:
    """A recorded model. Its latency is that of a typical answer at the simulator's pace."""
    tokens = [
        outcome.output_tokens or TYPICAL_OUTPUT_TOKENS
        for row in rows
        if (outcome := row.outcomes.get(name)) is not None
    ]
    mean_tokens = sum(tokens) / len(tokens)
    return ModelSpec(
        name=name,
        provider=PROVIDER,
        tier=tier,
        typical_cost_usd=cost.quantize(Decimal("1e-12")),
        latency_s=round(0.2 + 0.01 * mean_tokens, 3),
    )


def settings_text(
    registry: Registry,
    kafka: KafkaSettings | None = None,
    clickhouse: str = "http://127.0.0.1:8123",
    simulator: str = "http://127.0.0.1:80",
    *,
    steer: bool = True,
) -> str:
    """The settings file of a laptop's cluster, as TOML."""
    return SETTINGS.format(
        kafka=kafka_toml(kafka or KafkaSettings(fetch_wait_ms=EMBEDDED_FETCH_MS)),
        clickhouse=clickhouse, simulator=simulator, salt=SALT,
        steer=str(steer).lower(), models=write_toml(registry),
    )  # fmt: skip


@asynccontextmanager
async def cluster(folder: Path, wanted: Wanted, clock: Clock) -> AsyncIterator[Cluster]:
    """Start all of it, and leave nothing behind: no process, no file, no topic of ours.

    Args:
        folder: Where settings, data and logs are kept meanwhile.
        wanted: What it is to be.
        clock: What waits.

    Raises:
        RecordedError: The tasks can't be read.
        ConnectionError: The Kafka cluster that was named doesn't answer, or not to us.
        CertificateError: A certificate for it can't be used.
        ChildDiedError: A process ended at once; its last words are in the message.
    """
    rows = read_recorded(wanted.tasks)
    registry = registry_of(rows, wanted.models)
    work = folder / "rig"
    work.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        settings = await _broker(stack, folder, wanted.kafka, clock)
        access = access_of(settings)
        database = _start(stack, work, "database", "--dir", str(work / "clickhouse"))
        simulator = _start(
            stack, work, "simulator", "--tasks", str(wanted.tasks),
            "--speed", str(wanted.speed), "--scripted-fault-share", str(wanted.faults),
        )  # fmt: skip
        applied = kafka.apply(access, layout_of(settings))
        await asyncio.gather(
            _until(database, work, "database", clock),
            _until(simulator, work, "simulator", clock),
            applied,
        )
        clickhouse_url = f"http://127.0.0.1:{port_in(work / 'database.port')}"
        simulator_url = f"http://127.0.0.1:{port_in(work / 'simulator.port')}"
        await asyncio.to_thread(migrate_at, clickhouse_url)
        text = settings_text(
            registry, settings, clickhouse=clickhouse_url, simulator=simulator_url,
            steer=wanted.steer,
        )  # fmt: skip
        config = _write(stack, folder / "tierflow.toml", text)
        environment = {
            **foreign(os.environ, embedded=wanted.kafka is None),
            "TIERFLOW_CONFIG": str(config),
            "TIERFLOW_KAFKA__BOOTSTRAP": settings.bootstrap,
            "TIERFLOW_KAFKA__PREFIX": settings.prefix,
            "TIERFLOW_CLICKHOUSE__URL": clickhouse_url,
            "TIERFLOW_SIMULATOR__URL": simulator_url,
        }
        lines = "".join(f"{name}={value}\n" for name, value in environment.items())
        _write(stack, folder / "rig.env", lines)
        yield Cluster(access, settings.prefix, clickhouse_url, simulator_url, config, environment)


async def _broker(
    stack: AsyncExitStack, folder: Path, running: KafkaSettings | None, clock: Clock
) -> KafkaSettings:
    """Start the embedded broker, or come to a running one under a prefix that nobody else has."""
    if running is None:
        broker = EmbeddedBroker(clock, log=folder / "rig" / "broker.log")
        bootstrap = (await stack.enter_async_context(broker)).bootstrap
        return KafkaSettings(bootstrap=bootstrap, fetch_wait_ms=EMBEDDED_FETCH_MS)
    prefix = f"tierflow-{ids.derive('rig', str(folder), os.getpid())[-8:]}."
    access = access_of(running)
    await kafka.greet(access)
    stack.push_async_callback(kafka.remove, access, prefix)
    return running.model_copy(update={"prefix": prefix, "fetch_wait_ms": KAFKA_FETCH_MS})


def kafka_toml(settings: KafkaSettings) -> str:
    """The section `kafka` as a file has it: paths absolute, secrets in the open."""
    told = settings.model_dump(exclude_none=True, exclude={"retention"})
    lines = ["[kafka]", *(f"{name} = {_toml(value)}" for name, value in told.items())]
    if settings.retention:
        lines += ["", "[kafka.retention]"]
        lines += [f"{name} = {kept_s}" for name, kept_s in settings.retention.items()]
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Path):
        value = str(value.absolute())
    return orjson.dumps(value).decode()  # a JSON text or number is a TOML one


def foreign(environ: Mapping[str, str], *, embedded: bool) -> dict[str, str]:
    """Variables about another cluster, emptied: they would lead members of this one astray.

    Args:
        environ: What is set.
        embedded: Whether the broker is ours, which knows neither TLS nor users.
    """
    return {
        name: ""
        for name in environ
        if name.startswith("TIERFLOW_CLICKHOUSE__")
        or (embedded and name.removeprefix("TIERFLOW_KAFKA__").lower() in SECURITY)
    }


def migrate_at(clickhouse_url: str, database: str = "tierflow") -> None:
    """Make the tables of the books."""
    client = connect(clickhouse_url)
    try:
        migrate(client, ddl_folder(), database)
    finally:
        client.close()


def command(*words: str) -> list[str]:
    """A tierflow command with this interpreter, whatever is on the path."""
    return [sys.executable, "-m", "streams", *words]


def _start(stack: AsyncExitStack, work: Path, name: str, *options: str) -> Child:
    argv = [sys.executable, "-m", f"streams.rig.{name}", *options]
    argv += ["--port-file", str(work / f"{name}.port")]
    child = spawn(argv, log=work / f"{name}.log", name=name)
    stack.push_async_callback(asyncio.to_thread, child.stop, GRACE_S)
    return child


async def _until(child: Child, work: Path, name: str, clock: Clock) -> None:
    file = work / f"{name}.port"
    await until_ready(child, lambda: port_in(file) is not None, clock=clock, timeout_s=READY_S)


def _write(stack: AsyncExitStack, path: Path, text: str) -> Path:
    """Write by renaming, so that nobody reads half of it; removed at the end."""
    part = path.with_suffix(f"{path.suffix}.part")
    stack.callback(part.unlink, missing_ok=True)
    part.touch(mode=0o600)  # it may hold a password
    part.write_text(text, encoding="utf-8")
    stack.callback(path.unlink, missing_ok=True)
    part.rename(path)
    return path

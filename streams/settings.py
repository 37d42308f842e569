"""All that an operator may set, section by section; `sources` reads it.

Worker, cli and rig hand it in; nothing else knows settings.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from streams.calling.cascade import SURE
from streams.calling.ledger import InDoubt
from streams.checking.choices import CHOICE_CHARS, CHOICES
from streams.checking.plan import PLAIN, Plan, Step, faults
from streams.events.control import Policy
from streams.events.decision import Strategy
from streams.events.envelope import Share
from streams.learning.gains import Gains
from streams.routing.policy import initial_policy
from streams.topology import BUGS_IN_A_ROW, BY_NAME, PARTITIONS, ROLES, TOPICS

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=0, le=65_535)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")]


class SettingsError(ValueError):
    """A setting that can't be used; the message names the field, its origin and what is allowed."""


def _refused(field: str, why: str) -> PydanticCustomError:
    """A combination that can't be, told under the name of one of its fields."""
    return PydanticCustomError("combination", "{why}", {"field": field, "why": why})


def _split(value: object) -> object:
    """Environment and flags write a list as `a,b`."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


class Section(BaseModel):
    """One table of the file. Unknown keys are refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class KafkaSettings(Section):
    """The cluster that carries the topics, and how topics are laid out on it."""

    bootstrap: Annotated[str, Field(pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")] = "127.0.0.1:9092"
    """host:port, or several of them after commas."""
    prefix: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,100}$")] = "tierflow."
    """Before the name of every topic; groups are named after it."""
    partitions: Annotated[int, Field(ge=1, le=1000)] = PARTITIONS
    """Partitions of every topic that has more than one."""
    replication: Annotated[int, Field(ge=1, le=10)] = 1
    """Copies of every partition; 3 in production."""
    retention: dict[str, Annotated[int, Field(ge=60)]] = Field(default_factory=dict)
    """Seconds a topic is kept, by its short name, where the topology's number is not wanted."""
    session_timeout_s: Annotated[float, Field(ge=1, le=1800)] = 6.0
    """Silence after which a worker's partitions go to another one."""
    fetch_wait_ms: Annotated[int, Field(ge=1, le=60_000)] = 50
    """Longest a fetch waits at the broker; short, since the embedded broker ends it late."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """What the listener speaks: TLS with SSL, a user with SASL."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """How the user is proved; SASL needs one."""
    user: str | None = None
    """Who we are; SASL needs one."""
    password: SecretStr | None = None
    """The user's; better kept in a file."""
    password_file: Path | None = None
    """A file that holds the password and nothing else."""
    ca_file: Path | None = None
    """Certificates (PEM) of those who may sign the brokers'; None: those that the system knows."""
    certificate_file: Path | None = None
    """Our own certificate (PEM) with its chain, where brokers ask for one."""
    key_file: Path | None = None
    """The key (PEM) of certificate_file."""
    key_password_file: Path | None = None
    """A file that holds the key's password, where it has one."""

    def read_password(self) -> str | None:
        """The user's password; None where none is set.

        Raises:
            SettingsError: The file can't be read.
        """
        return _secret("kafka.password", self.password, self.password_file)

    def read_key_password(self) -> str | None:
        """The key's password; None where none is set.

        Raises:
            SettingsError: The file can't be read.
        """
        return _secret("kafka.key_password", None, self.key_password_file)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        """Refuse what no broker would ever be asked, by the name of the field that is wrong."""
        for name, why in (*self._users(), *self._certificates()):
            raise _refused(name, why)
        return self

    def _users(self) -> Iterator[tuple[str, str]]:
        """What contradicts what about the user: field and reason."""
        protocol = f"security_protocol {self.security_protocol}"
        given = {n for n in ("user", "password", "password_file") if getattr(self, n) is not None}
        if not self.security_protocol.startswith("SASL_"):
            for name in sorted(given | ({"sasl_mechanism"} if self.sasl_mechanism else set())):
                yield name, f"{protocol} has no use for it; SASL_PLAINTEXT and SASL_SSL have"
            return
        if self.sasl_mechanism is None:
            yield "sasl_mechanism", f"{protocol} needs PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
        if not self.user:
            yield "user", f"{protocol} needs one"
        if given <= {"user"}:
            yield "password_file", f"{protocol} needs it, or password"
        if given >= {"password", "password_file"}:
            yield "password_file", "set password or password_file, not both"

    def _certificates(self) -> Iterator[tuple[str, str]]:
        """What contradicts what about certificates: field and reason."""
        names = ("ca_file", "certificate_file", "key_file", "key_password_file")
        given = {name for name in names if getattr(self, name) is not None}
        if not self.security_protocol.endswith("SSL"):
            protocol = f"security_protocol {self.security_protocol}"
            for name in sorted(given):
                yield name, f"{protocol} has no use for it; SSL and SASL_SSL have"
        for name, needs in (
            ("certificate_file", "key_file"),
            ("key_file", "certificate_file"),
            ("key_password_file", "key_file"),
        ):
            if name in given and needs not in given:
                yield needs, f"{name} is set and needs it"

    @field_validator("retention")
    @classmethod
    def _topics_exist(cls, value: dict[str, int]) -> dict[str, int]:
        if unknown := sorted(value.keys() - BY_NAME.keys()):
            raise ValueError(f"no topic {', '.join(unknown)}; topics are {', '.join(BY_NAME)}")
        return value


class ClickHouseSettings(Section):
    """The database of the books."""

    url: HttpUrl = "http://127.0.0.1:8123"
    """ClickHouse's HTTP interface."""
    database: Annotated[str, Field(pattern=r"^[a-zA-Z_]\w{0,63}$")] = "tierflow"
    """Created by `tierflow clickhouse migrate`."""
    user: str = "default"
    """Who the sink and the migrations are."""
    password: SecretStr | None = None
    """Better kept in a file."""
    password_file: Path | None = None
    """A file that holds the password and nothing else."""
    ca_file: Path | None = None
    """Certificates (PEM) of those who may sign the server's; None: those that the system knows."""

    def read_password(self) -> str:
        """The password; empty where none is set.

        Raises:
            SettingsError: The file can't be read.
        """
        return _secret("clickhouse.password", self.password, self.password_file) or ""

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise _refused("password_file", "set password or password_file, not both")
        # A worker may be given the file's ca_file without the sink's variable with the url.
        named = "url" in self.model_fields_set
        if self.ca_file is not None and named and not self.url.startswith("https:"):
            raise _refused("ca_file", "only an https:// url has a use for it")
        return self


WIRE = Literal[
    "openai_chat", "openai_responses", "anthropic_messages", "ollama_chat", "replicate_predictions"
]
"""The wire formats there are: `streams.providers.wires`."""


class ProviderOptions(TypedDict):
    """What `streams.providers.http.HttpProvider` takes by these names."""

    api_key_env: str | None
    api_key: SecretStr | None
    stream: bool
    connect_s: float
    first_token_s: float | None
    between_tokens_s: float | None
    allow_link_local: bool


class ProviderSettings(Section):
    """Who runs models: where, by which wire format, with whose key, how patiently."""

    base_url: HttpUrl
    """Up to where the wire format's own path begins."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; None where no key is wanted."""
    api_key_file: Path | None = None
    """A file that holds the key and nothing else, read at start."""
    wire: WIRE = "openai_chat"
    """The format that is spoken there."""
    stream: bool = False
    """Whether answers are asked for as streams, so that a silent host is noticed early."""
    connect_s: Seconds = 10.0
    """Longest wait for a connection."""
    first_token_s: Seconds | None = None
    """Longest wait for the first token of a stream; None: as long as the call may take."""
    between_tokens_s: Seconds | None = None
    """Longest wait between two tokens of a stream; None: as long as the call may take."""
    allow_link_local: bool = False
    """Whether base_url may lead to a link-local address or a cloud's metadata service."""
    vendor: str | None = None
    """Its name in the price list; None: the provider's own name, where the list has it."""

    def vendor_of(self, name: str) -> str:
        """Whose prices apply there: its name in the price list, where the list has it.

        Args:
            name: The provider's.
        """
        return self.vendor or name

    def options(self, name: str) -> ProviderOptions:
        """What the provider's client takes beside address, wire and clock.

        Args:
            name: The provider's, for messages.

        Raises:
            SettingsError: The key file can't be read, or holds nothing.
        """
        return ProviderOptions(
            api_key_env=self.api_key_env,
            api_key=self.read_key_file(name),
            stream=self.stream,
            connect_s=self.connect_s,
            first_token_s=self.first_token_s,
            between_tokens_s=self.between_tokens_s,
            allow_link_local=self.allow_link_local,
        )

    def read_key_file(self, name: str) -> SecretStr | None:
        """The key in `api_key_file`; None where no file is set.

        Args:
            name: The provider's, for messages.

        Raises:
            SettingsError: The file can't be read, or holds nothing.
        """
        if self.api_key_file is None:
            return None
        key = _secret(f"providers.{name}.api_key", None, self.api_key_file)
        if not key:
            raise SettingsError(f"providers.{name}.api_key_file: {self.api_key_file} is empty")
        return SecretStr(key)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.api_key_env is not None and self.api_key_file is not None:
            raise _refused("api_key_file", "set api_key_env or api_key_file, not both")
        for name in ("first_token_s", "between_tokens_s"):
            if getattr(self, name) is not None and not self.stream:
                raise _refused(name, "only a stream has tokens to wait for: set stream = true")
        return self


class GainSettings(Section):
    """How hard, how far and when thresholds move; `streams.learning.gains.Gains`."""

    integral: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Threshold moved a window, for an error of 1."""
    step_limit: Annotated[float, Field(gt=0, le=1)] = 0.02
    """The furthest that a threshold moves in one window."""
    dead_band: Share = 0.01
    """Error up to which a threshold at rest stays at rest."""
    release_band: Share = 0.005
    """Error at which a moving threshold comes to rest; not above dead_band."""
    min_judged: Count = 25
    """Judged tasks without which nothing is concluded."""
    carry_windows: Count = 10
    """How many windows in a row are gathered to reach min_judged."""
    floor: Share = 0.5
    """The lowest threshold."""
    ceiling: Share = 0.995
    """The highest threshold."""
    debt_tasks: Count = 40
    """With target_quality: scores predicted too high for which a threshold is moved by 1."""
    debt_step_limit: Annotated[float, Field(gt=0, le=1)] = 0.05
    """With target_quality: the furthest that a threshold moves in one window."""

    def gains(self) -> Gains:
        """As the tuner takes them."""
        return Gains(**self.model_dump())

    @model_validator(mode="after")
    def _agree(self) -> Self:
        self.gains()
        return self


class PolicySettings(Section):
    """What the tuner holds and how it moves."""

    target: Share = 0.90
    """Quality to hold, as a share of the best predicted."""
    target_quality: Share | None = None
    """Mean score of all judged tasks to hold, instead of target."""
    ceiling_usd: Annotated[Decimal, Field(gt=0, le=1000, decimal_places=12)] | None = None
    """Dollars that a task may cost on average."""
    start: Share = 0.62
    """Threshold of every tier before the first change; with target_quality it follows from that."""
    strategy: Strategy = Strategy.BALANCED
    """How cost, quality and latency are weighed within a tier."""
    bucket_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Length of a performance window."""
    gains: GainSettings = GainSettings()
    """How thresholds move."""

    def initial(self, now: datetime) -> Policy:
        """The policy before the tuner has said anything."""
        return initial_policy(
            now,
            self.target,
            start=self.start,
            strategy=self.strategy,
            target_quality=self.target_quality,
            ceiling_usd=self.ceiling_usd,
        )


class TierSettings(Section):
    """How one tier's calls are made."""

    in_doubt: InDoubt = InDoubt.RECALL
    """Of a call whose worker died: `recall` asks again, `park` buries the task, `fail` fails it."""
    cascade: bool = False
    """Whether its tasks are begun with a cheaper model, whose answer stands if it is trusted."""


class CallSettings(Section):
    """How calls are made."""

    cascade_confidence: Share = SURE
    """Mean probability of its tokens at which a cheap model's answer is trusted."""
    longest_wait_s: Seconds = 600.0
    """So long a task waits for a model's limits where no other model may take it."""
    longest_outage_s: Seconds = 30.0
    """So long it waits for models that fail to be tried again, where none that works is left."""


class WorkerSettings(Section):
    """One worker process."""

    roles: Annotated[tuple[Literal[ROLES], ...], BeforeValidator(_split)] = ROLES  # type: ignore[valid-type]
    """Which roles it runs; all by default."""
    ops_host: str = "127.0.0.1"
    """Where health, readiness and metrics answer."""
    ops_port: Port = 0
    """0: a free port, logged at start."""
    grace_s: Seconds = 30.0
    """Longest that SIGTERM waits for work in flight."""
    longest_call_s: Seconds = 60.0
    """Longest that one call to a model may take; a rebalance waits so long and 15 s more."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Calls in flight in each tier."""


class RoutingSettings(Section):
    """How chance is drawn, and what moves a decision beside the task."""

    steer: bool = True
    """Whether open breakers, holds and cold starts move decisions; off, they follow from prompts,
    ids, registry and what was learned alone."""

    salt: SecretStr | None = None
    """The deployment's secret, the same for every worker: without it callers could steer draws."""
    salt_file: Path | None = None
    """A file that holds the salt and nothing else."""

    def read_salt(self) -> str:
        """The salt.

        Raises:
            SettingsError: None is set, or the file can't be read.
        """
        salt = _secret("routing.salt", self.salt, self.salt_file)
        if not salt:
            raise SettingsError(
                "routing.salt: required; set routing.salt_file (or TIERFLOW_ROUTING__SALT) to a "
                "long random text, the same for every worker"
            )
        return salt

    @model_validator(mode="after")
    def _one_salt(self) -> Self:
        if self.salt is not None and self.salt_file is not None:
            raise ValueError("set salt or salt_file, not both")
        return self


class LoggingSettings(Section):
    """What goes to stderr."""

    format: Literal["text", "json"] = "text"
    """`TIERFLOW_LOG=json` is the short form."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written."""


class SimulatorSettings(Section):
    """The provider simulator that `tierflow rig` runs."""

    url: HttpUrl | None = None
    """Where it answers; None where there is none."""


class LimitSettings(Section):
    """Where the worker says no."""

    max_task_bytes: Annotated[int, Field(ge=1024, le=1 << 20)] = 512 << 10
    """Largest body of a task; a larger one goes to the dead letters."""
    bugs_in_a_row: Count = BUGS_IN_A_ROW
    """Records buried as `internal` or `undeliverable` one after the other before a partition is
    held."""
    bugs_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the last 200 records, buried as such, at which a partition is held too."""
    reply_topics: Annotated[tuple[TopicName, ...], BeforeValidator(_split)] = ()
    """Topics, by full name, to which a task's `reply_to` may send a copy of its result."""


class Tier0Settings(Section):
    """Skills that answer without a model."""

    off: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    """Skills that are not asked, by name; ours and those of installed packages."""


class CheckSettings(Section):
    """What answers to one kind of task go through; `streams.checking.plan.Plan`."""

    steps: Annotated[tuple[Step, ...], BeforeValidator(_split)] = PLAIN.steps
    """The checks, in their order; none: every answer passes."""
    pattern: str | None = None
    """The step `pattern` wants the whole answer to match this regular expression."""
    choices: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=CHOICE_CHARS)], ...],
        Field(max_length=CHOICES),
        BeforeValidator(_split),
    ] = ()
    """The step `choices` wants one of these, and writes it so."""
    language: Annotated[str, Field(pattern=r"^[a-z0-9+#._-]{1,32}$")] | None = None
    """The code that the whole answer is to be, so that `fence` takes it from among prose; said by
    the steps `json` and `python` themselves."""

    def plan(self) -> Plan:
        """As checks are built from."""
        return Plan(self.steps, self.pattern or "", self.choices, self.language)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        for name, why in faults(self.plan()):
            raise _refused(name, why)
        return self


class Settings(Section):
    """Every setting of this process."""

    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    """By name, as models name their provider."""
    models: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
    """`[[models.tierN]]`, read by `streams.routing.registry.parse`."""
    tiers: dict[Literal["tier1", "tier2", "tier3", "tier4"], TierSettings] = Field(
        default_factory=dict
    )
    """`[tiers.tierN]`."""
    calls: CallSettings = CallSettings()
    policy: PolicySettings = PolicySettings()
    worker: WorkerSettings = WorkerSettings()
    routing: RoutingSettings = RoutingSettings()
    tier0: Tier0Settings = Tier0Settings()
    checks: dict[str, CheckSettings] = Field(default_factory=dict)
    """By the kind of the task; `default` for all others."""
    logging: LoggingSettings = LoggingSettings()
    simulator: SimulatorSettings = SimulatorSettings()
    limits: LimitSettings = LimitSettings()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    def traced(self, origins: Mapping[str, str]) -> Self:
        """Remember where values came from, by dotted name."""
        self._origins.update(origins)
        return self

    def origin(self, name: str) -> str:
        """Where a value came from: a flag, a variable, a file, or `default`."""
        return self._origins.get(name, "default")

    @model_validator(mode="after")
    def _answers_go_elsewhere(self) -> Self:
        own = {topic.full_name(self.kafka.prefix) for topic in TOPICS}
        if loops := sorted(own.intersection(self.limits.reply_topics)):
            names = ", ".join(loops)
            raise ValueError(f"limits.reply_topics: {names} is a topic of tierflow's own")
        return self


def _secret(name: str, value: SecretStr | None, file: Path | None) -> str | None:
    if file is None:
        return value.get_secret_value() if value else None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}_file: {file} can't be read: {error}") from None

"""Flag > variable > file > default, and errors that name the field."""

from pathlib import Path

import pytest

from streams import settings
from streams.checking.chains import checks
from streams.checking.check import PASS, Answer, Repaired
from streams.settings import SettingsError
from streams.sources import MASK, load, shown
from streams.topology import ROLES


def toml(folder: Path, text: str) -> Path:
    path = folder / "tierflow.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = load(environ={})
    assert found.kafka.bootstrap == "127.0.0.1:9092"
    assert found.worker.roles == ROLES
    assert {origin for _, _, origin in shown(found)} == {"default"}


def test_a_flag_beats_a_variable_which_beats_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, '[kafka]\nbootstrap = "file:1"\nprefix = "file."\npartitions = 3\n')
    environ = {"TIERFLOW_KAFKA__BOOTSTRAP": "env:2", "TIERFLOW_KAFKA__PREFIX": "env."}
    found = load(file, {"kafka.bootstrap": "flag:3"}, environ)
    assert found.kafka.bootstrap == "flag:3"
    assert found.kafka.prefix == "env."
    assert found.kafka.partitions == 3
    origins = {name: origin for name, _, origin in shown(found)}
    assert origins["kafka.bootstrap"] == "flag"
    assert origins["kafka.prefix"] == "TIERFLOW_KAFKA__PREFIX"
    assert origins["kafka.partitions"] == str(file)
    assert origins["kafka.replication"] == "default"


def test_a_flag_that_was_not_given_says_nothing() -> None:
    found = load(None, {"worker.grace_s": None}, {"TIERFLOW_WORKER__GRACE_S": "5"})
    assert found.worker.grace_s == 5


def test_the_file_is_the_flags_then_the_variables_then_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    toml(tmp_path, "[kafka]\npartitions = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("[kafka]\npartitions = 2\n")
    third = tmp_path / "third.toml"
    third.write_text("[kafka]\npartitions = 3\n")
    environ = {"TIERFLOW_CONFIG": str(other)}
    assert load(environ={}).kafka.partitions == 1
    assert load(environ=environ).kafka.partitions == 2
    assert load(third, environ=environ).kafka.partitions == 3


def test_an_empty_variable_is_not_set() -> None:
    assert load(environ={"TIERFLOW_CLICKHOUSE__PASSWORD_FILE": ""}).clickhouse.password_file is None


def test_roles_are_a_list_with_commas() -> None:
    found = load(environ={"TIERFLOW_WORKER__ROLES": "route, tier-1"})
    assert found.worker.roles == ("route", "tier-1")


def test_reply_topics_are_a_list_with_commas() -> None:
    found = load(environ={"TIERFLOW_LIMITS__REPLY_TOPICS": "shop.answers, crm.answers"})
    assert found.limits.reply_topics == ("shop.answers", "crm.answers")


def test_the_short_form_for_logs_works() -> None:
    assert load(environ={"TIERFLOW_LOG": "json"}).logging.format == "json"


def test_providers_and_models_come_from_their_tables(tmp_path: Path) -> None:
    file = toml(
        tmp_path,
        '[providers.here]\nbase_url = "http://127.0.0.1:8000/v1"\n'
        '[[models.tier1]]\nname = "tiny"\nprovider = "here"\n',
    )
    found = load(file, environ={})
    assert found.providers["here"].wire == "openai_chat"
    assert found.models == {"tier1": [{"name": "tiny", "provider": "here"}]}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"TIERFLOW_KAFKA__PREFI": "x"}, ["kafka.prefi", "unknown", "TIERFLOW_KAFKA__PREFI", "prefix"]),
        ({"TIERFLOW_NOWHERE__KEY": "x"}, ["nowhere", "unknown", "clickhouse"]),
        ({"TIERFLOW_KAFKA__PARTITIONS": "0"}, ["kafka.partitions", "greater than or equal to 1"]),
        ({"TIERFLOW_KAFKA__BOOTSTRAP": "nowhere"}, ["kafka.bootstrap", "match"]),
        ({"TIERFLOW_KAFKA__RETENTION__TASK": "100"}, ["kafka.retention", "no topic task"]),
        ({"TIERFLOW_WORKER__ROLES": "route,cook"}, ["worker.roles", "'route'"]),
        ({"TIERFLOW_LOG": "yaml"}, ["logging.format", "'json'", "TIERFLOW_LOG"]),
        ({"TIERFLOW_CLICKHOUSE__URL": "http://u:p@h"}, ["clickhouse.url", "match"]),
        ({"TIERFLOW_POLICY__GAINS__FLOOR": "1"}, ["policy.gains", "floor must lie under ceiling"]),
        ({"TIERFLOW_LIMITS__REPLY_TOPICS": "a b"}, ["limits.reply_topics", "match"]),
        ({"TIERFLOW_LIMITS__REPLY_TOPICS": "x,tierflow.tasks.v1"}, ["limits.reply_topics", "own"]),
        ({"TIERFLOW_PROVIDERS__X__WIRE": "y"}, ["providers.x.base_url", "required"]),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_by_name(environ: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as refused:
        load(environ=environ)
    assert [word for word in words if word not in str(refused.value)] == []


def test_checks_are_set_by_the_kind_of_the_task(tmp_path: Path) -> None:
    file = toml(
        tmp_path,
        "[checks.default]\nsteps = []\n"
        '[checks."support mood"]\nsteps = ["choices"]\nchoices = ["good", "bad"]\n',
    )
    found = load(file, environ={"TIERFLOW_CHECKS__CODE__STEPS": "fence, python"})
    assert found.checks["code"].steps == ("fence", "python")
    chain_for = checks({kind: one.plan() for kind, one in found.checks.items()}).chain_for
    mood = chain_for("support mood", None, json_output=False)(Answer("Good!"))
    assert mood == Repaired("good", ("choice",))
    assert chain_for("story", None, json_output=False)(Answer("Once", "length")) == PASS


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('steps = ["jsn"]', ["checks.k.steps", "'json'"]),
        ('step = ["json"]', ["checks.k.step", "unknown", "choices, language, pattern, steps"]),
        ('steps = ["fence", "fence"]', ["checks.k.steps", "fence stands there twice"]),
        ('steps = ["json", "python"]', ["checks.k.steps", "json and python"]),
        ('steps = ["pattern"]', ["checks.k.pattern", "needs a value"]),
        ('pattern = "a"', ["checks.k.pattern", "not among the steps"]),
        ("steps = ['pattern']\npattern = '('", ["checks.k.pattern", "unterminated"]),
        (r"""steps = ['pattern']
        pattern = '(a)\1'""", ["checks.k.pattern", "groupref is not supported"]),
        ('steps = ["choices"]\nchoices = ["a"]', ["checks.k.choices", "one is no choice"]),
        ('steps = ["choices"]\nchoices = ["a", "A."]', ["checks.k.choices", "'A.' can't be told from"]),
        ('language = "sql"', ["checks.k.language", "only the step fence"]),
    ],
)  # fmt: skip
def test_a_check_that_can_not_be_is_refused_by_name(
    tmp_path: Path, table: str, words: list[str]
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(toml(tmp_path, f"[checks.k]\n{table}\n"), environ={})
    assert [word for word in words if word not in str(refused.value)] == []


SASL = {
    "TIERFLOW_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "TIERFLOW_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
    "TIERFLOW_KAFKA__USER": "ann",
    "TIERFLOW_KAFKA__PASSWORD_FILE": "password",
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"SECURITY_PROTOCOL": "TLS"}, ["kafka.security_protocol", "'SASL_SSL'", "PROTOCOL"]),
        ({"SASL_MECHANISM": "GSSAPI"}, ["kafka.sasl_mechanism", "'SCRAM-SHA-256'"]),
        ({"SASL_MECHANISM": ""}, ["kafka.sasl_mechanism", "needs PLAIN, SCRAM-SHA-256 or"]),
        ({"USER": ""}, ["kafka.user", "SASL_SSL needs one"]),
        ({"PASSWORD_FILE": ""}, ["kafka.password_file", "needs it, or password"]),
        ({"PASSWORD": "hunter2"}, ["kafka.password_file", "not both"]),
        ({"SECURITY_PROTOCOL": "PLAINTEXT"}, ["kafka.password_file", "no use for it", "SASL_SSL"]),
        (
            {"SECURITY_PROTOCOL": "SSL", "USER": "", "PASSWORD_FILE": ""},
            [
                "kafka.sasl_mechanism",
                "SSL has no use for it",
                "(from TIERFLOW_KAFKA__SASL_MECHANISM",
            ],
        ),
        (
            {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "CA_FILE": "ca.pem"},
            ["kafka.ca_file", "SASL_PLAINTEXT has no use for it", "SSL and SASL_SSL have"],
        ),
        ({"CERTIFICATE_FILE": "a.crt"}, ["kafka.key_file", "certificate_file is set and needs it"]),
        ({"KEY_FILE": "a.key"}, ["kafka.certificate_file", "key_file is set and needs it"]),
        ({"KEY_PASSWORD_FILE": "p"}, ["kafka.key_file", "key_password_file is set and needs it"]),
    ],
)
def test_security_that_can_not_be_is_refused_by_name(
    changed: dict[str, str], words: list[str]
) -> None:
    environ = SASL | {f"TIERFLOW_KAFKA__{name}": value for name, value in changed.items()}
    with pytest.raises(SettingsError) as refused:
        load(environ=environ)
    assert [word for word in words if word not in str(refused.value)] == []
    assert "hunter2" not in str(refused.value)


def test_a_ca_is_for_https_alone() -> None:
    environ = {"TIERFLOW_CLICKHOUSE__CA_FILE": "ca.pem"}
    assert load(environ=environ).clickhouse.ca_file == Path("ca.pem")
    plain = {**environ, "TIERFLOW_CLICKHOUSE__URL": "http://clickhouse:8123"}
    with pytest.raises(SettingsError, match=r"clickhouse\.ca_file: only an https:// url"):
        load(environ=plain)
    secure = {**environ, "TIERFLOW_CLICKHOUSE__URL": "https://clickhouse:8443"}
    assert load(environ=secure).clickhouse.ca_file == Path("ca.pem")


def test_every_setting_of_security_can_come_from_the_environment() -> None:
    environ = SASL | {
        f"TIERFLOW_KAFKA__{name.upper()}": f"/secrets/{name}"
        for name in ("ca_file", "certificate_file", "key_file", "key_password_file")
    }
    found = {name: (value, origin) for name, value, origin in shown(load(environ=environ))}
    for variable, value in environ.items():
        name = variable.removeprefix("TIERFLOW_").lower().replace("__", ".")
        assert (str(found[name][0]), found[name][1]) == (value, variable)


def test_an_unknown_key_in_the_file_is_refused_with_its_place(tmp_path: Path) -> None:
    file = toml(tmp_path, "[worker]\nconcurrenc = 3\n")
    with pytest.raises(
        SettingsError, match=r"worker\.concurrenc: unknown .*known here: .*concurrency"
    ):
        load(file, environ={})


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load(tmp_path / "none.toml", environ={})
    with pytest.raises(SettingsError, match="no TOML"):
        load(toml(tmp_path, "kafka = "), environ={})


def test_secrets_are_neither_shown_nor_told_in_errors(tmp_path: Path) -> None:
    environ = {"TIERFLOW_ROUTING__SALT": "very-secret", "TIERFLOW_CLICKHOUSE__PASSWORD": "hunter2"}
    kafka = SASL | {"TIERFLOW_KAFKA__PASSWORD_FILE": "", "TIERFLOW_KAFKA__PASSWORD": "hunter3"}
    values = {name: value for name, value, _ in shown(load(environ=environ | kafka))}
    assert values["routing.salt"] == values["clickhouse.password"] == MASK
    assert values["kafka.password"] == MASK
    both = {**environ, "TIERFLOW_ROUTING__SALT_FILE": str(tmp_path / "salt")}
    with pytest.raises(SettingsError) as refused:
        load(environ=both)
    assert "very-secret" not in str(refused.value)
    assert "set salt or salt_file, not both" in str(refused.value)


def test_secrets_are_read_from_their_files(tmp_path: Path) -> None:
    (tmp_path / "salt").write_text("pepper\n")
    found = load(environ={"TIERFLOW_ROUTING__SALT_FILE": str(tmp_path / "salt")})
    assert found.routing.read_salt() == "pepper"
    assert found.clickhouse.read_password() == ""


def test_a_worker_without_a_salt_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"routing\.salt: required"):
        load(environ={}).routing.read_salt()
    missing = {"TIERFLOW_ROUTING__SALT_FILE": str(tmp_path / "none")}
    with pytest.raises(SettingsError, match=r"routing\.salt_file: .*none can't be read"):
        load(environ=missing).routing.read_salt()


def test_every_setting_says_what_it_is() -> None:
    for section in (
        settings.KafkaSettings, settings.ClickHouseSettings, settings.WorkerSettings,
        settings.LimitSettings, settings.GainSettings, settings.ProviderSettings,
    ):  # fmt: skip
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"

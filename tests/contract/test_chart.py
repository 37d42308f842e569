"""The Helm chart, as far as it can be judged without Helm."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from streams.sources import load
from streams.topology import ROLES, SINK_ROLE, STAGES, SUNK, stages_of
from tests.yamls import ROOT, read

CHART = ROOT / "infra" / "helm" / "tierflow"
SCHEMA = orjson.loads((CHART / "values.schema.json").read_bytes())
TEMPLATES = sorted((CHART / "templates").iterdir())
REFERENCE = re.compile(r"\.Values((?:\.\w+)+)")


def merged(base: Any, over: Any) -> Any:
    """Values as Helm lays one file over another: tables are merged, all else is replaced."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {key: merged(base.get(key), over.get(key, base.get(key))) for key in {**base, **over}}


def values() -> dict[str, Any]:
    return dict(merged(read(CHART / "values.yaml"), read(CHART / "ci" / "values.yaml")))


def texts() -> Iterator[tuple[str, str]]:
    for path in TEMPLATES:
        yield path.name, path.read_text(encoding="utf-8")


def test_the_chart_describes_the_version_that_is_here() -> None:
    chart = read(CHART / "Chart.yaml")
    project = re.search(
        r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert project
    assert chart["apiVersion"] == "v2"
    assert chart["name"] == CHART.name
    assert chart["version"] == chart["appVersion"] == project[1]


def test_rows_of_roles_are_those_of_the_topology() -> None:
    """Mend `files/topology.json` by hand where this fails: it is what Deployments come from."""
    rows = orjson.loads((CHART / "files" / "topology.json").read_bytes())
    expected = {
        role: [topic for stage in stages_of(role) for topic in stage.reads] for role in ROLES
    }
    expected[SINK_ROLE] = list(SUNK)
    assert {role: row["topics"] for role, row in rows.items()} == {
        role: [topic.name for topic in topics] for role, topics in expected.items()
    }
    assert {role: row["single"] for role, row in rows.items()} == {
        role: all(topic.single for topic in topics) for role, topics in expected.items()
    }


def test_every_role_has_its_values() -> None:
    assert set(read(CHART / "values.yaml")["roles"]) == {*ROLES, SINK_ROLE}


def test_a_busy_pod_alone_asks_for_no_second_one() -> None:
    """Calls in flight are lag, since they are not settled: a tier's `lag` lies well above them."""
    shipped = read(CHART / "values.yaml")
    concurrency = shipped["worker"]["concurrency"]
    assert concurrency == max(stage.concurrency for stage in STAGES)
    for role, own in shipped["roles"].items():
        if role.startswith("tier-"):
            assert own["lag"] >= 2 * concurrency


def test_a_whole_set_of_values_is_valid_and_its_text_is_settings(tmp_path: Path) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator(SCHEMA).validate(values())
    file = tmp_path / "tierflow.toml"
    file.write_text(values()["config"], encoding="utf-8")
    assert load(file, environ={}).policy.target == 0.92


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("config", ""),
        ("kafka.bootstrap", "kafka"),
        ("kafka.shards", 6),
        ("kafka.replication", 0),
        ("clickhouse.url", "clickhouse:8123"),
        ("clickhouse.password", "in the clear"),
        ("salt.secretName", ""),
        ("roles.tier-5", {"min": 1, "max": 1, "lag": 1}),
        ("roles.tier-1.max", 0),
        ("image.digest", "sha256:short"),
    ],
)
def test_a_wrong_value_is_refused_where_it_stands(path: str, wrong: object) -> None:
    given = orjson.loads(orjson.dumps(values()))
    *above, last = path.split(".")
    table = given
    for key in above:
        table = table[key]
    table[last] = wrong
    found = [
        ".".join(map(str, e.path)) for e in jsonschema.Draft7Validator(SCHEMA).iter_errors(given)
    ]
    assert found
    assert all(path.startswith(place) for place in found)


def test_without_what_has_no_default_the_chart_is_refused() -> None:
    bare = read(CHART / "values.yaml")
    errors = jsonschema.Draft7Validator(SCHEMA).iter_errors(bare)
    found = {".".join(map(str, error.path)) for error in errors}
    assert found == {"config", "kafka.bootstrap", "clickhouse.url", "salt.secretName"}


def test_every_value_has_its_place_in_the_schema_and_the_file() -> None:
    def keys(schema: dict[str, Any], prefix: str = "") -> set[str]:
        below = schema.get("properties", {})
        return {
            name
            for key, of in below.items()
            for name in {f"{prefix}{key}", *keys(of, f"{prefix}{key}.")}
        }

    def shipped(table: dict[str, Any], prefix: str = "") -> set[str]:
        return {
            name
            for key, of in table.items()
            for name in {
                f"{prefix}{key}",
                *(shipped(of, f"{prefix}{key}.") if isinstance(of, dict) else ()),
            }
        }

    named = keys(SCHEMA) - {"global"}
    given = {name for name in shipped(read(CHART / "values.yaml")) if name in named}
    assert given == named


@pytest.mark.parametrize(("name", "text"), list(texts()))
def test_templates_name_values_that_there_are(name: str, text: str) -> None:
    for reference in REFERENCE.findall(text):
        found: Any = read(CHART / "values.yaml")
        for key in reference.removeprefix(".").split("."):
            assert key in found, f"{name}: .Values{reference}"
            found = found[key]


def test_templates_include_what_is_defined() -> None:
    everything = "".join(text for _, text in texts())
    defined = set(re.findall(r'define "([\w.]+)"', everything))
    included = set(re.findall(r'include "([\w.]+)"', everything))
    assert included == defined


def test_no_template_holds_a_secrets_content() -> None:
    for name, text in texts():
        assert "kind: Secret" not in text, name
        assert not re.search(r"name: TIERFLOW_\w*(PASSWORD|SALT)\n", text), name

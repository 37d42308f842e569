"""The Helm chart, rendered by Helm: what a cluster would be given. `make test-chart` fetches Helm."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from streams.cli.sink import MARGIN_S as SINK_MARGIN_S
from streams.cli.worker import MARGIN_S as WORKER_MARGIN_S
from streams.topology import BY_NAME, ROLES, SINK_ROLE, SUNK, group_of, stages_of
from tests.charts import find_helm
from tests.processes import finish
from tests.yamls import (
    OPS_PATHS,
    ROOT,
    assert_are_settings,
    assert_is_command,
    documents,
    option,
    read,
)

HELM = find_helm()
CHART = ROOT / "infra" / "helm" / "tierflow"
GIVEN = CHART / "ci" / "values.yaml"
ALL = (*ROLES, SINK_ROLE)
KUBERNETES = ("1.25", "1.31", "1.37")
FOREIGN = {"ScaledObject", "PodMonitor"}

pytestmark = pytest.mark.skipif(
    HELM is None, reason="no helm: set HELM, or let `make test-chart` fetch one"
)


def render(*options: str) -> list[dict[str, Any]]:
    command = [HELM or "helm", "template", "prod", str(CHART), "--values", str(GIVEN), *options]
    code, out, err = finish(command)
    assert code == 0, err
    return documents(out)


def refused(*options: str) -> str:
    code, _, err = finish([HELM or "helm", "template", "prod", str(CHART), *options])
    assert code != 0
    return err


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    return render()


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Objects of a kind by name, without the release's own part of it."""
    found = [one for one in objects if one["kind"] == kind]
    named = {one["metadata"]["name"].removeprefix("prod-tierflow-"): one for one in found}
    assert len(named) == len(found)
    return named


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a pod of each Deployment and Job is."""
    both = {**of_kind(objects, "Deployment"), **of_kind(objects, "Job")}
    return {name: one["spec"]["template"]["spec"] for name, one in both.items()}


def variables(pod: dict[str, Any]) -> dict[str, str]:
    (container,) = pod["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}


def reads(role: str) -> list[str]:
    stages = stages_of(role)
    return [t.name for t in (SUNK if role == SINK_ROLE else [t for s in stages for t in s.reads])]


def test_helm_finds_nothing_to_complain_of() -> None:
    code, out, err = finish(
        [HELM or "helm", "lint", "--strict", str(CHART), "--values", str(GIVEN)]
    )
    assert code == 0, out + err


def test_a_cluster_would_take_every_object(rendered: list[dict[str, Any]]) -> None:
    validator = pytest.importorskip(
        "kubernetes_validate", reason="Kubernetes' schemas come with `make test-chart`"
    )
    known = [one for one in rendered if one["kind"] not in FOREIGN]
    assert len(known) > len(ALL)
    for version in KUBERNETES:
        for one in known:
            validator.validate(one, version, strict=True)
        wrong = {**known[0], "spek": {}}
        with pytest.raises(importlib.import_module("kubernetes_validate").ValidationError):
            validator.validate(wrong, version, strict=True)


def test_every_role_is_a_deployment_and_the_sink_is_one(rendered: list[dict[str, Any]]) -> None:
    deployments = of_kind(rendered, "Deployment")
    assert set(deployments) == set(ALL)
    for role, one in deployments.items():
        labels = one["spec"]["template"]["metadata"]["labels"]
        selector = one["spec"]["selector"]["matchLabels"]
        assert selector.items() <= labels.items()
        assert selector["app.kubernetes.io/component"] == role
        assert "replicas" not in one["spec"]  # KEDA's to set


def test_containers_run_commands_and_settings_that_there_are(
    rendered: list[dict[str, Any]], tmp_path: Path
) -> None:
    for name, pod in pods(rendered).items():
        (container,) = pod["containers"]
        assert_is_command(container["args"])
        assert_are_settings(variables(pod))
        if name in ROLES:
            assert option(container["args"], "--roles") == name
    assert pods(rendered)["topics"]["containers"][0]["args"][:2] == ["topics", "apply"]
    assert pods(rendered)["migrate"]["containers"][0]["args"][:2] == ["clickhouse", "migrate"]


def test_files_that_variables_name_are_mounted(rendered: list[dict[str, Any]]) -> None:
    for name, pod in pods(rendered).items():
        (container,) = pod["containers"]
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert set(mounts.values()) == set(volumes), name
        for variable, value in variables(pod).items():
            if variable.endswith(("_FILE", "CONFIG")):
                assert str(Path(value).parent) in mounts, f"{name}: {variable}={value}"


def test_each_pod_is_given_the_secrets_it_needs_and_no_other(
    rendered: list[dict[str, Any]],
) -> None:
    for name, pod in pods(rendered).items():
        secrets = {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
        (container,) = pod["containers"]
        keys = {one["secretRef"]["name"] for one in container.get("envFrom", [])}
        books, worker = name in {SINK_ROLE, "migrate"}, name in ROLES
        assert ("tierflow-clickhouse" in secrets) is books, name
        assert ("tierflow-salt" in secrets) is worker, name
        assert keys == ({"tierflow-models"} if worker else set()), name
    assert of_kind(rendered, "Secret") == {}


def test_probes_ask_where_it_answers(rendered: list[dict[str, Any]]) -> None:
    for role in ALL:
        (container,) = pods(rendered)[role]["containers"]
        (port,) = container["ports"]
        assert str(port["containerPort"]) == option(container["args"], "--ops-port")
        assert variables(pods(rendered)[role])["TIERFLOW_WORKER__OPS_HOST"] == "0.0.0.0"  # noqa: S104
        asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness")}
        asked["readiness"] = container["readinessProbe"]["httpGet"]
        assert {get["port"] for get in asked.values()} == {port["name"]}
        assert {get["path"] for get in asked.values()} <= OPS_PATHS
        assert asked["readiness"]["path"] == "/readyz"
        assert asked["liveness"]["path"] == "/healthz"
    (endpoint,) = of_kind(rendered, "PodMonitor")["prod-tierflow"]["spec"]["podMetricsEndpoints"]
    assert endpoint["path"] in OPS_PATHS


def test_a_pod_is_given_longer_than_the_drain_takes(rendered: list[dict[str, Any]]) -> None:
    for role in ALL:
        pod = pods(rendered)[role]
        grace_s = float(option(pod["containers"][0]["args"], "--grace") or 0)
        margin_s = SINK_MARGIN_S if role == SINK_ROLE else WORKER_MARGIN_S
        assert pod["terminationGracePeriodSeconds"] > grace_s + margin_s


def test_pods_run_as_nobody_and_write_nothing_but_tmp(rendered: list[dict[str, Any]]) -> None:
    for pod in pods(rendered).values():
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        writable = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
        assert writable == {"/tmp"}  # noqa: S108


@pytest.mark.parametrize("prefix", ["tierflow.", "team-a..", "plain"])
def test_each_role_scales_by_the_lag_of_its_own_group(prefix: str) -> None:
    scaled = of_kind(render("--set", f"kafka.prefix={prefix}"), "ScaledObject")
    assert set(scaled) == set(ALL)
    for role, one in scaled.items():
        assert one["spec"]["scaleTargetRef"]["name"] == one["metadata"]["name"]
        triggers = one["spec"]["triggers"]
        assert [trigger["type"] for trigger in triggers] == ["kafka"] * len(triggers)
        rows = [trigger["metadata"] for trigger in triggers]
        assert [row["topic"] for row in rows] == [
            BY_NAME[name].full_name(prefix) for name in reads(role)
        ]
        assert {row["consumerGroup"] for row in rows} == {group_of(role, prefix)}
        assert {row["bootstrapServers"] for row in rows} == {"kafka-1:9092,kafka-2:9092"}
        assert all(isinstance(value, str) for row in rows for value in row.values())


def test_a_role_of_one_partition_never_has_two_pods() -> None:
    scaled = of_kind(render("--set", "roles.learn.max=5,roles.learn.min=3"), "ScaledObject")
    bounds = {
        role: (one["spec"]["minReplicaCount"], one["spec"]["maxReplicaCount"])
        for role, one in scaled.items()
    }
    assert bounds["learn"] == bounds["tune"] == (1, 1)
    assert bounds["tier-3"] == (1, 4)


def test_credentials_of_the_scaler_come_by_reference() -> None:
    options = "autoscaling.kafka.sasl=scram_sha512,autoscaling.authenticationRef=kafka-login"
    for one in of_kind(render("--set", options), "ScaledObject").values():
        for trigger in one["spec"]["triggers"]:
            assert trigger["metadata"]["sasl"] == "scram_sha512"
            assert trigger["authenticationRef"] == {"name": "kafka-login"}


def test_without_keda_each_role_has_its_least_number_of_pods() -> None:
    objects = render("--set", "autoscaling.enabled=false,roles.route.min=3,roles.learn.min=2")
    assert of_kind(objects, "ScaledObject") == {}
    replicas = {
        role: one["spec"]["replicas"] for role, one in of_kind(objects, "Deployment").items()
    }
    assert replicas == {**dict.fromkeys(ALL, 1), "route": 3}


def test_topics_and_tables_are_made_before_anything_starts(rendered: list[dict[str, Any]]) -> None:
    jobs = of_kind(rendered, "Job")
    assert set(jobs) == {"topics", "migrate"}
    weights = {}
    for one in (*jobs.values(), of_kind(rendered, "ConfigMap")["setup"]):
        notes = one["metadata"]["annotations"]
        assert notes["helm.sh/hook"] == "pre-install,pre-upgrade"
        weights[one["kind"]] = int(notes["helm.sh/hook-weight"])
    assert weights["ConfigMap"] < weights["Job"]
    for pod in (one["spec"]["template"]["spec"] for one in jobs.values()):
        maps = {v["configMap"]["name"] for v in pod["volumes"] if "configMap" in v}
        assert maps == {"prod-tierflow-setup"}  # the release's own is not there yet


def test_one_pod_of_a_role_may_be_evicted_at_a_time(rendered: list[dict[str, Any]]) -> None:
    budgets = of_kind(rendered, "PodDisruptionBudget")
    deployments = of_kind(rendered, "Deployment")
    assert set(budgets) == set(ALL)
    for role, one in budgets.items():
        assert one["spec"]["maxUnavailable"] == 1
        assert one["spec"]["selector"] == deployments[role]["spec"]["selector"]


def test_a_changed_text_of_settings_rolls_the_pods(tmp_path: Path) -> None:
    file = tmp_path / "tierflow.toml"
    file.write_text(read(GIVEN)["config"].replace("0.92", "0.95"), encoding="utf-8")
    sums = set()
    for objects in (render(), render("--set-file", f"config={file}")):
        one = of_kind(objects, "Deployment")["route"]
        sums.add(one["spec"]["template"]["metadata"]["annotations"]["checksum/config"])
    assert len(sums) == 2


def test_what_has_no_default_is_asked_for_by_name() -> None:
    said = refused()
    for name in ("config", "kafka.bootstrap", "clickhouse.url", "salt.secretName"):
        assert name in said


def test_a_misspelled_value_is_refused_by_name() -> None:
    assert "shards" in refused("--values", str(GIVEN), "--set", "kafka.shards=3")


def test_a_digest_wins_over_the_tag() -> None:
    digest = "sha256:" + "a" * 64
    for pod in pods(
        render("--set", f"image.digest={digest},image.repository=r.example/t")
    ).values():
        assert pod["containers"][0]["image"] == f"r.example/t@{digest}"

"""The Helm chart: Helm renders and lints it, Kubernetes' schemas take what it makes, and wrong values are refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import helm_python
import pytest
import yaml
from kubernetes_validate.utils import ValidationError, validate

from deploy.chart import CHART, MANIFEST, NOT_OF_THE_CHART, VALUES, files, objects, render
from headrace.config.key_files import write_key_file
from headrace.config.settings import Settings
from tests.support.paths import ROOT

NEEDED: Final[Any] = yaml.safe_load(VALUES.read_text())
DEFAULTS: Final[Any] = yaml.safe_load((CHART / "values.yaml").read_text())
DOCKERFILE = (ROOT / "docker" / "service" / "Dockerfile").read_text()
KUBERNETES: Final = ("1.27", "1.31", "1.37")  # the oldest that the chart names, and newer ones
PEERS: Final = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]


def values(**more: Any) -> Any:
    """The needed values, with others over them; those of a dictionary are merged."""
    given = deepcopy(NEEDED)
    for name, value in more.items():
        given[name] = {**given.get(name, {}), **value} if isinstance(value, dict) else value
    return given


EVERYTHING: Final = values(
    settings={"ids_remembered": 5_000_000, "window": "5m", "log_format": "json"},
    archiveKey={"secret": "headrace-archive-key"},
    imagePullSecrets=[{"name": "registry"}],
    networkPolicy={"enabled": True, "metricsFrom": PEERS},
    journal={"storageClass": "fast", "accessMode": "ReadWriteOncePod"},
    podAnnotations={"a": "b"},
    podLabels={"team": "data"},
    nodeSelector={"kubernetes.io/arch": "amd64"},
    tolerations=[{"key": "data", "operator": "Exists"}],
    affinity={"nodeAffinity": {}},
    priorityClassName="high",
    extraEnv=[{"name": "OTEL_SERVICE_NAME", "value": "headrace"}],
)
CASES: Final = {
    "the least": NEEDED,
    "everything": EVERYTHING,
    "an account of one's own": values(serviceAccount={"create": False, "name": "mine"}),
    "stopped": values(replicas=0),
}
CASE = pytest.mark.parametrize("given", CASES.values(), ids=CASES)


def one(kind: str, given: Any = NEEDED) -> Any:
    (found,) = [each for each in objects(given) if each["kind"] == kind]
    return found


def pod(given: Any = NEEDED) -> Any:
    return one("StatefulSet", given)["spec"]["template"]["spec"]


def container(given: Any = NEEDED) -> Any:
    (only,) = pod(given)["containers"]
    return only


def variables(given: Any = NEEDED) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(given)["env"]}


def test_what_is_made_from_the_chart_is_committed() -> None:
    stale = [path.name for path, text in files().items() if path.read_text() != text]
    assert stale == [], "run `python -m deploy.chart`"


def test_the_plain_manifest_has_the_objects_of_the_chart() -> None:
    assert list(yaml.safe_load_all(MANIFEST.read_text())) == objects(NEEDED)


@CASE
def test_helm_finds_nothing_to_improve(given: Any) -> None:
    report = helm_python.lint(CHART, given, strict=True)
    assert report["errors"] == []
    assert [each["error"] for each in report["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("version", KUBERNETES)
@CASE
def test_kubernetes_takes_every_object(given: Any, version: str) -> None:
    for each in objects(given):
        validate(each, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
def test_a_slip_is_noticed(version: str) -> None:
    changed = one("StatefulSet")
    changed["spec"]["template"]["spec"]["terminationGraceSeconds"] = 1
    with pytest.raises(ValidationError):
        validate(changed, version, strict=True)


WRONG: Final[dict[str, tuple[Callable[[Any], Any], str]]] = {
    "no project": (lambda given: given["settings"].pop("project"), "at '/settings': missing property 'project'"),
    "an invalid project": (
        lambda given: given["settings"].update(project="My"),
        "at '/settings/project': 'My' does not",
    ),
    "a mistyped setting": (lambda given: given["settings"].update(windw="1m"), "additional properties 'windw' not"),
    "a setting of the chart": (
        lambda given: given["settings"].update(journal="/x"),
        "properties 'journal' not allowed",
    ),
    "a setting as a variable": (
        lambda given: given.update(extraEnv=[{"name": "HEADRACE_PROJECT", "value": "x"}]),
        "at '/extraEnv/0/name'",
    ),
    "a number as a length": (lambda given: given["settings"].update(window=60), "at '/settings/window': got number"),
    "two replicas with one journal": (
        lambda given: given.update(replicas=2),
        "replicas: 2 engines cannot read the same subscriptions, and the second one ends with exit code 3; use 0 or 1",
    ),
    "no image": (lambda given: given.pop("image"), "at '/image': missing properties 'repository', 'digest'"),
    "a tag for a digest": (lambda given: given["image"].update(digest="v1"), "at '/image/digest': 'v1' does not match"),
    "no key": (lambda given: given.pop("maskingKey"), "at '/maskingKey': missing property 'secret'"),
    "an unknown value": (
        lambda given: given.update(replicaCount=1),
        "additional properties 'replicaCount' not allowed",
    ),
    "a drain that is cut": (
        lambda given: given.update(terminationGracePeriodSeconds=5),
        "at '/terminationGracePeriodSeconds': minimum: got 5, want 30",
    ),
    "no account": (lambda given: given.update(serviceAccount={"create": False}), "serviceAccount.name: missing; name"),
    "an unknown monitor": (lambda given: given.update(monitoring={"kind": "gcp"}), "at '/monitoring/kind'"),
    "a volume for several nodes": (
        lambda given: given.update(journal={"accessMode": "ReadWriteMany"}),
        "at '/journal/accessMode'",
    ),
}


@pytest.mark.parametrize(("change", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_refused_with_its_place(change: Callable[[Any], Any], text: str) -> None:
    given = deepcopy(NEEDED)
    change(given)
    with pytest.raises(helm_python.HelmError) as refused:
        render(given)
    assert text in str(refused.value)


def test_every_setting_can_be_set_and_reaches_the_engine_as_it_is() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    allowed = set(schema["properties"]["settings"]["properties"])
    assert allowed == set(Settings.model_fields) - NOT_OF_THE_CHART

    given = variables(EVERYTHING)
    assert given["HEADRACE_IDS_REMEMBERED"] == "5000000"
    settings = {name.removeprefix("HEADRACE_").lower(): value for name, value in given.items() if "HEADRACE" in name}
    read = Settings(**settings)  # type: ignore[arg-type]
    assert (read.ids_remembered, read.window.total_seconds(), read.log_format) == (5_000_000, 300.0, "json")


def test_there_is_one_pod_whose_journal_outlives_it() -> None:
    spec = one("StatefulSet")["spec"]
    assert spec["replicas"] == 1
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    (claim,) = spec["volumeClaimTemplates"]
    (mount,) = [each for each in container()["volumeMounts"] if each["name"] == claim["metadata"]["name"]]
    assert Path(variables()["HEADRACE_JOURNAL"]).parent == Path(mount["mountPath"])
    assert spec["podManagementPolicy"] == "Parallel", "or a rollback waits for a pod that never becomes ready"


def test_a_drain_has_more_time_than_it_can_take() -> None:
    assert pod()["terminationGracePeriodSeconds"] >= Settings.model_fields["append_seconds"].default + 60


def test_probes_ask_the_pages_of_the_engine_and_a_start_has_minutes() -> None:
    only = container()
    (port,) = only["ports"]
    assert variables()["HEADRACE_HEALTH"] == f"0.0.0.0:{port['containerPort']}"
    pages = {name: only[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {each["port"] for each in pages.values()} == {port["name"]}
    assert {name: each["path"] for name, each in pages.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",  # never /readyz: a missing table is no reason to restart
        "readiness": "/readyz",
    }
    start = only["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 120


def test_the_pod_runs_as_the_user_of_the_image_and_may_do_nothing_else() -> None:
    user, group = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.M)[-1]
    context = pod()["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (int(user), int(group), int(group))
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod()["automountServiceAccountToken"] is False


def test_the_logs_are_those_that_terraform_keeps() -> None:
    assert container()["name"] == "headrace"
    assert 'container_name=\\"headrace\\"' in (ROOT / "deploy" / "terraform" / "variables.tf").read_text()


@pytest.mark.parametrize(
    ("kind", "monitor", "version"),
    [
        ("google", "PodMonitoring", "monitoring.googleapis.com/v1"),
        ("prometheus", "PodMonitor", "monitoring.coreos.com/v1"),
    ],
)
def test_metrics_are_scraped_if_that_is_asked_for(kind: str, monitor: str, version: str) -> None:
    assert {each["kind"] for each in objects(NEEDED)}.isdisjoint({"PodMonitoring", "PodMonitor"})
    made = one(monitor, values(monitoring={"kind": kind}))
    assert made["apiVersion"] == version
    (endpoint,) = made["spec"].get("endpoints") or made["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "health", "path": "/metrics", "interval": "30s"}
    assert made["spec"]["selector"]["matchLabels"].items() <= pod_labels().items()


def pod_labels() -> dict[str, str]:
    labels: dict[str, str] = one("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    return labels


def test_selectors_match_the_pod_and_never_name_a_version() -> None:
    selectors = [
        one("StatefulSet")["spec"]["selector"]["matchLabels"],
        one("Service")["spec"]["selector"],
        one("NetworkPolicy", EVERYTHING)["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(each.items() <= pod_labels().items() for each in selectors)
    assert all("version" not in name for each in selectors for name in each)


def test_every_value_is_explained() -> None:
    page = (CHART / "README.md").read_text()
    named = {name.split(".")[0] for name in re.findall(r"`([a-zA-Z.]+)`", page)}
    assert set(DEFAULTS) <= named
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())["properties"]
    assert set(DEFAULTS) == set(schema) - {"global"}
    for name, value in DEFAULTS.items():
        inner = schema[name].get("properties")
        assert inner is None or name == "settings" or set(value) <= set(inner)


_AS_THE_POD: Final = """
import os, sys
from pathlib import Path
from headrace.config.key_files import read_masking_key
from headrace.engine.journal import Journal
user, group, folder, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
import apsw, importlib.readers
Journal.open(Path(os.environ["OWN"])).close()
os.setgroups([]); os.setgid(group); os.setuid(user)
Journal.open(Path(folder)).close()
print(len(read_masking_key(Path(key))))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can do what the kubelet does")
def test_the_engine_takes_a_volume_and_a_secret_as_the_kubelet_prepares_them() -> None:
    """fsGroup: the root of the volume belongs to root and the group, which may write; the secret belongs to root."""
    user, group = pod()["securityContext"]["runAsUser"], pod()["securityContext"]["fsGroup"]
    mode = pod()["volumes"][0]["secret"]["defaultMode"]
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        volume, key = Path(root) / "volume", Path(root) / "masking_key"
        volume.mkdir()
        os.chown(volume, 0, group)
        volume.chmod(0o2775)
        write_key_file(key, bytes(32))
        os.chown(key, 0, group)
        key.chmod(mode)
        journal = volume / Path(variables()["HEADRACE_JOURNAL"]).name

        def start() -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-P", "-c", _AS_THE_POD, str(user), str(group), str(journal), str(key)]
            environment = {**os.environ, "OWN": f"{root}/own"}
            return subprocess.run(command, capture_output=True, text=True, env=environment)

        assert [start().stdout, start().stdout] == ["32\n", "32\n"]
        journal.chmod(0o2770)  # what fsGroupChangePolicy: Always does at each start
        assert "others may read or write it" in start().stderr
        assert pod()["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"

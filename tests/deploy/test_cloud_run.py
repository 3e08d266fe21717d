"""The worker pool of Cloud Run: its API takes it, it runs one engine, and the engine takes its key."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from headrace.config.settings import Settings
from tests.support.paths import ROOT

FILE = ROOT / "deploy" / "cloudrun" / "worker-pool.yaml"
POOL: Final[Any] = yaml.safe_load(FILE.read_text())
SCHEMA: Final = json.loads((ROOT / "tests" / "support" / "worker_pool.json").read_text())
PAGE = (ROOT / "docs" / "deploy-engine.md").read_text()
DOCKERFILE = (ROOT / "docker" / "service" / "Dockerfile").read_text()
PROBE_SECONDS: Final = 240  # the longest start that Cloud Run lets a probe wait for


def container(pool: Any = POOL) -> Any:
    (only,) = pool["spec"]["template"]["spec"]["containers"]
    return only


def problems(pool: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(pool)]


def test_the_api_of_cloud_run_takes_it() -> None:
    assert problems(POOL) == []


@pytest.mark.parametrize(("field", "value"), [("securityContext", {}), ("imagee", "x"), ("args", "run")])
def test_a_field_that_cloud_run_does_not_take_is_noticed(field: str, value: Any) -> None:
    changed = deepcopy(POOL)
    container(changed)[field] = value
    assert len(problems(changed)) == 1


def test_there_is_one_instance_and_it_is_named_as_the_alerts_expect() -> None:
    annotations = POOL["metadata"]["annotations"]
    assert annotations["run.googleapis.com/manualInstanceCount"] == "1"
    assert annotations["run.googleapis.com/scalingMode"] == "manual"
    assert container()["name"] == "headrace"


def test_variables_are_settings_and_the_image_is_named_by_digest() -> None:
    variables = {each["name"]: each["value"] for each in container()["env"]}
    assert {each.removeprefix("HEADRACE_").lower() for each in variables} <= set(Settings.model_fields)
    assert f"HEADRACE_JOURNAL={variables['HEADRACE_JOURNAL']} " in DOCKERFILE, "a folder that the image makes"
    assert re.search(r"@sha256:[0-9a-f]{64}$", container()["image"])


def test_probes_ask_the_address_of_the_pages_and_a_start_has_time() -> None:
    port = int({each["name"]: each["value"] for each in container()["env"]}["HEADRACE_HEALTH"].rpartition(":")[2])
    for probe in (container()["startupProbe"], container()["livenessProbe"]):
        assert probe["httpGet"] == {"path": "/healthz", "port": port}
        assert probe["timeoutSeconds"] <= probe["periodSeconds"]
    start = container()["startupProbe"]
    assert 60 < start["failureThreshold"] * start["periodSeconds"] <= PROBE_SECONDS


_READ_AS: Final = """
import os, sys
from pathlib import Path
from headrace.config.key_files import read_masking_key
print(len(read_masking_key(Path(sys.argv[1]))))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make root's files and become another user")
def test_the_engine_takes_the_copy_of_a_key_that_belongs_to_root() -> None:
    """Cloud Run mounts a secret as a file of root, with mode 0444."""
    _, command = container()["command"], container()["args"][0]
    copy, _, started = command.partition(" && ")
    assert started == "exec headrace run", "exec: SIGTERM reaches the engine"
    source, target = shlex.split(copy)[-2:]
    volume = POOL["spec"]["template"]["spec"]["volumes"][0]["secret"]
    assert source == f"{container()['volumeMounts'][0]['mountPath']}/{volume['items'][0]['path']}"
    assert {"name": "HEADRACE_MASKING_KEY_FILE", "value": target} in container()["env"]
    user = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.M)[-1]
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o777)
        mounted, copied = Path(root) / "mounted", Path(root) / "copied"
        mounted.write_bytes(bytes(32))
        mounted.chmod(0o444)
        become = {"user": int(user[0]), "group": int(user[1]), "extra_groups": []}
        line = copy.replace(source, str(mounted)).replace(target, str(copied))
        subprocess.run(["/bin/sh", "-c", line], check=True, **become)  # type: ignore[call-overload]
        reading = [sys.executable, "-P", "-c", f"import os; os.setgroups([]); os.setgid({user[1]})\n{_READ_AS}"]
        assert (copied.stat().st_uid, copied.stat().st_mode & 0o777) == (int(user[0]), 0o600)
        done = subprocess.run([*reading, str(mounted)], capture_output=True, text=True)
        assert "every account of the machine can read the key" in done.stderr


def test_the_page_says_what_is_lost_and_names_commands_with_this_file() -> None:
    _, _, section = PAGE.partition("## Cloud Run\n")
    assert "every stop loses the journal" in section
    assert (
        f"replace {FILE.relative_to(ROOT)} --region={POOL['metadata']['labels']['cloud.googleapis.com/location']}"
        in section
    )

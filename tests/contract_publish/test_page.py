"""docs/contract-publish.md: its pipeline, and its figures. The example is run in ``tests/integration``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

from deploy.permissions import principals
from headrace.contract_publish.plan_schema import MOST_BYTES, MOST_REVISIONS
from headrace.contract_publish.targets import targets_of
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "contract-publish.md").read_text()
(WORKFLOW,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_pipeline_is_valid_and_names_places_and_an_account_that_are(tmp_path: Path) -> None:
    path = tmp_path / "publish.yml"
    path.write_text(WORKFLOW)
    checker = str(Path(sys.executable).parent / "check-jsonschema")
    command = [checker, "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout

    *_, auth, _, publish = yaml.safe_load(WORKFLOW)["jobs"]["publish"]["steps"]
    targets = targets_of(re.findall(r"--to (\S+)", publish["run"]))
    assert targets.project == "my-project"
    assert targets.bucket is not None
    accounts = {f"headrace-{each.name.replace('_', '-')}" for each in principals() if each.kind == "service"}
    assert auth["with"]["service_account"].partition("@")[0] in accounts


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    assert f"A schema has {MOST_REVISIONS} revisions at most" in PAGE
    assert f"a definition of more than {MOST_BYTES:,} bytes" in PAGE

"""A command imports only what it needs: imports are most of the time that a short command takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from tests.support.contract_folders import write_version

PROGRAM = Path(sys.executable).with_name("headrace")
# Google's libraries, and what they bring along. BigQuery's client imports all of them but Pub/Sub's and Storage's.
PUBSUB = {"google.pubsub_v1", "google.cloud.storage"}
BIGQUERY = {
    "google.api_core",
    "google.auth",
    "google.cloud.bigquery",
    "grpc",
    "numpy",
    "pyarrow",
    "requests",
    "urllib3",
}
COMPUTE = {"pyarrow.compute", "headrace.core.tally", "headrace.steps"}  # functions of Arrow, a tenth of a second
SCREENS = {"rich.console", "rich.table", "rich.markdown"}
ENGINE = {"anyio", "apsw", "http.server", "prometheus_client", "psutil", "sqlglot", "structlog", "headrace.engine"}
BUILDS = {"apache_beam", "dlt", "sqlalchemy", "matplotlib", "simpy", "faker", "headrace.dev", "headrace.deploy"}
SETTINGS = {"pydantic", "headrace.config", "headrace.schemas", "cryptography", "fastavro"}
OTHERS = {"headrace.backfill", "headrace.planning", "headrace.provision", "headrace.pipeline", "headrace.audit"}
# The job imports these in a thread while it waits for its claim, or not at all.
BESIDE_THE_CLAIM = {"anyio", "http.server", "prometheus_client", "pyarrow.compute", "sqlglot", "headrace.engine.loops"}
NOT_TO_READ = PUBSUB | SCREENS | ENGINE | BUILDS

# Contracts are checked before each commit, so the settings are read only if no folder is named.
OF_A_CHECK = {"headrace.config", "headrace.engine", "headrace.steps", "cryptography"}

WITHOUT_SERVICES = {
    "--version": NOT_TO_READ | BIGQUERY | SETTINGS,
    "--help": NOT_TO_READ | BIGQUERY | SETTINGS,
    "audit --nope": NOT_TO_READ | BIGQUERY | SETTINGS,
    "dead-letters list --nope": NOT_TO_READ | BIGQUERY | SETTINGS,
    "cost estimate --rate 5 --event-bytes 100": NOT_TO_READ | BIGQUERY,
    "contracts check contracts": NOT_TO_READ | BIGQUERY | OF_A_CHECK,
    "contracts list contracts": NOT_TO_READ | BIGQUERY | OF_A_CHECK,
    "contracts show thing_happened --contracts contracts": NOT_TO_READ | BIGQUERY | OF_A_CHECK,
    "contracts diff thing_happened --contracts contracts": NOT_TO_READ | BIGQUERY | OF_A_CHECK,
    "contracts catalog contracts --output out": NOT_TO_READ | BIGQUERY | OF_A_CHECK,
    "contracts codegen contracts --output out": NOT_TO_READ | BIGQUERY | OF_A_CHECK,
}
OF_MODULES = {
    "audit": NOT_TO_READ | COMPUTE,
    "dead_letters": NOT_TO_READ | COMPUTE | {"headrace.audit.queries"},
    "dead_letters_history": NOT_TO_READ | COMPUTE,
    "replay": NOT_TO_READ,  # letters are decoded as the job decodes them
    "cost_measure": NOT_TO_READ | COMPUTE,
    "provision": SCREENS | ENGINE | BUILDS,
    "run": BUILDS | PUBSUB | OTHERS | BESIDE_THE_CLAIM,
}


def within(modules: Collection[str], packages: Collection[str]) -> list[str]:
    return sorted(each for each in packages if any(f"{name}.".startswith(f"{each}.") for name in modules))


@pytest.mark.parametrize("command", WITHOUT_SERVICES)
def test_a_command_without_services_does_not_import(command: str, tmp_path: Path) -> None:
    write_version(tmp_path / "contracts", 1, ("n", "int"))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    line = [sys.executable, "-X", "importtime", str(PROGRAM), *command.split()]
    done = subprocess.run(line, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    found = set(re.findall(r"^import time: .*\| +(\S+)$", done.stderr, re.MULTILINE))

    assert "headrace.cli.app" in found
    assert within(found, WITHOUT_SERVICES[command]) == []


@pytest.mark.parametrize("module", OF_MODULES)
def test_the_module_of_a_command_does_not_import(module: str) -> None:
    code = f"import sys, headrace.cli.app, headrace.cli.commands.{module}; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    found = set(shown.stdout.split())

    assert within(found, OF_MODULES[module]) == []


def test_the_job_imports_no_other_command() -> None:
    code = "import sys, headrace.cli.commands.run; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    found = {each for each in shown.stdout.split() if each.startswith("headrace.cli.commands.")}
    assert found == {"headrace.cli.commands.run"}


def test_a_module_counts_with_those_below_it() -> None:
    assert within({"rich.console", "numpy.lib"}, {"rich", "numpy", "rich.table"}) == ["numpy", "rich"]

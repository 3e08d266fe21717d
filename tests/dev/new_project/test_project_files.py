"""The files of a new project are what they say, for a contract of any fields."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.config.settings import Settings
from headrace.dev.contract_tests.case_file import CaseFile
from headrace.dev.contract_tests.memory_table import MemoryTable
from headrace.dev.contract_tests.run_cases import ready_cases
from headrace.dev.new_project.field_option import TYPES, parse_field
from headrace.dev.new_project.new_contract import ContractWords, new_contract
from headrace.dev.new_project.project_errors import ProjectOptionError
from headrace.dev.new_project.project_files import ARCHIVE_KEY, MASKING_KEY
from headrace.producers import EventProducer
from headrace.producers.testing import FakePublisher
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB
from headrace.schemas.classification import Mask
from headrace.schemas.registry import Registry
from tests.dev.new_project.projects import PLACE, files_of, text_of

BIN = Path(sys.executable).parent
NOW = datetime(2026, 3, 14, 15, 10, tzinfo=UTC)
NAMES = st.sampled_from(["order_id", "id", "email", "phone", "ip", "placed_at", "null", "NO", "class", "subject", "x1"])
KINDS = st.sampled_from([*TYPES, "decimal(1,0)", "decimal(3,3)", "decimal(38,38)", "decimal(76,38)"])
MASKS = st.sampled_from(["", ":masked", *(f":{each}" for each in Mask)])


@st.composite
def fields(draw: st.DrawFn) -> list[str]:
    """Fields that a contract may have together."""
    found: list[str] = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=6, unique_by=str.lower)):
        text = f"{name}:{draw(KINDS)}{draw(st.sampled_from(['', '?']))}{draw(MASKS)}"
        try:
            new_contract(ContractWords("order_placed", [parse_field(text)]))
        except ProjectOptionError:
            text = f"{name}:string"
        found.append(text)
    return found


@settings(max_examples=60)
@given(fields())
def test_the_cases_pass_and_the_producers_event_is_stored(fields: list[str]) -> None:
    files = files_of(*fields)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("contracts/order_placed.v1.avsc", "contracts/order_placed.test.yaml"):
            path = Path(folder) / Path(name).name
            path.write_text(text_of(files, name))
        registry = Registry.load(Path(folder))
        cases = ready_cases(CaseFile.read(path), registry)
        assert [failure for case in cases for failure in case.run().failures] == []
        assert len(cases) == 4

    publish_one = defined_in(text_of(files, "producer.py"))
    fake = FakePublisher()
    with EventProducer(fake, source="/test", contracts=registry) as producer:
        publish_one(producer, NOW)
        publish_one(producer, NOW)
        publish_one(producer, NOW - timedelta(days=365))
    table = MemoryTable(registry, "order_placed", now=NOW)
    table.receive(fake.messages)
    assert (len(table.rows), table.duplicates) == (2, 0)
    assert [letter.reason for letter in table.letters] == ["too_late"]


def defined_in(program: str) -> Callable[[EventProducer, datetime], None]:
    names: dict[str, Any] = {"__name__": "producer"}
    exec(compile(program, "producer.py", "exec"), names)
    found: Callable[[EventProducer, datetime], None] = names["publish_one"]
    return found


ALL_TYPES = ["order_id:uuid", *(f"f{number}:{kind}" for number, kind in enumerate(TYPES))]
ALL_MASKED = [f"f{number}:{kind}:masked" for number, kind in enumerate(TYPES)]


@pytest.mark.parametrize(
    "fields", [[], ALL_TYPES, ALL_MASKED, ["paid:boolean"]], ids=["default", "all", "masked", "one"]
)
def test_the_python_is_as_ruff_wants_it(fields: list[str], tmp_path: Path) -> None:
    for each in files_of(*fields):
        if each.name.endswith(".py"):
            (tmp_path / each.name).parent.mkdir(exist_ok=True)
            (tmp_path / each.name).write_bytes(each.content)
    for command in (["check", "--select", "E,F,W,I,B,UP,SIM,RUF"], ["format", "--diff"]):
        ruff = [str(BIN / "ruff"), *command, "--isolated", "--no-cache", "--line-length", "120"]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_a_masking_key_is_made_only_where_a_contract_makes_tokens() -> None:
    with_tokens, without = files_of("email:string:masked"), files_of("email:string:redact")
    assert [each.name for each in with_tokens if each.secret] == [MASKING_KEY, ARCHIVE_KEY]
    assert [each.name for each in without if each.secret] == [ARCHIVE_KEY]
    assert "masking_key_file" in text_of(with_tokens, "headrace.toml")
    assert "masking_key_file" not in text_of(without, "headrace.toml")


def test_the_settings_are_settings_of_the_job() -> None:
    read = tomllib.loads(text_of(files_of(), "headrace.toml"))
    assert read == {
        "project": "my-project",
        "contracts": "contracts",
        "masking_key_file": "masking.key",
        "archive_key_file": "archive.key",
        "profile": {"prod": {}},
    }
    assert set(read) <= set(Settings.model_fields)


def test_no_secret_is_committed_or_printed() -> None:
    files = files_of()
    ignored = text_of(files, ".gitignore").splitlines()
    for each in files:
        if each.secret:
            assert f"*{Path(each.name).suffix}" in ignored
            assert len(each.content) == 32
            assert str(each.content) not in repr(each)


def check_schema(schema: str, text: str, path: Path) -> subprocess.CompletedProcess[str]:
    path.write_text(text)
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", schema, str(path)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("name", "schema", "misspelt"),
    [
        ("compose.yaml", "vendor.compose-spec", ("working_dir", "working_dirr")),
        (".github/workflows/headrace.yml", "vendor.github-workflows", ("runs-on", "runs-onn")),
    ],
)
def test_compose_file_and_workflow_fit_their_schemas(
    name: str, schema: str, misspelt: tuple[str, str], tmp_path: Path
) -> None:
    text = text_of(files_of(), name)
    good = check_schema(schema, text, tmp_path / "good.yaml")
    assert good.returncode == 0, good.stdout
    assert check_schema(schema, text.replace(*misspelt), tmp_path / "bad.yaml").returncode == 1


def test_the_container_gets_the_services_and_the_profile_of_the_shell() -> None:
    service = yaml.safe_load(text_of(files_of(), "compose.yaml"))["services"]["headrace"]
    assert {name for name, value in service["environment"].items() if value is None} == {
        "HEADRACE_PROFILE",
        PUBSUB,
        BIGQUERY,
        BIGQUERY_STORAGE,
    }
    assert service["network_mode"] == "host"
    assert service["user"] == "${JOB_USER:-1000:1000}"


def test_the_dockerfile_in_the_compose_file_is_one(tmp_path: Path) -> None:
    text = yaml.safe_load(text_of(files_of(), "compose.yaml"))["services"]["headrace"]["build"]["dockerfile_inline"]
    shown = subprocess.run([BIN / "hadolint", "--ignore", "DL3042", "-"], input=text, capture_output=True, text=True)
    assert shown.stdout == ""


def test_in_a_folder_of_a_repository_the_workflow_works_in_that_folder() -> None:
    inside = PLACE.__class__(Path('/srv/shop/events of "ours"'), Path("/srv/shop"), "p", "u", "1:1", "3.11", "0.1.0")
    text = text_of(files_of(place=inside), ".github/workflows/headrace.yml")
    job = yaml.safe_load(text)["jobs"]["test"]
    assert job["defaults"] == {"run": {"working-directory": 'events of "ours"'}}
    assert "move it there, to .github/workflows/headrace.yml" in text


def test_every_place_of_a_template_is_filled() -> None:
    for each in files_of():
        if not each.secret:
            assert re.search(r"@@|\{\}", each.content.decode()) is None, each.name


@pytest.mark.parametrize("folder", ["/srv/events", "/srv/100% our events", "/srv/\"a\" $b 'c' ünï"])
def test_systemd_takes_the_unit(folder: str, tmp_path: Path) -> None:
    if not Path("/usr/bin/systemd-analyze").exists():
        pytest.skip("no systemd-analyze here")
    place = PLACE.__class__(Path(folder), None, "/bin/true", "root", "0:0", "3.11", "0.1.0")
    unit = tmp_path / "headrace-order-placed.service"
    unit.write_text(text_of(files_of(place=place), "headrace.service"))
    shown = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert [line for line in shown.stderr.splitlines() if unit.name in line] == []

"""`headrace contracts check --against` a service: what is published there, as a pipeline is told about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import PermissionDenied
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.types import Schema
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.errors import Exit
from headrace.runtime.google_clients import open_schemas
from headrace.schema_registry.registry_errors import RegistryRefusedError
from tests.support.contract_folders import write_version
from tests.support.contract_publishing import SUBJECT, N, done, name_of, revisions, write_versions

pytestmark = [pytest.mark.emulators, pytest.mark.usefixtures("emulators")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: str) -> Path:
    """Two versions in a folder of the current one, whose settings name the project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    Path("headrace.toml").write_text(f'project = "{project}"\n')
    place = tmp_path / "contracts"
    write_versions(place, 1, 2)
    return place


@pytest.fixture
def schemas() -> SchemaServiceClient:
    return open_schemas()


def check(against: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["contracts", "check", "contracts", "--against", against, *words])


def findings(against: str) -> list[dict[str, Any]]:
    result = check(against, "--json")
    assert result.exit_code == Exit.FOUND, (result.output, result.exception)
    found: list[dict[str, Any]] = json.loads(result.stdout)["findings"]
    return found


def commit(schemas: SchemaServiceClient, project: str, text: str) -> str:
    given = Schema(name=name_of(project), type_=Schema.Type.AVRO, definition=text)
    return schemas.commit_schema(name=name_of(project), schema=given).revision_id


# Pub/Sub


def test_published_versions_break_nothing_and_new_ones_are_welcome(folder: Path, project: str) -> None:
    done("--apply")
    write_versions(folder, 3)
    result = check("pubsub")
    assert (result.exit_code, result.stdout) == (Exit.DONE, "")
    assert f"compared with 2 revisions of 1 schema in projects/{project}\n" in result.stderr


def test_a_project_in_which_nothing_is_published_is_said(folder: Path, project: str) -> None:
    result = check(f"pubsub://{project}")
    assert result.exit_code == Exit.DONE
    assert f"0 revisions of 0 schemas in projects/{project}; it has no schema {SUBJECT}" in result.stderr


@pytest.mark.parametrize("format_", ["text", "json", "junit", "github", "sarif"])
def test_an_edited_version_is_found_with_its_file_and_revision(
    schemas: SchemaServiceClient, folder: Path, project: str, format_: str
) -> None:
    done("--apply")
    write_version(folder, 2, N, {"name": "m2", "type": ["null", "long"], "default": None})

    result = check("pubsub", "--format", format_)

    assert result.exit_code == Exit.FOUND
    for words in (
        "PUBLISHED_VERSION_EDITED",
        f"contracts/{SUBJECT}.v2.avsc",
        revisions(schemas, project)[1].revision_id,
    ):
        assert words in result.stdout


def test_a_published_version_that_is_gone_is_found_and_still_compared_with(folder: Path) -> None:
    done("--apply")
    (folder / f"{SUBJECT}.v2.avsc").unlink()
    write_version(folder, 3, N, {"name": "m2", "type": ["null", "string"], "default": None})
    assert [(each["rule"], each["path"]) for each in findings("pubsub")] == [
        ("PUBLISHED_VERSION_EDITED", f"{SUBJECT}.v2"),
        ("TYPE_CHANGED", f"{SUBJECT}.v3.m2"),
    ]


def test_the_newest_version_may_not_vanish(folder: Path) -> None:
    done("--apply")
    (folder / f"{SUBJECT}.v2.avsc").unlink()
    (found,) = findings("pubsub")
    assert (found["file"], found["rule"]) == (f"contracts/{SUBJECT}.v2.avsc", "PUBLISHED_VERSION_EDITED")
    assert "its file is gone" in found["why"]


def test_revisions_of_somebody_else_are_named(schemas: SchemaServiceClient, folder: Path, project: str) -> None:
    done("--apply")
    stranger = commit(schemas, project, json.dumps({"type": "record", "name": "Other", "fields": []}))
    (found,) = findings("pubsub")
    assert f"revision {stranger} of {name_of(project)}" in found["why"]
    assert found["file"] == f"contracts/{SUBJECT}.v2.avsc"


def test_refused_credentials_are_an_error_and_no_pass(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionDenied("not allowed")

    monkeypatch.setattr(SchemaServiceClient, "list_schema_revisions", refuse)
    result = check("pubsub")
    assert isinstance(result.exception, RegistryRefusedError)
    assert "needs pubsub.schemas.listRevisions" in str(result.exception)
    assert result.stdout == ""

"""`headrace contracts check --against` a service: what is published there, as a pipeline is told about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import PermissionDenied
from google.cloud import bigquery
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.types import Schema
from typer.testing import CliRunner, Result

from headrace.bigquery.table_changes import evolved_table
from headrace.cli.app import app
from headrace.config.settings import SettingsError
from headrace.core.resource_names import Names
from headrace.errors import Exit
from headrace.runtime.google_clients import open_bigquery, open_schemas
from headrace.schema_registry.registry_errors import RegistryRefusedError
from headrace.schemas.registry import read_folder
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


# BigQuery


@pytest.fixture
def tables(folder: Path, project: str) -> bigquery.Client:
    """The dataset, with the table of both versions as `headrace provision` makes it."""
    client = open_bigquery(project)
    client.create_dataset(f"{project}.headrace")
    make_table(client, folder, project)
    return client


def make_table(client: bigquery.Client, folder: Path, project: str) -> None:
    table, refusals = evolved_table(read_folder(folder).contracts.values(), SUBJECT, Names(project, "headrace"))
    assert refusals == []
    client.create_table(table)


def test_tables_that_fit_or_are_new_break_nothing(folder: Path, project: str, tables: bigquery.Client) -> None:
    write_versions(folder, 3)
    write_version(folder, 1, N, subject="other_thing", table="others")
    result = check("bigquery")
    assert (result.exit_code, result.stdout) == (Exit.DONE, "")
    assert f"compared with 1 table in {project}.headrace; it has no table others yet\n" in result.stderr


def test_what_bigquery_cannot_change_is_found_at_its_field(folder: Path, project: str, tables: bigquery.Client) -> None:
    write_version(folder, 1, ("n", "string"), partition="month")
    write_version(
        folder, 2, ("n", "string"), {"name": "M2", "type": ["null", "int"], "default": None}, partition="month"
    )

    found = findings("bigquery")

    assert [(each["rule"], each["path"]) for each in found] == [
        ("PARTITIONING_CHANGED", f"{SUBJECT}.v2.headrace.partition"),
        ("BIGQUERY_TYPE_CHANGED", f"{SUBJECT}.v2.n"),
        ("COLUMN_CASE_COLLISION", f"{SUBJECT}.v2.M2"),
    ]
    lines = (folder / f"{SUBJECT}.v2.avsc").read_text().splitlines()
    assert '"partition": "month"' in lines[found[0]["line"] - 1]
    named = [lines[each["line"]].strip() for each in found[1:]]  # an object begins a line before its name
    assert named == ['"name": "n",', '"name": "M2",']
    assert f"table {project}.headrace.{SUBJECT}: BigQuery cannot change INT64 to STRING" in found[1]["why"]


@pytest.mark.parametrize("format_", ["text", "json", "junit", "github", "sarif"])
def test_a_column_under_its_old_name_is_found_with_the_statement(
    folder: Path, tables: bigquery.Client, format_: str
) -> None:
    write_version(folder, 3, N, {"name": "second", "type": ["null", "int"], "default": None, "aliases": ["m2"]})
    result = check("bigquery", "--format", format_)
    assert result.exit_code == Exit.FOUND
    for words in ("TABLE_CHANGED", f"contracts/{SUBJECT}.v3.avsc", "RENAME COLUMN `m2` TO `second`"):
        assert words in result.stdout


def test_a_rename_that_is_planned_can_be_waived(folder: Path, tables: bigquery.Client) -> None:
    waivers = [{"rule": "TABLE_CHANGED", "field": "second", "reason": "renamed on Monday"}]
    second = {"name": "second", "type": ["null", "int"], "default": None, "aliases": ["m2"]}
    write_version(folder, 3, N, second, waivers=waivers)
    result = check("bigquery")
    assert result.exit_code == Exit.DONE
    assert "(waived: renamed on Monday)" in result.stdout


def test_a_view_of_the_name_is_found(folder: Path, project: str, tables: bigquery.Client) -> None:
    name = f"{project}.headrace.{SUBJECT}"
    tables.delete_table(name)
    view = bigquery.Table(name)
    view.view_query = "SELECT 1 AS n"
    tables.create_table(view)
    (found,) = findings("bigquery")
    assert (found["rule"], found["path"]) == ("TABLE_CHANGED", f"{SUBJECT}.v2.headrace.table")


def test_a_dataset_that_does_not_exist_is_an_error_and_no_pass(folder: Path) -> None:
    result = check("bigquery")
    assert isinstance(result.exception, SettingsError)
    assert "there is no such dataset" in str(result.exception)

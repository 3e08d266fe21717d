"""Publication of contracts as a person calls it, and what is there afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.types import Schema
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.contract_publish.publish_errors import PublishRefusedError
from headrace.errors import Exit
from tests.support.contract_folders import write_version

N = ("n", "int")
SUBJECT = "thing_happened"


def added(number: int) -> dict[str, Any]:
    return {"name": f"m{number}", "type": ["null", "int"], "default": None}


def write_versions(folder: Path, *versions: int, **annotations: Any) -> None:
    """Write versions that each add a field to the one before."""
    for version in versions:
        write_version(folder, version, N, *map(added, range(2, version + 1)), **annotations)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["contracts", "publish", "contracts", *words])


def done(*words: str) -> list[dict[str, Any]]:
    """The rows of a run that refuses nothing."""
    result = run(*words, "--json")
    assert result.exit_code == Exit.DONE, (result.output, result.exception)
    rows: list[dict[str, Any]] = json.loads(result.stdout)["changes"]
    return rows


def refused(*words: str) -> list[dict[str, Any]]:
    """The rows of what is refused."""
    result = run(*words, "--json")
    assert isinstance(result.exception, PublishRefusedError), (result.output, result.exception)
    return [each for each in json.loads(result.stdout)["changes"] if each["action"] == "refuse"]


def brief(rows: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    return [(each["action"], each["version"]) for each in rows]


def revisions(schemas: SchemaServiceClient, project: str) -> list[Schema]:
    """The revisions of the schema, the oldest first."""
    try:
        listed = schemas.list_schema_revisions(request={"name": name_of(project), "view": 2})
        created: dict[str, Any] = {each.revision_id: each.revision_create_time for each in listed}
        full = [schemas.get_schema(name=f"{name_of(project)}@{each}") for each in created]
        return sorted(full, key=lambda each: created[each.revision_id])
    except NotFound:
        return []


def name_of(project: str) -> str:
    return f"projects/{project}/schemas/{SUBJECT}"


def as_filed(folder: Path, *versions: int) -> list[str]:
    return [(folder / f"{SUBJECT}.v{each}.avsc").read_text() for each in versions]


def interfering(monkeypatch: pytest.MonkeyPatch, method: str, interfere: Any) -> None:
    """Have somebody else do something between the last look of the command and its call of *method*."""
    real = getattr(SchemaServiceClient, method)
    acted = False

    def call(self: SchemaServiceClient, **given: Any) -> Any:
        nonlocal acted
        if not acted:
            acted = True
            interfere()
        return real(self, **given)

    monkeypatch.setattr(SchemaServiceClient, method, call)

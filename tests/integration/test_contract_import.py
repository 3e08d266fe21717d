"""Schemas of Pub/Sub's schema service and of a bucket become contracts, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.types import Schema
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.runtime.google_clients import open_schemas
from headrace.schema_registry.registry_errors import ImportConflictError, NotInRegistryError
from headrace.schemas.registry import Registry
from tests.support.buckets import a_bucket

pytestmark = [pytest.mark.emulators, pytest.mark.usefixtures("emulators")]
FIELD, ADDED = {"name": "id", "type": "string"}, {"name": "note", "type": "string", "default": ""}
SIDECAR = """table = "orders"
event_time = "publish_time"
late_after = "30d"
ahead_at_most = "10m"
pii = "none"

[envelope]
kind = "attributes"
id = "message_id"
"""


def an_order(*fields: dict[str, str], end: str = "") -> str:
    return json.dumps({"type": "record", "name": "Order", "fields": fields}) + end


def imported(*words: str) -> Result:
    return CliRunner().invoke(app, ["contracts", "import", *words, "--contracts", "contracts"])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "contracts"


# Pub/Sub's schema service


@pytest.fixture
def schemas() -> SchemaServiceClient:
    return open_schemas()


def with_revisions(schemas: SchemaServiceClient, project: str, *definitions: str) -> list[str]:
    """The ids of the revisions of the schema ``orders``."""
    first = Schema(type_=Schema.Type.AVRO, definition=definitions[0])
    found = [schemas.create_schema(parent=f"projects/{project}", schema=first, schema_id="orders")]
    for definition in definitions[1:]:
        later = Schema(name=found[0].name, type_=Schema.Type.AVRO, definition=definition)
        found.append(schemas.commit_schema(name=found[0].name, schema=later))
    return [each.revision_id for each in found]


def test_revisions_become_versions(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    texts = an_order(FIELD), an_order(FIELD, ADDED), an_order(FIELD, end="\n")
    ids = with_revisions(schemas, project, *texts)

    result = imported("orders", "--from", f"pubsub://{project}", "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["files"] == [
        {"file": "orders.v1.avsc", "result": "written", "revisions": f"{ids[0]} {ids[2]}"},
        {"file": "orders.v2.avsc", "result": "written", "revisions": ids[1]},
    ]
    assert [(folder / f"orders.v{number}.avsc").read_text() for number in (1, 2)] == [texts[0], texts[1]]
    assert f'revisions = ["{ids[0]}", "{ids[2]}"] for orders.v1.avsc' in result.stderr
    assert "--encoding datum" in result.stderr


def test_what_is_said_of_revisions_makes_contracts(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    ids = with_revisions(schemas, project, an_order(FIELD), an_order(FIELD, ADDED))
    imported("orders", "--from", f"pubsub://{project}")
    for version, revision in enumerate(ids, 1):
        sidecar = SIDECAR.replace("[envelope]", f'revisions = ["{revision}"]\n\n[envelope]\nversion = "revision"')
        (folder / f"orders.v{version}.headrace.toml").write_text(sidecar)

    assert Registry.load(folder).latest("orders").options.schema_ids.revisions == (ids[1],)


def test_one_version_may_be_chosen(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    with_revisions(schemas, project, an_order(FIELD), an_order(FIELD, ADDED))

    assert imported("orders", "--from", f"pubsub://{project}", "--version", "2").exit_code == 0
    assert [each.name for each in folder.iterdir()] == ["orders.v2.avsc"]
    assert isinstance(
        imported("orders", "--from", f"pubsub://{project}", "--version", "3").exception, NotInRegistryError
    )


def test_a_later_revision_never_changes_a_version(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    oldest, _ = with_revisions(schemas, project, an_order(FIELD), an_order(FIELD, ADDED))
    imported("orders", "--from", f"pubsub://{project}")
    name = f"projects/{project}/schemas/orders"
    schemas.delete_schema_revision(name=f"{name}@{oldest}", revision_id="")

    result = imported("orders", "--from", f"pubsub://{project}")

    assert isinstance(result.exception, ImportConflictError)


def test_a_schema_that_is_not_there_is_named(project: str) -> None:
    error = imported("orders", "--from", f"pubsub://{project}").exception

    assert isinstance(error, NotInRegistryError)
    assert f"gcloud pubsub schemas list --project {project}" in str(error)


# a bucket


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[storage.Bucket]:
    with a_bucket(tmp_path) as bucket:
        yield bucket


def stored(bucket: storage.Bucket, **files: Any) -> None:
    """Put files into the folder ``team``: ``orders__v1__avsc`` is ``orders.v1.avsc``."""
    for name, text in files.items():
        bucket.blob(f"team/{name.replace('__', '.')}").upload_from_string(text)


def test_contracts_in_a_bucket_are_read_with_their_sidecars_and_types(bucket: storage.Bucket, folder: Path) -> None:
    money = json.dumps({"type": "fixed", "name": "Money", "namespace": "shop", "size": 8})
    priced = an_order(FIELD, {"name": "price", "type": "shop.Money"})
    stored(
        bucket,
        orders__v1__avsc=priced,
        orders__v1__headrace__toml=SIDECAR,
        orders_other__v1__avsc=priced,
        shop__Money__avsc=money,
        notes__txt="none",
    )

    result = imported("orders", "--from", f"gs://{bucket.name}/team", "--json")

    assert result.exit_code == 0, result.output
    assert sorted(each.name for each in folder.iterdir()) == [
        "orders.v1.avsc",
        "orders.v1.headrace.toml",
        "shop.Money.avsc",
    ]
    assert Registry.load(folder).subjects == ("orders",)
    assert "annotate" not in result.stderr


@pytest.mark.parametrize("address", ["gs://{}/other", "gs://no-such-bucket/team"])
def test_a_folder_without_the_contract_is_named(bucket: storage.Bucket, address: str) -> None:
    stored(bucket, orders__v1__avsc=an_order(FIELD))

    error = imported("orders", "--from", address.format(bucket.name)).exception

    assert isinstance(error, NotInRegistryError)
    assert address.format(bucket.name) in str(error)


def test_a_version_that_is_not_there_is_refused(bucket: storage.Bucket) -> None:
    stored(bucket, orders__v1__avsc=an_order(FIELD))

    result = imported("orders", "--from", f"gs://{bucket.name}/team", "--version", "1", "--version", "2")

    assert isinstance(result.exception, NotInRegistryError)

"""Contracts are published to a bucket: byte for byte, before the schemas of Pub/Sub, and again after a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import PreconditionFailed, ServiceUnavailable
from google.cloud import storage
from google.pubsub_v1 import PublisherClient, SchemaServiceClient
from google.pubsub_v1.types import Encoding, PubsubMessage, SchemaSettings, Topic

from headrace.contract_publish.publish_errors import PublishConflictError
from headrace.runtime.google_clients import open_gapic_publisher, open_schemas
from headrace.schema_registry.registry_errors import NotInRegistryError, RegistryAwayError
from tests.support.buckets import a_bucket
from tests.support.contract_folders import write_version
from tests.support.contract_publishing import (
    SUBJECT,
    N,
    added,
    as_filed,
    done,
    interfering,
    name_of,
    refused,
    revisions,
    run,
    write_versions,
)

pytestmark = [pytest.mark.emulators, pytest.mark.usefixtures("emulators")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    place = tmp_path / "contracts"
    write_versions(place, 1, 2)
    return place


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[storage.Bucket]:
    with a_bucket(tmp_path) as bucket:
        yield bucket


@pytest.fixture
def schemas() -> SchemaServiceClient:
    return open_schemas()


@pytest.fixture
def topics() -> PublisherClient:
    return open_gapic_publisher()


# the bucket


def test_the_bucket_has_the_files_byte_for_byte(bucket: storage.Bucket, folder: Path) -> None:
    (folder / "shop.Money.avsc").write_text('{"type": "fixed", "name": "Money", "namespace": "shop", "size": 8}')
    place = f"gs://{bucket.name}/team"

    rows = done("--to", place, "--apply")

    assert [each["action"] for each in rows] == ["upload"] * 3
    for each in folder.iterdir():
        assert bucket.blob(f"team/{each.name}").download_as_bytes() == each.read_bytes()
    assert [each["action"] for each in done("--to", place, "--apply")] == ["keep"] * 3


def test_what_the_bucket_has_must_not_change(bucket: storage.Bucket, folder: Path) -> None:
    place = f"gs://{bucket.name}/team"
    done("--to", place, "--apply")
    published = bucket.blob(f"team/{SUBJECT}.v2.avsc").download_as_bytes()
    write_version(folder, 2, {"name": "n", "type": "int", "doc": "Another one"}, added(2))

    rows = refused("--to", place, "--apply")

    assert [(each["rule"], each["name"]) for each in rows] == [("PUBLISHED_VERSION_EDITED", f"{SUBJECT}.v2")]
    assert bucket.blob(f"team/{SUBJECT}.v2.avsc").download_as_bytes() == published


def test_a_version_that_is_gone_from_the_folder_is_refused(bucket: storage.Bucket, folder: Path) -> None:
    place = f"gs://{bucket.name}/team"
    done("--to", place, "--apply")
    (folder / f"{SUBJECT}.v1.avsc").unlink()
    assert [each["rule"] for each in refused("--to", place)] == ["PUBLISHED_VERSION_EDITED"]


def test_white_space_and_revisions_may_change(bucket: storage.Bucket, folder: Path) -> None:
    place = f"gs://{bucket.name}/team"
    done("--to", place, "--apply")
    write_version(folder, 1, N, revisions=["f47c8c56"])
    path = folder / f"{SUBJECT}.v2.avsc"
    path.write_text(json.dumps(json.loads(path.read_text())))

    assert [each["action"] for each in done("--to", place, "--apply")] == ["replace", "replace"]
    assert bucket.blob(f"team/{path.name}").download_as_bytes() == path.read_bytes()


def test_an_object_that_somebody_else_wrote_meanwhile_is_not_replaced(
    bucket: storage.Bucket, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditions = []

    def changed(blob: Any, content: bytes, type_: str, if_generation_match: int, timeout: float) -> None:
        conditions.append(if_generation_match)
        raise PreconditionFailed("changed")  # which the emulator does not check

    monkeypatch.setattr(storage.Blob, "upload_from_string", changed)
    result = run("--to", f"gs://{bucket.name}/team", "--apply")
    assert isinstance(result.exception, PublishConflictError)
    assert conditions == [0]


def test_a_bucket_that_is_not_there_is_named(bucket: storage.Bucket, folder: Path) -> None:
    error = run("--to", "gs://no-such-bucket/team").exception
    assert isinstance(error, NotInRegistryError)
    assert "gs://no-such-bucket/team: there is no such bucket" in str(error)


def test_a_version_is_in_the_bucket_before_a_topic_accepts_it(
    topics: PublisherClient,
    project: str,
    folder: Path,
    bucket: storage.Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[set[str]] = []
    for method in ("create_schema", "commit_schema"):
        interfering(monkeypatch, method, lambda: seen.append({each.name for each in bucket.list_blobs()}))

    done("--to", f"pubsub://{project}", "--to", f"gs://{bucket.name}/team", "--apply")

    assert seen == [{f"team/{SUBJECT}.v{each}.avsc" for each in (1, 2)}] * 2
    settings = SchemaSettings(schema=name_of(project), encoding=Encoding.BINARY)
    topic = topics.create_topic(request=Topic(name=f"projects/{project}/topics/things", schema_settings=settings))
    topics.publish(topic=topic.name, messages=[PubsubMessage(data=b"\x02\x04")])


@pytest.mark.parametrize("calls", range(5))
def test_what_is_cut_off_between_two_steps_is_finished_by_the_next_run(
    schemas: SchemaServiceClient,
    project: str,
    folder: Path,
    bucket: storage.Bucket,
    monkeypatch: pytest.MonkeyPatch,
    calls: int,
) -> None:
    write_versions(folder, 3)
    places = ("--to", f"pubsub://{project}", "--to", f"gs://{bucket.name}/team")
    with monkeypatch.context() as patch:
        cut_off_after(patch, calls)
        assert isinstance(run(*places, "--apply").exception, RegistryAwayError)

    done(*places, "--apply")

    assert [each.definition for each in revisions(schemas, project)] == as_filed(folder, 1, 2, 3)
    assert {each.name for each in bucket.list_blobs()} == {f"team/{SUBJECT}.v{each}.avsc" for each in (1, 2, 3)}


def cut_off_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Let so many changes succeed; the services are away from then on."""
    left = calls

    def limited(real: Any) -> Any:
        def call(*given: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise ServiceUnavailable("away")
            return real(*given, **more)

        return call

    for method in ("create_schema", "commit_schema"):
        monkeypatch.setattr(SchemaServiceClient, method, limited(getattr(SchemaServiceClient, method)))
    monkeypatch.setattr(storage.Blob, "upload_from_string", limited(storage.Blob.upload_from_string))

"""Contracts are published to Pub/Sub's schema service and to a bucket, planned first, and again after a kill."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import NotFound, PreconditionFailed, ServiceUnavailable
from google.cloud import storage
from google.pubsub_v1 import PublisherClient, SchemaServiceClient
from google.pubsub_v1.types import Encoding, PubsubMessage, Schema, SchemaSettings, Topic
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.contract_publish.publish_errors import PublishConflictError, PublishRefusedError
from headrace.errors import Exit
from headrace.runtime.google_clients import open_gapic_publisher, open_schemas
from headrace.schema_registry.registry_errors import NotInRegistryError, RegistryAwayError
from tests.support.buckets import a_bucket
from tests.support.contract_folders import commit_all, write_contract, write_version
from tests.support.paths import ROOT
from tests.support.transcripts import steps

pytestmark = [pytest.mark.emulators, pytest.mark.usefixtures("emulators")]
N = ("n", "int")
SUBJECT = "thing_happened"
PAGE = (ROOT / "docs" / "contract-publish.md").read_text()
README = (ROOT / "README.md").read_text()


def added(number: int) -> dict[str, Any]:
    return {"name": f"m{number}", "type": ["null", "int"], "default": None}


def write_versions(folder: Path, *versions: int, **annotations: Any) -> None:
    """Write versions that each add a field to the one before."""
    for version in versions:
        write_version(folder, version, N, *map(added, range(2, version + 1)), **annotations)


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


# the schema service


def test_nothing_is_changed_until_it_is_asked_for(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    place = f"pubsub://{project}"
    result = run("--to", place)

    assert result.exit_code == Exit.DONE, result.output
    assert "2 changes; run with --apply to make them" in result.stderr
    assert revisions(schemas, project) == []
    assert brief(done("--to", place)) == [("create", 1), ("commit", 2)]


def test_each_version_becomes_a_revision_as_its_file_is(
    schemas: SchemaServiceClient, project: str, folder: Path
) -> None:
    place = f"pubsub://{project}"
    rows = done("--to", place, "--apply")

    there = revisions(schemas, project)
    assert [each.definition for each in there] == as_filed(folder, 1, 2)
    assert [each["revision"] for each in rows] == [each.revision_id for each in there]

    assert brief(done("--to", place, "--apply")) == [("keep", 1), ("keep", 2)]
    write_versions(folder, 3)
    assert brief(done("--to", place, "--apply")) == [("keep", 1), ("keep", 2), ("commit", 3)]
    assert [each.definition for each in revisions(schemas, project)] == as_filed(folder, 1, 2, 3)


def test_the_project_of_the_settings_is_the_default(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    Path("headrace.toml").write_text(f'project = "{project}"\n')
    done("--apply")
    assert len(revisions(schemas, project)) == 2


def test_an_edited_version_is_refused(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    place = f"pubsub://{project}"
    done("--to", place, "--apply")
    write_version(folder, 2, N, {"name": "m2", "type": ["null", "long"], "default": None})

    (row,) = refused("--to", place, "--apply")

    assert row["rule"] == "PUBLISHED_VERSION_EDITED"
    assert revisions(schemas, project)[1].revision_id in row["why"]
    assert len(revisions(schemas, project)) == 2


def test_a_weaker_mask_in_a_published_version_is_an_edit(project: str, folder: Path) -> None:
    email = ("email", "string", {"pii": {"kind": "email", "mask": "redact"}})
    write_version(folder, 1, email, subject="mail_sent", table="mails")
    done("--to", f"pubsub://{project}", "--apply")
    email[2]["pii"]["mask"] = "tokenise"
    write_version(folder, 1, email, subject="mail_sent", table="mails")

    (row,) = refused("--to", f"pubsub://{project}")
    assert (row["rule"], row["name"]) == ("PUBLISHED_VERSION_EDITED", f"projects/{project}/schemas/mail_sent")


def test_a_rule_that_is_broken_stops_everything(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    write_version(folder, 3, ("n", "string"))
    rows = refused("--to", f"pubsub://{project}", "--apply")
    assert ("TYPE_CHANGED", f"{SUBJECT}.v3.n") in [(each["rule"], each["name"]) for each in rows]
    assert revisions(schemas, project) == []


def test_a_commit_is_what_is_published(project: str, folder: Path) -> None:
    commit_all(folder.parent)
    write_version(folder, 1, N, table="other_table")
    rows = refused("--to", f"pubsub://{project}", "--against", "main")
    assert "PUBLISHED_VERSION_EDITED" in [each["rule"] for each in rows]


def test_what_breaks_readers_of_the_revision_before_is_refused(
    schemas: SchemaServiceClient, project: str, folder: Path
) -> None:
    done("--to", f"pubsub://{project}", "--apply")
    write_version(folder, 3, ("n", "long"), added(2))

    (row,) = refused("--to", f"pubsub://{project}", "--apply")

    assert "readers of v2 cannot read v3 (TYPE_CHANGED at n)" in row["why"]
    assert len(revisions(schemas, project)) == 2


def test_a_definition_is_self_contained(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    money = {"type": "fixed", "name": "Money", "namespace": "shop", "size": 8}
    (folder / "shop.Money.avsc").write_text(json.dumps(money))
    write_version(folder, 3, N, added(2), ("price", ["null", "shop.Money"], {"default": None}))

    done("--to", f"pubsub://{project}", "--apply")

    assert '"size": 8' in revisions(schemas, project)[-1].definition


def test_a_sidecar_stays_out_of_the_schema(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    text = json.dumps({"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}, indent=1)
    (folder / "orders.v1.avsc").write_text(text + " // as the registry has it\n")
    (folder / "orders.v1.headrace.toml").write_text(
        'table = "orders"\nevent_time = "publish_time"\nlate_after = "30d"\nahead_at_most = "10m"\npii = "none"\n'
        '[envelope]\nkind = "attributes"\nid = "message_id"\n'
    )
    done("--to", f"pubsub://{project}", "--apply")
    assert schemas.get_schema(name=f"projects/{project}/schemas/orders").definition.strip() == text


# what people see


def test_no_line_of_a_plan_or_a_refusal_is_wider_than_the_terminal(
    project: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    place = f"pubsub://{project}"
    plan = run("--to", place).stdout
    assert max(map(len, plan.splitlines())) <= 60
    assert [each.split() for each in plan.splitlines()] == [
        ["action", "what", "name"],
        ["create", "schema", f"{SUBJECT}.v1"],
        ["commit", "revision", f"{SUBJECT}.v2"],
    ]

    done("--to", place, "--apply")
    write_version(folder, 2, N, {"name": "m2", "type": ["null", "long"], "default": None})
    refusal = run("--to", place).stdout
    assert max(map(len, refusal.splitlines())) <= 60
    assert "PUBLISHED_VERSION_EDITED" in refusal


# revisions in contracts


ALONE = {"kind": "attributes", "id": "message_id", "version": 1}
BY_REVISION = {"kind": "attributes", "id": "message_id", "version": "revision"}


def test_the_revisions_to_list_are_printed(
    schemas: SchemaServiceClient, topics: PublisherClient, project: str, folder: Path
) -> None:
    place = f"pubsub://{project}"
    write_version(folder, 1, N, envelope=ALONE)
    (folder / f"{SUBJECT}.v2.avsc").unlink()
    done("--to", place, "--apply")
    (first,) = revisions(schemas, project)
    settings = SchemaSettings(schema=name_of(project), encoding=Encoding.BINARY)
    topics.create_topic(request=Topic(name=f"projects/{project}/topics/things", schema_settings=settings))
    write_version(folder, 1, N, envelope=ALONE, revisions=[first.revision_id])
    write_version(folder, 2, N, added(2), envelope=BY_REVISION)

    result = run("--to", place, "--apply")

    assert result.exit_code == Exit.DONE, (result.output, result.exception)
    second = revisions(schemas, project)[1].revision_id
    assert f'write "revisions": ["{second}"] in contracts/{SUBJECT}.v2.avsc' in result.stderr
    assert "give the topic a last revision first" in result.stderr

    write_version(folder, 2, N, added(2), envelope=BY_REVISION, revisions=[second])
    again = run("--to", place, "--apply")
    assert again.stderr.splitlines()[-1] == "nothing to publish: every version is there"
    assert "revisions" not in again.stderr


def test_a_revision_of_another_version_is_refused(schemas: SchemaServiceClient, project: str, folder: Path) -> None:
    done("--to", f"pubsub://{project}", "--apply")
    second = revisions(schemas, project)[1].revision_id
    write_version(folder, 1, N, revisions=[second])
    (row,) = refused("--to", f"pubsub://{project}")
    assert f"v1 lists revision {second}, which is v2" in row["why"]


# twenty revisions


@pytest.fixture
def full(schemas: SchemaServiceClient, project: str, folder: Path) -> list[str]:
    """A schema with as many revisions as one can have, and a contract with one more version."""
    write_versions(folder, *range(3, 21))
    done("--to", f"pubsub://{project}", "--apply")
    write_versions(folder, 21)
    return [each.revision_id for each in revisions(schemas, project)]


def test_the_oldest_revision_goes_only_when_that_is_said(
    schemas: SchemaServiceClient, project: str, folder: Path, full: list[str]
) -> None:
    place = f"pubsub://{project}"
    (row,) = refused("--to", place, "--apply")
    assert f"{full[0]} (it is v1)" in row["why"]
    assert "--delete-oldest-revision" in row["why"]
    assert [each.revision_id for each in revisions(schemas, project)] == full

    rows = done("--to", place, "--apply", "--delete-oldest-revision")

    assert [each for each in brief(rows) if each[0] != "keep"] == [("delete", None), ("commit", 21)]
    there = revisions(schemas, project)
    assert [each.revision_id for each in there[:-1]] == full[1:]
    assert there[-1].definition == as_filed(folder, 21)[0]
    again = run("--to", place, "--apply")
    assert "nothing to publish" in again.stderr
    assert "v1: no revision" in again.stderr


def test_who_names_a_revision_is_said(topics: PublisherClient, project: str, folder: Path, full: list[str]) -> None:
    write_version(folder, 1, N, revisions=[full[0]])
    settings = SchemaSettings(schema=name_of(project), encoding=Encoding.BINARY, first_revision_id=full[0])
    topic = topics.create_topic(request=Topic(name=f"projects/{project}/topics/things", schema_settings=settings)).name
    (row,) = refused("--to", f"pubsub://{project}")
    assert f"{full[0]} (it is v1, v1 lists it, {topic} accepts none before it)" in row["why"]


def test_the_last_revision_of_a_topic_is_never_deleted(
    topics: PublisherClient, project: str, folder: Path, full: list[str]
) -> None:
    settings = SchemaSettings(schema=name_of(project), encoding=Encoding.BINARY, last_revision_id=full[0])
    topics.create_topic(request=Topic(name=f"projects/{project}/topics/things", schema_settings=settings))
    (row,) = refused("--to", f"pubsub://{project}", "--apply", "--delete-oldest-revision")
    assert f"{full[0]} is the last one that projects/{project}/topics/things accepts" in row["why"]


# two at once, and kills


def test_the_second_of_two_publishers_notices_the_first(
    schemas: SchemaServiceClient, project: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"pubsub://{project}"
    write_versions(folder, 1)
    (folder / f"{SUBJECT}.v2.avsc").unlink()
    done("--to", place, "--apply")
    write_versions(folder, 2)
    interfering(monkeypatch, "commit_schema", lambda: commit(schemas, project, as_filed(folder, 2)[0]))

    result = run("--to", place, "--apply")

    assert isinstance(result.exception, PublishConflictError)
    assert "run the command again" in str(result.exception)
    monkeypatch.undo()
    monkeypatch.chdir(folder.parent)
    rows = done("--to", place, "--apply")
    assert brief(rows) == [("keep", 1), ("keep", 2)]
    assert len(rows[1]["revision"].split()) == 2  # both are the same version


def test_a_schema_that_somebody_else_creates_meanwhile_is_noticed(
    schemas: SchemaServiceClient, project: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create() -> None:
        first = Schema(type_=Schema.Type.AVRO, definition=as_filed(folder, 1)[0])
        schemas.create_schema(parent=f"projects/{project}", schema=first, schema_id=SUBJECT)

    interfering(monkeypatch, "create_schema", create)
    assert isinstance(run("--to", f"pubsub://{project}", "--apply").exception, PublishConflictError)


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


def commit(schemas: SchemaServiceClient, project: str, text: str) -> None:
    schemas.commit_schema(
        name=name_of(project), schema=Schema(name=name_of(project), type_=Schema.Type.AVRO, definition=text)
    )


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
    write_version(folder, 2, N, added(2), table="other_table")

    rows = refused("--to", place, "--apply")

    assert ("PUBLISHED_VERSION_EDITED", f"{SUBJECT}.v2") in [(each["rule"], each["name"]) for each in rows]
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


# the page


def test_the_example_of_the_page_prints_what_it_says(
    project: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in folder.iterdir():
        path.unlink()
    contract = json.loads(re.findall(r"^```json\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)[0])
    write_contract(folder, 1, contract, "order_placed")
    contract["fields"].append({"name": "note", "type": ["null", "string"], "default": None, "pii": "none"})
    write_contract(folder, 2, contract, "order_placed")
    monkeypatch.setenv("COLUMNS", "80")
    listed = steps(PAGE)
    assert len(listed) == 3
    for step in listed:
        words = step.command.replace("my-project", project).split()
        printed = CliRunner().invoke(app, words[1:]).output.replace(project, "my-project").splitlines()
        assert without_ids(printed[1:]) == without_ids(step.printed)  # after the emulators


def without_ids(lines: list[str]) -> list[str]:
    return [re.sub(r"\b[0-9a-f]{8}\b", "REVISION", line) for line in lines]

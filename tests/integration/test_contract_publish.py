"""Contracts are published to Pub/Sub's schema service: planned first, and compared with what somebody else does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from google.pubsub_v1 import PublisherClient, SchemaServiceClient
from google.pubsub_v1.types import Encoding, Schema, SchemaSettings, Topic
from typer.testing import CliRunner

from headrace.cli.app import app
from headrace.contract_publish.publish_errors import PublishConflictError
from headrace.errors import Exit
from headrace.runtime.google_clients import open_gapic_publisher, open_schemas
from tests.support.contract_folders import commit_all, write_contract, write_version
from tests.support.contract_publishing import (
    SUBJECT,
    N,
    added,
    as_filed,
    brief,
    done,
    interfering,
    name_of,
    refused,
    revisions,
    run,
    write_versions,
)
from tests.support.paths import ROOT
from tests.support.transcripts import steps

pytestmark = [pytest.mark.emulators, pytest.mark.usefixtures("emulators")]
PAGE = (ROOT / "docs" / "contract-publish.md").read_text()
README = (ROOT / "README.md").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    place = tmp_path / "contracts"
    write_versions(place, 1, 2)
    return place


@pytest.fixture
def schemas() -> SchemaServiceClient:
    return open_schemas()


@pytest.fixture
def topics() -> PublisherClient:
    return open_gapic_publisher()


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


def commit(schemas: SchemaServiceClient, project: str, text: str) -> None:
    schemas.commit_schema(
        name=name_of(project), schema=Schema(name=name_of(project), type_=Schema.Type.AVRO, definition=text)
    )


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

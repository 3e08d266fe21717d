"""The schema service, and topics whose messages follow a schema."""

from __future__ import annotations

import json

import pytest
from google.api_core.exceptions import AlreadyExists, GoogleAPICallError, InvalidArgument, NotFound
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import Encoding, PubsubMessage, Schema, SchemaSettings, SchemaView, Topic

from tests.conformance.conftest import Pubsub

pytestmark = pytest.mark.emulators
FIELD = {"name": "number", "type": "int"}
ADDED = {"name": "text", "type": "string", "default": ""}


def a_schema(*fields: dict[str, str]) -> Schema:
    definition = {"type": "record", "name": "Thing", "fields": list(fields)}
    return Schema(type_=Schema.Type.AVRO, definition=json.dumps(definition))


def created(pubsub: Pubsub) -> Schema:
    return pubsub.schemas.create_schema(
        parent=f"projects/{pubsub.project}", schema=a_schema(FIELD), schema_id=f"{pubsub.test}-one"
    )


def test_a_schema_is_created_once_and_has_revisions(pubsub: Pubsub) -> None:
    first = created(pubsub)
    with pytest.raises(AlreadyExists):
        created(pubsub)
    second = pubsub.schemas.commit_schema(name=first.name, schema=Schema(a_schema(FIELD, ADDED), name=first.name))
    assert second.revision_id != first.revision_id
    listed = pubsub.schemas.list_schema_revisions(name=first.name)
    assert {each.revision_id for each in listed} == {second.revision_id, first.revision_id}
    assert pubsub.schemas.get_schema(name=first.name).revision_id == second.revision_id
    assert pubsub.schemas.get_schema(name=f"{first.name}@{first.revision_id}").revision_id == first.revision_id


def test_revisions_have_their_definitions_only_if_these_are_asked_for(pubsub: Pubsub) -> None:
    first = created(pubsub)
    for view, definition in ((SchemaView.BASIC, ""), (SchemaView.FULL, a_schema(FIELD).definition)):
        (listed,) = pubsub.schemas.list_schema_revisions(request={"name": first.name, "view": view})
        assert (listed.revision_id, listed.definition) == (first.revision_id, definition)


def test_the_only_revision_of_a_schema_cannot_be_deleted(pubsub: Pubsub) -> None:
    first = created(pubsub)
    with pytest.raises(GoogleAPICallError):
        pubsub.schemas.delete_schema_revision(name=f"{first.name}@{first.revision_id}")
    assert pubsub.schemas.get_schema(name=first.name).revision_id == first.revision_id


def test_a_schema_has_annotations_of_other_programs(pubsub: Pubsub) -> None:
    definition = json.loads(a_schema(FIELD).definition) | {"headrace": {"table": "things"}, "doc": "Of the shop"}
    annotated = Schema(type_=Schema.Type.AVRO, definition=json.dumps(definition))
    parent = f"projects/{pubsub.project}"
    pubsub.schemas.validate_schema(parent=parent, schema=annotated)
    made = pubsub.schemas.create_schema(parent=parent, schema=annotated, schema_id=f"{pubsub.test}-one")
    assert pubsub.schemas.get_schema(name=made.name).definition == annotated.definition


def test_a_deleted_schema_is_gone(pubsub: Pubsub) -> None:
    name = created(pubsub).name
    pubsub.schemas.delete_schema(name=name)
    with pytest.raises(NotFound):
        pubsub.schemas.get_schema(name=name)


def test_schemas_are_validated(pubsub: Pubsub) -> None:
    parent = f"projects/{pubsub.project}"
    pubsub.schemas.validate_schema(parent=parent, schema=a_schema(FIELD))
    wrong = Schema(type_=Schema.Type.AVRO, definition='{"type": "no such type"}')
    with pytest.raises(InvalidArgument):
        pubsub.schemas.validate_schema(parent=parent, schema=wrong)


@pytest.mark.parametrize(
    ("encoding", "good", "bad"),
    [
        (Encoding.JSON, b'{"number": 1}', b'{"number": "one"}'),
        (Encoding.BINARY, b"\x02", b"\x82"),
        pytest.param(
            Encoding.BINARY,
            b"\x02",
            b"\x02\x02",
            id="rest",
            marks=pytest.mark.deviates("google-emulator", "takes a message with bytes after the end of its datum"),
        ),
    ],
)
def test_a_topic_with_a_schema_takes_what_follows_it_and_names_the_revision(
    pubsub: Pubsub, encoding: Encoding, good: bytes, bad: bytes
) -> None:
    schema = created(pubsub)
    topic = pubsub.topic(schema_settings=SchemaSettings(schema=schema.name, encoding=encoding))
    name = pubsub.subscription(topic)
    with pytest.raises(InvalidArgument):
        pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=good), PubsubMessage(data=bad)])
    pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=good)])
    (received,) = pubsub.pull_all(name, 1)
    assert dict(received.message.attributes) == {
        "googclient_schemaencoding": encoding.name,
        "googclient_schemaname": schema.name,
        "googclient_schemarevisionid": schema.revision_id,
    }


def test_a_topic_says_that_its_schema_was_deleted_and_takes_nothing(pubsub: Pubsub) -> None:
    schema = created(pubsub)
    topic = pubsub.topic(schema_settings=SchemaSettings(schema=schema.name, encoding=Encoding.JSON))
    pubsub.schemas.delete_schema(name=schema.name)
    assert pubsub.publisher.get_topic(topic=topic).schema_settings.schema == "_deleted-schema_"
    created(pubsub)
    assert pubsub.publisher.get_topic(topic=topic).schema_settings.schema == "_deleted-schema_"
    with pytest.raises(GoogleAPICallError):
        pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=b'{"number": 1}')], timeout=5, retry=None)


def test_a_topic_whose_schema_was_deleted_can_be_changed(pubsub: Pubsub) -> None:
    schema = created(pubsub)
    topic = pubsub.topic(schema_settings=SchemaSettings(schema=schema.name, encoding=Encoding.JSON))
    pubsub.schemas.delete_schema(name=schema.name)
    changed = pubsub.publisher.update_topic(topic=Topic(name=topic), update_mask=FieldMask(paths=["schema_settings"]))
    assert not changed.schema_settings.schema
    pubsub.publish(topic, "anything")


def test_a_topic_takes_what_follows_the_revisions_that_it_names(pubsub: Pubsub) -> None:
    first = created(pubsub)
    second = pubsub.schemas.commit_schema(name=first.name, schema=Schema(a_schema(FIELD, ADDED), name=first.name))
    topic = pubsub.topic(
        schema_settings=SchemaSettings(
            schema=first.name, encoding=Encoding.BINARY, first_revision_id=second.revision_id
        )
    )
    pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=b"\x02\x00")])
    with pytest.raises(InvalidArgument):
        pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=b"\x02")])


def test_the_next_revision_takes_the_place_of_a_deleted_one(pubsub: Pubsub) -> None:
    first = created(pubsub)
    second = pubsub.schemas.commit_schema(name=first.name, schema=Schema(a_schema(FIELD, ADDED), name=first.name))
    third = pubsub.schemas.commit_schema(name=first.name, schema=Schema(a_schema(ADDED, FIELD), name=first.name))
    settings = SchemaSettings(schema=first.name, encoding=Encoding.BINARY, first_revision_id=second.revision_id)
    topic = pubsub.topic(schema_settings=settings)
    name = pubsub.subscription(topic)
    pubsub.schemas.delete_schema_revision(name=f"{first.name}@{second.revision_id}")
    with pytest.raises(InvalidArgument):
        pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=b"\x04")])  # of the first revision
    pubsub.publisher.publish(topic=topic, messages=[PubsubMessage(data=b"\x00\x02")])
    (received,) = pubsub.pull_all(name, 1)
    assert received.message.attributes["googclient_schemarevisionid"] == third.revision_id


def test_a_topic_needs_revisions_that_exist(pubsub: Pubsub) -> None:
    schema = created(pubsub)
    settings = SchemaSettings(schema=schema.name, encoding=Encoding.JSON, last_revision_id="12345678")
    with pytest.raises(GoogleAPICallError):
        pubsub.topic(schema_settings=settings)


def test_a_schema_has_twenty_revisions_at_most(pubsub: Pubsub) -> None:
    first = created(pubsub)
    for _ in range(19):
        pubsub.schemas.commit_schema(name=first.name, schema=Schema(a_schema(FIELD), name=first.name))
    with pytest.raises(GoogleAPICallError):
        pubsub.schemas.commit_schema(name=first.name, schema=Schema(a_schema(FIELD), name=first.name))
    pubsub.schemas.delete_schema_revision(name=f"{first.name}@{first.revision_id}")
    pubsub.schemas.commit_schema(name=first.name, schema=Schema(a_schema(FIELD), name=first.name))


def test_a_topic_needs_a_schema_that_exists(pubsub: Pubsub) -> None:
    settings = SchemaSettings(schema=pubsub.name("schemas", "missing"), encoding=Encoding.JSON)
    with pytest.raises(GoogleAPICallError):
        pubsub.topic(schema_settings=settings)

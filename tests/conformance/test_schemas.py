"""The schema service, and topics whose messages follow a schema."""

from __future__ import annotations

import json

import pytest
from google.api_core.exceptions import AlreadyExists, GoogleAPICallError, InvalidArgument, NotFound
from google.pubsub_v1.types import Encoding, PubsubMessage, Schema, SchemaSettings

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


def test_a_topic_needs_a_schema_that_exists(pubsub: Pubsub) -> None:
    settings = SchemaSettings(schema=pubsub.name("schemas", "missing"), encoding=Encoding.JSON)
    with pytest.raises(GoogleAPICallError):
        pubsub.topic(schema_settings=settings)

"""Revisions of Pub/Sub's schema service as versions: what is not one Avro schema is refused by its revision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.pubsub_v1.types import Schema

from headrace.schema_registry.pubsub_import import revisions_as_versions
from headrace.schema_registry.registry_errors import UnusableSchemaError

START = datetime(2026, 3, 14, tzinfo=UTC)


def a_revision(number: int, definition: str = '"string"', kind: int = Schema.Type.AVRO) -> Schema:
    created = START + timedelta(seconds=number)
    return Schema(
        name="projects/p/schemas/orders",
        type_=kind,
        definition=definition,
        revision_id=f"{number:08x}",
        revision_create_time=created,
    )


def test_the_oldest_revision_is_the_first_version() -> None:
    found = revisions_as_versions([a_revision(3, '"int"'), a_revision(1), a_revision(2, ' "string"')], "orders")

    assert found.contracts == {"orders.v1.avsc": b'"string"', "orders.v2.avsc": b'"int"'}
    assert found.revisions == {"orders.v1.avsc": ("00000001", "00000002"), "orders.v2.avsc": ("00000003",)}


@pytest.mark.parametrize(
    ("revision", "why"),
    [
        (a_revision(7, 'syntax = "proto3";', Schema.Type.PROTOCOL_BUFFER), "a PROTOCOL_BUFFER schema"),
        (a_revision(7, "{"), "not JSON"),
        (a_revision(7, '"no_such_type"'), "a type that is not defined"),
    ],
)
def test_what_is_no_avro_schema_is_refused_by_its_revision(revision: Schema, why: str) -> None:
    with pytest.raises(UnusableSchemaError, match=f"revision 00000007 of projects/p/schemas/orders: .*{why}"):
        revisions_as_versions([revision], "orders")

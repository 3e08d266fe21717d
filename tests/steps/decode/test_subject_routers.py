"""Messages of two subjects from real clients, told apart by the schema that their payloads name."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.core.routes import Route
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.steps.decode.subject_routers import SchemaRouter, router_of
from tests.support.foreign_messages import EVENT_TIMES, SAMPLES, VERSIONS, samples

NAME = "projects/acme-shop/subscriptions/all"
ORDERS, READINGS = "order_placed", "sensor_reading"
BOTH = Route(NAME, by_schema=(ORDERS, READINGS))


def ids(*of_versions: int) -> dict[int, dict[str, Any]]:
    return {version: {"schema_ids": [each]} for version, each in enumerate(of_versions, 1)}


def without_tags(schema: Any) -> Any:
    """A schema without the keys of other tools, which change neither its values nor its fingerprint."""
    if isinstance(schema, list):
        return [without_tags(each) for each in schema]
    if isinstance(schema, dict):
        return {name: without_tags(each) for name, each in schema.items() if ":" not in name}
    return schema


def contracts(subject: str, encoding: Any, by_version: Any) -> Iterator[Contract]:
    for version in VERSIONS[subject]:
        schema = without_tags(json.loads((SAMPLES / "schemas" / f"{subject}.v{version}.avsc").read_text()))
        rules = {"encoding": encoding, "envelope": {"kind": "attributes", "id": "message_id"}}
        bounds = {"late_after": "1825d", "ahead_at_most": "365d"}
        table = bounds | {"table": subject, "event_time": EVENT_TIMES[subject], "pii": "none"}
        annotated = schema | {"headrace": {**table, **rules, **by_version.get(version, {})}}
        yield parse_contract(SchemaRef(subject, version), json.dumps(annotated))


def registry_of(encoding: Any, orders: Any, readings: Any, blocked: bool = False) -> Registry:
    found = [*contracts(ORDERS, encoding, orders), *(() if blocked else contracts(READINGS, encoding, readings))]
    refused = {READINGS: ContractError(READINGS, "wrong", "correct it")} if blocked else None
    return Registry({each.ref: each for each in found}, refused)


REAL = [
    ("confluent-node-kafkajs", "confluent", ids(16, 7), ids(18)),
    ("apicurio-8byte", {"kind": "apicurio", "id_bytes": 8, "ids": "global"}, ids(21, 22), ids(23)),
    ("apicurio-4byte-contentid", {"kind": "apicurio", "ids": "content"}, ids(21, 22), ids(24)),
    ("single-object-java", "single-object", {}, {}),
]


@pytest.mark.parametrize(("file", "encoding", "orders", "readings"), REAL)
def test_each_message_goes_to_its_subject(file: str, encoding: Any, orders: Any, readings: Any) -> None:
    router = pickle.loads(pickle.dumps(router_of(BOTH, registry_of(encoding, orders, readings))))
    for subject in (ORDERS, READINGS):
        given = [each.message for each in samples(file, subject)]
        assert given
        assert {router.subject_of(each.attributes, each.data) for each in given} == {subject}


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\0\0\0\x63rest", b"\x01\0\0\0\x07rest", b"\xc3\x01" + bytes(8), b"Obj\x01"]
)
def test_a_message_with_another_schema_or_without_header_belongs_to_none(data: bytes) -> None:
    router = SchemaRouter(BOTH, registry_of("confluent", ids(16, 7), ids(18)))
    assert router.subject_of({}, data) == NAME


def test_an_unknown_schema_waits_with_a_blocked_subject_whose_ids_are_not_known() -> None:
    router = SchemaRouter(BOTH, registry_of("confluent", ids(16, 7), None, blocked=True))
    assert router.subject_of({}, b"\0\0\0\0\x12rest") == READINGS
    assert router.subject_of({}, b"\0\0\0\0\x07rest") == ORDERS


def test_an_id_of_two_subjects_is_refused() -> None:
    with pytest.raises(ContractError, match="a schema id of order_placed too"):
        router_of(BOTH, registry_of("confluent", ids(16, 7), ids(7)))


def test_payloads_without_a_header_cannot_be_told_apart_by_it() -> None:
    found = [*contracts(ORDERS, "confluent", ids(16, 7)), *contracts(READINGS, "datum", {})]
    with pytest.raises(ContractError, match=r"^sensor_reading.*tell subjects by an attribute"):
        router_of(BOTH, Registry({each.ref: each for each in found}))


def test_an_id_in_an_attribute_tells_the_subject_too() -> None:
    encoding = {"kind": "apicurio", "ids": "global", "id_attribute": "apicurio.value.globalId"}
    router = SchemaRouter(BOTH, registry_of(encoding, ids(21, 22), ids(23)))
    for value, subject in (("22", ORDERS), ("23", READINGS), ("99", NAME), ("x", NAME), ("9" * 30, NAME)):
        assert router.subject_of({"apicurio.value.globalId": value}, b"") == subject
    assert router.subject_of({}, b"") == NAME

"""The AsyncAPI document: valid by the official schema, with channels of subjects and messages of versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from headrace.contract_catalog.admitted_avro import is_admitted
from headrace.contract_catalog.asyncapi import AVRO, WIDER_AVRO, asyncapi_document
from headrace.contract_view.subjects import Subject
from headrace.schemas.registry import Contract
from tests.support.asyncapi_schema import faults, is_avro
from tests.support.builders import BOOKING, BOOKING_V1, FLIGHT, a_contract, a_record
from tests.support.strategies import FIXED_PROFILE, contracts

N = ("n", "int")
SAMPLES = [
    Subject("booking_created", (BOOKING_V1, BOOKING), (1, 2), None),
    Subject("flight_departed", (FLIGHT,), (1,), None),
]
IDS = {"attributes": ["k.t", "k.o"]}


def alone(contract: Contract) -> list[Subject]:
    return [Subject(contract.subject, (contract,), (contract.ref.version,), None)]


def message_of(contract: Contract) -> Any:
    document = asyncapi_document(alone(contract), "Contracts")
    assert faults(document) == []
    return document["components"]["messages"][contract.ref.short]


def test_the_document_of_the_samples_is_valid() -> None:
    document = asyncapi_document(SAMPLES, "Travel")
    assert faults(json.loads(json.dumps(document))) == []
    assert list(document["channels"]) == ["booking_created", "flight_departed"]
    assert list(document["channels"]["booking_created"]["messages"]) == ["booking_created.v1", "booking_created.v2"]
    assert document["operations"]["receive_flight_departed"]["action"] == "receive"
    assert all(each["payload"]["schemaFormat"] == AVRO for each in document["components"]["messages"].values())


@pytest.mark.parametrize(
    "break_", [
        lambda document: document.pop("info"),
        lambda document: document["channels"]["flight_departed"].update(adress="x"),
        lambda document: document["channels"]["flight_departed"]["bindings"]["googlepubsub"].pop("schemaSettings"),
        lambda document: document["operations"]["receive_flight_departed"].update(action="read"),
        lambda document: document["components"]["messages"]["flight_departed.v1"]["payload"]["schema"].pop("name"),
    ],
)  # fmt: skip
def test_the_official_schema_finds_what_is_wrong(break_: Any) -> None:
    document = json.loads(json.dumps(asyncapi_document(SAMPLES, "Travel")))
    break_(document)
    assert faults(document)


@given(contract=contracts())
@settings(FIXED_PROFILE, max_examples=40)
def test_the_document_of_any_contract_is_valid(contract: Contract) -> None:
    avro = message_of(contract)["payload"]["schema"]
    assert is_admitted(avro) == is_avro(avro)


@pytest.mark.parametrize(
    "field",
    [
        ("unit-price", "int"),
        ("e", {"type": "enum", "name": "E", "symbols": ["a-b"]}),
        ("r", a_record("shop.base.Money", N)),
        ("r", a_record("R", N) | {"namespace": "a..b"}),
        ("r", a_record("R", N) | {"doc": None}),
        ("r", a_record("R", {"name": "n", "type": "int", "aliases": ["a.b"]})),
        ("w", {"type": {"type": "string"}}),
    ],
)
def test_a_schema_that_asyncapi_does_not_admit_has_another_format(field: Any) -> None:
    payload = message_of(a_contract(field))["payload"]
    assert not is_avro(payload["schema"])
    assert payload["schemaFormat"] == WIDER_AVRO


def test_messages_of_headrace_have_its_attributes() -> None:
    headers = message_of(FLIGHT)["headers"]
    assert headers["required"] == [*headers["properties"]]
    assert headers["properties"]["ce-dataschema"]["const"] == "headrace:flight_departed:1"
    assert headers["properties"]["ce-type"]["const"] == "flight_departed"


@pytest.mark.parametrize(
    ("envelope", "names"),
    [
        ({"kind": "attributes", "id": IDS, "version": {"attribute": "v"}}, ["k.t", "k.o", "v"]),
        ({"kind": "cloudevents", "type": "x.y"}, ["ce-specversion", "ce-id", "ce-source", "ce-type"]),
    ],
)
def test_messages_of_other_clients_have_the_attributes_that_the_contract_names(envelope: Any, names: list[str]) -> None:
    assert message_of(a_contract(N, envelope=envelope))["headers"]["required"] == names


def test_an_envelope_within_the_payload_needs_no_attribute() -> None:
    assert "headers" not in message_of(a_contract(N, envelope={"kind": "attributes", "id": "message_id"}))


def test_a_message_that_may_be_compressed_may_have_the_attribute() -> None:
    packed = {"kind": "datum", "compression": "content-encoding"}
    for envelope in (None, {"kind": "attributes", "id": "message_id"}):
        headers = message_of(a_contract(N, encoding=packed, envelope=envelope))["headers"]
        assert "zstd" in headers["properties"]["content-encoding"]["enum"]
        assert "content-encoding" not in headers.get("required", [])


@pytest.mark.parametrize(
    ("encoding", "schema", "type_"),
    [
        ("datum", "binary", "application/avro"),
        ("avro-json", "json", "application/json"),
        ("json", None, "application/json"),
        ("confluent", None, "application/avro"),
        ({"kind": "datum", "compression": "gzip"}, None, "application/avro"),
    ],
)
def test_a_topic_has_a_schema_where_pubsub_can_check_its_payloads(
    encoding: Any, schema: str | None, type_: str
) -> None:
    more: dict[str, Any] = {"schema_ids": [1]} if encoding == "confluent" else {}
    more |= {"json": {"convention": "strict"}} if encoding == "json" else {}
    contract = a_contract(N, encoding=encoding, envelope={"kind": "attributes", "id": "message_id"}, **more)
    found = asyncapi_document(alone(contract), "Contracts")["channels"]["thing_happened"].get("bindings")
    assert (found["googlepubsub"]["schemaSettings"]["encoding"] if found else None) == schema
    assert message_of(contract)["contentType"] == type_


def test_a_refused_subject_has_no_channel_and_the_version_follows_the_contracts() -> None:
    refused = SAMPLES[0]._replace(refused=LookupError("no"))  # type: ignore[arg-type]
    document = asyncapi_document([refused, SAMPLES[1]], "Travel")
    assert list(document["channels"]) == ["flight_departed"]
    assert faults(document) == []
    assert document["info"]["version"] != asyncapi_document(SAMPLES, "Travel")["info"]["version"]

"""Encodings, envelopes and names of schemas as a contract states them; each refusal has a remedy that works."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.schemas.errors import ContractError
from headrace.schemas.id_space import IdSpace
from headrace.schemas.json_encoding.rules import CONVENTIONS
from headrace.schemas.message_rules.encoding import Body, Compression, Encoding, Frame
from headrace.schemas.message_rules.envelope import (
    AttributesId,
    EmptyPayload,
    EnvelopeKind,
    EnvelopeRules,
    FixedVersion,
    MessageId,
    RevisionVersion,
    SchemaIdVersion,
    VersionAttribute,
)
from headrace.schemas.message_rules.known_schemas import KnownSchemas, avro_fingerprint
from headrace.schemas.message_rules.lint import lint_ids
from headrace.schemas.registry import Contract, Registry
from tests.support.builders import a_contract

PLAIN = {"kind": "attributes", "id": "message_id"}
GUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


def foreign(*fields: Any, **annotations: Any) -> Contract:
    return a_contract(*fields, **{"envelope": PLAIN, **annotations})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("datum", Encoding(is_stated=True)),
        ("confluent", Encoding(Frame.CONFLUENT, is_stated=True)),
        ("single-object", Encoding(Frame.SINGLE_OBJECT, is_stated=True)),
        ("avro-json", Encoding(body=Body.AVRO_JSON, is_stated=True)),
        (
            {"kind": "apicurio", "id_bytes": 8, "ids": "global"},
            Encoding(Frame.APICURIO, is_stated=True, id_bytes=8, id_space=IdSpace.GLOBAL),
        ),
        (
            {"kind": "confluent", "body": "avro-json", "compression": "content-encoding", "base64": True},
            Encoding(
                Frame.CONFLUENT,
                Body.AVRO_JSON,
                is_stated=True,
                compression=Compression.CONTENT_ENCODING,
                base64=True,
            ),
        ),
    ],
    ids=str,
)
def test_an_encoding_is_read(value: Any, expected: Encoding) -> None:
    (found,) = foreign(encoding=value).options.encodings

    assert (found.frame, found.body, found.id_bytes, found.id_space) == (
        expected.frame,
        expected.body,
        expected.id_bytes,
        expected.id_space,
    )
    assert (found.compression, found.base64, found.is_stated) == (expected.compression, expected.base64, True)


def test_json_has_the_forms_of_its_convention() -> None:
    (found,) = foreign(encoding="json", json={"convention": "jackson"}).options.encodings

    assert found.json == CONVENTIONS["jackson"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"kind": "cloudevents"}, EnvelopeRules(EnvelopeKind.CLOUDEVENTS)),
        ("cloudevents-structured", EnvelopeRules(EnvelopeKind.CLOUDEVENTS_STRUCTURED)),
        (
            {"kind": "cloudevents", "type": "com.acme.OrderPlaced", "percent_encoded": True, "version": 1},
            EnvelopeRules(
                EnvelopeKind.CLOUDEVENTS, version=FixedVersion(1), type="com.acme.OrderPlaced", percent_encoded=True
            ),
        ),
        (
            {"kind": "attributes", "id": {"attribute": "event-id"}, "version": {"attribute": "v"}, "empty": "drop"},
            EnvelopeRules(
                EnvelopeKind.ATTRIBUTES,
                id=AttributesId(("event-id",)),
                version=VersionAttribute("v"),
                empty=EmptyPayload.DROP,
            ),
        ),
        (
            {"kind": "attributes", "id": "message_id", "version": "schema_id", "source": {"attribute": "kafka.topic"}},
            EnvelopeRules(
                EnvelopeKind.ATTRIBUTES, id=MessageId(), version=SchemaIdVersion(), source_attribute="kafka.topic"
            ),
        ),
        (
            {"kind": "attributes", "id": "message_id", "version": "revision", "source": "/legacy"},
            EnvelopeRules(EnvelopeKind.ATTRIBUTES, id=MessageId(), version=RevisionVersion(), source="/legacy"),
        ),
    ],
    ids=str,
)
def test_an_envelope_is_read(value: Any, expected: EnvelopeRules) -> None:
    encoding = "confluent" if "schema_id" in str(value) else "datum"

    assert a_contract(envelope=value, encoding=encoding).options.envelope == expected


WRONG: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"encoding": "thrift"}, "not one of the known values", {"encoding": "json"}),
    ({"encoding": {}}, "missing kind", {"encoding": {"kind": "confluent"}}),
    ({"encoding": {"kind": "datum", "ids": "global"}}, "unknown annotation 'ids'", {"encoding": {"kind": "datum"}}),
    ({"encoding": "apicurio"}, "encoding.ids: missing", {"encoding": {"kind": "apicurio", "ids": "content"}}),
    (
        {"encoding": {"kind": "apicurio", "ids": "global", "id_bytes": 5}},
        "neither 4 nor 8",
        {"encoding": {"kind": "apicurio", "ids": "global", "id_bytes": 4}},
    ),
    (
        {"encoding": {"kind": "single-object", "body": "json"}},
        "another form than a datum",
        {"encoding": {"kind": "single-object", "body": "datum"}},
    ),
    (
        {"encoding": {"kind": "confluent", "body": "container"}},
        "a container behind a header",
        {"encoding": {"kind": "confluent", "body": "avro-json"}},
    ),
    ({"encoding": ["datum", "confluent"]}, "different content types", {"encoding": ["datum", "json"]}),
    ({"encoding": []}, "different content types", {"encoding": ["datum", "json"]}),
    ({"json": {"convention": "go"}}, "no encoding is json", {"encoding": "json", "json": {"convention": "go"}}),
    (
        {"encoding": "confluent", "envelope": {"kind": "headrace"}},
        "in Headrace's own envelope",
        {"encoding": "confluent", "envelope": {"kind": "cloudevents"}},
    ),
    ({"envelope": {"kind": "kafka"}}, "envelope.kind: not one of", {"envelope": {"kind": "cloudevents"}}),
    ({"envelope": {"kind": "attributes"}}, "no id of its own", {"envelope": PLAIN}),
    ({"envelope": {**PLAIN, "id": {}}}, "not one way to make an id", {"envelope": PLAIN}),
    ({"envelope": {**PLAIN, "id": {"header": "x"}}}, "not a way", {"envelope": {**PLAIN, "id": {"attribute": "x"}}}),
    (
        {"envelope": {**PLAIN, "id": {"attributes": []}}},
        "an empty list",
        {"envelope": {**PLAIN, "id": {"attributes": ["a", "b"]}}},
    ),
    ({"envelope": {**PLAIN, "version": 0}}, "envelope.version", {"envelope": {**PLAIN, "version": 1}}),
    ({"envelope": {**PLAIN, "version": "schema_id"}}, "no header with one", {"envelope": {**PLAIN, "version": 1}}),
    ({"envelope": {"kind": "headrace", "type": "x"}}, "unknown annotation", {"envelope": {"kind": "headrace"}}),
    ({"schema_ids": [1, 1]}, "different whole numbers", {"schema_ids": [1, 2]}),
    ({"schema_ids": [-1]}, "different whole numbers", {"schema_ids": [0]}),
    ({"schema_ids": ["x"]}, "different whole numbers", {"schema_ids": [GUID]}),
    ({"fingerprints": ["8c87"]}, "16 hexadecimal digits", {"fingerprints": ["8c878e1ff8f89386"]}),
    ({"revisions": ["A/B"]}, "different revision ids", {"revisions": ["f47c8c56"]}),
]


@pytest.mark.parametrize(("wrong", "why", "good"), WRONG, ids=[str(wrong) for wrong, _, _ in WRONG])
def test_a_wrong_annotation_is_refused_and_accepted_once_its_remedy_is_followed(
    wrong: dict[str, Any], why: str, good: dict[str, Any]
) -> None:
    with pytest.raises(ContractError, match=why):
        foreign(**wrong)
    foreign(**good)


def registry(*contracts: Contract) -> Registry:
    return Registry({each.ref: each for each in contracts})


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({}, {}, "missing, and the subject has several versions"),
        ({}, {"envelope": {**PLAIN, "version": 3}}, "a version that is not here; write one of 1, 2"),
        ({}, {"envelope": {**PLAIN, "version": "revision"}}, "no version names one"),
        ({"schema_ids": [7]}, {"schema_ids": [7], "encoding": "confluent"}, "schema_ids: a name of v1 too"),
        (
            {"revisions": ["a1"]},
            {"revisions": ["a1"], "envelope": {**PLAIN, "version": "revision"}},
            "revisions: a name of v1 too",
        ),
    ],
)
def test_versions_that_contradict_each_other_are_refused(
    first: dict[str, Any], second: dict[str, Any], why: str
) -> None:
    with pytest.raises(ContractError, match=why):
        registry(foreign(**first), foreign(version=2, **second))


def test_a_subject_whose_versions_contradict_each_other_blocks_no_other() -> None:
    other = a_contract(subject="other_happened", table="others")

    faults = [foreign(), foreign(version=2)]

    assert registry(other).subjects == ("other_happened",)
    with pytest.raises(ContractError, match="several versions"):
        registry(other, *faults)


def test_every_name_of_a_version_is_known() -> None:
    one = foreign(encoding="single-object", fingerprints=["0011223344556677"], schema_ids=[6, GUID], revisions=["a1"])
    two = foreign(("more", "int", {"default": 0}), version=2, encoding="single-object", schema_ids=[7])

    known = KnownSchemas.of([one, two])

    assert known.schema_ids == {6: 1, bytes.fromhex(GUID.replace("-", "")): 1, 7: 2}
    assert known.revisions == {"a1": 1}
    assert known.fingerprints == {
        bytes.fromhex("0011223344556677"): 1,
        avro_fingerprint(json.loads(one.json)): 1,
        avro_fingerprint(json.loads(two.json)): 2,
    }


@pytest.mark.parametrize(
    ("encoding", "ids", "has_registry", "good"),
    [
        ("datum", [], False, True),
        ("single-object", [], False, True),
        ("confluent", [], False, False),
        ("confluent", [7], False, True),
        ("confluent", [], True, True),
        ({"kind": "apicurio", "ids": "global"}, [], False, False),
        ("glue", [], True, False),
        ("glue", [GUID], False, True),
    ],
    ids=str,
)
def test_ids_in_headers_can_be_known(encoding: Any, ids: list[Any], has_registry: bool, good: bool) -> None:
    contract = foreign(encoding=encoding, schema_ids=ids)

    if good:
        lint_ids([contract], has_registry)
    else:
        with pytest.raises(ContractError, match="no version lists one; list the ids of each version"):
            lint_ids([contract], has_registry)

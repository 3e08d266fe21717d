"""Messages of other clients: each is the row that its client meant, or is refused, in both decoders."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from headrace.core.dead_letter import Reason
from headrace.steps.decode.decode_messages import Decoder, decode
from tests.support.foreign_messages import PUBLISHED, Sample, as_expected, foreign_registry, only, samples
from tests.support.readers import KINDS, columns_of

ATTRIBUTES = {"kind": "attributes", "id": "message_id"}
KAFKA = {"kind": "attributes", "id": {"attributes": ["kafka.topic", "kafka.partition", "kafka.offset"]}}
ORDERS, READINGS = "order_placed", "sensor_reading"


@pytest.fixture(params=KINDS)
def _decoder_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.steps.decode.decode_messages.columns_for", partial(columns_of, request.param))


def ids(*of_versions: int) -> dict[int, dict[str, Any]]:
    return {version: {"schema_ids": [each]} for version, each in enumerate(of_versions, 1)}


def a_json(convention: str) -> dict[str, Any]:
    return {"encoding": "json", "json": {"convention": convention}}


WRITTEN = [
    ("confluent-python", ORDERS, {"encoding": "confluent", "envelope": KAFKA}, ids(6, 7)),
    ("confluent-node-kafkajs", ORDERS, {"encoding": "confluent", "envelope": ATTRIBUTES}, ids(16, 7)),
    ("confluent-node-kafkajs", READINGS, {"encoding": "confluent", "envelope": ATTRIBUTES}, ids(18)),
    (
        "apicurio-8byte",
        ORDERS,
        {"encoding": {"kind": "apicurio", "id_bytes": 8, "ids": "global"}, "envelope": ATTRIBUTES},
        ids(21, 22),
    ),
    (
        "apicurio-8byte",
        READINGS,
        {"encoding": {"kind": "apicurio", "id_bytes": 8, "ids": "global"}, "envelope": ATTRIBUTES},
        ids(23),
    ),
    (
        "apicurio-4byte-contentid",
        ORDERS,
        {"encoding": {"kind": "apicurio", "ids": "content"}, "envelope": ATTRIBUTES},
        ids(21, 22),
    ),
    (
        "apicurio-4byte-contentid",
        READINGS,
        {"encoding": {"kind": "apicurio", "ids": "content"}, "envelope": ATTRIBUTES},
        ids(24),
    ),
    ("single-object-java", ORDERS, {"encoding": "single-object", "envelope": ATTRIBUTES}, {}),
    ("single-object-java", READINGS, {"encoding": "single-object", "envelope": ATTRIBUTES}, {}),
    (
        "pubsub-schema-stamped",
        ORDERS,
        {"encoding": "datum", "envelope": {**ATTRIBUTES, "version": "revision"}},
        {1: {"revisions": ["f47c8c56"]}, 2: {"revisions": ["25136746"]}},
    ),
    *(
        (
            "pubsub-schema-json-java",
            subject,
            {"encoding": "avro-json", "envelope": {**ATTRIBUTES, "version": "revision"}},
            {1: {"revisions": ["0a1b2c31"]}},
        )
        for subject in (ORDERS, READINGS)
    ),
    ("json-jackson", ORDERS, {**a_json("jackson"), "envelope": {**ATTRIBUTES, "version": 1}}, {}),
    ("json-go", READINGS, {**a_json("go"), "envelope": ATTRIBUTES}, {}),
]
CLOUDEVENTS = {"encoding": ["datum", "json"], "json": {"convention": "strict", "unknown_keys": "ignore"}}


@pytest.mark.usefixtures("_decoder_kind")
@pytest.mark.parametrize(("file", "subject", "rules", "by_version"), WRITTEN)
def test_each_message_is_the_row_that_its_client_meant(
    file: str, subject: str, rules: Mapping[str, Any], by_version: Mapping[int, Mapping[str, Any]]
) -> None:
    given = [*samples(file, subject)]
    assert given

    assert_rows(given, Decoder(foreign_registry(subject, rules, by_version), subject))


@pytest.mark.usefixtures("_decoder_kind")
@pytest.mark.parametrize(
    ("file", "mode", "kind"),
    [
        ("cloudevents-go", "binary", "cloudevents"),
        ("cloudevents-go", "structured", "cloudevents-structured"),
        ("cloudevents-node", "http-binary", "cloudevents"),
        ("cloudevents-node", "kafka-binary", "cloudevents"),
        ("cloudevents-node", "http-structured", "cloudevents"),
    ],
)
def test_a_cloudevent_is_the_event_that_the_sdk_wrote(file: str, mode: str, kind: str) -> None:
    given = [each for each in samples(file, ORDERS) if each.note.startswith(mode)]
    assert given
    decoder = Decoder(foreign_registry(ORDERS, {**CLOUDEVENTS, "envelope": {"kind": kind, "version": 1}}), ORDERS)

    rows = assert_rows(given, decoder)

    assert [row["_event_id"] for row in rows] == [each.envelope["id"] for each in given]
    assert [row["_source"] for row in rows] == [each.envelope["source"] for each in given]


@pytest.mark.usefixtures("_decoder_kind")
def test_what_is_no_avro_of_the_subject_is_refused() -> None:
    registry = foreign_registry(ORDERS, {"encoding": "confluent", "envelope": ATTRIBUTES}, ids(6, 7))
    messages = [each.message for each in samples("confluent-not-avro", ORDERS)]

    decoded = decode(messages, Decoder(registry, ORDERS), PUBLISHED)

    assert decoded.batch is None
    assert [each.index for each in decoded.refusals] == [*range(len(messages))]
    reasons = {bool(message.data): each.reason for message, each in zip(messages, decoded.refusals, strict=True)}
    assert reasons == {True: Reason.UNKNOWN_SCHEMA, False: Reason.UNDECODABLE_PAYLOAD}


def assert_rows(given: list[Sample], decoder: Decoder) -> list[dict[str, Any]]:
    decoded = decode([each.message for each in given], decoder, PUBLISHED)

    assert decoded.refusals == []
    assert decoded.batch is not None
    rows: list[dict[str, Any]] = decoded.batch.rows.to_pylist()
    assert len(rows) == len(given)
    for sample, row in zip(given, rows, strict=True):
        found = as_expected(decoder.contract.record, row)
        assert only(sample.expect, found) == sample.expect
        assert f"v{row['_schema_version']}" in str(sample.schema)
    return rows

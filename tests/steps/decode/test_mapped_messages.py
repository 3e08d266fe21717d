"""Messages of other clients by declared rules: ids, versions, sources and times; refusals name what is wrong."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.core.outcome import Outcome
from headrace.core.tally import add_up
from headrace.schemas.envelope import Envelope, from_micros, to_micros
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import Decoder, decode, tally_decoded
from tests.support.builders import MOMENT, a_contract, encode

KAFKA = {"attributes": ["kafka.topic", "kafka.partition", "kafka.offset"]}
PUBLISHED = to_micros(MOMENT) + 7
NEW = ("more", ["null", "string"], {"default": None})


def attributes_contract(*fields: Any, version: int = 1, **annotations: Any) -> Contract:
    envelope = {"kind": "attributes", "id": "message_id", **annotations.pop("envelope", {})}
    return a_contract(*fields, version=version, envelope=envelope, **annotations)


def a_message(data: bytes, attributes: Mapping[str, str] | None = None, message_id: str = "m-1") -> Message:
    return Message("thing_happened", data, attributes or {}, message_id, PUBLISHED)


def read(messages: list[Message], *contracts: Contract) -> Any:
    registry = Registry({each.ref: each for each in contracts})
    return decode(messages, Decoder(registry, contracts[-1].subject), PUBLISHED)


def row(message: Message, *contracts: Contract) -> dict[str, Any]:
    decoded = read([message], *contracts)
    assert decoded.refusals == []
    found: dict[str, Any] = decoded.batch.rows.to_pylist()[0]
    return found


def refusal(message: Message, *contracts: Contract) -> tuple[Reason, str]:
    decoded = read([message], *contracts)
    assert decoded.batch is None
    return decoded.refusals[0].reason, decoded.refusals[0].detail


def an_event(contract: Contract, **fields: Any) -> bytes:
    return encode(contract, {"at": MOMENT, **fields})


# ids


def test_the_id_is_the_message_id() -> None:
    contract = attributes_contract()

    assert row(a_message(an_event(contract), message_id="77"), contract)["_event_id"] == "77"


def test_the_id_is_made_of_several_attributes_and_never_of_others() -> None:
    contract = attributes_contract(envelope={"id": {"attributes": ["a", "b"]}})

    ids = [
        row(a_message(an_event(contract), {"a": a, "b": b}), contract)["_event_id"]
        for a, b in [("orders", "0"), ("o:0", "1"), ("o", "0:1"), ("o%3A0", "1")]
    ]

    assert ids[0] == "orders:0"
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        ({"a": "x"}, "b is missing"),
        ({"a": "x", "b": ""}, "b is empty"),
        ({"a": "\ud800", "b": "x"}, "a holds half a character"),
        ({"a": "x" * 1025, "b": "x"}, "a is longer than 1024 bytes"),
        ({"a": "x" * 600, "b": "x" * 600}, "a is longer than 1024 bytes"),
    ],
)
def test_a_message_without_its_id_is_refused(attributes: dict[str, str], detail: str) -> None:
    contract = attributes_contract(envelope={"id": {"attributes": ["a", "b"]}})

    assert refusal(a_message(an_event(contract), attributes), contract) == (Reason.MALFORMED_ENVELOPE, detail)


# versions


def two_versions(**second: Any) -> tuple[Contract, Contract]:
    envelope = second.pop("envelope", {})
    first = attributes_contract(revisions=["a1"], schema_ids=[6])
    return first, attributes_contract(NEW, version=2, revisions=["b2"], schema_ids=[7], envelope=envelope, **second)


@pytest.mark.parametrize("version", [1, 2])
def test_an_attribute_says_the_version(version: int) -> None:
    contracts = two_versions(envelope={"version": {"attribute": "v"}})

    found = row(a_message(an_event(contracts[version - 1]), {"v": str(version)}), *contracts)

    assert found["_schema_version"] == version


@pytest.mark.parametrize(
    ("attributes", "reason", "detail"),
    [
        ({}, Reason.MALFORMED_ENVELOPE, "v is missing"),
        ({"v": "one"}, Reason.MALFORMED_ENVELOPE, "v is not a whole number"),
        ({"v": "9" * 5000}, Reason.MALFORMED_ENVELOPE, "v is not a whole number"),
        ({"v": "3"}, Reason.UNKNOWN_SCHEMA, "no contract thing_happened.v3 here"),
    ],
)
def test_a_version_that_is_not_here_is_refused(attributes: dict[str, str], reason: Reason, detail: str) -> None:
    contracts = two_versions(envelope={"version": {"attribute": "v"}})

    assert refusal(a_message(an_event(contracts[0]), attributes), *contracts) == (reason, detail)


@pytest.mark.parametrize("version", [1, 2])
def test_the_schema_id_in_the_header_says_the_version(version: int) -> None:
    contracts = two_versions(encoding="confluent")
    header = b"\0\0\0\0" + bytes([5 + version])

    assert row(a_message(header + an_event(contracts[version - 1])), *contracts)["_schema_version"] == version


def test_an_id_of_another_schema_is_refused_also_where_the_version_is_fixed() -> None:
    contracts = two_versions(encoding="confluent", envelope={"version": 1})
    datum = an_event(contracts[0])

    assert row(a_message(b"\0\0\0\0\6" + datum), *contracts)["_schema_version"] == 1
    assert refusal(a_message(b"\0\0\0\0\7" + datum), *contracts) == (
        Reason.UNKNOWN_SCHEMA,
        "the schema id is that of v2, and the message says v1",
    )
    reason, detail = refusal(a_message(b"\0\0\0\0\x08" + datum), *contracts)
    assert (reason, detail.partition(";")[0]) == (Reason.UNKNOWN_SCHEMA, "the schema id is of no version here")


def test_the_offset_of_a_fault_counts_from_the_first_byte_of_the_header() -> None:
    contract = attributes_contract(("name", "string"), encoding="confluent", schema_ids=[6])

    assert refusal(a_message(b"\0\0\0\0\6\2\xff"), contract) == (
        Reason.UNDECODABLE_PAYLOAD,
        "name: not UTF-8 at byte 5",
    )


def test_an_attribute_holds_the_id_in_place_of_a_header() -> None:
    contract = attributes_contract(encoding={"kind": "confluent", "id_attribute": "schema"}, schema_ids=[6])

    assert row(a_message(an_event(contract), {"schema": "6"}), contract)["_schema_version"] == 1
    assert refusal(a_message(an_event(contract), {}), contract) == (Reason.MALFORMED_ENVELOPE, "schema is missing")


def revisions_contracts() -> tuple[Contract, Contract]:
    return two_versions(envelope={"version": "revision"})


@pytest.mark.parametrize("version", [1, 2])
def test_the_schema_revision_says_the_version(version: int) -> None:
    contracts = revisions_contracts()
    revision = {"googclient_schemarevisionid": ["a1", "b2"][version - 1]}

    assert row(a_message(an_event(contracts[version - 1]), revision), *contracts)["_schema_version"] == version


def test_a_revision_that_does_not_read_is_tried_against_the_others() -> None:
    contracts = revisions_contracts()
    stamped = {"googclient_schemarevisionid": "a1"}
    messages = [a_message(an_event(contracts[place]), stamped, f"m-{place}") for place in (1, 0)]

    decoded = read(messages, *contracts)

    assert decoded.refusals == []
    versions = {each["_event_id"]: each["_schema_version"] for each in decoded.batch.rows.to_pylist()}
    assert versions == {"m-1": 2, "m-0": 1}
    assert sorted(decoded.batch.notes.column("message").to_pylist()) == [0, 1]


def test_a_payload_that_no_revision_reads_is_refused_with_what_each_says() -> None:
    contracts = revisions_contracts()

    reason, detail = refusal(a_message(b"\xff", {"googclient_schemarevisionid": "a1"}), *contracts)

    assert reason is Reason.UNDECODABLE_PAYLOAD
    assert detail == (
        "no version reads it (v1: at: ends in the middle at byte 0; v2: more: no branch of its union at byte 0)"
    )


# times


def test_the_event_time_is_an_attribute() -> None:
    contract = attributes_contract(event_time={"attribute": "kafka.timestamp", "unit": "millis"})
    data = an_event(contract)

    found = row(a_message(data, {"kafka.timestamp": "1773500966535"}), contract)

    assert found["_event_time"] == from_micros(1_773_500_966_535_000)
    assert refusal(a_message(data, {"kafka.timestamp": "yesterday"}), contract) == (
        Reason.MALFORMED_ENVELOPE,
        "kafka.timestamp is not a whole number",
    )
    assert refusal(a_message(data), contract) == (Reason.MALFORMED_ENVELOPE, "kafka.timestamp is missing")


def test_the_event_time_is_the_first_publish_time() -> None:
    contract = attributes_contract(event_time="publish_time")
    replayed = {
        "headrace-replay-id": "0" * 20,
        "headrace-replay-count": "1",
        "headrace-replay-first-published": "2026-03-01T00:00:00Z",
    }

    assert row(a_message(an_event(contract)), contract)["_event_time"] == from_micros(PUBLISHED)
    found = row(a_message(an_event(contract), replayed), contract)
    assert found["_event_time"].isoformat() == "2026-03-01T00:00:00+00:00"


def test_a_field_that_is_null_falls_back() -> None:
    contract = attributes_contract(
        ("when", ["null", "long"], {"default": None}),
        event_time={"field": "when", "unit": "seconds", "fallback": {"attribute": "time", "fallback": "publish_time"}},
    )
    by_field, by_attribute = an_event(contract, when=1_773_500_966), an_event(contract, when=None)
    messages = [
        a_message(by_field, {"time": "nonsense"}, "field"),
        a_message(by_attribute, {"time": "2026-03-02T00:00:00+01:00"}, "attribute"),
        a_message(by_attribute, {}, "published"),
        a_message(by_attribute, {"time": "nonsense"}, "neither"),
        a_message(an_event(contract, when=2**60), {}, "no time"),
    ]

    decoded = read(messages, contract)

    times = {each["_event_id"]: each["_event_time"].isoformat() for each in decoded.batch.rows.to_pylist()}
    assert times == {
        "field": "2026-03-14T15:09:26+00:00",
        "attribute": "2026-03-01T23:00:00+00:00",
        "published": from_micros(PUBLISHED).isoformat(),
    }
    assert [(each.index, each.reason) for each in decoded.refusals] == [
        (3, Reason.MALFORMED_ENVELOPE),
        (4, Reason.UNDECODABLE_PAYLOAD),
    ]
    assert "when: outside the years 1 to 9999" in decoded.refusals[1].detail


# sources, native messages, tombstones


@pytest.mark.parametrize(
    ("envelope", "attributes", "source"),
    [
        ({}, {}, "unknown"),
        ({"source": "/legacy"}, {"kafka.topic": "orders"}, "/legacy"),
        ({"source": {"attribute": "kafka.topic"}}, {"kafka.topic": "orders"}, "orders"),
        ({"source": {"attribute": "kafka.topic"}}, {}, "unknown"),
    ],
)
def test_the_source_is_what_the_contract_says(
    envelope: dict[str, Any], attributes: dict[str, str], source: str
) -> None:
    contract = attributes_contract(envelope=envelope)

    assert row(a_message(an_event(contract), attributes), contract)["_source"] == source


def test_a_message_in_headraces_own_envelope_is_read_as_such() -> None:
    contract = attributes_contract(encoding="json", event_time={"attribute": "time"})
    attributes = Envelope("event-1", contract.ref, MOMENT, "/sdk").to_attributes()

    found = row(a_message(an_event(contract), attributes), contract)

    assert (found["_event_id"], found["_source"], found["_event_time"]) == ("event-1", "/sdk", MOMENT)


def test_an_empty_payload_is_refused_or_left_out_as_the_contract_says() -> None:
    refusing, leaving = attributes_contract(), attributes_contract(envelope={"empty": "drop"})
    messages = [a_message(b"", {}, "empty"), a_message(an_event(leaving), {}, "full")]

    why = 'an empty payload; write "empty": "drop" in the envelope of the newest contract to drop these'
    assert refusal(messages[0], refusing) == (Reason.UNDECODABLE_PAYLOAD, why)
    decoded = read(messages, leaving)

    assert (decoded.refusals, decoded.dropped) == ([], {0})
    assert decoded.batch.rows.column("_event_id").to_pylist() == ["full"]
    counts = add_up(tally_decoded(messages, decoded, timedelta(minutes=1))).counts.to_pylist()
    assert {(each["outcome"], each["events"]) for each in counts} == {(Outcome.RECEIVED, 2), (Outcome.DROPPED, 1)}


def test_one_type_of_a_topic_belongs_to_the_subject() -> None:
    contract = a_contract(envelope={"kind": "cloudevents", "type": "com.acme.ThingHappened"})
    attributes = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "com.acme.ThingHappened"}
    data = an_event(contract)

    assert row(a_message(data, attributes), contract)["_event_id"] == "1"
    assert refusal(a_message(data, {**attributes, "ce-type": "com.acme.Other"}), contract) == (
        Reason.MALFORMED_ENVELOPE,
        "ce-type is not the type that the contract states",
    )


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"specversion": "0.3"}, "ce-specversion is not 1.0"),
        ({"specversion": None}, "ce-specversion is missing"),
        ({"id": ""}, "ce-id is empty"),
        ({"type": None}, "ce-type is missing"),
        ({"source": None}, "ce-source is missing"),
        ({"id": 7}, "ce-id is missing"),
    ],
)
@pytest.mark.parametrize("structured", [False, True])
def test_a_cloudevent_without_its_context_is_refused(structured: bool, change: dict[str, Any], detail: str) -> None:
    kind = "cloudevents-structured" if structured else "cloudevents"
    contract = a_contract(envelope=kind, encoding="json")
    context = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", **change}
    given = {name: value for name, value in context.items() if value is not None}
    if structured:
        message = a_message(json.dumps({**given, "data": {"at": "2026-03-14T15:09:26Z"}}).encode())
    else:
        texts = {f"ce-{name}": value for name, value in given.items() if isinstance(value, str)}
        message = a_message(b'{"at":"2026-03-14T15:09:26Z"}', texts)

    assert refusal(message, contract) == (Reason.MALFORMED_ENVELOPE, detail)


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b"[]", "not a JSON object, as an event in structured mode is"),
        (b'{"id":"1","id":"2"}', "JSON with the same key twice in one object"),
        (b"\xff", "not UTF-8"),
        (b'{"data":1,"data_base64":"QQ=="}', "data: data and data_base64 in one event"),
        (b'{"data_base64":"Q"}', "data_base64: not text in base64"),
        (b'{"data_base64":7}', "data_base64: not text in base64"),
        (b'{"data_base64":1234}', "data_base64: not text in base64"),
        (b'{"specversion":"1.0","id":"1","source":"/s","type":"t"}', "an empty payload"),
    ],
)
def test_a_structured_event_that_is_no_event_is_refused(payload: bytes, detail: str) -> None:
    contract = a_contract(envelope="cloudevents-structured")

    assert refusal(a_message(payload), contract) == (Reason.UNDECODABLE_PAYLOAD, detail)


def test_a_structured_event_keeps_every_digit_of_its_data() -> None:
    contract = a_contract(
        ("total", {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 12}),
        envelope="cloudevents-structured",
        encoding="json",
    )
    data = '{"total": 123456789012345678.123456789012 , "at":"2026-03-14T15:09:26Z"}'
    event = f'\ufeff {{"specversion":"1.0" ,"id":"1","source":"/s","data": {data} ,"type":"t"}} '

    assert str(row(a_message(event.encode()), contract)["total"]) == "123456789012345678.123456789012"


@pytest.mark.parametrize(("value", "text"), [(5, "5"), (-2147483648, "-2147483648"), (True, "true"), ("x", "x")])
def test_an_extension_of_a_structured_event_is_the_text_that_binary_mode_has(value: Any, text: str) -> None:
    contract = a_contract(
        envelope="cloudevents-structured",
        encoding="json",
        metadata={"sequence": {"attribute": "ce-sequence", "pii": "none"}},
    )
    context = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "sequence": value}
    event = json.dumps({**context, "data": {"at": "2026-03-14T15:09:26Z"}})

    assert row(a_message(event.encode()), contract)["sequence"] == text


@pytest.mark.parametrize("attributes", [{}, {"Content-Type": "application/cloudevents+json"}])
def test_the_data_of_a_structured_event_has_its_own_content_type(attributes: dict[str, str]) -> None:
    contract = a_contract(envelope="cloudevents-structured", encoding=["datum", "json"])
    context = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
    datum = {"datacontenttype": "application/avro", "data_base64": b64encode(an_event(contract)).decode()}

    for data in (datum, {"data": {"at": MOMENT.isoformat()}}):  # data without a content type is JSON
        assert row(a_message(json.dumps({**context, **data}).encode(), attributes), contract)["at"] == MOMENT


def test_one_event_by_two_bindings_has_one_id() -> None:
    contract = a_contract(envelope={"kind": "cloudevents", "percent_encoded": True}, encoding="json")
    context = {"specversion": "1.0", "source": "/s", "type": "t"}
    body = '{"at":"2026-03-14T15:09:26Z"}'
    binary = {**{f"ce-{name}": value for name, value in context.items()}, "ce-id": "a%20b%C3%BC%25"}
    structured = json.dumps({**context, "id": "a bü%", "data": json.loads(body)})

    ids = [
        row(a_message(body.encode(), binary), contract)["_event_id"],
        row(a_message(structured.encode(), {"Content-Type": "application/cloudevents+json; charset=UTF-8"}), contract)[
            "_event_id"
        ],
    ]

    assert ids == ["a bü%"] * 2


def test_a_content_type_that_names_none_of_the_encodings_is_refused() -> None:
    contract = attributes_contract(encoding=["datum", "json"])
    data = an_event(contract)

    assert row(a_message(data, {"Content-Type": "Application/Avro; x=1"}), contract)["at"] == MOMENT
    for attributes in ({}, {"content-type": "text/plain"}):
        assert refusal(a_message(data, attributes), contract) == (
            Reason.MALFORMED_ENVELOPE,
            "content-type names none of the encodings that the contract states",
        )


# a batch


@given(st.lists(st.tuples(st.sampled_from([6, 7, 8]), st.booleans()), min_size=1, max_size=12))
def test_a_batch_is_read_as_its_messages_are_one_by_one(parts: list[tuple[int, bool]]) -> None:
    contracts = two_versions(encoding="confluent")
    data = [
        b"\0\0\0\0" + bytes([number]) + an_event(contracts[number == 7])[: -1 if cut else None] for number, cut in parts
    ]
    messages = [a_message(each, message_id=f"m-{index}") for index, each in enumerate(data)]

    decoded = read(messages, *contracts)

    alone = [read([message], *contracts) for message in messages]
    rows = [row for each in alone if each.batch is not None for row in each.batch.rows.to_pylist()]
    assert (decoded.batch.rows.to_pylist() if decoded.batch is not None else []) == rows
    assert [(each.index, each.detail) for each in decoded.refusals] == [
        (index, refused.detail) for index, each in enumerate(alone) for refused in each.refusals
    ]

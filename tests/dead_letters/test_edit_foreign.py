"""Refused messages of other clients, edited: the event is written natively, under its own id, time and source."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.dead_letters.differences import differences
from headrace.dead_letters.edit_event import LetterChange, edit_event
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.merge_patch import EditError
from headrace.dead_letters.outgoing import attributes_to_send
from headrace.dead_letters.readable_event import readable_as
from headrace.dead_letters.replay_forecast import Forecast, Forecaster
from headrace.dead_letters.replay_requests import to_message
from headrace.schemas.envelope import SchemaRef, to_micros
from headrace.schemas.registry import Registry
from headrace.steps.decode.decode_messages import Decoder, decode
from tests.support.builders import MOMENT
from tests.support.foreign_messages import foreign_registry, samples
from tests.support.foreign_orders import (
    CONFLUENT,
    KAFKA,
    OFFSET,
    SECRET,
    SUBJECT,
    a_datum,
    an_order_contract,
    confluent_orders,
    framed,
    orders,
)
from tests.support.letters import a_letter

LATER = MOMENT + timedelta(days=1)
KEY = {"key": "customer-7", "content-encoding": "identity", "Content-Type": "application/octet-stream"}


def a_foreign_letter(data: bytes, attributes: Mapping[str, str] = OFFSET, **changes: Any) -> Letter:
    changes = {"first_published_at": MOMENT, "published_at": LATER} | changes
    return a_letter("m2", an_order_contract(), data=data, attributes=attributes, first_message_id="m1", **changes)


def received(letter: Letter, message_id: str = "m3") -> Message:
    """The message that the job receives when *letter* is replayed."""
    sent = to_message(letter)
    return Message(letter.subject, sent.data, dict(sent.attributes), message_id, to_micros(LATER))


def row_of(letter: Letter, registry: Registry) -> dict[str, Any]:
    decoded = decode([received(letter)], Decoder(registry, letter.subject), 0)
    assert decoded.refusals == []
    assert decoded.batch is not None
    (row,) = decoded.batch.rows.to_pylist()
    return dict(row)


def patched(letter: Letter, registry: Registry, **patch: Any) -> Letter:
    return edit_event(letter, LetterChange(patch=patch), registry).letter


def test_a_patched_event_is_written_natively_under_its_own_id() -> None:
    registry = confluent_orders()
    letter = a_foreign_letter(framed(a_datum()), {**OFFSET, **KEY})
    before = row_of(letter, registry)

    edited = patched(letter, registry, code="B-2")

    assert edited.data == a_datum(code="B-2")
    assert dict(edited.attributes) == {
        **OFFSET,
        "key": "customer-7",
        "ce-specversion": "1.0",
        "ce-id": "orders:3:17",
        "ce-type": SUBJECT,
        "ce-time": "2026-03-14T15:09:26.535000Z",
        "ce-source": "unknown",
        "ce-dataschema": "headrace:order_placed:1",
        "content-type": "application/avro",
    }
    after = row_of(edited, registry)
    assert after == before | {"code": "B-2"}
    assert (after["_event_id"], after["email"]) == ("orders:3:17", SECRET)


def test_an_edit_of_an_edit_stays_native() -> None:
    registry = confluent_orders()
    once = patched(a_foreign_letter(framed(a_datum())), registry, code="B-2")
    twice = patched(once, registry, code="C-3")
    assert dict(twice.attributes) == dict(once.attributes)
    assert row_of(twice, registry)["code"] == "C-3"


def test_a_change_of_attributes_keeps_the_foreign_form() -> None:
    registry = confluent_orders()
    letter = a_foreign_letter(framed(a_datum()), {"kafka.topic": "orders", "kafka.partition": "3"})
    with pytest.raises(EditError, match=r"malformed_envelope: kafka.offset is missing"):
        edit_event(letter, LetterChange(set_attributes={"note": "seen"}), registry)

    edited = edit_event(letter, LetterChange(set_attributes={"kafka.offset": "17"}), registry)

    assert (edited.letter.data, dict(edited.letter.attributes)) == (letter.data, OFFSET)
    assert row_of(edited.letter, registry)["_event_id"] == "orders:3:17"
    assert [each.what for each in differences(letter, edited)] == ["attribute kafka.offset"]


def test_an_attribute_and_the_event_are_changed_in_one_edit() -> None:
    registry = confluent_orders()
    change = LetterChange(patch={"code": "B-2"}, set_attributes={"kafka.offset": "18"})
    edited = edit_event(a_foreign_letter(framed(a_datum())), change, registry).letter
    assert (row_of(edited, registry)["_event_id"], edited.attributes["kafka.offset"]) == ("orders:3:18", "18")


def test_an_attribute_that_the_contract_does_not_read_is_not_set_in_vain() -> None:
    registry = orders(
        {1: {"schema_ids": [7]}}, encoding="confluent", envelope={**KAFKA, "source": {"attribute": "kafka.topic"}}
    )
    letter = a_foreign_letter(framed(a_datum()))
    for name in ("ce-id", "ce-source"):
        with pytest.raises(EditError, match=rf"^{name}: the contract does not take it from this attribute; .*--as"):
            edit_event(letter, LetterChange(set_attributes={name: "mine"}), registry)
    change = LetterChange(set_attributes={"ce-id": "mine"}, read_as=SchemaRef(SUBJECT, 1))
    assert row_of(edit_event(letter, change, registry).letter, registry)["_event_id"] == "mine"
    events = orders(encoding="datum", envelope={"kind": "cloudevents", "version": 1})
    context = {"ce-specversion": "1.0", "ce-id": "e-1", "ce-type": "order", "ce-source": "/shop"}
    edited = edit_event(a_foreign_letter(a_datum(), context), LetterChange(set_attributes={"ce-id": "mine"}), events)
    assert row_of(edited.letter, events)["_event_id"] == "mine"
    assert "ce-dataschema" not in edited.letter.attributes


def test_an_unchanged_letter_is_sent_as_it_came() -> None:
    letter = a_foreign_letter(framed(a_datum()), {**OFFSET, **KEY})
    assert to_message(letter).data == letter.data
    sent = attributes_to_send(letter)
    assert {name: value for name, value in sent.items() if not name.startswith("headrace-replay-")} == letter.attributes
    with pytest.raises(EditError, match="nothing is changed"):
        edit_event(letter, LetterChange(patch={"code": "A-1"}), confluent_orders())


@pytest.mark.parametrize("edit", [False, True])
def test_the_id_of_a_replay_is_that_of_the_message_that_was_published_first(edit: bool) -> None:
    registry = orders(
        {1: {"schema_ids": [7]}}, encoding="confluent", envelope={"kind": "attributes", "id": "message_id"}
    )
    letter = a_foreign_letter(framed(a_datum()), {})
    letter = patched(letter, registry, code="B-2") if edit else letter
    assert row_of(letter, registry)["_event_id"] == "m1"


@pytest.mark.parametrize("edit", [False, True])
def test_the_publish_time_of_a_replay_is_the_first_one(edit: bool) -> None:
    registry = orders({1: {"schema_ids": [7]}}, event_time="publish_time", **CONFLUENT)
    letter = a_foreign_letter(framed(a_datum()), first_published_at=MOMENT)
    letter = patched(letter, registry, code="B-2") if edit else letter
    assert row_of(letter, registry)["_event_time"] == MOMENT


@pytest.mark.parametrize("edit", [False, True])
def test_the_time_of_an_attribute_is_the_time_of_the_edited_event(edit: bool) -> None:
    rule = {"attribute": "kafka.timestamp", "unit": "millis"}
    registry = orders({1: {"schema_ids": [7]}}, event_time=rule, **CONFLUENT)
    letter = a_foreign_letter(framed(a_datum()), {**OFFSET, "kafka.timestamp": str(to_micros(MOMENT) // 1000)})
    letter = patched(letter, registry, code="B-2") if edit else letter
    assert row_of(letter, registry)["_event_time"] == MOMENT


def test_the_source_is_the_one_that_the_rule_gives() -> None:
    envelope = {**KAFKA, "source": {"attribute": "kafka.topic"}}
    registry = orders({1: {"schema_ids": [7]}}, encoding="confluent", envelope=envelope)
    edited = patched(a_foreign_letter(framed(a_datum())), registry, code="B-2")
    assert row_of(edited, registry)["_source"] == "orders"


def test_as_writes_the_datum_without_its_header() -> None:
    registry = confluent_orders()
    letter = a_foreign_letter(framed(a_datum(2), 99))
    edited = edit_event(letter, LetterChange(read_as=SchemaRef(SUBJECT, 2)), registry)
    assert edited.letter.data == a_datum(2)
    assert not edited.sure
    row = row_of(edited.letter, registry)
    assert (row["amount"], row["_schema_version"], row["_event_id"]) == (5, 2, "orders:3:17")


def test_a_compressed_payload_is_edited_as_what_is_in_it() -> None:
    encoding = {"kind": "confluent", "compression": "content-encoding"}
    registry = orders({1: {"schema_ids": [7]}}, encoding=encoding, envelope=KAFKA)
    letter = a_foreign_letter(gzip.compress(framed(a_datum())), {**OFFSET, "content-encoding": "gzip"})
    edited = patched(letter, registry, code="B-2")
    assert "content-encoding" not in edited.attributes
    assert row_of(edited, registry)["code"] == "B-2"


@pytest.mark.parametrize("structured", [True, False])
def test_an_event_of_cloudevents_keeps_its_id_its_source_and_its_other_attributes(structured: bool) -> None:
    kind = "cloudevents-structured" if structured else "cloudevents"
    registry = orders(encoding="datum", envelope={"kind": kind, "version": 1})
    context = {"specversion": "1.0", "id": "e-1", "type": "com.example.order", "source": "/shop", "partitionkey": "7"}
    event = {**context, "data_base64": base64.b64encode(a_datum()).decode()}
    letter = (
        a_foreign_letter(json.dumps(event).encode(), {})
        if structured
        else a_foreign_letter(a_datum(), {f"ce_{name}": value for name, value in context.items()})
    )
    edited = patched(letter, registry, code="B-2")
    row = row_of(edited, registry)
    assert (row["code"], row["_event_id"], row["_source"]) == ("B-2", "e-1", "/shop")
    assert (edited.attributes.get("ce_partitionkey") == "7") is not structured


def test_a_payload_that_nothing_reads_is_replaced_as_a_whole() -> None:
    registry = confluent_orders()
    letter = a_foreign_letter(a_datum())
    with pytest.raises(EditError, match=r"does not begin with the header .* --payload") as refused:
        readable_as(letter, registry)
    assert SECRET not in str(refused.value)
    event = {"code": "A-1", "email": SECRET, "amount": 9, "at": "2026-03-14T15:09:26Z"}
    edited = edit_event(letter, LetterChange(payload=event), registry)
    assert edited.before is None
    row = row_of(edited.letter, registry)
    assert (row["amount"], row["_event_id"]) == (9, "orders:3:17")


def test_an_id_that_no_rule_gives_is_asked_for() -> None:
    registry = orders(
        {1: {"schema_ids": [7]}}, encoding="confluent", envelope={"kind": "attributes", "id": {"attribute": "id"}}
    )
    letter = a_foreign_letter(framed(a_datum()), {})
    with pytest.raises(EditError, match=r"malformed_envelope: ce-id is missing"):
        edit_event(letter, LetterChange(patch={"code": "B-2"}), registry)
    given = LetterChange(patch={"code": "B-2"}, set_attributes={"ce-id": "o-1"})
    assert row_of(edit_event(letter, given, registry).letter, registry)["_event_id"] == "o-1"


def test_a_wrong_value_behind_a_header_is_patched_where_all_others_can_be_read() -> None:
    wrong = framed(a_datum()).replace(b"A-1", b"\xff\xfe\xfd")
    letter = a_foreign_letter(wrong)
    with pytest.raises(EditError, match=r"code: cannot be read; give a value"):
        patched(letter, confluent_orders(), email="eve@example.com")
    assert row_of(patched(letter, confluent_orders(), code="B-2"), confluent_orders())["code"] == "B-2"


def test_a_stamped_message_is_forecast_with_the_stamp_that_pubsub_sets_again() -> None:
    envelope = {**KAFKA, "version": "revision"}
    registry = orders({1: {"revisions": ["f47c8c56"]}}, encoding="datum", envelope=envelope)
    stamped = {**OFFSET, "googclient_schemarevisionid": "f47c8c56"}
    letter = a_foreign_letter(a_datum(), stamped, reason=Reason.UNKNOWN_SCHEMA)
    (found,) = Forecaster(registry).forecast([letter])
    assert found.forecast is Forecast.PASSES
    assert "googclient_schemarevisionid" not in attributes_to_send(letter)


def test_a_foreign_letter_is_forecast_by_the_rules_of_its_contract() -> None:
    letters = [
        a_foreign_letter(framed(a_datum())),
        a_foreign_letter(framed(a_datum(), 99)),
        a_foreign_letter(a_datum()),
        a_foreign_letter(framed(a_datum()), {}),
        a_foreign_letter(framed(a_datum(at=MOMENT + timedelta(days=2)))),
    ]
    found = Forecaster(confluent_orders()).forecast(letters)
    assert [each.reason for each in found] == [
        "",
        "unknown_schema",
        "undecodable_payload",
        "malformed_envelope",
        "in_the_future",
    ]


@pytest.mark.parametrize(
    ("file", "encoding", "ids"),
    [
        ("confluent-node-kafkajs", "confluent", {1: {"schema_ids": [18]}}),
        ("apicurio-8byte", {"kind": "apicurio", "id_bytes": 8, "ids": "global"}, {1: {"schema_ids": [23]}}),
        ("single-object-java", "single-object", {}),
    ],
)
def test_messages_of_real_clients_are_the_same_rows_after_an_edit(
    file: str, encoding: Any, ids: Mapping[int, Any]
) -> None:
    rules = {"encoding": encoding, "envelope": {"kind": "attributes", "id": "message_id"}}
    registry = foreign_registry("sensor_reading", rules, ids)
    for each in samples(file, "sensor_reading"):
        message = each.message
        letter = replace(
            a_foreign_letter(message.data, message.attributes), subject="sensor_reading", first_message_id=""
        )
        before = row_of(letter, registry)
        edited = patched(letter, registry, sequence=before["sequence"] // 2 + 1)
        after = row_of(edited, registry)
        assert repr(after) == repr(before | {"sequence": before["sequence"] // 2 + 1})

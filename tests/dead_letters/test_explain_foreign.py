"""How refused messages of other clients are explained: the rule, the byte, the setting, and nothing personal."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.dead_letter import Reason
from headrace.dead_letters.edit_event import LetterChange, edit_event
from headrace.dead_letters.explain import explain
from headrace.dead_letters.explanation import Explanation
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.merge_patch import EditError
from headrace.dead_letters.open_attributes import open_attributes
from headrace.dead_letters.replay_forecast import Forecaster
from headrace.schemas.registry import Registry
from tests.support.builders import MOMENT, a_contract, encode
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
from tests.support.strategies import FIXED_PROFILE

ATTRIBUTES = {"kind": "attributes", "id": "message_id"}
READINGS = "sensor_reading"


def explained(
    data: bytes, attributes: Mapping[str, str] = OFFSET, registry: Registry | None = None, **more: Any
) -> Explanation:
    found = explain(registry or confluent_orders(), SUBJECT, attributes, data, **more)
    assert more or SECRET not in json.dumps(found.to_json())
    return found


def values(found: Explanation) -> dict[str, Any]:
    return {each.path: each.value for each in found.fields}


def test_a_good_message_is_read_behind_its_header_and_nothing_is_wrong() -> None:
    found = explained(framed(a_datum(2), 8))
    assert (found.claimed, found.known, found.stop, found.envelope) == ("order_placed.v2", True, None, None)
    assert (found.looks_like, found.setting, found.would_decode.accepted) == (None, "", True)
    assert values(found)["code"] == "A-1"
    assert [each.hidden for each in found.fields if each.path == "email"] == ["personal: email"]
    assert found.fields[0].start == 5
    assert "confluent" in found.declared.lower()


def test_a_fault_is_at_the_byte_where_the_published_payload_has_it() -> None:
    data = framed(a_datum())
    begins = {each.path: each.start for each in explained(data).fields}
    assert data[begins["code"] :].startswith(b"\x06A-1")
    found = explained(data[:-1])
    assert found.stop is not None
    assert (found.stop.path, found.stop.offset, found.unpacked) == ("at", begins["at"], None)


def test_offsets_count_in_what_is_left_without_compression() -> None:
    registry = orders({1: {"schema_ids": [7]}}, envelope=KAFKA, encoding={"kind": "confluent", "compression": "gzip"})
    inside = framed(a_datum()) + b"\0"
    found = explained(gzip.compress(inside), registry=registry)
    assert found.unpacked == len(inside)
    assert found.stop is not None
    assert (found.stop.offset, found.claimed) == (len(inside) - 1, "order_placed.v1")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "an empty payload", id="tombstone"),
        pytest.param(a_datum(), "does not begin with the header that the contract states", id="no header"),
        pytest.param(b"\xff\xfe" + SECRET.encode(), "does not begin with the header", id="anything"),
    ],
)
def test_a_payload_that_cannot_be_read_hides_everything(data: bytes, why: str) -> None:
    found = explained(data)
    assert found.stop is not None
    assert found.stop.why.startswith(why)
    assert (found.claimed, found.fields, found.would_decode.accepted) == (None, (), False)


@pytest.mark.parametrize("schema_id", [9, 2**32 - 1])
def test_an_id_of_no_version_is_named_where_the_payload_reads_behind_it(schema_id: int) -> None:
    found = explained(framed(a_datum(2), schema_id))
    assert (found.claimed, found.unclaimed.split(";")[0]) == (None, "the schema id is of no version here")
    assert found.nearest is not None
    assert (found.nearest.contract, found.nearest.fit) == ("order_placed.v2", "fits")
    assert found.setting == f'write "schema_ids": [{schema_id}] in order_placed.v2, if that is the id of its schema'
    assert {each.hidden for each in found.fields} == {"hidden: unknown contract", "personal: email"}
    assert found.nearest.would_decode.accepted


def test_an_id_of_another_subjects_schema_is_not_pinned_to_this_one() -> None:
    other = a_contract(("ok", "boolean"))
    registry = Registry({each.ref: each for each in (*confluent_orders(), other)})
    found = explained(framed(encode(other, {"ok": True, "at": MOMENT}), 9), registry=registry)
    assert found.nearest is not None
    assert (found.nearest.contract, found.nearest.fit, found.setting) == ("thing_happened.v1", "fits", "")


def test_an_id_of_no_version_is_not_named_where_the_payload_does_not_read() -> None:
    found = explained(framed(b"\x0e" + SECRET.encode(), int.from_bytes(b"Ada ")))
    assert found.setting == ""
    assert str(int.from_bytes(b"Ada ")) not in json.dumps(found.to_json())


def test_the_attribute_that_breaks_a_rule_is_named_and_the_payload_is_read_all_the_same() -> None:
    found = explained(framed(a_datum()), {"kafka.topic": "orders", "kafka.partition": "3"})
    assert found.envelope is not None
    assert (found.envelope.attribute, found.envelope.why) == ("kafka.offset", "is missing")
    assert values(found)["code"] == "A-1"


@pytest.mark.parametrize(
    ("version", "fault", "claimed", "known"),
    [
        ("2", None, "order_placed.v2", True),
        ("9", None, "order_placed.v9", False),
        ("two", ("v", "is not a whole number"), None, False),
        (None, ("v", "is missing"), None, False),
    ],
)
def test_a_version_in_an_attribute_is_explained(
    version: str | None, fault: Any, claimed: str | None, known: bool
) -> None:
    rules = {**ATTRIBUTES, "version": {"attribute": "v"}}
    given = {} if version is None else {"v": version}
    found = explained(a_datum(2), given, orders(encoding="datum", envelope=rules))
    assert (found.claimed, found.known) == (claimed, known)
    assert (found.envelope and (found.envelope.attribute, found.envelope.why)) == fault


FRAMES = [
    pytest.param(framed(a_datum()), "a header of 5 bytes (00", '"encoding": "confluent", and schema_ids', id="5"),
    pytest.param(
        b"\0" + (7).to_bytes(8) + a_datum(),
        "a header of 9 bytes (00",
        '"encoding": {"kind": "apicurio", "id_bytes": 8, "ids": "content" or "global"}, and schema_ids',
        id="9",
    ),
    pytest.param(b"\xc3\x01" + bytes(8) + a_datum(), "a header of 10 bytes", '"encoding": "single-object" ', id="10"),
    pytest.param(
        b"\x03\0" + UUID(int=7).bytes + a_datum(), "a header of 18 bytes", '"encoding": "glue", and schema', id="18"
    ),
    pytest.param(
        gzip.compress(framed(a_datum())),
        "a header of 5 bytes (00 and an id of 4 bytes, as Confluent and Apicurio write it), compressed with gzip",
        '"encoding": {"kind": "confluent", "compression": "gzip"}, and schema_ids',
        id="5 in gzip",
    ),
    pytest.param(
        base64.b64encode(a_datum()), "without a header, in base64", '{"kind": "datum", "base64": true}', id="base64"
    ),
    pytest.param(
        base64.b64encode(gzip.compress(a_datum())),
        "without a header, compressed with gzip, in base64",
        '"encoding": {"kind": "datum", "compression": "gzip", "base64": true}',
        id="gzip in base64",
    ),
]


@pytest.mark.parametrize(("data", "looks_like", "setting"), FRAMES)
def test_a_payload_that_reads_only_in_another_encoding_says_so_and_names_the_setting(
    data: bytes, looks_like: str, setting: str
) -> None:
    registry = orders(encoding="datum", envelope={**ATTRIBUTES, "version": 1})
    found = explained(data, {}, registry)
    assert looks_like in (found.looks_like or "")
    assert setting in found.setting
    assert found.setting.endswith(" in the newest contract")
    assert {each.hidden for each in found.fields} <= {"hidden: in another encoding", "personal: email"}
    assert found.stop is None or not found.stop.shown


def test_the_setting_is_what_makes_the_job_read_it() -> None:
    said = explained(framed(a_datum()), {}, orders(encoding="datum", envelope={**ATTRIBUTES, "version": 1})).setting
    rules = json.loads("{" + said.removeprefix("write ").partition(", and")[0] + "}")
    read = explained(framed(a_datum()), {}, orders({1: {"schema_ids": [7]}}, envelope=ATTRIBUTES, **rules))
    assert read.would_decode.accepted


def test_a_bare_datum_where_a_header_is_stated_names_that_setting() -> None:
    assert explained(a_datum()).setting == 'write "encoding": "datum" in the newest contract'


def test_where_no_contract_is_known_the_setting_is_named_in_both_forms() -> None:
    found = explain(orders(encoding="datum"), "unknown_topic", OFFSET, framed(a_datum()))
    assert found.setting.startswith('write "encoding": "confluent", and')
    assert found.setting.endswith(
        'in the newest contract (encoding = "confluent", and schema_ids in each version in a sidecar)'
    )


def test_where_the_contract_has_headraces_own_envelope_the_setting_names_an_envelope_too() -> None:
    assert "and an envelope" in explained(framed(a_datum()), OFFSET, orders(encoding="datum")).setting


@pytest.mark.parametrize("rules", [{"encoding": "datum"}, {**CONFLUENT}])
def test_a_native_message_is_a_bare_datum_whatever_its_contract_states(rules: dict[str, Any]) -> None:
    native = {"ce-id": "1", "ce-source": "/s", "ce-time": "2026-03-14T15:09:26.535Z"}
    native["ce-dataschema"] = "headrace:order_placed:1"
    found = explained(framed(a_datum()), native, orders(**rules))
    assert (found.declared, found.claimed) == ("", "order_placed.v1")
    assert found.setting.startswith("send the datum alone")


@pytest.mark.parametrize(
    ("file", "encoding", "ids"),
    [
        ("confluent-node-kafkajs", "confluent", {1: {"schema_ids": [18]}}),
        ("apicurio-8byte", {"kind": "apicurio", "id_bytes": 8, "ids": "global"}, {1: {"schema_ids": [23]}}),
        ("single-object-java", "single-object", {}),
    ],
)
def test_messages_of_real_clients_are_explained_behind_their_header(
    file: str, encoding: Any, ids: Mapping[int, Any]
) -> None:
    registry = foreign_registry(READINGS, {"encoding": encoding, "envelope": ATTRIBUTES}, ids)
    bare = foreign_registry(READINGS, {"encoding": "datum", "envelope": ATTRIBUTES})
    given = [*samples(file, READINGS)]
    assert given
    for each in given:
        data, attributes = each.message.data, each.message.attributes
        assert explain(registry, READINGS, attributes, data).would_decode.accepted
        cut = explain(registry, READINGS, attributes, data[:-1])
        assert cut.stop is not None
        assert cut.claimed == "sensor_reading.v1"
        suspected = explain(bare, READINGS, attributes, data)
        assert (not suspected.would_decode.accepted) is ("a datum behind a header" in (suspected.looks_like or ""))


CLOUDEVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "type": "order",
    "source": "/shop",
    "subject": SECRET,
    "data_base64": base64.b64encode(a_datum()).decode(),
}


@pytest.mark.parametrize("gone", ["id", "source", "specversion"])
def test_a_structured_event_without_an_attribute_names_it_and_hides_its_payload(gone: str) -> None:
    registry = orders(encoding="datum", envelope={"kind": "cloudevents-structured", "version": 1})
    event = {name: value for name, value in CLOUDEVENT.items() if name != gone}
    found = explained(json.dumps(event).encode(), {}, registry)
    assert found.envelope is not None
    assert found.envelope.attribute == f"ce-{gone}"
    assert found.fields == ()


def test_a_structured_event_is_read_where_its_data_is() -> None:
    registry = orders(encoding="datum", envelope={"kind": "cloudevents-structured", "version": 1})
    found = explained(json.dumps(CLOUDEVENT).encode(), {}, registry)
    assert (found.claimed, found.stop, found.unpacked) == ("order_placed.v1", None, len(a_datum()))
    assert values(found)["code"] == "A-1"
    broken = explained(json.dumps(CLOUDEVENT).encode()[:-1], {}, registry)
    assert broken.stop is not None
    assert broken.fields == ()


def test_only_attributes_that_go_into_columns_or_say_how_to_read_are_shown() -> None:
    names = ["ce-id", "ce_id", "ce-subject", "ce-source", "Content-Type", "kafka.offset", "key"]
    newest = confluent_orders().latest(SUBJECT)
    assert open_attributes(newest, names) == {"ce-source", "Content-Type", "kafka.offset"}
    events = orders(envelope={"kind": "cloudevents", "version": 1}).latest(SUBJECT)
    assert open_attributes(events, names) == {"ce-id", "ce_id", "ce-source", "Content-Type"}


DECLARED = {
    "confluent": confluent_orders(),
    "gzip": orders(
        {1: {"schema_ids": [7]}}, envelope=ATTRIBUTES, encoding={"kind": "confluent", "compression": "gzip"}
    ),
    "attribute": orders(
        envelope={**ATTRIBUTES, "version": {"attribute": "v"}},
        encoding={"kind": "datum", "compression": "content-encoding", "base64": True},
    ),
    "single-object": orders(envelope=ATTRIBUTES, encoding="single-object"),
    "glue": orders({1: {"schema_ids": [str(UUID(int=7))]}}, envelope=ATTRIBUTES, encoding="glue"),
    "cloudevents": orders(encoding="datum", envelope={"kind": "cloudevents", "version": 1, "percent_encoded": True}),
    "structured": orders(
        encoding="datum",
        envelope={"kind": "cloudevents-structured", "version": 1},
        event_time={"attribute": "ce-time", "fallback": "publish_time"},
    ),
}
BEGINNINGS = [
    b"",
    a_datum(),
    framed(a_datum()),
    gzip.compress(framed(a_datum())),
    base64.b64encode(gzip.compress(a_datum())),
    b"\x03\0" + UUID(int=7).bytes + a_datum(),
    b"\x03\x05" + UUID(int=7).bytes + zlib.compress(a_datum()),
    b"\xc3\x01" + bytes(8) + a_datum(),
    json.dumps(CLOUDEVENT).encode(),
    json.dumps(CLOUDEVENT | {"data": None}).encode(),
]
NAMES = st.sampled_from(["ce-id", "ce_id", "ce-source", "ce-type", "ce-specversion", "ce-time", "v", "content-type"])
VALUES = st.one_of(st.sampled_from(["1", "1.0", "application/cloudevents+json", "%ff", "gzip"]), st.text(max_size=4))


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(BEGINNINGS)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@FIXED_PROFILE
@given(st.sampled_from(sorted(DECLARED)), payloads(), st.dictionaries(NAMES, VALUES, max_size=5))
def test_whatever_comes_is_explained_and_nothing_personal_is_shown(
    declared: str, data: bytes, attributes: dict[str, str]
) -> None:
    registry = DECLARED[declared]
    found = explained(data, OFFSET | attributes, registry)
    assert found.stop is None or found.fields == () or found.stop.offset is None or found.stop.offset >= 0
    letter = a_letter("m", an_order_contract(), data=data, attributes=OFFSET | attributes)
    accepted = Forecaster(registry).forecast([letter])[0].reason in ("", Reason.TOO_LATE, Reason.IN_THE_FUTURE)
    assert accepted is found.would_decode.accepted
    assert SECRET not in refusal_of_edit(letter, registry)


def refusal_of_edit(letter: Letter, registry: Registry) -> str:
    """Why a patch is refused; empty if the letter is native after it."""
    try:
        edited = edit_event(letter, LetterChange(patch={"code": "B-2"}), registry).letter
    except EditError as error:
        return str(error)
    return "" if edited.attributes["ce-dataschema"].startswith("headrace:order_placed:") else SECRET

"""Refused events, edited: what is not changed keeps its bytes, what is changed is what the contract says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.dead_letter import Reason
from headrace.dead_letters.differences import differences
from headrace.dead_letters.edit_event import EditedEvent, LetterChange, edit_event
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.merge_patch import EditError, assignments, merged, put, read_object, value_at
from headrace.dead_letters.readable_event import readable_as
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.encode import encode
from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.trace import trace
from headrace.schemas.validate import validate
from tests.support.builders import BOOKING, BOOKING_V1, MOMENT, PACKAGE, a_booking, a_booking_v1, a_contract, decode
from tests.support.strategies import FIXED_PROFILE, contracts, events

SECRET = "ada@example.com"
REGISTRY = Registry({BOOKING.ref: BOOKING})
NOW = datetime(2026, 11, 24, 15, 9, 26, tzinfo=UTC)


def a_letter(data: bytes, contract: Contract = BOOKING, **attributes: str) -> Letter:
    envelope = Envelope("e1", contract.ref, MOMENT, "test").to_attributes()
    return Letter(
        id="0" * 20,
        attempt=1,
        reason=Reason.UNDECODABLE_PAYLOAD,
        stage="decode",
        detail="total: more digits than its precision at byte 17",
        subject=contract.subject,
        refused_at=NOW,
        pipeline="headrace",
        version="0.1.0",
        source_subscription=f"projects/p/subscriptions/headrace-{contract.subject}",
        message_id="17",
        published_at=NOW,
        first_published_at=NOW,
        data=data,
        attributes=envelope | attributes,
        ordering_key="a-key",
    )


def a_booked(contract: Contract = BOOKING, claims: str = "", **changes: Any) -> Letter:
    event = a_booking(**changes) if contract is BOOKING else a_booking_v1(**changes)
    letter = a_letter(encode(contract, event), contract)
    return replace(letter, attributes={**letter.attributes, "ce-dataschema": claims or str(contract.ref)})


def patched(letter: Letter, registry: Registry = PACKAGE, **patch: Any) -> EditedEvent:
    return edit_event(letter, LetterChange(patch=patch), registry)


def through_json(contract: Contract, data: bytes) -> bytes:
    record = contract.record
    text = json.dumps(fields_to_json(record, compile_decoder(record, record)(data)))
    fields = fields_from_json(record, json.loads(text))
    validate(record, fields)
    return encode(contract, fields)


@FIXED_PROFILE
@given(st.data())
def test_any_payload_comes_back_from_its_json_byte_for_byte(data: st.DataObject) -> None:
    contract = data.draw(contracts(exact=True))
    payload = encode(contract, data.draw(events(contract.record)))
    assert through_json(contract, payload) == payload


@FIXED_PROFILE
@given(st.data())
def test_a_changed_attribute_leaves_any_payload_as_it_is(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    event = data.draw(events(contract.record)) | {"at": MOMENT}
    letter = a_letter(encode(contract, event), contract)
    edited = edit_event(
        letter, LetterChange(set_attributes={"note": "seen"}), Registry({contract.ref: contract})
    ).letter
    assert edited.data == letter.data
    assert dict(edited.attributes) == {**letter.attributes, "note": "seen"}


@FIXED_PROFILE
@given(st.data())
def test_a_patched_field_is_read_as_the_patch_says_and_the_others_as_before(data: st.DataObject) -> None:
    event = data.draw(events(BOOKING.record)) | {"created_at": MOMENT, "loyalty_points": 6}
    notes, tags = data.draw(st.text(max_size=9)), data.draw(st.lists(st.text(max_size=5), max_size=3))
    letter = a_letter(encode(BOOKING, event))
    before = decode(BOOKING, letter.data)
    changes: dict[str, Any] = {"notes": notes, "tags": tags, "loyalty_points": 7}
    after = decode(BOOKING, patched(letter, **changes).letter.data)
    assert repr(after) == repr(before | changes)


@pytest.mark.parametrize("rule", ["check", "derive"])
def test_an_id_that_is_not_trusted_follows_the_fields(rule: str) -> None:
    contract = a_contract(("n", "int"), identity={"fields": ["n"], "id": rule})
    registry = Registry({contract.ref: contract})
    one, two = ({"n": number, "at": MOMENT} for number in (1, 2))
    letter = a_letter(encode(contract, one), contract, **{"ce-id": str(derive_event_id(contract, one))})
    edited = patched(letter, registry, n=2).letter
    assert edited.attributes["ce-id"] == derive_event_id(contract, two)


def test_an_id_that_is_checked_can_be_corrected_alone() -> None:
    contract = a_contract(("n", "int"), identity={"fields": ["n"], "id": "check"})
    registry = Registry({contract.ref: contract})
    event = {"n": 1, "at": MOMENT}
    derived = str(derive_event_id(contract, event))
    letter = a_letter(encode(contract, event), contract, **{"ce-id": "mine"})
    with pytest.raises(EditError, match=f"malformed_envelope: the id is not {derived}"):
        edit_event(letter, LetterChange(set_attributes={"note": "seen"}), registry)
    edited = edit_event(letter, LetterChange(set_attributes={"ce-id": derived}), registry).letter
    assert (edited.attributes["ce-id"], edited.data) == (derived, letter.data)


def test_an_event_of_every_type_is_patched_in_depth() -> None:
    letter = a_booked()
    edited = patched(letter, contact={"city": "Kyoto"}, total="99.50", labels={"campaign": None, "shop": "7"})
    after = decode(BOOKING, edited.letter.data)
    assert after["contact"] == {"name": "Grace", "city": "Kyoto", "country": "GB"}
    assert str(after["total"]) == "99.500000000"
    assert after["labels"] == [{"key": "shop", "value": "7"}]
    assert (edited.letter.id, edited.letter.ordering_key) == (letter.id, letter.ordering_key)


@pytest.mark.parametrize("total", ["99.5", "99.500000000000", "995E-1", Decimal("99.50000000000"), 99])
def test_zeros_beyond_the_scale_of_a_patched_decimal_are_no_digits(total: Any) -> None:
    assert decode(BOOKING, patched(a_booked(), total=total).letter.data)["total"] == Decimal(total)
    with pytest.raises(EditError, match=r"total: .*round it"):
        patched(a_booked(), total="99.5000000001")


def test_null_in_a_patch_makes_null_what_may_be_null() -> None:
    assert decode(BOOKING, patched(a_booked(), notes=None).letter.data)["notes"] is None


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_its_standard_says(target: Any, patch: Any, result: Any) -> None:
    assert merged(None, target, patch) == result


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"total": f"{SECRET}"}, "total"),
        ({"total": "1.0000000001"}, "total"),
        ({"channel": SECRET}, "channel"),
        ({"segments": [{"carrier": "BA", "flight": SECRET}]}, r"segments\[0\]"),
        ({"no_such_field": SECRET}, "no_such_field"),
        ({"created_at": None}, "created_at"),
        ({"contact": {"country": 7}}, "contact.country"),
        ({"email": 12345}, "email"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field_and_never_a_value(patch: dict[str, Any], field: str) -> None:
    with pytest.raises(EditError, match=field) as refused:
        patched(a_booked(), **patch)
    assert SECRET not in str(refused.value)
    assert "12345" not in str(refused.value)


def test_ce_time_follows_the_event_time_and_ce_dataschema_the_contract() -> None:
    moved = patched(a_booked(BOOKING_V1), created_at="2026-03-15T00:00:00Z").letter
    assert moved.attributes["ce-time"] == "2026-03-15T00:00:00Z"
    assert moved.attributes["ce-dataschema"] == "headrace:booking_created:1"


def test_a_letter_of_an_unknown_version_is_read_as_the_newest_that_fits() -> None:
    letter = a_booked(BOOKING_V1, claims="headrace:booking_created:9")
    edited = patched(letter, notes="aisle")
    assert edited.contract is BOOKING_V1
    assert edited.letter.attributes["ce-dataschema"] == "headrace:booking_created:1"
    assert not edited.sure


def test_as_chooses_the_contract_and_keeps_the_bytes() -> None:
    letter = a_booked(BOOKING, claims="headrace:booking_created:9")
    edited = edit_event(letter, LetterChange(read_as=BOOKING.ref), PACKAGE).letter
    assert edited.data == letter.data
    assert edited.attributes["ce-dataschema"] == "headrace:booking_created:2"


@pytest.mark.parametrize("ref", [SchemaRef("booking_created", 9), SchemaRef("flight_departed", 1)])
def test_as_must_name_a_contract_of_the_subject(ref: SchemaRef) -> None:
    with pytest.raises(EditError, match="--as"):
        edit_event(a_booked(), LetterChange(read_as=ref), PACKAGE)


def test_a_payload_that_nothing_reads_is_replaced_as_a_whole() -> None:
    letter = a_letter(b"\xff\xff")
    with pytest.raises(EditError, match="--payload"):
        readable_as(letter, PACKAGE)
    event = readable_as(a_booked(), PACKAGE).event
    edited = edit_event(letter, LetterChange(payload=event), PACKAGE)
    assert edited.before is None
    assert edited.letter.data == a_booked().data


def with_wrong_total(letter: Letter) -> Letter:
    """The total is text where the contract has a decimal, as another serialiser writes it."""
    text = b"49.000000000000000000"
    total = next(leaf for leaf in trace(BOOKING.record, letter.data).leaves if leaf.path == "total")
    data = letter.data[: total.start] + bytes([2 * len(text)]) + text + letter.data[total.end :]
    return replace(letter, data=data)


def test_a_wrong_value_is_patched_where_all_others_can_be_read() -> None:
    edited = patched(with_wrong_total(a_booked()), total="49.00")
    assert decode(BOOKING, edited.letter.data) == decode(BOOKING, a_booked(total=Decimal("49.00")).data)
    (line,) = differences(with_wrong_total(a_booked()), edited)
    assert (line.what, line.before, line.after) == ("total", '"(cannot be read)"', '"49.00"')


@pytest.mark.parametrize("patch", [{}, {"notes": "seen"}, {"total": "(cannot be read)"}])
def test_what_cannot_be_read_has_to_be_replaced(patch: dict[str, Any]) -> None:
    with pytest.raises(EditError, match="total: cannot be read"):
        patched(with_wrong_total(a_booked()), **patch)


def test_a_wrong_value_of_an_entry_or_an_item_has_its_place_in_json() -> None:
    event: dict[str, Any] = {"labels": {"a": "1", "b": "2"}, "segments": [{"fare": "1"}, {"fare": "2"}]}
    put(event, "labels[1].value", "x")
    put(event, "segments[1].fare", "y")
    assert event == {"labels": {"a": "1", "b": "x"}, "segments": [{"fare": "1"}, {"fare": "y"}]}
    assert (value_at(event, "labels[1].value"), value_at(event, "segments[1].fare")) == ("x", "y")
    assert [value_at(event, path) for path in ("labels[2].value", "segments[2].fare", "no.such[0].place")] == [None] * 3


def test_what_the_job_would_refuse_still_is_not_accepted() -> None:
    letter = a_booked()
    bare = replace(letter, attributes={n: v for n, v in letter.attributes.items() if n != "ce-id"})
    with pytest.raises(EditError, match="malformed_envelope: ce-id is missing"):
        patched(bare, notes="aisle")
    assert edit_event(bare, LetterChange(set_attributes={"ce-id": "b-1"}), PACKAGE).letter.attributes["ce-id"] == "b-1"


def test_an_edit_that_changes_nothing_is_refused() -> None:
    with pytest.raises(EditError, match=r"nothing is changed"):
        edit_event(a_booked(), LetterChange(patch={"paid": True}), PACKAGE)


@pytest.mark.parametrize("name", ["googclient_x", "headrace-dl-id", "headrace-replay-id", "x" * 257, ""])
def test_a_reserved_or_invalid_attribute_cannot_be_set(name: str) -> None:
    with pytest.raises(EditError, match="--set-attribute"):
        edit_event(a_booked(), LetterChange(set_attributes={name: "1"}), PACKAGE)


def test_the_difference_hides_personal_values_and_shows_the_others() -> None:
    letter = a_booked(email=SECRET)
    edited = patched(letter, email="eve@example.com", passengers=[], notes="aisle", total="5")
    changes = {each.what: (each.before, each.after) for each in differences(letter, edited)}
    assert changes["total"] == ('"1234.500000001"', '"5"')
    assert changes["email"] == ("(personal: email)", "(personal: email)")
    assert SECRET not in str(changes)
    assert "eve@" not in str(changes)
    assert "X1234567" not in str(changes)
    shown = {each.what: each.before for each in differences(letter, edited, reveal=True)}
    assert shown["email"] == f'"{SECRET}"'


def test_numbers_of_a_patch_keep_every_digit() -> None:
    letter = a_booked(carbon_kilograms=1.5)
    change = read_object('{"total": 12.500000001, "carbon_kilograms": 2.25, "customer_number": 7.0}', "--patch")
    edited = edit_event(letter, LetterChange(patch=change), REGISTRY)
    fields = decode(BOOKING, edited.letter.data)
    assert (fields["total"], fields["carbon_kilograms"], fields["customer_number"]) == (
        Decimal("12.500000001"),
        2.25,
        7,
    )
    assert {each.what: each.after for each in differences(letter, edited)}["carbon_kilograms"] == "2.25"
    with pytest.raises(EditError, match=r"nothing is changed"):
        edit_event(letter, LetterChange(patch=read_object('{"carbon_kilograms": 1.50}', "--patch")), REGISTRY)
    for text in ('{"carbon_kilograms": 1e400}', '{"carbon_kilograms": "1_0"}', '{"customer_number": 1.5}'):
        with pytest.raises(EditError, match=r"booking_created.v2: (carbon_kilograms|customer_number): "):
            edit_event(letter, LetterChange(patch=read_object(text, "--patch")), REGISTRY)
    for text in ('{"carbon_kilograms": NaN}', '{"total": 1, "total": 2}'):
        with pytest.raises(EditError, match=r"^--patch: "):
            read_object(text, "--patch")


def test_a_number_that_json_has_none_for_comes_back_from_the_editor() -> None:
    letter = a_booked(carbon_kilograms=float("nan"))
    text = json.dumps(readable_as(letter, REGISTRY).event)
    assert '"NaN"' in text
    with pytest.raises(EditError, match=r"nothing is changed"):
        edit_event(letter, LetterChange(payload=read_object(text, "the editor")), REGISTRY)


def test_what_may_be_misread_is_not_shown_in_the_difference() -> None:
    letter = a_booked(claims="headrace:booking_created:9")
    (total, *_) = differences(letter, patched(letter, total="5"))
    assert (total.what, total.before, total.after) == ("total", "(hidden: may be misread)", '"5"')


@pytest.mark.parametrize("text", ["[1]", '"a"', "{", "[" * 100_000])
def test_a_patch_is_one_json_object(text: str) -> None:
    with pytest.raises(EditError, match="--patch"):
        read_object(text, "--patch")


def test_assignments_are_name_and_value() -> None:
    assert list(assignments(["a=b=c", "d="])) == [("a", "b=c"), ("d", "")]
    with pytest.raises(EditError, match="name=value"):
        list(assignments(["a"]))


def test_an_entry_of_a_map_named_like_a_field_hides_nothing_else() -> None:
    contract = a_contract(("labels", {"type": "map", "values": "string"}))
    letter = a_letter(encode(contract, {"labels": {"a.b": "x"}, "at": MOMENT}), contract)
    edited = patched(letter, Registry({contract.ref: contract}), labels={"a.b": "y"})
    assert [(each.what, each.before, each.after) for each in differences(letter, edited)] == [
        ("labels.a.b", '"x"', '"y"')
    ]

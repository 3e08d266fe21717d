"""Cases beside contracts: what passes, and what is said of a difference."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.encode import encode
from headrace.schemas.model import Record
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.stored import stored
from headrace.schemas.to_json import fields_to_json
from headrace.schemas.validate import validate
from tests.support.builders import MOMENT, a_contract, a_record, a_tokenised_contract
from tests.support.cases import failures_of, run_text
from tests.support.strategies import FIXED_PROFILE, contracts, events

FLIGHT = """
subject: flight_departed
now: 2026-03-14T15:10:00Z
cases:
- name: a case
  given:
  - event: &flight
      {carrier: UA, flight: 1545, origin: EWR, destination: IAH, scheduled_at: 2026-03-14T15:09:26.535Z,
       distance_miles: 1400, cancelled: false}
"""
BOOKING = """
subject: booking_created
now: 2026-03-14T15:10:00Z
cases:
- name: a case
  given:
  - event: &booking
      booking_id: 0b7f5a3e-9c1d-4e2f-8a6b-112233445566
      created_at: 2026-03-14T15:09:26.535Z
      channel: WEB
      currency: EUR
      total: 12.5
      paid: true
      email: ada@example.com
      phone: +44 20 7946 0958
      ip_address: 203.0.113.77
      card_number: "4111111111111111"
      passengers: [{name: Ada Lovelace, birth_date: 1985-12-10, document: X1234567, seat: 12A}]
      segments: []
      notes: window seat
      labels: {campaign: spring}
      discount_rate: 0.1
"""


def flight(expect: str, *more: str) -> list[str]:
    return failures_of("\n".join([FLIGHT.rstrip(), *(f"  - {each}" for each in more), f"  expect: {expect}"]))


def booking(expect: str) -> list[str]:
    return failures_of(f"{BOOKING.rstrip()}\n  expect: {expect}")


@pytest.mark.parametrize(
    ("expect", "failures"),
    [
        ("{rows: 1}", []),
        ("{rows: [{}]}", []),
        ("{rows: [{carrier: UA, flight: 1545, scheduled_at: 2026-03-14T16:09:26.535+01:00}]}", []),
        ("{rows: [{flight: 1545.0}]}", []),
        ("{rows: [{tail_number: null, _source: /test, _ingested_at: 2026-03-14T15:10:00Z}]}", []),
        ("{}", ["rows: expected 0, got 1"]),
        ("{rows: 2}", ["rows: expected 2, got 1"]),
        ("{rows: [{carrier: DL}, {}]}", ["rows: expected 2, got 1"]),
        ("{rows: 1, duplicates: 1}", ["duplicates: expected 1, got 0"]),
        ("{rows: 1, dropped: 1}", ["dropped: expected 1, got 0"]),
        ("{rows: 1, letters: [{reason: too_late}]}", ["letters: expected 1 (too_late), got 0"]),
        (
            "{rows: [{carrier: DL, flight: 1, cancelled: true}]}",
            [
                'rows[0].carrier: expected "DL", got "UA"',
                "rows[0].flight: expected 1, got 1545",
                "rows[0].cancelled: expected true, got false",
            ],
        ),
        ("{rows: [{tail_number: N1}]}", ['rows[0].tail_number: expected "N1", got null']),
    ],
)
def test_a_case_passes_only_if_it_accounts_for_each_message(expect: str, failures: list[str]) -> None:
    assert flight(expect) == failures


def test_an_exact_row_has_all_columns_but_headraces_own() -> None:
    got = flight("{exact: true, rows: [*flight]}")
    assert got == [
        f"rows[0].{name}: expected (none), got null"
        for name in (
            "tail_number",
            "departed_at",
            "departure_delay_minutes",
            "arrival_delay_minutes",
            "air_time_minutes",
        )
    ]
    absent = ", ".join(f"{each.split('.')[1].split(':')[0]}: null" for each in got)
    assert flight(f"{{exact: true, rows: [{{<<: *flight, _schema_version: 1, {absent}}}]}}") == []


@pytest.mark.parametrize(
    ("message", "expect"),
    [
        ("event: *flight", "{rows: 1, duplicates: 1}"),
        ("{event: *flight, id: another}", "{rows: 2}"),
        (
            "event: {<<: *flight, distance_miles: 1}",
            "{rows: 1, letters: [{reason: id_conflict, message: other values}]}",
        ),
        ("event: {<<: *flight, scheduled_at: 2020-01-01T00:00:00Z}", "{rows: 1, letters: [{reason: too_late}]}"),
        ("event: {<<: *flight, scheduled_at: 2027-01-01T00:00:00Z}", "{rows: 1, letters: [{reason: in_the_future}]}"),
        (
            "{event: {<<: *flight, scheduled_at: 2020-01-01T00:00:00Z}, published_at: 2020-01-01T00:00:00Z}",
            "{rows: 2}",
        ),
        ("hex: ff", "{rows: 1, letters: [{reason: undecodable_payload}]}"),
        ("base64: /w==", "{rows: 1, letters: [{reason: undecodable_payload}]}"),
        ("{event: *flight, attributes: {ce-id: null}}", "{rows: 1, letters: [{reason: malformed_envelope}]}"),
        (
            "{event: *flight, attributes: {ce-time: 2026-03-14T15:09:27Z}}",
            "{rows: 1, letters: [{reason: malformed_envelope, message: ce-time is not the event's scheduled_at}]}",
        ),
        ("{event: *flight, source: /checkout, id: b}", "{rows: [{_source: /test}, {_source: /checkout}]}"),
        ("{event: *flight, id: b, version: 1}", "{rows: [{}, {_event_id: b, _schema_version: 1}]}"),
    ],
)
def test_a_message_has_the_outcome_that_the_job_gives_it(message: str, expect: str) -> None:
    assert flight(expect, message) == []


def test_the_bytes_of_an_event_are_the_event_with_its_own_time() -> None:
    contract = a_contract(("name", "string"))
    data = encode(contract, {"name": "Ada", "at": MOMENT})
    text = f"""
subject: thing_happened
now: 2026-03-14T15:10:00Z
cases:
- name: a case
  given: [{{hex: "{data.hex()}"}}]
  expect: {{rows: [{{name: Ada, at: 2026-03-14T15:09:26.535Z, _event_id: event-0}}]}}
"""
    assert failures_of(text, Registry({contract.ref: contract})) == []


def test_letters_are_in_the_order_of_the_messages() -> None:
    late = "event: {<<: *flight, scheduled_at: 2020-01-01T00:00:00Z}"
    assert flight("{rows: 1, letters: [{reason: too_late}, {reason: undecodable_payload}]}", late, "hex: ff") == []
    assert flight("{rows: 1, letters: [{reason: undecodable_payload}, {reason: too_late}]}", late, "hex: ff") == [
        "letters[0]: expected undecodable_payload, got too_late: the event is older than late_after allows",
        "letters[1]: expected too_late, got undecodable_payload: carrier: ends in the middle at byte 0",
    ]
    assert flight("{rows: 1, letters: [{reason: too_late, message: tomorrow}]}", late) == [
        "letters[0].message: expected a text with 'tomorrow', got 'the event is older than late_after allows'"
    ]


def test_rows_are_in_the_order_of_the_messages_though_one_waits_for_another() -> None:
    conflict, other = "event: {<<: *flight, distance_miles: 1}", "event: {<<: *flight, flight: 2}"
    expect = "{rows: [{flight: 1545}, {flight: 2}], duplicates: 1, letters: [{reason: id_conflict}]}"
    assert flight(expect, conflict, other, "event: *flight") == []


def test_a_filter_drops_and_a_derived_column_is_a_column() -> None:
    derived = {"name": "twice", "type": ["null", "long"], "expression": "size * 2"}
    contract = a_contract(("size", "int"), where="size > 1", derived=[derived])
    text = """
subject: thing_happened
now: 2026-03-14T15:10:00Z
cases:
- name: a case
  given:
  - event: {size: 1, at: 2026-03-14T15:09:26Z}
  - event: {size: 2, at: 2026-03-14T15:09:26Z}
  expect: {rows: [{size: 2, twice: 4}], dropped: 1}
"""
    assert failures_of(text, Registry({contract.ref: contract})) == []


MASKS = {
    "email": "tokenise",
    "phone": "partial",
    "ip_address": "generalise",
    "card_number": "omit",
    "passengers.name": "redact",
    "passengers.birth_date": "generalise",
    "passengers.document": "partial",
    "notes": "redact",
}


def test_a_mask_is_asserted_without_a_value() -> None:
    assert booking(f"{{rows: 1, masks: {json.dumps(MASKS)}}}") == []


@pytest.mark.parametrize("path", MASKS)
def test_another_mask_than_the_contracts_is_a_failure(path: str) -> None:
    other = "redact" if MASKS[path] != "redact" else "omit"
    assert booking(f"{{rows: 1, masks: {{{path}: {other}}}}}") == [f"masks.{path}: expected {other}, got {MASKS[path]}"]


@pytest.mark.parametrize(
    ("masks", "says"),
    [
        ("{currency: redact}", "masks.currency: expected redact, got no mask"),
        ("{customer_number: tokenise}", "expected a value in an event that becomes a row, got no value"),
        ("{contact.name: redact}", "expected a value in an event that becomes a row, got no value"),
    ],
)
def test_a_mask_that_cannot_be_seen_is_a_failure(masks: str, says: str) -> None:
    (failure,) = booking(f"{{rows: 1, masks: {masks}}}")
    assert says in failure


@pytest.mark.parametrize(
    ("email", "note", "found"),
    [
        ("ada@example.com", "call ada@example.com", True),
        ("ada@example.com", "ADA@EXAMPLE.COM", True),
        ("ada@example.com", "ada@example.org", False),
        ("ada", "ada", True),
        ("ada", "adamant", False),
    ],
)
def test_a_clear_value_in_another_column_is_a_failure(email: str, note: str, found: bool) -> None:
    contract = a_tokenised_contract(("note", "string"))
    text = f"""
subject: thing_happened
now: 2026-03-14T15:10:00Z
cases:
- name: a case
  given: [event: {{email: {email}, note: {note}, at: 2026-03-14T15:09:26Z}}]
  expect: {{rows: 1, masks: {{email: tokenise}}}}
"""
    failure = "rows[0].note: expected nothing of email, got its clear value (not shown)"
    assert failures_of(text, Registry({contract.ref: contract})) == ([failure] if found else [])


def test_a_masked_field_in_a_map_is_found_whatever_the_keys_are() -> None:
    person = a_record("Person", {"name": "name", "type": "string", "pii": {"kind": "name", "mask": "redact"}})
    people = {"name": "people", "type": {"type": "map", "values": person}}
    contract = a_contract(people)
    text = """
subject: thing_happened
now: 2026-03-14T15:10:00Z
cases:
- name: a case
  given: [event: {people: {name: {name: Ada Lovelace}, other: {name: Grace}}, at: 2026-03-14T15:09:26Z}]
  expect: {rows: [{people: {name: {name: null}, other: {}}}], masks: {people.name: redact}}
"""
    assert failures_of(text, Registry({contract.ref: contract})) == []


WRONG = """{rows: [{
  email: t1_wrong, phone: wrong, ip_address: 203.0.113.0/16, notes: wrong, contact: {name: null, country: GB},
  passengers: [{name: wrong, birth_date: 1985-11-01, document: wrong, seat: 13A}],
  labels: {campaign: summer, more: x}, discount_rate: 0.2, segments: [{carrier: BA}]
}]}"""


def test_a_personal_value_is_never_shown() -> None:
    got = booking(WRONG)
    assert got == [
        "rows[0].email: expected a value (personal: email), got another one",
        "rows[0].phone: expected a value (personal: phone), got another one",
        "rows[0].ip_address: expected a value (personal: ip_address), got another one",
        "rows[0].notes: expected a value (personal: free_text), got another one",
        "rows[0].contact: expected a value (with personal parts), got null",
        "rows[0].passengers[0].name: expected a value (personal: name), got another one",
        "rows[0].passengers[0].birth_date: expected a value (personal: birth_date), got another one",
        "rows[0].passengers[0].document: expected a value (personal: document), got another one",
        'rows[0].passengers[0].seat: expected "13A", got "12A"',
        'rows[0].labels.campaign: expected "summer", got "spring"',
        'rows[0].labels.more: expected "x", got (none)',
        "rows[0].discount_rate: expected 0.2, got 0.10000000149011612",
        "rows[0].segments: expected 1 item, got 0 items",
    ]


def test_a_float_is_compared_as_a_float() -> None:
    assert booking("{rows: [{discount_rate: 0.1}]}") == []
    assert booking("{rows: [{discount_rate: 0.1000001}]}") != []


@FIXED_PROFILE
@given(st.data())
def test_a_row_of_any_contract_without_personal_data_is_its_event_in_columns(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    given_event = data.draw(events(contract.record))
    event, row = (
        as_json(contract, given_event, contract.record),
        as_json(contract, given_event, stored(contract.record)),
    )
    case = {"name": "a case", "given": [{"event": event}], "expect": {"rows": [row], "exact": True}}
    wide = Registry({contract.ref: contract})
    text = json.dumps({"subject": "thing_happened", "now": event["at"], "cases": [case]})
    assert failures_of(text, wide) == []


def as_json(contract: Contract, event: dict[str, Any], record: Record) -> dict[str, Any]:
    payload = encode(contract, validate(contract.record, event | {"at": MOMENT}))
    return fields_to_json(record, compile_decoder(contract.record, contract.record)(payload))


def test_a_result_has_the_line_and_the_name_of_its_case() -> None:
    text = f"{FLIGHT.rstrip()}\n  expect: {{rows: 1}}\n- name: another\n  given: [event: *flight]\n  expect: {{}}\n"
    first, second = run_text(text)
    assert [(each.line, each.name, each.passed) for each in (first, second)] == [
        (5, "a case", True),
        (11, "another", False),
    ]

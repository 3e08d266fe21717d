"""Cases of contracts with another envelope: bytes and attributes are a whole message, and events stay native."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from headrace.dev.contract_tests.case_file import CaseFileError
from tests.support.cases import failures_of
from tests.support.foreign_orders import OFFSET, a_datum, confluent_orders, framed

ATTRIBUTES = json.dumps(OFFSET)
GOOD = f'hex: "{framed(a_datum()).hex()}", attributes: {ATTRIBUTES}'


def orders_case(expect: str, *given: str) -> list[str]:
    lines = "\n".join(f"  - {each}" for each in given)
    text = f"""
subject: order_placed
now: 2026-03-14T15:10:00Z
cases:
- name: a case
  given:
{lines}
  expect: {expect}
"""
    return failures_of(text, confluent_orders())


def test_bytes_and_attributes_are_the_message_of_the_other_client() -> None:
    row = "{code: A-1, _event_id: 'orders:3:17', _source: unknown, _schema_version: 1}"
    assert orders_case(f"{{rows: [{row}], masks: {{email: redact}}}}", f"{{{GOOD}}}") == []


def test_the_same_message_twice_is_one_row() -> None:
    assert orders_case("{rows: 1, duplicates: 1}", f"{{{GOOD}}}", f"{{{GOOD}}}") == []


@pytest.mark.parametrize(
    ("data", "attributes", "reason"),
    [
        (framed(a_datum()), {}, "malformed_envelope, message: kafka.topic is missing"),
        (framed(a_datum(), 9), OFFSET, "unknown_schema, message: the schema id is of no version here"),
        (a_datum(), OFFSET, "undecodable_payload, message: does not begin with the header"),
        (b"", OFFSET, "undecodable_payload, message: an empty payload"),
    ],
)
def test_nothing_is_added_to_a_message_that_is_refused(data: bytes, attributes: Mapping[str, str], reason: str) -> None:
    given = f'{{hex: "{data.hex()}", attributes: {json.dumps(attributes)}}}'
    assert orders_case(f"{{letters: [{{reason: {reason}}}]}}", given) == []


def test_an_event_of_such_a_subject_is_native() -> None:
    event = "{event: {code: B-2, email: a@b.c, at: 2026-03-14T15:09:26Z}, id: b, source: /shop}"
    row = "{code: B-2, _event_id: b, _source: /shop, _schema_version: 2}"
    assert orders_case(f"{{rows: [{row}], masks: {{email: redact}}}}", event) == []


@pytest.mark.parametrize("key", ["id: x", "source: /x", "version: 1"])
def test_what_only_headraces_own_envelope_has_is_refused_for_bytes(key: str) -> None:
    with pytest.raises(CaseFileError, match=r"line 7: .*another envelope than Headrace's own; write it as"):
        orders_case("{rows: 1}", f"{{{GOOD}, {key}}}")

"""Ids of many events at once: as the SDK derives each, checked or taken as the contract says."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.event_table import arrow_schema
from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.schemas.envelope import Envelope, to_micros
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import DecodedMessages, Decoder, decode, event_keys
from headrace.steps.decode.derived_ids import IdentityColumns
from headrace.steps.decode.record_batch import columns_for, to_batch
from tests.support.builders import MOMENT, a_contract, a_decimal, encode
from tests.support.strategies import FIXED_PROFILE

TYPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "boolean": ("boolean", st.booleans()),
    "int": ("int", st.integers(-(2**31), 2**31 - 1)),
    "long": ("long", st.integers(-(2**63), 2**63 - 1)),
    "string": ("string", st.text(max_size=6) | st.sampled_from(['"', "\\", "\x00", "\x7f", "&<>/", "\u2028"])),
    "uuid": ({"type": "string", "logicalType": "uuid"}, st.uuids().map(str).map(str.upper)),
    "enum": ({"type": "enum", "name": "Suit", "symbols": ["CLUBS", "HEARTS"]}, st.sampled_from(["CLUBS", "HEARTS"])),
    "bytes": ("bytes", st.binary(max_size=4)),
    "fixed": ({"type": "fixed", "name": "F", "size": 2}, st.binary(min_size=2, max_size=2)),
    "decimal": (a_decimal(9, 2), st.integers(-(10**9) + 1, 10**9 - 1).map(lambda n: Decimal(n).scaleb(-2))),
    "date": ({"type": "int", "logicalType": "date"}, st.dates()),
    "time": ({"type": "long", "logicalType": "time-micros"}, st.times() | st.sampled_from([time.min, time.max])),
    "moment": (
        {"type": "long", "logicalType": "timestamp-micros"},
        st.datetimes(timezones=st.just(UTC)) | st.sampled_from([MOMENT, MOMENT.replace(microsecond=0)]),
    ),
    "local": ({"type": "long", "logicalType": "local-timestamp-micros"}, st.datetimes()),
}


@pytest.mark.parametrize("kind", TYPES)
@settings(FIXED_PROFILE, max_examples=25)
@given(data=st.data())
def test_columns_give_the_ids_that_the_sdk_derives(kind: str, data: st.DataObject) -> None:
    type_, values = TYPES[kind]
    contract = a_contract(("x", type_), ("y", "int"), identity=["y", "x", "at"])
    drawn = data.draw(st.lists(values, min_size=1, max_size=5))
    events = [{"x": value, "y": number, "at": MOMENT} for number, value in enumerate(drawn)]
    columns = columns_for(contract.record)
    columns.read([contract.record] * len(events), [encode(contract, each) for each in events])
    rows = to_batch(columns.finish(), arrow_schema(contract.record))
    derived = [derive_event_id(contract, each) for each in events]
    identity = IdentityColumns(contract)
    assert identity.ids(rows) == derived
    assert identity.others(rows, [str(each) for each in derived]) == {}


def test_years_of_less_than_four_digits_have_four() -> None:
    contract = a_contract(("day", TYPES["date"][0]), ("local", TYPES["local"][0]), identity=["day", "local"])
    event = {"day": date(7, 1, 2), "local": datetime(7, 1, 2), "at": MOMENT}
    columns = columns_for(contract.record)
    columns.read([contract.record], [encode(contract, event)])
    rows = to_batch(columns.finish(), arrow_schema(contract.record))
    assert IdentityColumns(contract).ids(rows) == [derive_event_id(contract, event)]


def a_thing(rule: str | None) -> Contract:
    identity = ["n"] if rule is None else {"fields": ["n"], "id": rule}
    return a_contract(("n", "int"), identity=identity)


def decoded(contract: Contract, *ids: str) -> DecodedMessages:
    """Messages about things 0, 1, ..., each with an id; "right" is the one that is derived."""
    messages = []
    for number, each in enumerate(ids):
        event = {"n": number, "at": MOMENT}
        id_ = str(derive_event_id(contract, event)) if each == "right" else each
        attributes = Envelope(id_, contract.ref, MOMENT, "test").to_attributes()
        messages.append(Message("thing_happened", encode(contract, event), attributes, str(number), to_micros(MOMENT)))
    return decode(messages, Decoder(Registry({contract.ref: contract}), "thing_happened"), 0)


def derived(contract: Contract, *numbers: int) -> list[str | None]:
    return [derive_event_id(contract, {"n": number, "at": MOMENT}) for number in numbers]


WRONG = "0b7f5a3e-9c1d-4e2f-8a6b-112233445566"


def test_a_contract_that_checks_ids_refuses_others() -> None:
    contract = a_thing("check")
    found = decoded(contract, "right", "event-1", "right", WRONG, "\u00e9" * 36)
    assert found.batch is not None
    assert found.batch.rows.column("_event_id").to_pylist() == derived(contract, 0, 2)
    assert found.batch.notes.column("message").to_pylist() == [0, 2]
    assert [(each.index, each.reason) for each in found.refusals] == [
        (index, Reason.MALFORMED_ENVELOPE) for index in (1, 3, 4)
    ]
    (wanted,) = derived(contract, 1)
    assert found.refusals[0].detail == (
        f"the id is not {wanted}, which the contract's identity (n) gives; see docs/identity.md"
    )


def test_ids_in_upper_case_are_others() -> None:
    contract = a_thing("check")
    (right,) = derived(contract, 0)
    assert len(decoded(contract, str(right).upper()).refusals) == 1


def test_when_all_ids_are_others_there_is_no_batch() -> None:
    found = decoded(a_thing("check"), WRONG, "e-1")
    assert (found.batch, len(found.refusals)) == (None, 2)


def test_a_contract_that_derives_ids_takes_none() -> None:
    contract = a_thing("derive")
    found = decoded(contract, "event-0", "right", WRONG)
    assert found.refusals == []
    assert found.batch is not None
    ids = found.batch.rows.column("_event_id").to_pylist()
    assert ids == derived(contract, 0, 1, 2)
    assert found.batch.notes.column("event_key").to_pylist() == event_keys(ids)


@pytest.mark.parametrize("rule", ["trust", None])
def test_a_contract_that_trusts_ids_takes_each(rule: str | None) -> None:
    found = decoded(a_thing(rule), "event-0", WRONG)
    assert found.batch is not None
    assert found.batch.rows.column("_event_id").to_pylist() == ["event-0", WRONG]


def test_the_fields_of_an_identity_may_be_of_any_order() -> None:
    contract = a_contract(("a", "int"), ("b", "string"), identity={"fields": ["b", "a"], "id": "derive"})
    described = json.loads(contract.json)["headrace"]["identity"]
    assert contract.options.identity == tuple(described["fields"])
